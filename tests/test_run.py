import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.small import config_of
from tuner.config.study_file import load_config
from tuner.errors import TunerError
from tuner.records import State, TrialResult
from tuner.run import Closed, Note, Opened, run_study
from tuner.search.storage import StudyStore
from tuner.summary import StudySummary, read_summary
from tuner.tracking.mlflow_store import connect, sqlite_uri

STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


def in_place(runs: Path) -> MlflowClient:
    return connect(sqlite_uri(runs / "mlflow.db"))


def runs_of(folder: Path, kind: str, study: str = "small") -> list[Run]:
    """Return every run of a kind in the experiment of a study."""
    client = in_place(folder / "runs")
    experiment = client.get_experiment_by_name(study)
    return list(client.search_runs([experiment.experiment_id], f"tags.`tuner.kind` = '{kind}'"))


def without_seconds(summary: StudySummary) -> list[dict[str, Any]]:
    return [{**trial, "seconds": None} for trial in json.loads(json.dumps(summary.to_json()))["trials"]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, list[Any]]:
    """A folder with a finished study whose trials are complete, pruned and failed; and its events."""
    folder = tmp_path_factory.mktemp("finished")
    space = {
        "layers": 1,
        "neurons": 4,
        "learning_rate": {"type": "choice", "options": [0.05, 1e-6, 1e30]},
        "batch_size": 32,
    }
    first = [{"learning_rate": rate} for rate in (0.05, 0.05, 1e30, 1e-6, 1e-6)]
    search = {"trials": 6, "window": 1, "pruner": "halving", "first": first}
    config = config_of(
        folder,
        search_space=space,
        search=search,
        objective="log_loss",
        metrics=["accuracy"],
        training={"epochs": 5},
    )
    return folder, list(run_study(config))


@pytest.fixture
def copied(tmp_path, finished) -> Path:
    """A copy of the finished study's folder, to be changed."""
    shutil.copytree(finished[0], tmp_path / "copy")
    return tmp_path / "copy"


def test_a_run_says_what_it_opened_each_trial_and_how_it_closed(finished):
    _, events = finished
    opened, *trials, note, closed = events
    assert isinstance(opened, Opened)
    assert note == Note("training the final model")
    assert isinstance(closed, Closed)
    assert (opened.n_trials, len(opened.before.results)) == (6, 0)
    assert [trial.number for trial in trials] == list(range(6))
    assert [trial.state.value for trial in trials] == ["complete"] * 3 + ["failed", "pruned", "pruned"]
    assert closed.tracking.unsent == ()
    assert closed.tracking.trouble is None
    assert not closed.interrupted
    assert closed.summary.best.number == min(range(3), key=lambda number: (trials[number].values[0], number))


def test_the_records_hold_what_the_events_said(finished):
    folder, (_, *trials, _, closed) = finished
    config = load_config(folder / "studies" / "small.yaml")
    assert without_seconds(read_summary(config)) == without_seconds(closed.summary)
    store = StudyStore(config.runs_folder, config.name)
    for trial in trials:
        loaded = store.load(trial.number)
        assert loaded.params == trial.params
        assert loaded.curve == trial.curve
        for name, curve in (trial.curves or {}).items():
            assert loaded.curves[name].tobytes() == curve.tobytes()
        if trial.oof is not None:
            assert loaded.oof.tobytes() == trial.oof.tobytes()
    store.close()


def test_a_study_leaves_its_database_its_predictions_its_model_and_mlflows_store_and_nothing_else(finished):
    folder, _ = finished
    runs = folder / "runs"
    assert {place.name for place in runs.iterdir()} <= {"small", "mlflow.db", "mlflow.db.lock", "mlartifacts"}
    records = {"study.db", "oof", "final.json", "held_out.npz", "model"}
    assert {place.name for place in (runs / "small").iterdir()} == records
    assert sorted(place.name for place in (runs / "small" / "oof").iterdir()) == [
        f"trial-000{number}.npz" for number in range(6)
    ]
    assert {place.name for place in folder.iterdir()} == {"runs", "studies", "table.csv"}


def test_mlflow_has_one_finished_run_of_the_study_and_one_of_each_trial_under_it(finished):
    folder, (_, *trials, _, closed) = finished
    (parent,) = runs_of(folder, "study")
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["tuner.best"] == str(closed.summary.best.number)
    assert parent.data.metrics["best_score"] == closed.summary.best.values[0]
    assert parent.data.metrics["trials"] == 6
    assert parent.data.params["seed"] == "7"
    children = {int(run.data.tags["tuner.trial"]): run for run in runs_of(folder, "trial")}
    assert len(runs_of(folder, "trial")) == len(children) == 6
    for trial in trials:
        run = children[trial.number]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.info.run_name == f"trial-000{trial.number}"
        assert run.info.status == STATUS[trial.state]
        assert run.data.tags["tuner.state"] == trial.state
        assert run.data.params == {name: str(value) for name, value in trial.params.items()}


