"""A study's final model: made once, scored once, mended after a crash, and exported."""

import json
import shutil
from contextlib import closing
from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.metrics import root_mean_squared_error

from tests.conclude.conftest import bare, concluded, opened, record
from tests.export.made import same_bits, trials_of
from tests.small import PARAMS, study_of
from tuner.conclude.final_model import conclude, model_folder
from tuner.errors import TunerError
from tuner.export.final_record import FINAL, HELD_OUT, read_final
from tuner.export.folder import load_model
from tuner.records import Final, Reason, State
from tuner.search.storage import StudyStore
from tuner.summary import read_summary


def differs(one: Final, other: Final) -> list[str]:
    """Return the names of what differs between two records."""
    names = [name for name in one.__dataclass_fields__ if name not in ("held_out", "earlier")]
    found = [name for name in names if getattr(one, name) != getattr(other, name)]
    if list(map(asdict, one.earlier)) != list(map(asdict, other.earlier)):
        found.append("earlier")
    return found if same_bits(one.held_out, other.held_out) else [*found, "held_out"]


def test_the_winner_is_trained_scored_on_the_held_out_rows_and_recorded(place, executor):
    study = opened(place)
    final = concluded(study, executor)
    assert (final.kind, final.rows, final.looks) == ("refit", len(study.test_rows), 1)
    assert [(member.trial, member.weight) for member in final.members] == [(1, 1.0)]
    model = load_model(place / "runs" / "small" / "model")
    rows = study.test_rows
    outputs = model.outputs(study.dataset.features.iloc[rows])
    assert same_bits(final.held_out, outputs)
    scored = root_mean_squared_error(study.dataset.target[rows], outputs)
    assert final.scores["rmse"].value == pytest.approx(scored)
    assert final.scores["rmse"].low < scored < final.scores["rmse"].high
    assert set(final.scores) == set(final.train_scores) == {"rmse", "r2"}
    assert differs(read_final(study.config.runs_folder), final) == []
    manifest = model.manifest
    assert manifest.held_out.scores["rmse"].value == final.scores["rmse"].value
    assert (manifest.held_out.rows, manifest.held_out.looks) == (len(rows), 1)
    assert manifest.trials[0].number == 1
    assert (model.folder / "README.md").read_text().startswith("# Model of the study small")


def test_a_recorded_model_is_neither_trained_nor_scored_again(place, executor):
    first = concluded(opened(place), executor)
    second = concluded(opened(place), executor)
    assert len(executor.plans) == 1
    assert differs(first, second) == []


def test_another_kind_is_another_model_and_another_look(place, executor):
    concluded(opened(place), executor)
    folds = concluded(opened(place, export="folds"), executor)
    assert (folds.kind, folds.looks, len(folds.members[0].epochs)) == ("folds", 2, 3)
    assert len(list((place / "runs" / "small" / "model").glob("*.keras"))) == 3


def test_every_look_keeps_its_scores_and_a_model_that_was_scored_before_needs_no_other(place, executor):
    refit = concluded(opened(place), executor)
    folds = concluded(opened(place, export="folds"), executor)
    assert [(each.kind, each.scores) for each in folds.earlier] == [("refit", refit.scores)]
    again = concluded(opened(place, export="refit"), executor)
    assert differs(again, refit) == ["looks", "earlier"]
    assert again.looks == 2
    assert [(each.kind, each.scores) for each in again.earlier] == [("folds", folds.scores)]
    assert load_model(place / "runs" / "small" / "model").manifest.held_out.looks == 2
    ensemble = concluded(opened(place, export="ensemble"), executor)
    assert (ensemble.looks, {each.kind for each in ensemble.earlier}) == (3, {"refit", "folds"})
    assert differs(read_final(place / "runs" / "small"), ensemble) == []
    told = read_summary(opened(place).config).to_json()["final"]["earlier"]
    assert {each["kind"]: each["scores"]["rmse"]["value"] for each in told} == {
        each.kind: each.scores["rmse"].value for each in (refit, folds)
    }


def test_a_record_from_before_all_looks_were_kept_is_read_and_counts_on(place, executor):
    concluded(opened(place), executor)
    record = json.loads((place / "runs" / "small" / FINAL).read_text())
    del record["earlier"]
    (place / "runs" / "small" / FINAL).write_text(json.dumps({**record, "looks": 5}))
    assert concluded(opened(place), executor).looks == 5
    folds = concluded(opened(place, export="folds"), executor)
    assert (folds.looks, len(folds.earlier)) == (6, 1)


def test_trials_that_are_added_make_another_model_if_one_of_them_is_better(place, executor):
    study = opened(place)
    concluded(study, executor)
    worse, better = (
        replace(each, number=6 + n) for n, each in enumerate(trials_of(study, {"learning_rate": 1e-4}, {}))
    )
    record(study, worse)
    assert concluded(study, executor).looks == 1
    better = replace(better, values=(1.0,), params={**PARAMS, "neurons": 8, "learning_rate": 0.09})
    record(study, better)
    final = concluded(study, executor)
    assert (final.members[0].trial, final.looks, len(executor.plans)) == (7, 2, 2)


def test_an_ensemble_weights_trials_by_their_out_of_fold_predictions(place, executor):
    final = concluded(opened(place, export="ensemble"), executor)
    assert final.kind == "ensemble"
    assert sum(member.weight for member in final.members) == pytest.approx(1.0)
    assert {member.trial for member in final.members} <= {0, 1, 2}
    weights = [member.weight for member in final.members]
    assert weights == sorted(weights, reverse=True)
    concluded(opened(place), executor)
    assert len(executor.plans) == 1


