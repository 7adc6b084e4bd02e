"""``tune export``: what is copied, what is made, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from tests.conclude.conftest import bare, concluded, opened, record
from tests.small import study_of
from tuner.conclude.exported import export_study
from tuner.errors import TunerError
from tuner.export.final_record import read_final
from tuner.export.folder import load_model
from tuner.records import State


def config_of(place: Path, **keys: Any):
    return opened(place, **keys).config


def test_an_export_copies_the_recorded_model(place, executor, tmp_path):
    concluded(opened(place), executor)
    exported = export_study(config_of(place), folder=tmp_path / "copy", executor=executor)
    assert len(executor.plans) == 1
    assert (exported.trials, exported.kind, exported.note) == ((1,), "refit", "")
    source = place / "runs" / "small" / "model"
    for path in source.iterdir():
        assert (tmp_path / "copy" / path.name).read_bytes() == path.read_bytes()


def test_an_export_makes_the_model_of_a_finished_study_where_it_is_missing(place, executor):
    exported = export_study(config_of(place), executor=executor)
    assert exported.folder == place / "runs" / "small" / "model"
    assert exported.final.looks == read_final(place / "runs" / "small").looks == 1


def test_an_export_of_a_study_that_goes_on_does_not_look_at_the_held_out_rows(place, executor, tmp_path):
    config = config_of(place, search={"trials": 50})
    exported = export_study(config, folder=tmp_path / "early", executor=executor)
    assert exported.trials == (1,)
    assert "held-out rows were not scored" in exported.note
    assert list(executor.plans[0].held_out) == []
    assert read_final(place / "runs" / "small") is None


@pytest.mark.parametrize(("kind", "made"), [("refit", "refit"), ("folds", "folds"), ("ensemble", "refit")])
def test_the_model_of_one_trial_is_made_without_a_look_at_the_held_out_rows(place, executor, kind, made):
    exported = export_study(config_of(place, export=kind), trial=0, executor=executor)
    assert exported.folder == place / "runs" / "small" / "model-trial-0"
    assert list(executor.plans[0].held_out) == []
    manifest = load_model(exported.folder).manifest
    assert (manifest.kind, [trial.number for trial in manifest.trials]) == (made, [0])
    assert (manifest.held_out.rows, manifest.held_out.scores) == (0, {})
    assert "choose among trials by them would spoil them" in manifest.held_out.note
    assert manifest.held_out.note in (exported.folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("trial", "found"),
    [
        (3, "trial 3 was pruned, so it has no model; the best is trial 1"),
        (4, r"trial 4 failed \(diverged\), so it has no model"),
        (99, "there is no trial 99; the study has 6, counted from 0; the best is trial 1"),
    ],
)
def test_a_trial_that_has_no_model_is_refused(place, executor, trial, found):
    with pytest.raises(TunerError, match=found) as raised:
        export_study(config_of(place), trial=trial, executor=executor)
    assert "tune show" in str(raised.value)


def test_a_trial_that_has_not_ended_is_refused(place, executor):
    record(opened(place), bare(6, State.RUNNING))
    with pytest.raises(TunerError, match="trial 6 has not ended"):
        export_study(config_of(place), trial=6, executor=executor)


def test_a_study_that_was_not_run_is_told_what_to_type(tmp_path, executor):
    study = study_of(tmp_path)
    with pytest.raises(TunerError, match=f"no trials yet.*tune run {study.config.path}"):
        export_study(study.config, executor=executor)
    assert not (tmp_path / "runs").exists()


def test_an_export_over_something_else_is_refused_before_anything_is_trained(place, executor):
    with pytest.raises(TunerError, match=r"holds 'small.yaml', which is no part of a model"):
        export_study(config_of(place), folder=place / "studies", executor=executor)
    assert executor.plans == []


def test_changed_data_are_refused(place, executor):
    table = place / "table.csv"
    table.write_text(table.read_text().replace("red", "green"))
    with pytest.raises(TunerError, match="has changed since"):
        export_study(config_of(place), trial=0, executor=executor)
