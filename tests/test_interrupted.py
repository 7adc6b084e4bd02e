"""Studies that are ended from outside, as real processes, and finished later."""

import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.command import start_tune, tune
from tests.small import SPACE, write_study
from tuner.interrupts import Interrupts
from tuner.tracking.mlflow_store import connect, sqlite_uri

N_TRIALS = 12
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}

LONG: dict[str, Any] = {
    "search_space": {
        **SPACE,
        "neurons": {"type": "int", "low": 2, "high": 64, "log": True, "per": "layer"},
        "learning_rate": {"type": "choice", "options": [0.03, 0.01, 1e-5, 1e30]},
    },
    "objective": "log_loss",
    "training": {"epochs": 300, "early_stopping": "none"},
    "search": {"trials": N_TRIALS, "window": 2, "pruner": "halving", "first": [{"learning_rate": 1e30}]},
}


def trials_of(path: Path) -> list[dict[str, Any]]:
    """Return the table of trials of a study, without their seconds."""
    trials = json.loads(tune("show", path, "--json").out)["trials"]
    return [{**trial, "seconds": None} for trial in trials]


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


def read_until(process: subprocess.Popen[str], beginning: str) -> str:
    """Read what a process writes up to the line with this beginning; returns all of it."""
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if line.startswith(beginning):
            return read
    raise AssertionError(f"it ended before '{beginning}':\n{read}")


def start(path: Path) -> subprocess.Popen[str]:
    return start_tune("run", path)


@pytest.mark.slow
def test_a_study_ended_by_ctrl_c_and_killed_twice_has_the_trials_of_an_uninterrupted_one(begin):
    once = write_study(begin("once"), **LONG)
    assert tune("run", once).code == 0
    path = write_study(begin("interrupted"), **LONG)

    with start(path) as first:
        read = read_until(first, "trial 2 ")
        second = tune("run", path)
        assert second.code == 2
        assert f"is being run by process {first.pid} on {socket.gethostname()} since 20" in second.err
        time.sleep(0.1)  # into the next trial
        first.send_signal(signal.SIGINT)
        read += first.stdout.read()
    assert first.returncode == 130, read
    assert f"interrupted; nothing recorded is lost; continue with: tune run {path}" in read
    assert "Traceback" not in read
    states = [trial["state"] for trial in trials_of(path)]
    assert 3 <= states.count("complete") + states.count("pruned") + states.count("failed") < N_TRIALS
    parents, children = mlflow_of(path)
    assert parents == ["KILLED"]
    assert {number: len(runs) for number, runs in children.items()} == dict.fromkeys(children, 1)

    for _ in range(2):
        seconds = random.uniform(0.0, 0.8)
        with start(path) as killed:
            read = read_until(killed, "continues after ")
            time.sleep(seconds)
            killed.kill()
        assert killed.returncode == -signal.SIGKILL, f"after {seconds} s: {read}"

    last = tune("run", path)
    assert last.code == 0, last.err
    assert "Traceback" not in last.err

    trials = trials_of(path)
    assert Counter(trial["state"] for trial in trials).keys() == {"complete", "pruned", "failed"}
    assert [trial["number"] for trial in trials] == list(range(N_TRIALS))
    assert trials == trials_of(once)
    parents, children = mlflow_of(path)
    assert parents == ["FINISHED"]
    assert children == {trial["number"]: [STATUS[trial["state"]]] for trial in trials}


WAITS = """
import sys, time
from tuner.interrupts import Interrupts
with Interrupts() as interrupts:
    try:
        with interrupts.let_through():
            print("training", flush=True)
            time.sleep(60)
    except KeyboardInterrupt:
        print("ending", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_the_trial_and_the_second_the_process_at_once(sent):
    with subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, text=True) as process:
        read_until(process, "training")
        process.send_signal(sent)
        read_until(process, "ending")
        assert process.poll() is None
        started = time.monotonic()
        process.send_signal(sent)
        assert process.wait() == 130
        assert time.monotonic() - started < 5


def test_a_signal_while_records_are_written_is_held_back_until_the_next_trial():
    steps: list[str] = []

    def search() -> None:
        with Interrupts() as interrupts:
            with interrupts.let_through():
                steps.append("trained")
            signal.raise_signal(signal.SIGINT)
            steps.append("written")
            with interrupts.let_through():
                steps.append("trained again")

    with pytest.raises(KeyboardInterrupt):
        search()
    assert steps == ["trained", "written"]


def test_the_former_handlers_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
