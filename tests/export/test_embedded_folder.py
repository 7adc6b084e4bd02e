"""A model that embeds categories: kept in a folder, and predicting what it predicted when it was trained."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.export.made import model_of, same_bits
from tests.small import study_of, task_of
from tuner.data.sources import read_file
from tuner.errors import TunerError
from tuner.export.folder import load_model
from tuner.prepared import parameters_of
from tuner.trial import evaluate

EMBEDDED = {"preprocess": {"categorical": "embedding"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return model_of(tmp_path_factory.mktemp("embedded"), kind="folds", **EMBEDDED)


def rows_of(study) -> pd.DataFrame:
    return read_file("table.csv", study.config.folder.parent).frame


def test_the_rows_of_a_file_are_predicted_as_the_held_out_rows_were(made):
    study, trained, folder = made
    model = load_model(folder)
    assert same_bits(model.outputs(rows_of(study).iloc[study.test_rows]), trained.held_out)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
def test_its_keras_files_hold_embedding_layers_and_give_the_same(made):
    study, _, folder = made
    model = load_model(folder)
    rows = model.branches[0].preprocessor.transform(study.dataset.features)
    plain = model.branches[0].network.outputs(rows)
    built = model.keras_models()[0]
    assert [type(layer).__name__ for layer in built.layers].count("Embedding") == 1
    np.testing.assert_allclose(built.predict(rows, verbose=0), plain, rtol=1e-4, atol=1e-5)
    # a network of tuner names its table by its column's place, never by its name
    assert built.get_layer("embedding_0").embeddings.shape == (1 + 3 + 1, 3)


def test_categories_that_were_never_seen_are_all_the_same_unknown_one(made):
    study, _, folder = made
    model, rows = load_model(folder), rows_of(study).iloc[:4].copy()
    outputs = []
    for name in ("violet", "<script>", "a|b/../c", "日本"):
        rows["colour"] = name
        outputs.append(model.outputs(rows))
    assert all(same_bits(each, outputs[0]) for each in outputs)
    rows["colour"] = "red"
    assert not np.array_equal(model.outputs(rows), outputs[0])
    table = model.branches[0].network.steps[0].tables[0]
    assert not table[0].any()
    assert table[1:].any(axis=1).all()


def test_the_encoding_of_categories_may_be_searched_and_counts_in_a_networks_weights(tmp_path):
    study = study_of(tmp_path, target="yes")
    widths = {}
    for number, name in enumerate(("onehot", "embedding", "embedding")):
        task = task_of(study, number, **{"preprocess.categorical": name})
        result = evaluate(task)
        assert result.message is None
        assert result.parameters == parameters_of(study.problem, task.params)
        widths[name] = result.parameters
    # three colours and no colour: four one-hot inputs, or vectors of three numbers from a table of five rows
    assert widths["embedding"] - widths["onehot"] == 5 * 3 + (3 - 4) * 4


def layers_of(config: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [layer for layer in config["config"]["layers"] if layer["class_name"] == kind]


def wider(config: dict[str, Any]) -> None:
    layers_of(config, "Embedding")[0]["config"]["input_dim"] = 99


def another_input(config: dict[str, Any]) -> None:
    for layer in layers_of(config, "GetItem"):
        arguments = layer["inbound_nodes"][0]["args"][1]
        if isinstance(arguments[1], int):
            arguments[1] = 0


def other_rows(config: dict[str, Any]) -> None:
    for layer in layers_of(config, "GetItem"):
        layer["inbound_nodes"][0]["args"][1][0]["config"]["step"] = -1


def turned(config: dict[str, Any]) -> None:
    layers_of(config, "Concatenate")[0]["inbound_nodes"][0]["args"][0].reverse()


def other_axis(config: dict[str, Any]) -> None:
    layers_of(config, "Concatenate")[0]["config"]["axis"] = 0


def a_layer_more(config: dict[str, Any]) -> None:
    config["config"]["layers"].insert(1, layers_of(config, "Embedding")[0])


def no_embedding(config: dict[str, Any]) -> None:
    config["config"]["layers"].remove(layers_of(config, "Embedding")[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (wider, "layer 'embedding_0' does not embed the 5 codes of input"),
        (another_input, "layer 'embedding_0' does not embed the 5 codes of input"),
        (other_rows, "does not read all rows"),
        (turned, "does not join the inputs and their vectors"),
        (other_axis, "does not join the inputs and their vectors"),
        (a_layer_more, "it does not embed 1 of its inputs"),
        (no_embedding, "it does not embed 1 of its inputs"),
    ],
)
def test_a_file_that_embeds_in_another_way_is_refused(
    made, tmp_path, change: Callable[[dict[str, Any]], None], said: str
):
    folder = Path(shutil.copytree(made[2], tmp_path / "model"))
    path = folder / "model-00.keras"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    path.write_bytes(file.getvalue())
    with pytest.raises(TunerError, match=said):
        load_model(folder)


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        ([[1, 2, 9, 4]], "slots of column 'colour': not distinct places below 5"),
        ([[1, 2, 3]], "slots of column 'colour': 3, not one for each category"),
        ([[1, 1, 3, 4]], "slots of column 'colour': not distinct places below 5"),
    ],
)
def test_codes_that_no_table_has_are_refused(made, tmp_path, slots, said):
    folder = Path(shutil.copytree(made[2], tmp_path / "model"))
    path = folder / "preprocess-00.json"
    content = json.loads(path.read_text())
    content["blocks"][-1]["slots"] = slots
    path.write_text(json.dumps(content))
    with pytest.raises(TunerError, match=said):
        load_model(folder)
