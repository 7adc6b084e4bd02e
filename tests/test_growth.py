"""A search space that changes while its study goes on."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.small import study_of
from tests.test_driver import AtOnce, EndsAfter, drive, table
from tuner.errors import TunerError
from tuner.growth import check_continues
from tuner.header import check_unchanged
from tuner.search.storage import StudyStore
from tuner.study import Study

SPACE: dict[str, Any] = {
    "layers": {"type": "int", "low": 1, "high": 2},
    "optimizer": {"type": "choice", "options": ["sgd", "adam"]},
    "learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
    "batch_size": 32,
}
WIDER: dict[str, Any] = {
    "layers": {"type": "int", "low": 1, "high": 4},
    "optimizer": {"type": "choice", "options": ["nadam", "adam", "sgd"]},
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
    "batch_size": {"type": "choice", "options": [16, 32]},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5, "default": 0.0},
}


def searching(folder: Path, space: dict[str, Any], sampler: str = "tpe") -> Study:
    search = {"trials": 30, "window": 3, "pruner": "halving", "sampler": sampler}
    return study_of(folder, search_space=space, search=search, training={"epochs": 12}, objective="accuracy")


def grow(study: Study, records: Path) -> tuple[str, ...]:
    """Take up a study's records with its space of now, as a run does."""
    with closing(StudyStore(records, study.config.name)) as store:
        header = store.header()
        grown = check_continues(study, header, {trial.number: trial.params for trial in store.asked_trials()})
        if grown:
            store.grow(replace(header, config=study.config.canonical()), study.config.space)
    return grown


def test_what_only_reads_records_says_that_a_run_may_go_on_in_the_changed_space(tmp_path):
    records, wider = tmp_path / "records", searching(tmp_path, WIDER)
    drive(searching(tmp_path, SPACE), records, AtOnce(), 1)
    with closing(StudyStore(records, wider.config.name)) as store:
        header = store.header()
    path = wider.config.path
    with pytest.raises(
        TunerError, match=f"undo this, go on in this space: tune run {path}; or start anew with"
    ):
        check_unchanged(wider, header)
    other = replace(header, data={**header.data, "sha256": "0"})
    with pytest.raises(TunerError, match="undo this, or start anew with"):
        check_unchanged(wider, other)


def refusal(folder: Path, **changed: Any) -> str:
    """Return what is said where a study of 9 trials goes on with another space."""
    records = folder / "records"
    drive(searching(folder, SPACE), records, AtOnce(), 9)
    space = {name: value for name, value in {**SPACE, **changed}.items() if value is not None}
    with pytest.raises(TunerError) as raised:
        grow(searching(folder, space), records)
    return str(raised.value)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "qmc"])
def test_a_wider_space_goes_on_with_the_trials_that_are_there(tmp_path, sampler):
    records = tmp_path / "records"
    drive(searching(tmp_path, SPACE, sampler), records, AtOnce(), 12)
    before = json.loads(table(searching(tmp_path, SPACE, sampler), records))
    study = searching(tmp_path, WIDER, sampler)
    assert "params.dropout: added" in grow(study, records)
    drive(study, records, AtOnce(), 30)
    after = json.loads(table(study, records))
    assert after[:12] == before
    added = [trial["params"] for trial in after[12:]]
    assert {"nadam", "adam", "sgd"} >= {params["optimizer"] for params in added} > {"nadam"}
    assert {params["batch_size"] for params in added} == {16, 32}
    assert all("dropout" in params for params in added)
    assert grow(study, records) == ()
    recorded = optuna.load_study(storage=f"sqlite:///{records / 'study.db'}", study_name="small")
    assert [trial.params["optimizer"] for trial in recorded.trials] == [
        trial["params"]["optimizer"] for trial in after
    ]


def test_a_grown_search_repeats_bit_for_bit_however_often_it_is_interrupted(tmp_path):
    for name in ("once", "killed"):
        drive(searching(tmp_path, SPACE), tmp_path / name, AtOnce(), 9)
    study = searching(tmp_path, WIDER)
    grow(study, tmp_path / "once")
    grow(study, tmp_path / "killed")
    drive(study, tmp_path / "once", AtOnce(), 20)
    told: list[int] = []
    while len(told) < 11:
        told += drive(study, tmp_path / "killed", EndsAfter(AtOnce(), 2), 20)
    assert table(study, tmp_path / "killed") == table(study, tmp_path / "once")


def test_a_range_that_excludes_a_value_that_was_tried_is_refused_with_the_trial(tmp_path):
    said = refusal(tmp_path, layers={"type": "int", "low": 3, "high": 4})
    assert "params.layers: 1 is not in 3 .. 4, and trial 0 has it" in said
    assert "--fresh" in said


def test_an_option_that_was_tried_and_is_taken_out_is_refused(tmp_path):
    said = refusal(tmp_path, optimizer={"type": "choice", "options": ["adam"]})
    assert "params.optimizer: 'sgd' is not one of the options: 'adam', and trial 0 has it" in said


def test_another_type_a_parameter_taken_out_and_a_constant_put_in_are_refused(tmp_path):
    floats = {"type": "choice", "options": [1, 2]}
    said = refusal(tmp_path, layers=floats, learning_rate=None, l2=0.1)
    assert "params.layers: changed its type: int -> choice" in said
    assert "params.learning_rate: removed, and trial 0 has it" in said
    assert "params.l2: added as a constant, which the trials do not have; give it a range" in said


def test_what_is_not_the_space_is_refused_as_before(tmp_path):
    records = tmp_path / "records"
    drive(searching(tmp_path, SPACE), records, AtOnce(), 3)
    changed = searching(tmp_path, WIDER, "random")
    with pytest.raises(TunerError, match=r"search\.sampler: tpe -> random"):
        grow(changed, records)


def test_an_option_that_nobody_tried_may_be_taken_out(tmp_path):
    records = tmp_path / "records"
    three = {**SPACE, "optimizer": {"type": "choice", "options": ["sgd", "adam", "nadam"]}}
    drive(searching(tmp_path, three), records, AtOnce(), 1)
    assert grow(searching(tmp_path, SPACE), records) == (
        'params.optimizer.options: ["sgd", "adam", "nadam"] -> ["sgd", "adam"]',
    )
