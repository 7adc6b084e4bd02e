import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command import tune
from tests.small import write_study
from tuner.config.study_file import load_config
from tuner.errors import TunerError
from tuner.header import describe_machine, elsewhere
from tuner.records import Reason, State, TrialResult, Verification
from tuner.run import run_study
from tuner.search.storage import StudyStore
from tuner.search.verification import read_verification, write_verification
from tuner.verify import Comparison, compare, verify_trial

COMPLETE, DIVERGED, PRUNED = 0, 3, 4

SPACE = {
    "layers": 1,
    "neurons": 4,
    "learning_rate": {"type": "choice", "options": [0.05, 1e-6, 1e30]},
    "batch_size": 32,
}
FIRST = [{"learning_rate": rate} for rate in (0.05, 0.05, 1e30, 1e-6)]


@pytest.fixture(scope="module")
def finished(begin: Callable[[str], Path]) -> Path:
    """A folder with a finished study whose trials are complete (0 .. 2), diverged (3) and pruned (4)."""
    folder = begin("verified")
    path = write_study(
        folder,
        search_space=SPACE,
        search={"trials": 5, "window": 1, "pruner": "halving", "first": FIRST},
        objective="log_loss",
        metrics=["accuracy"],
        training={"epochs": 5},
    )
    list(run_study(load_config(path)))
    return folder


@pytest.fixture
def study(tmp_path: Path, finished: Path) -> Path:
    """The study file of a copy of the finished study, to be changed."""
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy" / "studies" / "small.yaml"


def results(study: Path) -> dict[int, TrialResult]:
    config = load_config(study)
    with closing(StudyStore(config.runs_folder, config.name)) as store:
        return store.results()


def record_of(study: Path) -> Verification | None:
    return read_verification(load_config(study).runs_folder)


def test_the_study_has_a_trial_of_each_kind(finished: Path) -> None:
    states = {number: trial.state for number, trial in results(finished / "studies" / "small.yaml").items()}
    assert [states[number] for number in (COMPLETE, DIVERGED, PRUNED)] == ["complete", "failed", "pruned"]


@pytest.mark.parametrize("trial", [COMPLETE, DIVERGED, PRUNED])
def test_a_trial_that_is_trained_again_has_the_same_bits(study: Path, trial: int) -> None:
    found = verify_trial(load_config(study), trial)
    assert found.again is not None
    assert found.again.state == results(study)[trial].state
    assert found.holds
    assert found.verification.outcome == "same"
    assert sum(each.differing for each in found.compared) == 0
    assert record_of(study) == found.verification


def test_the_best_trial_is_verified_where_none_is_named(study: Path) -> None:
    complete = [trial for trial in results(study).values() if trial.state is State.COMPLETE]
    best = min(complete, key=lambda trial: (trial.values[0], trial.number))
    assert verify_trial(load_config(study)).recorded.number == best.number


def test_all_that_is_recorded_is_counted(study: Path) -> None:
    """Two folds, five epochs, three classes, 72 of 90 rows in folds."""
    found = verify_trial(load_config(study), COMPLETE)
    counted = {each.what: each.numbers for each in found.compared}
    assert counted == {
        "how it ended": 1,
        "log_loss by fold": 2,
        "accuracy by fold": 2,
        "means over folds": 3,
        "best epoch and epochs": 2,
        "weights": 1,
        "curve of log_loss": 5,
        "train_loss by epoch and fold": 10,
        "val_loss by epoch and fold": 10,
        "val_log_loss by epoch and fold": 10,
        "out-of-fold outputs": 72 * 3,
    }


