"""A model of the user's own, from the study file to the model folder."""

import json
import pickle
import re
import shutil
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.command import tune, tune_with_workers
from tests.conclude.conftest import record
from tests.small import NO_BAR, study_of, write_study
from tuner.check import check_study
from tuner.conclude.final_model import conclude, model_folder
from tuner.config.study_file import StudyConfig, load_config
from tuner.errors import StudyFileError, TunerError
from tuner.executors.in_process import InProcess
from tuner.export.folder import load_model
from tuner.own_checks import check_model_runs
from tuner.prepared import network_of, parameters_of, prepare
from tuner.records import TrialResult
from tuner.search.storage import StudyStore
from tuner.study import Study, open_study
from tuner.trial import TrialTask, evaluate

ROOT = Path(__file__).parents[1]

MODULE = """
import keras
from keras import layers

@keras.saving.register_keras_serializable("own_models_of_a_study")
class Scale(layers.Layer):
    def call(self, x):
        return 2.0 * x

def build(params, inputs, head):
    row = inputs.tensor()
    x = layers.Dropout(0.2)(layers.Dense(params["units"], activation="relu")(row))
    wide = row[:, inputs.columns["colour"]]
    x = layers.Concatenate()([Scale()(x) if params["scale"] else x, wide])
    return keras.Model(row, layers.Dense(head.units, activation=head.activation)(x))

def with_lambda(params, inputs, head):
    return keras.Sequential([
        layers.Dense(params["units"]), layers.Lambda(lambda x: x * params["scale"]),
        layers.Dense(head.units, activation=head.activation),
    ])

class Bare(layers.Layer):
    def call(self, x):
        return x

def with_bare_layer(params, inputs, head):
    return keras.Sequential([
        layers.Dense(params["units"] + params["scale"]), Bare(), layers.Dense(head.units, activation=head.activation),
    ])

def deaf(params, inputs, head):
    params.get("scales")
    return keras.Sequential([layers.Dense(head.units, activation=head.activation)])

def only_small(params, inputs, head):
    assert params["units"] < 6, f"too <large> {params['scale']}"
    return keras.Sequential([layers.Dense(head.units, activation=head.activation)])
"""

SPACE = {
    "units": {"type": "int", "low": 2, "high": 8, "default": 4},
    "scale": {"type": "choice", "options": [False, True]},
    "learning_rate": 0.02,
    "batch_size": 32,
}


def keys_of(folder: Path, function: str = "build", **keys: Any) -> dict[str, Any]:
    (folder / "studies").mkdir(exist_ok=True)
    (folder / "studies" / "own_models_of_a_study.py").write_text(MODULE)
    training = {"epochs": 3, "model": f"own_models_of_a_study:{function}", **keys.pop("training", {})}
    return {"search_space": SPACE, "training": training, **keys}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, TrialResult, Path]:
    """A study with one trial, its result, and the folder of its final model."""
    folder = tmp_path_factory.mktemp("finished")
    study = study_of(folder, **keys_of(folder))
    check_model_runs(study)
    result = evaluate(TrialTask(study.problem, 0, {**study.config.space.default(), "scale": True}, NO_BAR))
    record(study, result)
    with closing(StudyStore(study.config.runs_folder, study.config.name)) as store:
        conclude(study, store, InProcess("keras"))
        return study, result, model_folder(store)


def test_a_trial_repeats_to_the_bit_wherever_it_is_evaluated(finished):
    study, result, _ = finished
    assert result.message is None
    again = evaluate(pickle.loads(pickle.dumps(TrialTask(study.problem, 0, result.params, NO_BAR))))
    assert np.array_equal(result.oof, again.oof, equal_nan=True)
    assert all(np.array_equal(values, again.curves[name]) for name, values in result.curves.items())


def test_the_engine_is_the_plain_one_and_weights_are_counted(finished):
    study, result, _ = finished
    assert (study.config.engine.name, study.problem.engine) == ("keras", "keras")
    assert "the folds of a model of your own ('own_models_of_a_study:build')" in study.config.engine.reason
    folds = prepare(study.problem, result.params)
    colours = [name for name in folds[0].preprocessor.input_names if name.startswith("colour")]
    n = folds[0].preprocessor.n_inputs
    assert result.parameters == parameters_of(study.problem, result.params)
    assert result.parameters == (n + 1) * 4 + (4 + len(colours) + 1) * 3


