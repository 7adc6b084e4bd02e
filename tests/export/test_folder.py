import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.export.made import model_of, same_bits
from tests.small import TARGETS
from tuner.data.sources import read_file
from tuner.errors import DataError, TunerError
from tuner.export.folder import check_replaceable, load_model, write_folder

STUDIES: dict[str, dict[str, Any]] = {
    "binary": {"target": "yes", "data": {"weight": "weight"}},
    "multiclass": {"data": {"time": "day"}},
    "multilabel": {"target": ["label0", "label1"], "data": {"group": "household"}},
    "regression": {"target": "amount"},
    "several values": {"target": ["amount", "income"]},
    "folds": {"kind": "folds", "target": "amount", "cv": {"folds": 2, "repeats": 2}},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Gives a study of ``STUDIES``, its final model and its folder, made once."""
    done: dict[str, Any] = {}

    def make(name: str):
        if name not in done:
            done[name] = model_of(tmp_path_factory.mktemp("folder"), **STUDIES[name])
        return done[name]

    return make


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_the_rows_of_a_file_are_predicted_as_the_held_out_rows_were(made, name):
    study, trained, folder = made(name)
    table = read_file("table.csv", study.config.folder.parent)
    model = load_model(folder)
    held_out = model.outputs(table.frame.iloc[study.test_rows])
    assert len(held_out) > 5
    assert same_bits(held_out, trained.held_out)
    whole = model.predict(table.frame)
    assert len(whole) == len(table.frame)
    again = model.predict(table.frame.iloc[::-1, ::-1].drop(columns=list(TARGETS)))
    pd.testing.assert_frame_equal(again.iloc[::-1], whole)


COLUMNS = {
    "binary": ["prediction", "probability_n", "probability_y"],
    "multiclass": ["prediction", "probability_low", "probability_mid", "probability_top"],
    "multilabel": ["prediction_label0", "prediction_label1", "probability_label0", "probability_label1"],
    "regression": ["prediction"],
    "several values": ["prediction_amount", "prediction_income"],
}


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_predictions_are_classes_with_probabilities_or_values(made, name):
    study, _, folder = made(name)
    frame = pd.read_csv(study.config.folder.parent / "table.csv", index_col=False)
    predicted = load_model(folder).predict(frame)
    assert list(predicted.columns) == COLUMNS[name]
    if name in ("binary", "multiclass"):
        chances = predicted.drop(columns="prediction").to_numpy()
        np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-6)
        most = np.array(study.dataset.classes)[chances.argmax(axis=1)]
        assert list(predicted["prediction"]) == list(most)
        assert (predicted["prediction"] == frame[study.dataset.target_names[0]]).mean() > 0.5
    if name == "multilabel":
        chances = predicted[["probability_label0", "probability_label1"]].to_numpy()
        assert (predicted[["prediction_label0", "prediction_label1"]].to_numpy() == (chances > 0.5)).all()
    if name == "regression":
        assert 3000 < predicted["prediction"].mean() < 7000


def test_the_networks_are_averaged_in_the_unit_of_the_target(made):
    study, _, folder = made("folds")
    model = load_model(folder)
    features = study.dataset.features
    assert len(model.branches) == 4
    parts = [
        branch.target_scaler.inverse(keras(branch.preprocessor.transform(features), training=False).numpy())
        for branch, keras in zip(model.branches, model.keras_models(), strict=True)
    ]
    assert not np.allclose(parts[0], parts[1], rtol=1e-3)
    np.testing.assert_allclose(model.outputs(features), np.mean(parts, axis=0), rtol=1e-5)


def test_a_model_is_loaded_without_tensorflow_mlflow_optuna_or_its_study(made, tmp_path):
    _, _, folder = made("binary")
    place = shutil.copytree(folder, tmp_path / "alone")
    code = (
        "import sys; from tuner.export.folder import load_model; import pandas as pd;"
        "frame = pd.read_csv(sys.argv[2]); print(len(load_model(sys.argv[1]).predict(frame)));"
        "print(sorted({'tensorflow', 'keras', 'mlflow', 'optuna', 'tuner.study', 'tuner.config'} & set(sys.modules)))"
    )
    table = folder.parent / "table.csv"
    told = subprocess.run(
        [sys.executable, "-c", code, str(place), str(table)], capture_output=True, text=True, check=True
    )
    assert told.stdout.split("\n")[:2] == ["90", "[]"]


def frame_of(made) -> pd.DataFrame:
    study, _, _ = made("binary")
    return pd.read_csv(study.config.folder.parent / "table.csv")


def test_a_missing_column_is_named_with_the_nearest_one(made):
    model = load_model(made("binary")[2])
    frame = frame_of(made).rename(columns={"income": "incomes"}).drop(columns="flag")
    with pytest.raises(DataError) as raised:
        model.predict(frame)
    assert str(raised.value).splitlines() == [
        "the table: column 'income' is missing, which the model reads; did you mean 'incomes'?",
        "the table: column 'flag' is missing, which the model reads",
    ]


def test_a_column_that_is_there_twice_is_refused(made):
    frame = frame_of(made)
    with pytest.raises(DataError, match="column 'income' is there twice"):
        load_model(made("binary")[2]).predict(pd.concat([frame, frame[["income"]]], axis=1))


def test_a_table_without_rows_is_refused(made):
    with pytest.raises(DataError, match="the table has no rows"):
        load_model(made("binary")[2]).predict(frame_of(made).head(0))


def outputs_with(made, **changed: Any) -> np.ndarray:
    frame = frame_of(made).head(6)
    return load_model(made("binary")[2]).outputs(frame.assign(**changed))


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (
            {"income": ["1000", " 2000 ", "3e3", "NA", "", None]},
            {"income": [1000, 2000, 3000, *[np.nan] * 3]},
        ),
        ({"flag": ["yes", "No", "TRUE", "f", "1", "0"]}, {"flag": [True, False, True, False, True, False]}),
        ({"flag": ["True", None, "?", "on", "off", "N"]}, {"flag": [1.0, None, None, 1.0, 0.0, 0.0]}),
        ({"colour": ["violet"] * 6}, {"colour": ["mauve"] * 6}),
        (
            {"day": ["2024-01-05", "2024-01-06", None, "2024-02-01", "2025-01-01", "2024-12-31"]},
            {
                "day": pd.to_datetime(
                    ["2024-01-05", "2024-01-06", None, "2024-02-01", "2025-01-01", "2024-12-31"]
                )
            },
        ),
        ({"income": [None] * 6}, {"income": [np.nan] * 6}),
        ({"colour": pd.Categorical(["red", "green"] * 3)}, {"colour": ["red", "green"] * 3}),
    ],
)
def test_values_mean_the_same_however_they_are_written(made, changed, same):
    assert same_bits(outputs_with(made, **changed), outputs_with(made, **same))


def test_an_unknown_category_is_not_a_missing_one(made):
    unknown, missing = outputs_with(made, colour=["violet"] * 6), outputs_with(made, colour=[None] * 6)
    assert not np.array_equal(unknown, missing)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (
            {"income": ["1", "2", "x<script>", "4", "5", "y"]},
            r"column 'income' holds 'x<script>' in row 3 \(2 such",
        ),
        ({"income": pd.to_datetime(["2024-01-05"] * 6)}, "column 'income' holds dates"),
        ({"flag": ["maybe"] * 6}, "column 'flag' holds 'maybe' in row 1"),
        (
            {"day": ["2024-01-05", "next week", *["2024-01-05"] * 4]},
            "column 'day' holds 'next week' in row 2",
        ),
        ({"day": [5] * 6}, "column 'day' holds '5' in row 1"),
    ],
)
def test_values_of_another_kind_are_refused_with_their_row(made, changed, found):
    with pytest.raises(DataError, match=found):
        outputs_with(made, **changed)


def test_dates_are_read_in_the_form_that_the_model_has_learned(tmp_path):
    frame = pd.DataFrame(
        {
            "day": [f"{day:02d}/{month:02d}/2024" for month in range(1, 13) for day in (3, 14, 25)],
            "x": np.arange(36) % 7,
            "y": ["a", "b"] * 18,
        }
    )
    (tmp_path / "table.csv").write_text(frame.to_csv(index=False))
    _, _, folder = model_of(tmp_path, target="y", data={"target": "y", "drop": []})
    model = load_model(folder)
    assert [column.form for column in model.columns if column.name == "day"] == ["%d/%m/%Y"]
    written = pd.DataFrame({"day": ["05/03/2024"], "x": [1]})
    meant = pd.DataFrame({"day": pd.to_datetime(["2024-03-05"]), "x": [1]})
    assert same_bits(model.outputs(written), model.outputs(meant))
    iso = pd.DataFrame({"day": ["2024-03-05"], "x": [1]})
    assert same_bits(model.outputs(iso), model.outputs(meant))
    with pytest.raises(DataError, match=r"holds '03/25/2024' in row 1.*dates of the form %d/%m/%Y"):
        model.outputs(pd.DataFrame({"day": ["03/25/2024"], "x": [1]}))


# Writing


def files(text: str) -> dict[str, bytes]:
    return {"manifest.json": json.dumps({"format": 1, "is": text}).encode(), "model.keras": b"x"}


def test_a_folder_takes_the_place_of_an_earlier_one_as_a_whole(tmp_path):
    place = tmp_path / "deep" / "model"
    write_folder(place, {**files("old"), "README.md": b"old"})
    write_folder(place, files("new"))
    assert {path.name for path in place.iterdir()} == {"manifest.json", "model.keras"}
    assert b"new" in (place / "manifest.json").read_bytes()
    assert [path.name for path in place.parent.iterdir()] == ["model"]


def test_what_a_crash_between_two_renames_left_is_taken_back(tmp_path):
    place = tmp_path / "model"
    write_folder(place, files("old"))
    place.rename(tmp_path / ".model.tuner-old")
    (tmp_path / ".model.tuner-new").mkdir()
    (tmp_path / ".model.tuner-new" / "manifest.json").write_text("half")
    write_folder(place, files("new"))
    assert b"new" in (place / "manifest.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("name", ["notes.txt", "model.py", ".git"])
def test_a_folder_with_anything_else_in_it_is_left_as_it_is(tmp_path, name):
    place = tmp_path / "model"
    write_folder(place, files("old"))
    (place / name).write_text("mine")
    with pytest.raises(TunerError, match=f"holds '{name}', which is no part of a model"):
        write_folder(place, files("new"))
    assert (place / name).read_text() == "mine"
    assert b"old" in (place / "manifest.json").read_bytes()


def test_a_file_or_a_link_is_left_as_it_is(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("file", "link"):
        with pytest.raises(TunerError, match="is no folder; name another place"):
            check_replaceable(tmp_path / name)
    check_replaceable(tmp_path / "empty")
    check_replaceable(tmp_path / "nowhere")


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TunerError, match="cannot be written"):
        write_folder(tmp_path / "file" / "model", files("new"))


def test_no_path_of_the_studys_machine_is_in_a_folder(made):
    study, _, folder = made("regression")
    here = str(study.config.folder.parent)
    for path in Path(folder).iterdir():
        assert here.encode() not in path.read_bytes()