def test_mlflow_has_the_scores_and_the_curves_of_a_trial(finished):
    folder, (_, trial, *_) = finished
    client = in_place(folder / "runs")
    (run,) = [run for run in runs_of(folder, "trial") if run.data.tags["tuner.trial"] == "0"]
    metrics = run.data.metrics
    assert metrics["score"] == metrics["cv/log_loss"] == trial.values[0]
    assert metrics["cv/accuracy"] == trial.metrics["accuracy"]
    assert metrics["cv_std/accuracy"] == pytest.approx(np.std(trial.fold_metrics["accuracy"]))
    assert metrics["fold1/accuracy"] == trial.fold_metrics["accuracy"][1]
    assert metrics["best_epoch"] == trial.best_epoch
    history = client.get_metric_history(run.info.run_id, "val_log_loss/mean")
    by_epoch = {point.step: point.value for point in history}
    assert by_epoch == {epoch: pytest.approx(value) for epoch, value in enumerate(trial.curve, start=1)}


def test_a_finished_study_is_left_as_it_is(copied):
    config = load_config(copied / "studies" / "small.yaml")
    before = without_seconds(read_summary(config))
    opened, closed = run_study(config)
    assert len(opened.before.results) == opened.n_trials == 6
    assert without_seconds(closed.summary) == before
    assert len(runs_of(copied, "trial")) == 6
    assert len(runs_of(copied, "study")) == 1


def test_a_finished_study_takes_more_trials(copied):
    config = load_config(copied / "studies" / "small.yaml")
    _, *trials, closed = run_study(config, trials=8)
    assert [trial.number for trial in trials] == [6, 7]
    assert len(closed.summary.results) == 8
    assert sorted(run.data.tags["tuner.trial"] for run in runs_of(copied, "trial")) == [
        str(n) for n in range(8)
    ]


@pytest.fixture
def begun(begin) -> Path:
    """A folder with an MLflow store and no study."""
    return begin("begun")


def changed_file(folder: Path, **keys: Any) -> Path:
    """Change top-level keys of a study file."""
    path = folder / "studies" / "small.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}, indent=1))
    return path


def test_a_changed_study_file_is_refused_with_what_changed_and_the_way_out(copied):
    path = changed_file(copied, cv={"folds": 3}, objective="accuracy")
    with pytest.raises(TunerError) as raised:
        next(run_study(load_config(path)))
    first, *changes, way_out = str(raised.value).splitlines()
    assert first.startswith("study 'small' has trials of 20")
    assert [change.strip() for change in changes] == [
        f"{path}: cv.folds: 2 -> 3",
        f"{path}: objective: log_loss -> accuracy",
    ]
    assert f"tune run {path} --fresh" in way_out


def test_a_changed_search_space_is_refused(copied):
    path = copied / "studies" / "small.yaml"
    space = json.loads(path.read_text())["search_space"]
    with pytest.raises(TunerError, match=r"params.neurons: 4 -> 5|neurons"):
        next(run_study(load_config(changed_file(copied, search_space={**space, "neurons": 5}))))


def test_changed_data_are_refused_with_the_column_that_changed(copied):
    table = copied / "table.csv"
    text = table.read_text()
    cell = text.splitlines()[1].split(",")[1]
    table.write_text(text.replace(cell, "12.5", 1))
    with pytest.raises(TunerError) as raised:
        next(run_study(load_config(copied / "studies" / "small.yaml")))
    assert f"{table}: " in str(raised.value)
    assert "income" in str(raised.value)
    assert "--fresh" in str(raised.value)


def test_what_does_not_change_results_may_change(copied):
    study = json.loads((copied / "studies" / "small.yaml").read_text())
    search = {**study["search"], "trials": 3, "timeout": "1h"}
    path = changed_file(copied, search=search, tracking={"experiment": "elsewhere"})
    opened, closed = run_study(load_config(path))
    assert opened.n_trials == 3
    assert len(closed.summary.results) == 6


def test_fresh_keeps_the_old_study_under_a_dated_name(copied):
    path = changed_file(copied, cv={"folds": 3}, search={"trials": 1})
    old = {place.name: place.read_bytes() for place in (copied / "runs" / "small" / "oof").iterdir()}
    opened, trial, _, closed = run_study(load_config(path), fresh=True)
    (aside,) = (place for place in (copied / "runs").iterdir() if place.name.startswith("small_20"))
    assert any(str(aside) in note for note in opened.notes)
    assert {place.name: place.read_bytes() for place in (aside / "oof").iterdir()} == old
    store = StudyStore(aside, "small")
    assert len(store.results()) == 6
    store.close()
    assert len(trial.fold_values[0]) == 3
    assert list(closed.summary.results) == [0]
    assert sorted(len(run.data.tags["tuner.best"]) > 0 for run in runs_of(copied, "study")) == [True, True]