def test_a_column_lies_where_the_function_is_told(tmp_path):
    keys = keys_of(tmp_path, preprocess={"missing": {"indicator": True}, "datetime": ["month", "partofday"]})
    study = study_of(tmp_path, **keys)
    own = network_of(study.problem, study.config.space.default()).own
    names = prepare(study.problem, {})[0].preprocessor.input_names
    told = {name: names[first:after] for name, first, after in own.columns}
    assert told["height"] == ("height",)
    assert told["flag"] == ("flag",)
    assert told["colour"] == ("colour=blue", "colour=green", "colour=red", "colour is missing")
    assert told["day"][:2] == ("day month sine", "day month cosine")
    assert len(told["day"]) == 6
    assert told["height is missing"] == ("height is missing",)
    assert sum(map(len, told.values())) == len(names)


def test_the_model_folder_gives_what_keras_gives_for_its_file(finished):
    import keras

    study, _, folder = finished
    model = load_model(folder)
    frame = study.dataset.features
    (branch,) = model.branches
    plain = keras.saving.load_model(folder / "model.keras", compile=False)
    expected = plain(branch.preprocessor.transform(frame), training=False).numpy()
    assert np.array_equal(model.outputs(frame), expected)
    assert model.manifest.model == "own_models_of_a_study:build"
    assert "own_models_of_a_study:build" in (folder / "README.md").read_text().replace("\\", "")


def test_a_layer_that_nobody_registered_is_named_and_not_run(finished):
    import keras

    _, _, folder = finished
    registered = keras.saving.get_custom_objects()
    kept = registered.pop("own_models_of_a_study>Scale")
    try:
        with pytest.raises(TunerError, match="import own_models_of_a_study before the model is loaded"):
            load_model(folder)
    finally:
        registered["own_models_of_a_study>Scale"] = kept
    load_model(folder)


@pytest.mark.parametrize(
    ("part", "found"),
    [
        (
            {"class_name": "Lambda", "module": "keras.layers", "config": {}},
            "it holds a layer Lambda, whose code",
        ),
        ({"class_name": "__lambda__", "config": {"value": ""}}, "it holds a layer __lambda__, whose code"),
        (
            {"class_name": "system", "module": "os", "config": {}},
            "'system' of the module 'os', which is not Keras'",
        ),
    ],
)
def test_a_file_of_a_stranger_that_holds_code_is_refused(finished, tmp_path, part, found):
    folder = Path(shutil.copytree(finished[2], tmp_path / "model"))
    with zipfile.ZipFile(folder / "model.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["config"]["activation"] = part
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        for name, content in {**parts, "config.json": json.dumps(config).encode()}.items():
            archive.writestr(name, content)
    with pytest.raises(TunerError, match=found):
        load_model(folder)


def test_check_builds_the_smallest_and_the_largest_network(finished):
    study, result, _ = finished
    smallest, largest = check_study(study.config).networks
    assert (smallest.params["units"], largest.params["units"]) == (2, 8)
    assert smallest.parameters < result.parameters < largest.parameters


def test_a_parameter_may_have_a_value_for_each_layer(tmp_path):
    space = {"layers": 2, "units": {"type": "int", "low": 2, "high": 8, "per": "layer"}, "learning_rate": 0.1}
    config = load_config(write_study(tmp_path, **{**keys_of(tmp_path), "search_space": space}))
    assert config.space.largest({"units"}) == {"layers": 2, "units.0": 8, "units.1": 8, "learning_rate": 0.1}


def test_a_study_does_not_go_on_once_the_function_has_changed(finished):
    study, _, _ = finished
    before = study.config.canonical()
    source = study.config.folder / "own_models_of_a_study.py"
    source.write_text(MODULE.replace("0.2", "0.3"))
    changed = StudyConfig.differences(before, study.config.canonical())
    source.write_text(MODULE)
    assert [line.partition(" source ")[0] for line in changed] == ["functions.own_models_of_a_study:build:"]
    assert StudyConfig.differences(before, study.config.canonical()) == []


@pytest.mark.parametrize(
    ("function", "key", "found"),
    [
        ("with_lambda", "training.model", "a layer Lambda ('lambda'), whose code cannot be saved safely"),
        (
            "with_bare_layer",
            "training.model",
            "of the module 'own_models_of_a_study', which is not Keras' own",
        ),
        ("deaf", "params.scale", "own_models_of_a_study:deaf never reads it, so it would change nothing"),
        ("deaf", "params.units", "read it as params['units'], or take it out"),
        ("only_small", "training.model", "fails: AssertionError: too <large>"),
    ],
)
def test_what_no_trial_could_train_is_told_before_the_first(tmp_path, function, key, found):
    study = study_of(tmp_path, **keys_of(tmp_path, function))
    with pytest.raises(StudyFileError) as raised:
        check_model_runs(study)
    assert any(f": {key}: " in line and found in line for line in raised.value.problems), (
        raised.value.problems
    )


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"training": {"engine": "stacked"}}, "training.engine: the folds of a model of your own"),
        (
            {"training": {"model": "own_models_of_a_study:biuld"}},
            "has no function 'biuld'; did you mean 'build'?",
        ),
        (
            {"training": {"model": "nowhere_at_all:build"}},
            "training.model: there is no module 'nowhere_at_all' in",
        ),
        ({"training": {"model": "own models:build"}}, "'own models:build' does not name a function"),
        ({"training": {"model": 3}}, "training.model: 3 is not a model; one of: mlp"),
        (
            {"search_space": {"units": 3, "learning_rate": -1.0}},
            "search_space.learning_rate: -1.0 is not a number",
        ),
        ({"search_space": "mlp"}, None),
    ],
)
def test_the_keys_of_a_study_file_are_checked_without_running_anything(tmp_path, keys, found):
    path = write_study(tmp_path, **{**keys_of(tmp_path, **{k: v for k, v in keys.items() if k == "training"}), **{
        k: v for k, v in keys.items() if k != "training"}})  # fmt: skip
    if found is None:
        assert load_config(path).build is not None
        return
    with pytest.raises(StudyFileError) as raised:
        load_config(path)
    assert found in str(raised.value)


