"""A search that starts with the best configurations of another study."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.small import study_of, write_study
from tests.test_driver import AtOnce, drive
from tuner.config.study_file import load_config
from tuner.errors import TunerError
from tuner.header import make_header
from tuner.origin import MOST, check_origin, start_from
from tuner.records import State
from tuner.search.storage import Header, StudyStore
from tuner.study import Study
from tuner.summary import summarise

SOURCE: dict[str, Any] = {
    "layers": {"type": "int", "low": 1, "high": 3},
    "neurons": {"type": "int", "low": 2, "high": 64, "log": True, "per": "layer"},
    "optimizer": {"type": "choice", "options": ["sgd", "momentum", "adam"]},
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Study:
    """A study with 12 trials."""
    folder = tmp_path_factory.mktemp("source")
    study = study_of(
        folder, name="source", search_space=SOURCE, training={"epochs": 12}, objective="accuracy"
    )
    drive(study, study.config.runs_folder, AtOnce(), 12)
    return study


def another(folder: Path, **params: Any) -> Study:
    space = {name: value for name, value in {**SOURCE, **params}.items() if value is not None}
    return study_of(folder, name="other", search_space=space, training={"epochs": 12}, objective="accuracy")


def test_the_best_five_configurations_start_the_search_after_the_default_one_and_repeat_when_it_goes_on(
    tmp_path, source
):
    study = another(tmp_path)
    start = start_from(study.config, source.config.path)
    with closing(StudyStore(source.config.runs_folder, "source")) as store:
        best = [result.params for result in summarise(store).ranked()[:MOST]]
        assert start.origin == {"name": "source", "id": store.header().id}
    assert list(start.given) == best
    assert start.notes == ("the best 5 configurations of study 'source' are tried first",)
    records = study.config.runs_folder
    with closing(StudyStore(records, "other")) as store:
        store.create(replace(make_header(study), given=start.given, origin=start.origin or {}), maximize=True)
    drive(study, records, AtOnce(), 3)
    drive(study, records, AtOnce(), 8)
    with closing(StudyStore(records, "other")) as store:
        asked = [trial.params for trial in store.asked_trials()]
    assert asked[:6] == [study.config.space.default(), *best]
    assert len(asked) == 8


def test_what_does_not_fit_is_left_out_with_a_note(tmp_path, source):
    narrower = {"optimizer": {"type": "choice", "options": ["nadam"]}, "learning_rate": None}
    study = another(tmp_path, **narrower)
    start = start_from(study.config, source.config.path)
    assert all(params["optimizer"] == "nadam" and "learning_rate" not in params for params in start.given)
    assert "learning_rate: " in start.notes[1]
    assert "not in the space" in start.notes[1]
    assert "is not one of the options: 'nadam'" in start.notes[1]


def test_a_study_of_which_nothing_fits_is_refused(tmp_path, source):
    space = {"layers": 2, "dropout": {"type": "float", "low": 0.0, "high": 0.5}}
    study = study_of(tmp_path, name="other", search_space=space)
    with pytest.raises(TunerError, match=r"none of its parameters fits the space of .*other\.yaml"):
        start_from(study.config, source.config.path)


def test_a_study_without_trials_is_refused(tmp_path, source):
    unused = write_study(tmp_path, name="unused")
    with pytest.raises(TunerError, match=r"--from .*unused.yaml: no trials yet in .*; type: tune run"):
        start_from(source.config, unused)


def test_a_study_that_goes_on_takes_no_other_start(tmp_path, source):
    study = another(tmp_path)
    start = start_from(study.config, source.config.path)
    plain: Header = make_header(study)
    check_origin(study.config, replace(plain, origin=start.origin or {}), source.config.path)
    with pytest.raises(TunerError, match="study 'other' started without --from; leave the option out"):
        check_origin(study.config, plain, source.config.path)
    with pytest.raises(TunerError, match="started from study 'third'"):
        check_origin(study.config, replace(plain, origin={"name": "third", "id": "0"}), source.config.path)


def test_only_complete_trials_are_taken_over(tmp_path, source):
    start = start_from(another(tmp_path).config, source.config.path)
    with closing(StudyStore(source.config.runs_folder, "source")) as store:
        complete = [each.params for each in store.results().values() if each.state is State.COMPLETE]
    assert all(params in complete for params in start.given)


def test_the_files_are_read_as_study_files(tmp_path, source):
    missing = tmp_path / "missing.yaml"
    with pytest.raises(TunerError, match=r"missing\.yaml"):
        start_from(load_config(source.config.path), missing)