def test_without_held_out_rows_the_model_is_made_and_nothing_is_scored(tmp_path, executor):
    study = study_of(tmp_path, test=0)
    record(study, *trials_of(study))
    final = concluded(study, executor)
    assert (final.rows, final.looks, final.scores, final.held_out) == (0, 0, {}, None)
    assert load_model(tmp_path / "runs" / "small" / "model").manifest.held_out.rows == 0
    assert not (tmp_path / "runs" / "small" / HELD_OUT).exists()
    concluded(study, executor)
    assert len(executor.plans) == 1


def test_the_rows_of_a_test_file_are_the_held_out_rows(tmp_path, executor):
    study_of(tmp_path)
    lines = (tmp_path / "table.csv").read_text().splitlines(keepends=True)
    (tmp_path / "test.csv").write_text("".join([lines[0], *lines[71:]]))
    (tmp_path / "table.csv").write_text("".join(lines[:71]))
    study = study_of(tmp_path, test="../test.csv")
    record(study, *trials_of(study))
    final = concluded(study, executor)
    assert final.rows == 20
    assert list(study.test_rows) == list(range(70, 90))


def test_a_study_whose_trials_all_failed_has_no_model(tmp_path, executor):
    study = study_of(tmp_path)
    record(study, bare(0, State.FAILED, Reason.DIVERGED))
    with closing(StudyStore(study.config.runs_folder, "small")) as store:
        assert conclude(study, store, executor) is None
    assert not (tmp_path / "runs" / "small" / "model").exists()


# What a crash leaves


def test_a_record_without_its_folder_is_trained_again_and_not_scored_again(place, executor):
    first = concluded(opened(place), executor)
    shutil.rmtree(place / "runs" / "small" / "model")
    second = concluded(opened(place), executor)
    assert len(executor.plans) == 2
    assert differs(first, second) == []
    assert load_model(place / "runs" / "small" / "model").manifest.created == first.created


def test_a_folder_without_its_record_is_made_again_with_the_same_score(place, executor):
    first = concluded(opened(place), executor)
    (place / "runs" / "small" / FINAL).unlink()
    second = concluded(opened(place), executor)
    assert (second.scores, second.looks) == (first.scores, 1)
    assert same_bits(second.held_out, first.held_out)


def test_a_folder_that_is_ahead_of_its_record_is_put_right(place, executor):
    folds = concluded(opened(place, export="folds"), executor)
    runs = place / "runs" / "small"
    kept = {name: (runs / name).read_bytes() for name in (FINAL, HELD_OUT)}
    concluded(opened(place, export="refit"), executor)
    for name, content in kept.items():
        (runs / name).write_bytes(content)
    again = concluded(opened(place, export="folds"), executor)
    assert differs(again, folds) == []
    assert load_model(runs / "model").manifest.kind == "folds"


def test_outputs_that_are_missing_are_computed_again_and_not_counted_as_a_look(place, executor):
    first = concluded(opened(place), executor)
    (place / "runs" / "small" / HELD_OUT).unlink()
    assert read_final(place / "runs" / "small").held_out is None
    shutil.rmtree(place / "runs" / "small" / "model")
    assert differs(concluded(opened(place), executor), first) == []


def test_a_damaged_record_is_told_with_the_way_out(place, executor):
    concluded(opened(place), executor)
    (place / "runs" / "small" / FINAL).write_text('{"kind": "refit"}')
    with pytest.raises(TunerError, match=r"final.json: damaged.*remove it"):
        concluded(opened(place), executor)


def test_files_of_a_user_in_the_model_folder_are_not_lost(place, executor):
    concluded(opened(place), executor)
    (place / "runs" / "small" / "model" / "notes.txt").write_text("mine")
    with pytest.raises(TunerError, match=r"notes.txt"):
        concluded(opened(place, export="folds"), executor)
    assert (place / "runs" / "small" / "model" / "notes.txt").read_text() == "mine"
    assert read_final(place / "runs" / "small").kind == "refit"


def test_the_machines_view_has_the_final_model(place, executor):
    assert read_summary(opened(place).config).to_json()["final"] is None
    final = concluded(opened(place), executor)
    told = json.loads(json.dumps(read_summary(opened(place).config).to_json(), allow_nan=False))["final"]
    assert told["kind"] == "refit"
    assert told["trials"] == [{"number": 1, "weight": 1.0}]
    assert told["rows"] == final.rows
    assert told["scores"]["rmse"]["value"] == final.scores["rmse"].value


def test_a_score_that_is_undefined_is_null(place, executor):
    final = concluded(opened(place), executor)
    from tuner.export.final_record import write_final

    undefined = replace(final, scores={"rmse": replace(final.scores["rmse"], value=np.nan, low=np.nan)})
    write_final(place / "runs" / "small", undefined)
    assert json.loads((place / "runs" / "small" / FINAL).read_text())["scores"]["rmse"]["value"] is None
    assert np.isnan(read_final(place / "runs" / "small").scores["rmse"].low)


def test_where_the_model_lies(place):
    with closing(StudyStore(place / "runs" / "small", "small")) as store:
        assert model_folder(store) == place / "runs" / "small" / "model"