def test_the_model_of_a_run_is_in_its_outcome(finished):
    _, (*_, closed) = finished
    final = closed.summary.final
    assert [member.trial for member in final.members] == [closed.summary.best.number]
    assert (final.rows, final.looks, set(final.scores)) == (18, 1, {"log_loss", "accuracy"})


def test_a_study_that_was_interrupted_has_no_model_yet(begun):
    config = config_of(begun, name="early", search={"trials": 3})
    closed = interrupted_after(run_study(config), 1)
    assert closed.summary.final is None
    assert not (begun / "runs" / "early" / "model").exists()


def test_an_interruption_while_the_model_is_trained_leaves_nothing_half_done(begun):
    config = config_of(begun, name="late", search={"trials": 1})
    events = run_study(config)
    for event in events:
        if isinstance(event, Note):
            os.kill(os.getpid(), signal.SIGINT)
    assert isinstance(event, Closed)
    assert event.interrupted
    assert event.summary.final is None
    assert {place.name for place in (begun / "runs" / "late").iterdir()} == {"study.db", "oof"}
    *_, closed = run_study(config)
    assert closed.summary.final.looks == 1


def test_a_model_that_cannot_be_made_is_told_and_the_trials_are_kept(begun):
    config = config_of(begun, name="blocked", search={"trials": 1})
    (begun / "runs" / "blocked" / "model").mkdir(parents=True)
    (begun / "runs" / "blocked" / "model" / "mine.txt").write_text("x")
    _, trial, _, note, closed = run_study(config)
    assert note.text.startswith("no final model: ")
    assert "mine.txt" in note.text
    assert closed.summary.best.number == trial.number
    assert not closed.interrupted


def test_fresh_without_a_study_starts_one(begun):
    config = config_of(begun, name="new", search={"trials": 1})
    assert [type(event) for event in run_study(config, fresh=True)] == [Opened, TrialResult, Note, Closed]
    assert [place.name for place in (begun / "runs").iterdir() if "_20" in place.name] == []


def interrupted_after(events: Iterator[Any], n_trials: int) -> Closed:
    """Follow a run; press Ctrl-C once that many trials have ended."""
    seen = 0
    for event in events:
        if isinstance(event, TrialResult):
            seen += 1
            if seen == n_trials:
                os.kill(os.getpid(), signal.SIGINT)
    assert isinstance(event, Closed)
    assert seen == n_trials
    return event


def test_an_interruption_between_trials_ends_the_run_and_the_next_one_goes_on(begun, finished):
    path = begun / "studies" / "twin.yaml"
    path.parent.mkdir()
    shutil.copy(finished[0] / "studies" / "small.yaml", path)
    shutil.copy(finished[0] / "table.csv", begun)
    closed = interrupted_after(run_study(load_config(path)), 2)
    assert closed.interrupted
    assert len(closed.summary.results) == 2
    (parent,) = runs_of(begun, "study", "twin")
    assert parent.info.status == "KILLED"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert interrupted_after(run_study(load_config(path)), 3).interrupted
    *_, closed = run_study(load_config(path))
    assert not closed.interrupted
    assert without_seconds(closed.summary) == without_seconds(finished[1][-1].summary)
    (parent,) = runs_of(begun, "study", "twin")
    assert parent.info.status == "FINISHED"
    assert len(runs_of(begun, "trial", "twin")) == 6
    list(run_study(config_of(begun, name="other", search={"trials": 1})))
    assert len(runs_of(begun, "trial", "other")) == 1
    assert len(runs_of(begun, "trial", "twin")) == 6


def test_no_trial_starts_after_the_timeout(begun):
    config = config_of(begun, search={"trials": 3, "timeout": "1h"})
    opened, closed = run_study(config, timeout=1e-9)
    assert (opened.n_trials, len(closed.summary.results)) == (3, 0)
    assert closed.summary.best is None


def test_a_study_whose_trials_all_fail_ends_and_has_no_best(begun):
    space = {"layers": 1, "learning_rate": 1e30}
    config = config_of(begun, name="failing", search_space=space, search={"trials": 2})
    *_, closed = run_study(config)
    assert closed.summary.count(State.FAILED) == 2
    assert closed.summary.best is None
    assert [run.info.status for run in runs_of(begun, "trial", "failing")] == ["FAILED", "FAILED"]


def test_libraries_of_another_version_are_said_and_do_not_stop_a_study(copied):
    config = load_config(copied / "studies" / "small.yaml")
    store = StudyStore(config.runs_folder, config.name)
    store.create(replace(store.header(), versions={"keras": "3.0.0"}), maximize=False)
    store.close()
    opened, _ = run_study(config)
    assert any(note.startswith("keras is 3.") and "started with 3.0.0" in note for note in opened.notes)
