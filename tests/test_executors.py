import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.small import study_of, task_of
from tuner.errors import TunerError
from tuner.executors.executor import Limits
from tuner.executors.in_process import InProcess
from tuner.executors.local import LocalWorkers
from tuner.export.manifest import StudyPart
from tuner.final import FinalPlan
from tuner.records import Glimpse, Member, Reason, State
from tuner.trial import TrialTask, evaluate

pytestmark = pytest.mark.slow

PATIENCE = 180.0
"""Seconds; on a busy machine a worker takes a minute to load."""


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return task_of(study_of(tmp_path_factory.mktemp("executors")))


@pytest.fixture(scope="module")
def often() -> Iterator[None]:
    """Workers that let their trials be seen ten times a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNER_GLIMPSE_SECONDS", "0.1")
        yield


@pytest.fixture(scope="module")
def worker(task, often) -> Iterator[LocalWorkers]:
    executor = LocalWorkers(task.problem.engine)
    yield executor
    executor.close()


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def wait_until(condition, seconds: float = PATIENCE) -> None:
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


def kill_at_work(worker, future) -> None:
    """Kill the first worker once it has loaded and been handed an order."""
    wait_until(lambda: worker.processes and worker.processes[0].load_seconds is not None)
    time.sleep(0.3)
    assert not future.done()
    os.kill(worker.pids[0], signal.SIGKILL)


def test_a_trial_whose_worker_is_killed_is_tried_again_and_has_the_same_bits(task, worker):
    os.kill(worker.pids[0], signal.SIGSTOP)
    future = worker.submit(task)
    kill_at_work(worker, future)
    again, here = future.result(timeout=PATIENCE), evaluate(task)
    assert (again.state, again.curve) == (State.COMPLETE, here.curve)
    np.testing.assert_array_equal(again.oof, here.oof)


def test_a_trial_whose_worker_is_killed_twice_is_seen_anew_and_has_failed_and_the_next_one_is_evaluated(
    task, worker, endless
):
    heard: list[Glimpse] = []
    worker.listen(heard.append)
    future = worker.submit(endless)
    for _ in range(2):
        ended, before = worker.pids[0], len(heard)
        wait_until(lambda before=before: len(heard) > before + 2)
        kill_at_work(worker, future)
        wait_until(lambda ended=ended: worker.pids not in ([], [ended]))
    epochs = [glimpse.epochs for glimpse in heard]
    assert {(each.number, each.epochs_at_most) for each in heard} == {(endless.number, 10_000_000)}
    assert sum(later < earlier for earlier, later in pairwise(epochs)) == 1
    failed = future.result(timeout=PATIENCE)
    assert (failed.state, failed.reason, failed.number) == (State.FAILED, Reason.CRASH, endless.number)
    assert "killed by signal 9" in failed.message
    assert worker.submit(task).result(timeout=PATIENCE).state is State.COMPLETE


def test_a_worker_that_is_killed_while_it_has_nothing_to_do_is_replaced(task, worker):
    worker.submit(task).result(timeout=PATIENCE)
    os.kill(worker.pids[0], signal.SIGKILL)
    time.sleep(0.2)
    assert worker.submit(task).result(timeout=PATIENCE).state is State.COMPLETE


@pytest.fixture(scope="module")
def endless(tmp_path_factory) -> TrialTask:
    """A trial that trains for hours."""
    study = study_of(
        tmp_path_factory.mktemp("endless"), training={"epochs": 10_000_000, "early_stopping": "none"}
    )
    return task_of(study, number=3)


def test_a_trial_past_its_memory_or_its_time_fails_though_it_is_seen_and_the_next_one_is_evaluated(
    task, endless, often
):
    large = replace(task, number=5, params={**task.params, "layers": 3, "neurons": 4000})
    executor = LocalWorkers(task.problem.engine, limits=Limits(seconds=6.0, bytes=300_000_000))
    seen: set[int] = set()
    executor.listen(lambda glimpse: seen.add(glimpse.number))
    try:
        first, second, third = map(executor.submit, (large, endless, task))
        failed = first.result(timeout=PATIENCE)
        assert (failed.state, failed.reason, failed.number) == (State.FAILED, Reason.MEMORY, large.number)
        assert "more than 0.3 GB (search.trial_memory)" in failed.message
        failed = second.result(timeout=PATIENCE)
        assert (failed.state, failed.reason, failed.number) == (State.FAILED, Reason.TIMEOUT, endless.number)
        assert failed.message == "it took more than 6 s (search.trial_timeout)"
        assert 6.0 <= failed.seconds < 11.0
        assert endless.number in seen
        assert third.result(timeout=PATIENCE).state is State.COMPLETE
    finally:
        executor.close()


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
    there = worker.finish(task.problem, plan).result(timeout=PATIENCE)
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
        future.result(timeout=PATIENCE)
    assert worker.submit(task).result(timeout=PATIENCE).state is State.COMPLETE


def test_a_final_model_whose_worker_is_killed_is_trained_again(task, worker):
    plan = plan_of(task)
    os.kill(worker.pids[0], signal.SIGSTOP)
    future = worker.finish(task.problem, plan)
    kill_at_work(worker, future)
    assert future.result(timeout=PATIENCE).held_out is not None


def test_two_workers_give_the_bits_of_this_process_and_the_second_comes_when_it_pays(task, endless):
    executor = LocalWorkers(task.problem.engine, workers=2)
    try:
        here = evaluate(task)
        assert executor.submit(task).result(timeout=PATIENCE).curve == here.curve
        assert len(executor.pids) == 1
        executor.submit(endless)
        behind = executor.submit(task)
        assert behind.result(timeout=PATIENCE).curve == here.curve
        assert len(executor.pids) == 2
    finally:
        executor.close()


def test_no_worker_outlives_its_driver():
    code = (
        "import sys, time; from tuner.executors.local import LocalWorkers; worker = LocalWorkers('keras');"
        "print(worker.pids[0], flush=True); time.sleep(600)"
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
    executor = LocalWorkers("no such engine")
    try:
        with pytest.raises(TunerError, match="could not load engine 'no such engine'"):
            executor.submit(task).result()
    finally:
        executor.close()