def change_record(study: Path, trial: int, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what the database says of a trial's result."""
    database = load_config(study).runs_folder / "study.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        where = "trial_id = (SELECT trial_id FROM trials WHERE number = ?) AND key = 'result'"
        (text,) = connection.execute(
            f"SELECT value_json FROM trial_user_attributes WHERE {where}", (trial,)
        ).fetchone()
        record = json.loads(text)
        change(record)
        connection.execute(
            f"UPDATE trial_user_attributes SET value_json = ? WHERE {where}", (json.dumps(record), trial)
        )


def raise_one_score(record: dict[str, Any]) -> None:
    record["fold_values"][0][1] += 0.125


def test_a_score_that_is_not_the_recorded_one_is_shown_and_the_status_is_3(study: Path) -> None:
    change_record(study, COMPLETE, raise_one_score)
    said = tune("verify", study, "--trial", COMPLETE)
    assert said.code == 3
    recorded = results(study)[COMPLETE].fold_values[0]
    rows = [line.split() for line in said.out.splitlines()]
    assert ["fold", "recorded", "now", "difference"] in rows
    assert ["0", repr(recorded[0]), repr(recorded[0]), "0"] in rows
    (changed,) = (row for row in rows if row[:2] == ["1", repr(recorded[1])])
    assert float(changed[2]) == pytest.approx(recorded[1] - 0.125)
    assert changed[3] == "-0.125"
    assert "log_loss by fold: 1 of 2 differ, by at most 0.125" in said.out
    record = record_of(study)
    assert record is not None
    assert (record.trial, record.outcome) == (COMPLETE, "different")
    assert "Traceback" not in said.err


def test_the_curves_count_too(study: Path) -> None:
    path = load_config(study).runs_folder / "oof" / "trial-0000.npz"
    with np.load(path) as arrays:
        changed = {name: arrays[name].copy() for name in arrays.files}
    changed["val_loss"][2, 1] = np.nextafter(changed["val_loss"][2, 1], np.inf)
    np.savez(path, **changed)
    found = verify_trial(load_config(study), COMPLETE)
    assert [(each.what, each.differing) for each in found.compared if each.differing] == [
        ("val_loss by epoch and fold", 1)
    ]
    assert not found.holds


def set_header(study: Path, **values: Any) -> None:
    config = load_config(study)
    with closing(StudyStore(config.runs_folder, config.name)) as store:
        store.create(replace(store.header(), **values), maximize=False)


def test_on_another_machine_a_small_difference_is_within_the_tolerance(study: Path) -> None:
    set_header(study, machine={**describe_machine(), "processor": "Z80"})

    def hardly(record: dict[str, Any]) -> None:
        record["fold_values"][0][1] *= 1.0005

    change_record(study, COMPLETE, hardly)
    found = verify_trial(load_config(study), COMPLETE)
    assert found.holds
    assert found.verification.outcome == "within tolerance"
    assert "the study was started with Z80" in found.verification.detail
    assert found.tolerances == pytest.approx([value / 1000 for value in found.recorded.fold_values[0]])


def test_with_other_libraries_a_large_difference_is_one(study: Path) -> None:
    set_header(study, versions={"keras": "3.0.0"})
    change_record(study, COMPLETE, raise_one_score)
    said = tune("verify", study, "--trial", COMPLETE)
    assert said.code == 3
    assert "the study was started with 3.0.0" in said.out
    assert "tolerance" in said.out


def test_on_another_machine_equal_bits_are_the_same(study: Path) -> None:
    set_header(study, machine={"python": "3.9.1"})
    assert verify_trial(load_config(study), COMPLETE).verification.outcome == "same"


def test_one_changed_cell_is_named_by_its_column_and_nothing_is_trained(study: Path) -> None:
    table = study.parents[1] / "table.csv"
    rows = table.read_text().splitlines()
    cells = rows[1].split(",")
    cells[1] = "12.5"
    table.write_text("\n".join([rows[0], ",".join(cells), *rows[2:]]) + "\n")
    said = tune("verify", study)
    assert said.code == 3
    assert f"{table}: column 'income' changed" in said.out
    assert "nothing was trained" in said.out
    assert "training trial" not in said.err
    record = record_of(study)
    assert record is not None
    assert "column 'income' changed" in record.detail


def test_a_change_that_makes_the_study_impossible_is_told_as_a_change(study: Path) -> None:
    table = study.parents[1] / "table.csv"
    table.write_text(table.read_text().replace("mid", "top"))
    found = verify_trial(load_config(study))
    assert found.again is None
    assert found.changes == (f"{table}: column 'kind' changed",)


def test_a_changed_study_file_is_named_by_its_key(study: Path) -> None:
    keys = json.loads(study.read_text())
    study.write_text(json.dumps({**keys, "cv": {"folds": 3}}))
    said = tune("verify", study)
    assert said.code == 3
    assert f"{study}: cv.folds: 2 -> 3" in said.out


def test_before_the_first_run_the_way_out_is_to_run_it(begin: Callable[[str], Path]) -> None:
    path = write_study(begin("not-run"))
    said = tune("verify", path)
    assert said.code == 2
    assert f"tune run {path}" in said.err
    assert not (path.parents[1] / "runs" / "small").exists()


@pytest.mark.parametrize(
    ("trial", "message"), [(99, "has no trial 99; its trials: 0 .. 4"), (5, "trial 5 .* has no result yet")]
)
def test_a_trial_without_a_result_is_a_mistake(study: Path, trial: int, message: str) -> None:
    database = load_config(study).runs_folder / "study.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO trials (trial_id, number, study_id, state) VALUES (900, 5, 1, 'RUNNING')"
        )
        connection.execute(
            "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (900, 'params', '{}')"
        )
    with pytest.raises(TunerError, match=message):
        verify_trial(load_config(study), trial)


