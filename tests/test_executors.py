import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.small import study_of, task_of
from tuner.errors import TunerError
from tuner.executors import InProcess, LocalWorker
from tuner.export.manifest import StudyPart
from tuner.final import FinalPlan
from tuner.records import Member, Reason, State
from tuner.trial import evaluate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return task_of(study_of(tmp_path_factory.mktemp("executors")))


@pytest.fixture(scope="module")
def worker(task) -> Iterator[LocalWorker]:
    executor = LocalWorker(task.problem.engine)
    yield executor
    executor.close()


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def wait_until(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def test_a_worker_gives_the_bits_of_this_process(task, worker):
    there, here = worker.submit(task).result(), InProcess(task.problem.engine).submit(task).result()
    assert there.state is State.COMPLETE
    assert there.fold_values == here.fold_values
    assert there.curve == here.curve
    np.testing.assert_array_equal(there.oof, here.oof)


def test_a_worker_that_is_killed_fails_its_trial_and_the_next_one_is_evaluated(task, worker):
    os.kill(worker._process.pid, signal.SIGSTOP)
    future = worker.submit(task)
    os.kill(worker._process.pid, signal.SIGKILL)
    failed = future.result(timeout=60)
    assert (failed.state, failed.reason, failed.number) == (State.FAILED, Reason.CRASH, task.number)
    assert "killed by signal 9" in failed.message
    assert worker.submit(task).result(timeout=60).state is State.COMPLETE


def plan_of(task) -> FinalPlan:
    result = evaluate(task)
    about = StudyPart(
        name="small",
        data="table.csv",
        data_sha256="ab",
        objective="accuracy",
        direction="maximize",
        seed=7,
        trials=1,
        rows=72,
        cross_validated={},
    )
    rows = np.sort(np.concatenate([fold.score for fold in task.problem.folds]))
    held_out = np.setdiff1d(np.arange(90), rows)
    member = Member(task.number, task.params, 1.0, (result.best_epoch,))
    return FinalPlan("refit", (member,), rows, held_out, about, "2026-01-31T12:00:00+00:00")


def test_a_final_model_of_a_worker_is_the_bits_of_this_process(task, worker):
    plan = plan_of(task)
    there = worker.finish(task.problem, plan).result(timeout=60)
    here = InProcess(task.problem.engine).finish(task.problem, plan).result()
    np.testing.assert_array_equal(there.held_out, here.held_out)
    assert there.train_scores == here.train_scores
    assert there.files["preprocess.json"] == here.files["preprocess.json"]
    assert sorted(there.files) == ["manifest.json", "model.keras", "preprocess.json"]


def test_a_final_model_that_diverges_is_told_and_the_worker_goes_on(task, worker):
    plan = plan_of(task)
    broken = replace(plan.members[0], params={**task.params, "learning_rate": 1e30})
    future = worker.finish(task.problem, replace(plan, members=(broken,)))
    with pytest.raises(TunerError, match="diverged in epoch"):
        future.result(timeout=60)
    assert worker.submit(task).result(timeout=60).state is State.COMPLETE


def test_a_worker_that_is_killed_over_a_final_model_says_so_and_goes_on(task, worker):
    plan = plan_of(task)
    os.kill(worker._process.pid, signal.SIGSTOP)
    future = worker.finish(task.problem, plan)
    os.kill(worker._process.pid, signal.SIGKILL)
    with pytest.raises(
        TunerError, match=r"could not be trained: the worker's process ended \(killed by signal 9"
    ):
        future.result(timeout=60)
    assert worker.finish(task.problem, plan).result(timeout=60).held_out is not None


def test_no_worker_outlives_its_driver():
    code = (
        "import sys, time; from tuner.executors import LocalWorker; worker = LocalWorker('keras');"
        "print(worker._process.pid, flush=True); time.sleep(600)"
    )
    driver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    pid = int(driver.stdout.readline())
    wait_until(lambda: "tuner.worker" in Path(f"/proc/{pid}/cmdline").read_text())
    time.sleep(1.0)  # past the start of Python, where nothing listens yet
    driver.kill()
    driver.communicate()
    wait_until(lambda: not is_alive(pid))


def test_an_engine_that_cannot_be_loaded_is_told_before_any_trial(task):
    executor = LocalWorker("no such engine")
    try:
        with pytest.raises(TunerError, match="could not load engine 'no such engine'"):
            executor.submit(task).result()
    finally:
        executor.close()
