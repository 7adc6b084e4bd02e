import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from tests.search.trials import HEADER, asked, complete, differences, diverged, pruned
from tuner.errors import TunerError
from tuner.search.storage import StudyStore
from tuner.summary import summarise


def store_of(folder: Path) -> StudyStore:
    return StudyStore(folder / "s", "s")


@pytest.fixture
def store(tmp_path):
    """A new study's records."""
    with closing(store_of(tmp_path)) as store:
        store.create(HEADER, maximize=True)
        yield store


@pytest.mark.parametrize("make", [complete, pruned, diverged])
def test_a_trial_is_read_back_to_the_bit_by_another_process(tmp_path, store, make):
    store.asked(asked(0))
    store.ended(make(0))
    with closing(store_of(tmp_path)) as reopened:
        assert differences(make(0), reopened.load(0)) == []
        assert set(differences(make(0), reopened.results()[0])) <= {"curves", "oof"}


def test_what_was_asked_and_the_header_are_read_back(tmp_path, store):
    trials = [asked(number) for number in range(3)]
    for trial in trials:
        store.asked(trial)
    with closing(store_of(tmp_path)) as reopened:
        assert reopened.asked_trials() == trials
        assert [list(trial.params) for trial in reopened.asked_trials()] == [list(asked(0).params)] * 3
        assert reopened.header() == HEADER


def test_optuna_opens_the_same_file_and_sees_the_same_trials(tmp_path, store):
    for number, make in enumerate([complete, pruned, diverged, complete]):
        store.asked(asked(number))
        store.ended(make(number))
    store.asked(asked(4))
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path / 's' / 'study.db'}")
    assert study.direction.name == "MAXIMIZE"
    trials = study.get_trials()
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]
    assert [trial.state for trial in trials] == [
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
        TrialState.COMPLETE,
        TrialState.RUNNING,
    ]
    assert [trial.values for trial in trials] == [[0.1], [0.05], None, [0.1 + 0.2 * 3], None]
    assert [trial.params for trial in trials] == [asked(number).sampled for number in range(5)]
    assert study.best_trial.number == 3


def test_a_trial_that_was_asked_and_has_not_ended_is_running(store):
    for number in range(2):
        store.asked(asked(number))
    store.ended(complete(0))
    summary = summarise(store)
    assert list(summary.results) == [0]
    assert summary.running == {1: asked(1).params}
    assert [trial["state"] for trial in summary.to_json()["trials"]] == ["complete", "running"]


@pytest.mark.parametrize("step", ["half of the predictions", "all predictions", "the scores"])
def test_a_trial_whose_recording_was_cut_off_is_still_running_and_can_be_recorded_again(tmp_path, step):
    with closing(store_of(tmp_path)) as store:
        store.create(HEADER, maximize=True)
        store.asked(asked(0))
    predictions = tmp_path / "s" / "oof"
    predictions.mkdir()
    if step == "half of the predictions":
        (predictions / "trial-0000.tmp").write_bytes(b"PK\x03\x04")
    else:
        np.savez(predictions / "trial-0000.npz", outputs=np.zeros((1, 7, 3), np.float32))
    if step == "the scores":
        url = f"sqlite:///{tmp_path / 's' / 'study.db'}"
        study = optuna.load_study(study_name="s", storage=url)
        optuna.Trial(study, study.get_trials()[0]._trial_id).set_user_attr("result", {"state": "complete"})
    with closing(store_of(tmp_path)) as reopened:
        assert reopened.results() == {}
        assert list(summarise(reopened).running) == [0]
        reopened.ended(complete(0))
        assert differences(complete(0), reopened.load(0)) == []
    assert [place.name for place in predictions.iterdir()] == ["trial-0000.npz"]


def test_a_database_without_a_header_is_no_study_yet(tmp_path):
    (tmp_path / "s").mkdir()
    url = f"sqlite:///{tmp_path / 's' / 'study.db'}"
    optuna.create_study(storage=url, study_name="s", direction="maximize")
    with closing(store_of(tmp_path)) as store:
        assert not store.exists
        store.create(HEADER, maximize=True)
        assert store.header() == HEADER


def test_where_nothing_was_recorded_nothing_is_made_by_looking(tmp_path):
    with closing(store_of(tmp_path)) as store:
        assert not store.exists
        with pytest.raises(TunerError, match=r"no study is recorded here"):
            store.header()
    assert list(tmp_path.iterdir()) == []


def test_a_study_set_aside_is_whole_under_a_dated_name_and_the_folder_is_free(tmp_path, store):
    store.asked(asked(0))
    store.ended(complete(0))
    (tmp_path / "s" / "driver.lock").touch()
    aside = store.set_aside()
    assert aside.parent == tmp_path
    assert aside.name.startswith("s_20")
    assert [place.name for place in (tmp_path / "s").iterdir()] == ["driver.lock"]
    assert not store.exists
    moved = StudyStore(aside, "s")
    with closing(moved):
        assert differences(complete(0), moved.load(0)) == []
        assert moved.header() == HEADER
    store.create(HEADER, maximize=False)
    assert store.results() == {}


@pytest.mark.parametrize("damage", ["text", "cut", "overwritten", "another program's"])
def test_a_damaged_database_is_an_error_that_names_the_file(tmp_path, damage):
    with closing(store_of(tmp_path)) as store:
        store.create(HEADER, maximize=True)
        for number in range(20):
            store.asked(asked(number))
    path = tmp_path / "s" / "study.db"
    content = path.read_bytes()
    if damage == "text":
        path.write_text("trials: none\n" * 500)
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "overwritten":
        path.write_bytes(content[:4096] + b"\x5a" * (len(content) - 4096))
    else:
        path.unlink()
        with closing(sqlite3.connect(path)) as other:
            other.execute("create table studies (id integer)")
            other.commit()
    with closing(store_of(tmp_path)) as store, pytest.raises(TunerError) as raised:
        summarise(store)
    assert str(path) in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_the_machines_view_of_undefined_metrics_is_null(store):
    store.asked(asked(0))
    store.ended(complete(0))
    trial = summarise(store).to_json()["trials"][0]
    assert trial["metrics"] == {"f1": 0.1, "roc_auc": None}
    assert "NaN" not in json.dumps(trial, allow_nan=False)