def test_a_trial_that_crashed_has_nothing_to_compare(study: Path) -> None:
    change_record(study, DIVERGED, lambda record: record.update(reason=Reason.CRASH.value))
    with pytest.raises(
        TunerError, match=r"crash: .* left nothing to compare; choose another one with --trial"
    ):
        verify_trial(load_config(study), DIVERGED)


def test_curves_that_are_gone_are_a_mistake(study: Path) -> None:
    (load_config(study).runs_folder / "oof" / "trial-0000.npz").unlink()
    with pytest.raises(TunerError, match="the curves of trial 0 cannot be read"):
        verify_trial(load_config(study), COMPLETE)


def test_a_verification_writes_one_file_and_leaves_the_rest(study: Path) -> None:
    folder = load_config(study).runs_folder
    before = {place: place.read_bytes() for place in folder.rglob("*") if place.is_file()}
    verify_trial(load_config(study), COMPLETE)
    after = {place: place.read_bytes() for place in folder.rglob("*") if place.is_file()}
    assert after.pop(folder / "verified.json")
    assert after == before


def made(**values: Any) -> TrialResult:
    whole = {
        "number": 0,
        "state": State.COMPLETE,
        "params": {},
        "values": (0.5,),
        "fold_values": ((0.25, 0.75),),
    }
    return TrialResult(**{**whole, **values})


def differing(recorded: TrialResult, again: TrialResult) -> list[Comparison]:
    return [each for each in compare(recorded, again, "accuracy") if each.differing]


def test_undefined_values_equal_undefined_ones_and_nothing_else() -> None:
    undefined = made(metrics={"roc_auc": float("nan")})
    assert differing(undefined, undefined) == []
    (found,) = differing(undefined, made(metrics={"roc_auc": 0.5}))
    assert (found.what, found.differing) == ("means over folds", 1)


def test_a_curve_of_another_length_differs_in_all_its_numbers() -> None:
    (found,) = differing(made(curve=(0.1, 0.2, 0.3)), made(curve=(0.1, 0.2)))
    assert (found.what, found.numbers, found.differing) == ("curve of accuracy", 3, 3)


def test_a_trial_that_ends_otherwise_differs() -> None:
    pruned = made(state=State.PRUNED)
    assert [each.what for each in differing(made(), pruned)] == ["how it ended"]


def test_a_record_is_read_as_it_was_written_and_a_damaged_one_as_none(tmp_path: Path) -> None:
    assert read_verification(tmp_path) is None
    written = Verification(3, "2026-11-22T00:00:00+00:00", "same", "all 12 numbers, |<b>|")
    write_verification(tmp_path, written)
    assert read_verification(tmp_path) == written
    (tmp_path / "verified.json").write_text("{")
    assert read_verification(tmp_path) is None


def test_the_machine_is_described_and_the_same_machine_is_no_other(study: Path) -> None:
    machine = describe_machine()
    assert set(machine) == {"python", "system", "processor", "instructions"}
    assert machine["processor"]
    config = load_config(study)
    with closing(StudyStore(config.runs_folder, config.name)) as store:
        header = store.header()
    assert header.machine == machine
    assert elsewhere(header) == []
    assert elsewhere(replace(header, machine={})) == []
