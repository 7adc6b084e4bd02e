"""A study whose records lie in PostgreSQL, driven by real processes from two working folders."""

import json
import shutil
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tests.command import read_until, start_tune, tune
from tests.small import SPACE, write_study
from tests.tracking.test_mlflow_server import mlflow_server
from tests.tracking.tracked import STATUS, free_port, history, runs
from tuner.tracking.mlflow_store import sqlite_uri

N_TRIALS = 6
STUDY: dict[str, Any] = {
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


def written(folder: Path, storage: str, **keys: Any) -> Path:
    return write_study(folder, **STUDY, storage=storage, **keys)


@pytest.mark.slow
def test_a_study_whose_server_and_driver_were_killed_is_taken_over_and_ends_as_one_that_ran_at_once_on_sqlite(
    begin, postgresql, monkeypatch, tmp_path
):
    monkeypatch.setenv("TUNER_GLIMPSE_SECONDS", "0.05")  # each trial has a run in MLflow before it ends
    url, port, store = postgresql("studies"), free_port(), sqlite_uri(begin("server") / "runs" / "mlflow.db")
    once = write_study(begin("once"), **STUDY)
    assert tune("run", once, "--quiet").code == 0

    tracking = {"uri": f"http://127.0.0.1:{port}"}
    here, there = (written(begin(name), url, tracking=tracking) for name in ("here", "there"))
    with ExitStack() as server:
        server.enter_context(mlflow_server(store, port, tmp_path))
        with start_tune("run", here) as first:
            read = read_until(first, "trial 1 ")
            server.close()
            read += read_until(first, "trial 2 ")
            refused = tune("run", there)
            assert refused.code == 2
            expected = f"is being run by process {first.pid} on {socket.gethostname()} since 20"
            assert expected in refused.err
            first.kill()
            first.stdout.read()
    assert first.returncode == -signal.SIGKILL, read
    shutil.rmtree(here.parent.parent / "runs" / "small")

    with mlflow_server(store, port, tmp_path):
        last = tune("run", there)
    assert last.code == 0, last.err
    assert "continues after " in last.err
    trials = trials_of(there)
    assert [trial["number"] for trial in trials] == list(range(N_TRIALS))
    assert trials == trials_of(once)
    assert trials == trials_of(here)
    models = [path.parent.parent / "runs" / "small" / "model" / "manifest.json" for path in (once, there)]
    scores = [json.loads(path.read_text("utf-8"))["held_out"] for path in models]
    assert scores[0] == scores[1]
    report = tune("report", here)
    assert report.code == 0, report.err

    assert [run.info.status for run in runs(store, "study", "small")] == ["FINISHED"]
    shown = runs(store, "trial", "small")
    assert [run.info.run_name for run in shown] == [f"trial-000{number}" for number in range(N_TRIALS)]
    for trial, run in zip(trials, shown, strict=True):
        assert run.info.status == STATUS[trial["state"]]
        if trial["state"] != "failed":
            assert set(history(store, run, "val_log_loss/mean")) == set(range(1, trial["epochs"] + 1))


@pytest.mark.slow
def test_a_driver_whose_study_was_taken_over_stops_and_writes_nothing_more(begin, postgresql):
    url = postgresql("taken")
    path = written(begin("slept"), url)
    engine = sqlalchemy.create_engine(url)
    with start_tune("run", path) as slept:
        read_until(slept, "trial 1 ")
        with engine.begin() as connection:
            # As a driver on another machine does when this one has slept for longer than a minute.
            connection.exec_driver_sql(
                "UPDATE tuner_leases SET token = 'x', host = 'far', machine = 'far', pid = 77"
            )
        rest = slept.stdout.read()
    assert slept.returncode == 2, rest
    assert "study 'small' was taken over by process 77 on far since 20" in rest
    assert "Traceback" not in rest
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT token FROM tuner_leases").scalar() == "x"
    engine.dispose()
    ended = [trial for trial in trials_of(path) if trial["state"] != "running"]
    assert 2 <= len(ended) <= 3


def test_a_database_that_cannot_be_reached_is_told_before_any_training(begin):
    pytest.importorskip("psycopg")
    folder = begin("unreachable")
    path = written(folder, "postgresql+psycopg://me:s3cret@127.0.0.1:1/db")
    for command in ("run", "check", "show", "report"):
        said = tune(command, path)
        assert said.code == 2
        assert said.err.startswith("postgresql+psycopg://me@127.0.0.1:1/db: the database cannot be used: ")
        assert "s3cret" not in said.out + said.err
        assert len(said.err.splitlines()) == 1
    assert not (folder / "runs" / "small").exists()
    with_tracking = write_study(begin("tracked"), tracking={"uri": "postgresql://me:s3cret@127.0.0.1:1/db"})
    for command in ("run", "check"):
        said = tune(command, with_tracking)
        assert said.code == 2
        assert said.err.startswith("tracking: postgresql://127.0.0.1:1/db: ")
        assert "see that it runs and that its address is right" in said.err
        assert "s3cret" not in said.out + said.err


def test_a_study_that_has_no_trials_yet_in_a_database_is_told_with_the_database_and_its_name(tmp_path):
    path = write_study(tmp_path, storage="sqlite:///../all.db")
    for command in ("show", "report", "verify", "export"):
        said = tune(command, path)
        place = f"{path.parent}/../all.db under 'small'"
        assert (said.code, said.err) == (2, f"{path}: no trials yet in {place}; type: tune run {path}\n")
