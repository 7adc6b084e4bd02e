"""Studies of images from the table to the model folder: bright and dark bars, upright or level."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.command import tune
from tests.export.made import put_down, same_bits, trained_of
from tests.small import NO_BAR
from tuner.check import check_study
from tuner.config.study_file import load_config
from tuner.data.preprocess import Preprocessor, PreprocessPlan
from tuner.errors import DataError
from tuner.export.folder import load_model
from tuner.export.serving import served_model
from tuner.final import Trained
from tuner.prepared import parameters_of, prepare
from tuner.records import TrialResult
from tuner.study import Study, open_study
from tuner.trial import TrialTask, evaluate

N_IMAGES = 96
STUDY = """
data: {path: bars.npz}
test: 0.25
cv: {folds: 2}
preprocess: {numeric: max, augment: {flip: horizontal, shift: 1, contrast: 0.1}}
search_space:
  blocks: 2
  filters: {type: int, low: 2, high: 4, default: 4, per: block}
  layers: 1
  neurons: 8
  block_dropout: 0.1
  learning_rate: 0.02
  batch_size: 16
training: {model: cnn, epochs: 5}
search: {trials: 2, pruner: none}
"""


def write_images(path: Path) -> None:
    random = np.random.default_rng(1)
    images = random.integers(0, 40, (N_IMAGES, 6, 6)).astype(np.uint8)
    level = random.integers(0, 2, N_IMAGES)
    for image, bar, place in zip(images, level, random.integers(1, 5, N_IMAGES), strict=True):
        (image if bar else image.T)[place] += 150
    np.savez(path, X=images, y=np.array(["upright", "level"])[level])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("bars")
    write_images(place / "bars.npz")
    (place / "bars.yaml").write_text(STUDY)
    return place


@pytest.fixture(scope="module")
def study(folder) -> Study:
    return open_study(load_config(folder / "bars.yaml"))


@pytest.fixture(scope="module")
def result(study) -> TrialResult:
    return evaluate(TrialTask(study.problem, 0, study.config.space.default(), NO_BAR))


@pytest.fixture(scope="module")
def trained(study, result) -> Trained:
    return trained_of(study, "refit", [result])


def test_a_trial_learns_and_repeats_to_the_bit(study, result):
    again = evaluate(TrialTask(study.problem, 0, study.config.space.default(), NO_BAR))
    assert result.message is None
    assert result.values[0] > 0.8
    assert result.parameters == (9 + 1) * 4 + (9 * 4 + 1) * 4 + (4 + 1) * 8 + 9
    assert result.parameters == parameters_of(study.problem, study.config.space.default())
    assert result.oof is not None
    assert again.oof is not None
    assert same_bits(result.oof, again.oof)
    assert result.curve == again.curve


def test_pixels_stay_bytes_until_they_are_divided_by_the_largest_of_the_training_rows(study):
    features = study.dataset.features
    assert set(features.dtypes) == {np.dtype(np.uint8)}
    for fold, prepared in zip(study.problem.folds, prepare(study.problem, {}), strict=True):
        largest = features.iloc[fold.train].to_numpy().max()
        expected = features.iloc[fold.score].to_numpy() / np.float64(largest)
        np.testing.assert_allclose(prepared.data.score.inputs, expected, rtol=1e-6)


def test_pixels_are_standardised_as_one_number(study):
    plan = replace(study.problem.preprocess, numeric="standard")
    train, others = study.dataset.features.iloc[:30], study.dataset.features.iloc[30:]
    found = Preprocessor(study.dataset.columns, plan, 0).fit(train).transform(others)
    pixels = train.to_numpy(float)
    np.testing.assert_allclose(
        found, (others.to_numpy(float) - pixels.mean()) / pixels.std(), rtol=1e-5, atol=1e-6
    )
    columns = Preprocessor(study.dataset.columns, PreprocessPlan(), 0).fit(train).transform(others)
    assert not np.allclose(found, columns)


def test_the_final_model_predicts_images_from_a_file(study, trained, folder):
    model = load_model(put_down(trained, folder / "model"))
    features = study.dataset.features
    assert trained.held_out is not None
    assert same_bits(model.outputs(features.iloc[study.test_rows]), trained.held_out)
    (keras_model,) = model.keras_models()
    (branch,) = model.branches
    inputs = branch.preprocessor.transform(features.iloc[study.test_rows])
    np.testing.assert_allclose(keras_model.predict(inputs, verbose=0), trained.held_out, rtol=1e-5, atol=1e-6)
    said = tune("predict", folder / "model", folder / "bars.npz", "-o", folder / "out.csv")
    assert said.code == 0, said.err
    predicted = pd.read_csv(folder / "out.csv")
    with np.load(folder / "bars.npz") as arrays:
        assert (predicted["prediction"] == arrays["y"]).mean() > 0.8
    np.savez(folder / "other.npz", X=np.zeros((2, 5, 5), np.uint8))
    with pytest.raises(DataError, match="column 'x25' is missing"):
        model.predict(pd.DataFrame(np.zeros((2, 25)), columns=[f"x{n}" for n in range(25)]))


def test_a_tracker_is_given_the_model_with_images_as_an_example(study, trained, folder):
    card = served_model(put_down(trained, folder / "served"), study.dataset)
    assert set(card.inputs) == {f"x{pixel}" for pixel in range(36)}
    example = pd.DataFrame(list(card.example))
    np.testing.assert_array_equal(example, study.dataset.features.iloc[: len(example)])


@pytest.mark.slow
def test_a_study_of_images_is_run_verified_and_reported(begin):
    place = begin("images")
    (place / "studies").mkdir()
    write_images(place / "studies" / "bars.npz")
    path = place / "studies" / "bars.yaml"
    path.write_text(STUDY)
    said = tune("run", path)
    assert said.code == 0, said.err
    assert "the folds of a 'cnn' cannot be trained as one program" in said.err + said.out
    said = tune("verify", path)
    assert said.code == 0, said.err
    said = tune("report", path, "-o", place / "report.html")
    assert said.code == 0, said.err
    page = (place / "report.html").read_text("utf-8")
    assert "images of each batch varied (left and right mirrored, moved by up to 1 pixel" in page
    assert "a value for each block" in page


def test_the_folds_of_a_winner_are_exported_as_they_were(study, result, folder):
    again = trained_of(study, "folds", [result])
    model = load_model(put_down(again, folder / "folds"))
    assert len(model.branches) == 2
    for fold, branch in zip(study.problem.folds, model.branches, strict=True):
        rows = study.dataset.features.iloc[fold.score]
        outputs = branch.network.outputs(branch.preprocessor.transform(rows))
        assert result.oof is not None
        np.testing.assert_allclose(outputs, result.oof[0, fold.score], rtol=1e-4, atol=1e-5)


def test_check_tries_the_fewest_and_the_most_filters(folder):
    smallest, largest = check_study(load_config(folder / "bars.yaml")).networks
    assert (smallest.params["filters.0"], largest.params["filters.0"]) == (2, 4)
    assert smallest.parameters < largest.parameters


def test_a_flat_table_is_reshaped_and_a_perceptron_reads_images_flat(folder):
    with np.load(folder / "bars.npz") as arrays:
        flat = pd.DataFrame(arrays["X"].reshape(N_IMAGES, 36)).add_prefix("p").assign(kind=arrays["y"])
    flat["p0"] = 0  # a pixel that never varies is a pixel all the same
    flat.to_csv(folder / "flat.csv", index=False)
    text = STUDY.replace("{path: bars.npz}", "{path: flat.csv, target: kind, image: [6, 6, 1]}")
    (folder / "flat.yaml").write_text(text)
    study = open_study(load_config(folder / "flat.yaml"))
    assert study.dataset.row_shape == (6, 6, 1)
    assert evaluate(TrialTask(study.problem, 0, study.config.space.default(), NO_BAR)).message is None
    (folder / "mlp.yaml").write_text("data: {path: bars.npz}\nsearch_space: {layers: 1}\ntest: 0\n")
    perceptron = open_study(load_config(folder / "mlp.yaml"))
    assert prepare(perceptron.problem, {})[0].data.train.inputs.shape[1] == 36
    assert perceptron.config.engine.name == "stacked"
