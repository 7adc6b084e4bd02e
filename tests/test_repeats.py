"""A study gives the same table of trials, bit for bit, for any number of workers and whatever is killed on the way."""

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import descendants, ray_cluster
from tests.command import read_until, start_tune, tune
from tests.small import write_study
from tests.tracking.tracked import STATUS
from tuner.tracking.mlflow_store import connect, sqlite_uri

pytestmark = pytest.mark.slow

N_TRIALS = 16
KILLS = 10

STUDY: dict[str, Any] = {
    "search_space": {
        "layers": {"type": "int", "low": 1, "high": 2},
        "neurons": {"type": "int", "low": 4, "high": 32, "log": True, "per": "layer"},
        "dropout": {"type": "float", "low": 0.0, "high": 0.4},
        "learning_rate": {"type": "choice", "options": [0.05, 0.02, 0.005, 1e30]},
        "batch_size": {"type": "choice", "options": [16, 32]},
    },
    "objective": "log_loss",
    "metrics": ["accuracy"],
    "training": {"epochs": 60, "early_stopping": {"patience": 8}},
    "search": {"trials": N_TRIALS, "window": 4, "pruner": "halving", "first": [{"learning_rate": 1e30}]},
}


def table(path: Path) -> dict[str, Any]:
    """Return what ``tune show --json`` tells, times aside."""
    shown: dict[str, Any] = json.loads(tune("show", path, "--json").out)
    for trial in shown["trials"]:
        del trial["seconds"]
    return shown


@pytest.fixture(scope="module")
def once(begin) -> dict[str, Any]:
    """The table of a study that one process ran without workers and without an interruption."""
    path = write_study(begin("once"), **STUDY)
    said = tune("run", path)
    assert said.code == 0, said.err
    shown = table(path)
    assert {trial["state"] for trial in shown["trials"]} == {"complete", "pruned", "failed"}
    assert any(trial["best_epoch"] < trial["epochs"] < 60 for trial in shown["trials"])
    return shown


def children(pid: int) -> list[int]:
    """Return the worker processes that a process has started and that have not ended."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text, words = status.read_text(), (status.parent / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if f"\nPPid:\t{pid}\n" in text and "\nState:\tZ" not in text and "tuner.worker" in words:
            found.append(int(status.parent.name))
    return found


def ended_trials(path: Path) -> int:
    """Return how many trials of a study have left their predictions."""
    return len(list((path.parent.parent / "runs" / "small" / "oof").glob("*.npz")))


def mlflow_of(path: Path) -> tuple[list[str], dict[int, list[str]]]:
    """Return the states of the study's runs in MLflow, and those of each trial's runs."""
    client = connect(sqlite_uri(path.parent.parent / "runs" / "mlflow.db"))
    experiment = client.get_experiment_by_name(path.stem).experiment_id
    runs = client.search_runs([experiment])
    trials: dict[int, list[str]] = {}
    for run in runs:
        if run.data.tags["tuner.kind"] == "trial":
            trials.setdefault(int(run.data.tags["tuner.trial"]), []).append(run.info.status)
    return [run.info.status for run in runs if run.data.tags["tuner.kind"] == "study"], trials


def one_run_a_trial(shown: dict[str, Any]) -> tuple[list[str], dict[int, list[str]]]:
    """Return what MLflow has to hold of a study that has ended."""
    return ["FINISHED"], {trial["number"]: [STATUS[trial["state"]]] for trial in shown["trials"]}


def test_the_table_is_the_same_for_four_workers(begin, once):
    path = write_study(begin("workers"), **STUDY)
    with start_tune("run", path, "--workers", 4) as process:
        assert wait_for(lambda: len(children(process.pid)) == 4)
        said, _ = process.communicate()
    assert process.returncode == 0, said
    assert table(path) == once


def test_the_table_is_the_same_on_a_ray_cluster_that_loses_the_node_at_work(begin, once, monkeypatch):
    path = write_study(begin("ray"), **STUDY)
    with ray_cluster(monkeypatch) as nodes:
        lost = nodes.add()
        with start_tune("run", path, "--executor", "ray") as process:
            said = read_until(process, "trial 2 ")
            another = nodes.add()
            nodes.kill(lost)
            said += process.communicate()[0]
        assert process.returncode == 0, said
        assert wait_for(lambda: not any(map(children, descendants(another.pid)))), (
            "a worker outlived its driver"
        )
    assert table(path) == once
    assert mlflow_of(path) == one_run_a_trial(once)


def test_the_table_is_the_same_if_driver_and_workers_are_killed_at_random_moments(begin, once):
    """A worker's trial is healed within the run; after the driver's death the study is run again."""
    path = write_study(begin("killed"), **STUDY)
    moments = random.Random()
    seed = moments.randrange(10**6)
    moments.seed(seed)
    kills: list[str] = []
    done = False
    while not done:
        with start_tune("run", path, "--workers", 2) as process:
            done = _kill_within(process, path, moments, kills)
            process.communicate()
        assert not done or process.returncode == 0
        assert wait_for(lambda pid=process.pid: not children(pid)), "a worker outlived its driver"
    assert len(kills) == KILLS
    assert table(path) == once, f"seed {seed}, kills: {kills}"
    assert mlflow_of(path) == one_run_a_trial(once), f"seed {seed}, kills: {kills}"


def _kill_within(
    process: subprocess.Popen[str], path: Path, moments: random.Random, kills: list[str]
) -> bool:
    """Kill workers, and at last the driver, at random moments; returns whether it was left to end by itself.

    A trial is healed once in a run. One whose worker was killed is among four in flight, so it has ended when four
    more have: then a worker may be killed again.
    """
    wait_for(lambda: children(process.pid) or process.poll() is not None)
    next_at = 0
    while process.poll() is None and len(kills) < KILLS:
        time.sleep(moments.uniform(0.0, 1.5))
        workers = children(process.pid)
        if workers and ended_trials(path) >= next_at:
            next_at = ended_trials(path) + STUDY["search"]["window"]
            os.kill(moments.choice(workers), signal.SIGKILL)
            kills.append("worker")
        elif moments.random() < 0.2:
            process.kill()
            kills.append("driver")
            return False
    return True


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_a_study_ended_by_ctrl_c_leaves_no_worker_and_goes_on_to_the_same_table(begin, once):
    path = write_study(begin("ctrl_c"), **STUDY)
    with start_tune("run", path, "--workers", 1) as process:
        said = read_until(process, "trial 2 ")
        workers = children(process.pid)
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)  # so that the study does not end meanwhile
        second = tune("run", path)
        assert second.code == 2
        assert f"is being run by process {process.pid} on {socket.gethostname()} since 20" in second.err
        process.send_signal(signal.SIGINT)
        said += process.stdout.read()
    assert process.returncode == 130, said
    assert f"interrupted; nothing recorded is lost; continue with: tune run {path}" in said
    assert "Traceback" not in said
    assert workers
    assert wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert 3 <= sum(trial["state"] in STATUS for trial in table(path)["trials"]) < N_TRIALS
    parents, trials = mlflow_of(path)
    assert parents == ["KILLED"]
    assert {len(runs) for runs in trials.values()} == {1}
    last = tune("run", path)
    assert last.code == 0, last.err
    assert table(path) == once
    assert mlflow_of(path) == one_run_a_trial(once)
