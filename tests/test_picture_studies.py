"""Studies of folders of pictures, from the files to predictions by file name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.command import tune
from tests.export.made import put_down, same_bits, trained_of
from tests.small import NO_BAR
from tuner.check import CheckReport
from tuner.config.study_file import load_config
from tuner.data.columns import Column, Kind
from tuner.errors import DataError, StudyFileError, TunerError
from tuner.export.folder import load_model
from tuner.export.predict import predict_file
from tuner.export.tables import array_columns
from tuner.report.data_card import data_card
from tuner.report.document import Paragraph
from tuner.study import Study, open_study
from tuner.trial import TrialTask, evaluate
from tuner.view.display import show_check

STUDY = """
data: {path: bars}
test: new
cv: {folds: 2}
preprocess: {numeric: max}
search_space: {blocks: 1, filters: 4, layers: 1, neurons: 8, learning_rate: 0.02, batch_size: 16}
training: {model: cnn, epochs: 5}
search: {trials: 1}
tracking: {uri: none}
"""


def draw(folder: Path, n_pictures: int, seed: int) -> None:
    """Draw bright bars, level or upright ones, each in the folder of its class."""
    random = np.random.default_rng(seed)
    for number in range(n_pictures):
        image = random.integers(0, 40, (6, 6)).astype(np.uint8)
        label = ("level", "upright | <b>")[number % 2]
        (image if label == "level" else image.T)[random.integers(1, 5)] += 150
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / label / f"{number}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("pictures")
    draw(place / "bars", 80, 1)
    draw(place / "new", 20, 2)
    (place / "bars.yaml").write_text(STUDY)
    return place


@pytest.fixture(scope="module")
def study(folder) -> Study:
    return open_study(load_config(folder / "bars.yaml"))


@pytest.fixture(scope="module")
def model(study, folder) -> Path:
    result = evaluate(TrialTask(study.problem, 0, study.config.space.default(), NO_BAR))
    assert result.message is None
    assert result.values[0] > 0.8
    return put_down(trained_of(study, "refit", [result]), folder / "model")


def opened(folder: Path, text: str) -> Study:
    (folder / "other.yaml").write_text(text)
    return open_study(load_config(folder / "other.yaml"))


def test_pictures_are_rows_of_bytes_and_their_folders_are_classes(study, folder):
    dataset = study.dataset
    assert (dataset.row_shape, dataset.target_names) == ((6, 6, 1), ("class",))
    assert dataset.classes == ("level", "upright | <b>")
    assert len(dataset.target) == 100
    assert len(study.test_rows) == 20
    with Image.open(folder / "bars" / "level" / "0.png") as image:
        np.testing.assert_array_equal(dataset.features.iloc[0], np.asarray(image).ravel())
    assert any(
        isinstance(block, Paragraph) and "Each row is an image of 6 x 6 pixels, 1 channel" in str(block)
        for block in data_card(study)
    )


def test_another_pixel_is_other_data_and_another_place_is_not(study, folder, tmp_path):
    for name in ("bars", "new"):
        shutil.copytree(folder / name, tmp_path / name)
    again = opened(tmp_path, STUDY)
    assert again.dataset.fingerprint == study.dataset.fingerprint
    assert again.splits == study.splits
    path = tmp_path / "bars" / "level" / "0.png"
    with Image.open(path) as image:
        values = np.array(image)
    values[0, 0] += 1
    Image.fromarray(values).save(path)
    changed = opened(tmp_path, STUDY).dataset.fingerprint
    assert changed.sha256 != study.dataset.fingerprint.sha256
    assert [
        one
        for one, other in zip(changed.columns, study.dataset.fingerprint.columns, strict=True)
        if one != other
    ] == [changed.columns[0]]


def test_a_size_without_channels_has_those_of_the_files(folder):
    text = STUDY.replace("path: bars", "path: bars, image: [4, 5]")
    dataset = opened(folder, text).dataset
    assert (dataset.row_shape, dataset.picture) == ((4, 5, 1), (4, 5, 1))
    assert dataset.notes[0] == "all 80 pictures of 6 x 6 pixels stretched to 4 x 5"
    assert dataset.notes[1].endswith("new: all 20 pictures of 6 x 6 pixels stretched to 4 x 5")
    colour = opened(folder, text.replace("[4, 5]", "[4, 5, 3]"))
    assert colour.dataset.features.shape == (100, 60)


def test_check_says_what_the_rows_are(study, capsys):
    show_check(CheckReport(study, ()))
    assert "100 rows (20 held out), images of 6 x 6 pixels, 1 channel" in capsys.readouterr().out


def test_new_pictures_are_predicted_by_name_as_their_array_is(study, model, folder):
    said = tune("predict", model, folder / "new", "-o", folder / "out.csv")
    assert said.code == 0, said.err
    written = pd.read_csv(folder / "out.csv")
    assert list(written.columns) == ["file", "prediction", "probability_level", "probability_upright | <b>"]
    assert list(written["file"]) == sorted(written["file"])
    assert (written["prediction"] == written["file"].str.split("/").str[0]).mean() > 0.8
    loaded = load_model(model)
    images = []
    for name in written["file"]:
        with Image.open(folder / "new" / name) as image:
            images.append(np.asarray(image))
    from_array = loaded.predict(np.stack(images))
    assert list(from_array["prediction"]) == list(written["prediction"])
    pd.testing.assert_frame_equal(from_array, loaded.predict(np.stack(images)[..., None]))
    features = study.dataset.features.iloc[study.test_rows]
    assert same_bits(loaded.outputs(features), loaded.outputs_of(features, None))


def test_new_pictures_of_another_size_are_brought_to_the_models_and_that_is_said(model, tmp_path):
    Image.fromarray(np.full((12, 9), 7, np.uint8)).save(tmp_path / "a.png")
    predicted = predict_file(model, tmp_path, None)
    assert list(predicted.table["file"]) == ["a.png"]
    assert predicted.notes == ("the picture of 12 x 9 pixels stretched to 6 x 6",)


def test_pictures_for_a_model_of_tables_and_arrays_of_another_shape_are_refused(model, folder, tmp_path):
    shutil.copytree(model, tmp_path / "model")
    manifest = json.loads((model / "manifest.json").read_text())
    assert manifest["image"] == [6, 6, 1]
    (tmp_path / "model" / "manifest.json").write_text(json.dumps({**manifest, "image": None}))
    with pytest.raises(
        DataError, match="new: is a folder, and the model reads tables, not pictures; name a file"
    ):
        predict_file(tmp_path / "model", folder / "new", None)
    (tmp_path / "model" / "manifest.json").write_text(json.dumps({**manifest, "image": [6, 6, 3]}))
    with pytest.raises(
        TunerError, match=r"image: \(6, 6, 3\) does not fit 36 columns; the folder is damaged"
    ):
        load_model(tmp_path / "model")
    with pytest.raises(
        DataError, match=r"has the shape \(2, 5, 6\), and the model reads \(n_rows, 6, 6, 1\) or \(n_r"
    ):
        load_model(model).predict(np.zeros((2, 5, 6)))


def test_an_array_of_plain_rows_has_a_column_for_each_number():
    columns = [Column("a", Kind.NUMERIC), Column("b", Kind.NUMERIC)]
    frame = array_columns(np.array([[1.0, 2.0], [3.0, 4.0]]), columns, None)
    assert frame.to_dict("list") == {"a": [1.0, 3.0], "b": [2.0, 4.0]}
    with pytest.raises(
        DataError, match=r"the array: has the shape \(2,\), and the model reads \(n_rows, 2\)"
    ):
        array_columns(np.zeros(2), columns, None)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("path: bars, image: [6, 6, 2]", "2: data.image: 2 channels: a picture has 1, grey, or 3, red, green and blue"),
        ("path: bars, image: [300, 300]", "2: data.image: 300 x 300 are 90,000 numbers a picture; at most 65,536"),
        ("path: bars, image: {size: 6}", "2: data.image: .* is not the size of an image; write"),
        ("path: empty", "2: data.path: 'empty' is a folder, not a file; one of pictures has a sub-folder for each"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_study_file_is_a_line(folder, data, message):
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "bad.yaml").write_text(STUDY.replace("path: bars", data))
    with pytest.raises(StudyFileError, match=message):
        load_config(folder / "bad.yaml")


@pytest.mark.parametrize("key", ["target: kind", "group: person", "drop: [name]"])
def test_a_column_that_pictures_have_not_is_refused(folder, key):
    with pytest.raises(DataError, match="is not a column; the columns are: x0, x1, "):
        opened(folder, STUDY.replace("path: bars", f"path: bars, {key}"))