def test_a_model_of_ones_own_needs_a_space_of_its_own(tmp_path):
    (tmp_path / "own_models_of_a_study.py").write_text(MODULE)
    path = tmp_path / "study.yaml"
    path.write_text('data: {sklearn: wine}\ntraining: {model: "own_models_of_a_study:build"}\n')
    with pytest.raises(StudyFileError, match=r"study.yaml:2: training.model: .* needs a search space"):
        load_config(path)


def test_the_document_shows_a_study_that_trains(tmp_path):
    text = (ROOT / "docs/own-model.md").read_text(encoding="utf-8")
    module, _of_torch = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    study_file, _for_torch = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "model_of_the_document.py").write_text(module)
    path = tmp_path / "study.yaml"
    path.write_text(study_file.replace("my_models:", "model_of_the_document:"))
    study = open_study(load_config(path))
    check_model_runs(study)
    result = evaluate(TrialTask(replace(study.problem, epochs=2), 0, study.config.space.default(), NO_BAR))
    assert result.message is None


def test_the_wide_and_deep_example_learns_house_values(tmp_path, shared_data):
    for name in ("data", "examples"):
        (tmp_path / name).mkdir()
    table = pd.read_csv(shared_data / "california.csv.gz", nrows=20_000).iloc[::50]
    table.to_csv(tmp_path / "data" / "california.csv", index=False)
    for ending in ("py", "yaml"):
        name = f"wide_and_deep.{ending}"
        (tmp_path / "examples" / name).write_text((ROOT / "examples" / name).read_text())
    study = open_study(load_config(tmp_path / "examples" / "wide_and_deep.yaml"))
    check_model_runs(study)
    problem = replace(study.problem, epochs=10)
    params = {**study.config.space.default(), "learning_rate": 0.01}
    result = evaluate(TrialTask(problem, 0, params, NO_BAR))
    assert result.message is None
    assert result.values[0] < 0.9 * problem.dataset.target[study.search_rows].std()


@pytest.mark.slow
def test_a_study_of_an_own_model_runs_in_workers_and_is_verified(begin):
    place = begin("own")
    keys = keys_of(place, search={"trials": 2, "pruner": "none", "window": 2})
    path = write_study(place, **{**keys, "search_space": {**SPACE, "scale": False}})
    said = tune_with_workers("run", path, "--workers", 2)
    assert said.code == 0, said.err
    assert "no final model" not in said.err
    assert tune("verify", path).code == 0
    said = tune("predict", place / "runs" / "small" / "model", place / "table.csv", "-o", place / "out.csv")
    assert said.code == 0, said.err
    assert len(pd.read_csv(place / "out.csv")) == 90
