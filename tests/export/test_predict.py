"""``tune predict``: files in, files out, and messages for what cannot be used."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.command import tune
from tests.export.made import model_of
from tests.small import TARGETS
from tuner.export.folder import load_model


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with ``table.csv`` and a model of it in ``model``."""
    place = tmp_path_factory.mktemp("predict")
    model_of(place, target="yes")
    return place


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(pd.io.common.StringIO(text))


def test_predictions_are_printed_as_csv_with_a_row_for_each_row(made):
    said = tune("predict", made / "model", made / "table.csv")
    assert said.code == 0
    printed = read(said.out)
    assert list(printed.columns) == ["prediction", "probability_n", "probability_y"]
    expected = load_model(made / "model").predict(pd.read_csv(made / "table.csv"))
    assert list(printed["prediction"]) == list(expected["prediction"])
    np.testing.assert_allclose(printed["probability_y"], expected["probability_y"], rtol=1e-6)


def test_columns_that_are_not_read_are_told_and_targets_may_be_there_or_not(made, tmp_path):
    whole = tune("predict", made / "model", made / "table.csv")
    assert whole.err.strip() == (
        "6 columns not read by the model: 'weight', 'household', 'kind', 'amount', 'label0', 'label1'"
    )
    frame = pd.read_csv(made / "table.csv").drop(columns=[*TARGETS, "weight", "household"])
    frame[frame.columns[::-1]].to_csv(tmp_path / "rows.csv", index=False)
    bare = tune("predict", made / "model", tmp_path / "rows.csv")
    assert bare.err == ""
    assert bare.out == whole.out


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".feather"])
def test_predictions_are_read_and_written_in_every_form(made, tmp_path, ending):
    readers = {".parquet": pd.read_parquet, ".feather": pd.read_feather}
    frame = pd.read_csv(made / "table.csv")
    rows = tmp_path / f"rows{ending}"
    if ending in readers:
        getattr(frame, f"to{ending.replace('.', '_')}")(rows)
    else:
        frame.to_csv(rows, index=False, sep="\t" if "tsv" in ending else ",")
    said = tune("predict", made / "model", rows, "-o", tmp_path / f"out{ending}")
    assert said.code == 0
    assert said.out.strip() == f"90 rows predicted: {tmp_path / f'out{ending}'}"
    separator = {"sep": "\t"} if "tsv" in ending else {}
    written = readers.get(ending, pd.read_csv)(tmp_path / f"out{ending}", **separator)
    expected = load_model(made / "model").predict(frame)
    assert list(written["prediction"]) == list(expected["prediction"])
    np.testing.assert_allclose(written["probability_y"], expected["probability_y"], rtol=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {rows.name, f"out{ending}"}


def test_digits_in_a_column_of_categories_stay_texts(tmp_path):
    random = np.random.default_rng(0)
    codes = np.array(["007", "07", "x7", "1.0", "True"])[random.integers(0, 5, 90)]
    frame = pd.DataFrame(
        {"code": codes, "x": random.normal(size=90), "y": np.where(codes == "007", "a", "b")}
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    model_of(tmp_path, target="y", data={"target": "y", "drop": []})
    whole = read(tune("predict", tmp_path / "model", tmp_path / "table.csv").out)
    for code in np.unique(codes):
        part = frame[codes == code]
        part.to_csv(tmp_path / "part.csv", index=False)
        alone = read(tune("predict", tmp_path / "model", tmp_path / "part.csv").out)
        pd.testing.assert_frame_equal(alone, whole[codes == code].reset_index(drop=True), rtol=1e-5)


def test_a_frame_with_blanks_round_texts_and_names_is_read_as_the_csv_file_is(tmp_path):
    random = np.random.default_rng(0)
    colours = np.array([" red", "blue ", "?", "green"])[random.integers(0, 4, 90)]
    frame = pd.DataFrame(
        {" colour": colours, "x": random.normal(size=90), "y": np.where(colours == " red", "a", "b")}
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    model_of(tmp_path, target="y", data={"target": "y", "drop": []})
    from_file = read(tune("predict", tmp_path / "model", tmp_path / "table.csv").out)
    from_frame = load_model(tmp_path / "model").predict(pd.read_csv(tmp_path / "table.csv"))
    pd.testing.assert_frame_equal(from_frame, from_file, rtol=1e-5, check_dtype=False)


def test_names_that_look_like_markup_paths_or_formulas_are_only_names(tmp_path):
    names = ["<script>alert(1)</script>", "../../x|y", "=cmd()", "größe 大小", 'a"b,c', "`x`\n# y"]
    random = np.random.default_rng(0)
    frame = pd.DataFrame({name: random.normal(size=60) for name in names[:5]})
    classes = np.array(["<b>yes</b>", "no|`no`", 'maybe, "so"'])
    target = "| <i>t</i>"
    frame[target] = classes[random.integers(0, 3, 60)]
    frame.to_csv(tmp_path / "table.csv", index=False)
    model_of(tmp_path, target=target, data={"target": target, "drop": []})
    predicted = read(tune("predict", tmp_path / "model", tmp_path / "table.csv").out)
    assert list(predicted.columns) == ["prediction", *(f"probability_{name}" for name in sorted(classes))]
    assert set(predicted["prediction"]) <= set(classes)


def test_ten_thousand_categories_are_read_back(tmp_path):
    random = np.random.default_rng(0)
    names = np.array([f"käufer {number}" for number in range(10_000)])
    frame = pd.DataFrame({"who": np.append(names, names[:2000]), "y": random.integers(0, 2, 12_000)})
    frame.to_csv(tmp_path / "table.csv", index=False)
    study, trained, folder = model_of(tmp_path, target="y", data={"target": "y", "drop": []})
    model = load_model(folder)
    assert len(model.columns[0].categories) == 10_000
    assert model.outputs(study.dataset.features.iloc[study.test_rows]).tobytes() == trained.held_out.tobytes()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("nowhere", "table.csv"), "nowhere: no such folder"),
        (("model", "tabel.csv"), "no such file; similar names there: table.csv"),
        (("model", "empty.csv"), "the file is empty"),
        (("model", "header.csv"), "a header and no rows"),
        (
            ("model", "half.csv"),
            "half.csv: column 'income' is missing, which the model reads; did you mean 'incom'?",
        ),
        (("model", "text.csv"), "text.csv: column 'income' holds 'much' in line 3"),
        (
            ("model", "table.csv", "-o", "out.xlsx"),
            "out.xlsx: the ending '.xlsx' is not known; one of: .csv,",
        ),
        (("model", "table.csv", "-o", "nowhere/out.csv"), "there is no folder"),
        (("model", "table.csv", "-o", "model"), "the ending '' is not known"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence_and_writes_nothing(made, monkeypatch, arguments, found):
    monkeypatch.chdir(made)
    frame = pd.read_csv("table.csv")
    Path("empty.csv").write_text("")
    frame.head(0).to_csv("header.csv", index=False)
    frame.rename(columns={"income": "incom"}).to_csv("half.csv", index=False)
    frame.head(2).astype({"income": object}).assign(income=["12", "much"]).to_csv("text.csv", index=False)
    before = sorted(path.name for path in made.iterdir())
    said = tune("predict", *arguments)
    assert said.code == 2
    assert found in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert sorted(path.name for path in made.iterdir()) == before


def test_what_lay_in_place_of_the_output_is_replaced_as_a_whole(made, tmp_path):
    (tmp_path / "out.csv").write_text("old")
    assert tune("predict", made / "model", made / "table.csv", "-o", tmp_path / "out.csv").code == 0
    assert len(pd.read_csv(tmp_path / "out.csv")) == 90


def test_rows_without_a_finite_prediction_are_told(made, tmp_path):
    folder = Path(shutil.copytree(made / "model", tmp_path / "model"))
    (keras,) = load_model(folder).keras_models()
    keras.set_weights([np.full_like(weight, np.nan) for weight in keras.get_weights()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        keras.save(folder / "model.keras")
    said = tune("predict", folder, made / "table.csv")
    assert "90 rows have no finite prediction" in said.err
    assert said.code == 0
