from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.engines.runtime import load_tensorflow
from tuner.export import plain_network
from tuner.export.keras_files import open_keras, read_network, save_network
from tuner.model.heads import OUTPUTS, Head, make_head
from tuner.model.mlp_parameters import ACTIVATIONS
from tuner.model.network import Network, embed, plan_network
from tuner.tasks import Task

load_tensorflow()
import keras  # noqa: E402  (after the settings above)

from tuner.engines.keras_model import build_keras_model  # noqa: E402

HARD = np.array([[-1e30, -100.0, -20.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 20.0, 100.0, 1e30]], np.float32)


@pytest.mark.parametrize("name", sorted(plain_network.ACTIVATIONS))
def test_an_activation_is_that_of_keras(name):
    random = np.random.default_rng(5).normal(0, 3, (50, 11)).astype(np.float32)
    for values in (random, HARD if name != "softmax" else HARD / 1e28):
        with np.errstate(over="ignore", invalid="ignore"):
            ours = plain_network.ACTIVATIONS[name](values.copy())
        theirs = keras.ops.convert_to_numpy(keras.activations.get(name)(keras.ops.convert_to_tensor(values)))
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def test_every_activation_of_a_network_and_of_a_head_is_there():
    assert set(plain_network.ACTIVATIONS) == {*ACTIVATIONS, "softmax"}


NETWORKS: dict[str, dict[str, Any]] = {
    "linear model": {"layers": 0},
    "one layer": {"layers": 1, "neurons": 5, "activation": "gelu"},
    "batch norm and dropout": {"layers": 3, "neurons": 16, "batch_norm": True, "dropout": 0.3, "l2": 1e-3},
    "batch norm after activations": {
        "layers": 2,
        "neurons": 5,
        "batch_norm": "after",
        "dropout": 0.3,
        "max_norm": 2.0,
        "initializer": "he_normal",
        "initializer.1": "zeros",
    },
    "layers of their own": {
        "layers": 2,
        "neurons.0": 3,
        "neurons.1": 7,
        "activation.1": "selu",
        "dropout.1": 0.5,
    },
}


HEADS = {
    **{task.value: make_head(task, 3, 2 if task is Task.BINARY else 4) for task in sorted(Task)},
    **{f"regression {output}": make_head(Task.REGRESSION, 2, 0, output) for output in OUTPUTS},
}


@pytest.mark.parametrize(
    ("name", "head"),
    [
        *((name, task.value) for name in sorted(NETWORKS) for task in sorted(Task)),
        *(("one layer", f"regression {output}") for output in OUTPUTS if output != "linear"),
    ],
)
def test_a_network_that_was_saved_gives_what_keras_gives(tmp_path, name, head):
    check_saved(tmp_path / "model.keras", plan_network(NETWORKS[name]), HEADS[head], ())


@pytest.mark.parametrize("tables", [(3,), (3, 12), (3, 12, 2, 5, 40, 7)])
def test_a_network_with_embedded_categories_gives_what_keras_gives(tmp_path, tables):
    network = embed(plan_network({"layers": 1, "neurons": 5, "batch_norm": True}), {}, tables)
    check_saved(tmp_path / "model.keras", network, HEADS[Task.MULTICLASS.value], tables)


def check_saved(path: Path, network: Network, head: Head, tables: tuple[int, ...]) -> None:
    random = np.random.default_rng(2)
    model = build_keras_model(network, head, 6)
    weights = [
        np.abs(random.normal(0.3, 0.5, weight.shape)).astype(np.float32) for weight in model.get_weights()
    ]
    save_network(network, head, 6, weights, path)
    inputs = random.normal(size=(5000, 6)).astype(np.float32)
    for place, n_codes in enumerate(tables, 6 - len(tables)):
        inputs[:, place] = random.integers(0, n_codes, 5000)
    model.set_weights(weights)
    expected = keras.ops.convert_to_numpy(model(inputs, training=False))
    outputs = read_network(path, 6, head, tables).outputs(inputs)
    assert (outputs.dtype, outputs.shape) == (np.float32, (5000, head.units))
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(open_keras(path)(inputs, training=False)), expected
    )
