"""Convolutional networks in NumPy give what Keras gives, and a file that is none of tuner's is refused."""

import inspect
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.engines.runtime import load_tensorflow
from tuner.errors import TunerError
from tuner.export.costs import with_any_weights
from tuner.export.keras_files import open_keras, read_network, save_network
from tuner.export.plain_network import Activate, PlainNetwork
from tuner.model.heads import make_head
from tuner.model.network import Network, plan_cnn
from tuner.tasks import Task

load_tensorflow()

from tuner.engines.keras_model import build_keras_model  # noqa: E402

HEAD = make_head(Task.MULTICLASS, 1, 4)
NETWORKS: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
    "max": ((7, 6, 2), {"blocks": 2, "filters.0": 3, "filters.1": 5, "layers": 1, "neurons": 6}),
    "average, even kernels": (
        (6, 9, 1),
        {"blocks": 3, "filters": 4, "kernel_size": 4, "kernel_size.1": 2, "pooling": "average", "layers": 0},
    ),
    "batch norm and dropout": (
        (5, 5, 3),
        {"blocks": 1, "batch_norm": True, "block_dropout": 0.3, "dropout": 0.2, "layers": 2, "max_norm": 2.0},
    ),
    "batch norm after activations": ((4, 1, 1), {"blocks": 2, "filters": 3, "batch_norm": "after"}),
}


def made(name: str, folder: Path) -> tuple[Network, int, list[np.ndarray], Path]:
    image, params = NETWORKS[name]
    network = replace(plan_cnn(params), image=image)
    n_inputs = int(np.prod(image))
    random = np.random.default_rng(2)
    shapes = [weight.shape for weight in build_keras_model(network, HEAD, n_inputs).get_weights()]
    weights = [np.abs(random.normal(0.1, 0.3, shape)).astype(np.float32) for shape in shapes]
    save_network(network, HEAD, n_inputs, weights, folder / "model.keras")
    return network, n_inputs, weights, folder / "model.keras"


def layers_of(network: PlainNetwork) -> list[str]:
    """Return the layers with numbers of their own, activations and pooling aside."""
    others = [step for step in network.steps if not inspect.isfunction(step)]
    return [type(step).__name__ for step in others if not isinstance(step, Activate)]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_gives_what_keras_gives(tmp_path, name):
    network, n_inputs, _, path = made(name, tmp_path)
    plain = read_network(path, n_inputs, HEAD)
    rows = np.random.default_rng(3).normal(size=(40, n_inputs)).astype(np.float32)
    expected = open_keras(path).predict(rows, verbose=0)
    np.testing.assert_allclose(plain.outputs(rows), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(replace(plain, chunk_rows=7).outputs(rows).shape, expected.shape)
    np.testing.assert_allclose(replace(plain, chunk_rows=7).outputs(rows), expected, rtol=1e-5, atol=1e-6)
    same = with_any_weights(network, n_inputs, HEAD)
    assert layers_of(same) == layers_of(plain)
    assert same.outputs(rows).shape == expected.shape


CHANGES = {
    "strides": ("Conv2D", {"strides": [2, 2]}, r"a layer with strides \[2, 2\]"),
    "dilation": ("Conv2D", {"dilation_rate": [2, 2]}, "a layer with dilation_rate"),
    "filters": ("Conv2D", {"filters": 300}, "have shape .* the layers need"),
    "activation": ("Conv2D", {"activation": "relu"}, "a layer with activation 'relu'"),
    "kernel": ("Conv2D", {"kernel_size": [3, 1]}, r"a layer with kernel_size \[3, 1\]"),
    "pool": ("MaxPooling2D", {"pool_size": [1, 7]}, "a layer with pool_size"),
    "image": ("Reshape", {"target_shape": [7, 7, 2]}, "images of 7 x 7 x 2 of 84 inputs"),
    "no image": ("Reshape", {"target_shape": [84]}, "not enough values to unpack"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_with_other_layers_is_refused(tmp_path, change):
    _, n_inputs, _, path = made("max", tmp_path)
    kind, settings, sentence = CHANGES[change]
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    next(each for each in config["config"]["layers"] if each["class_name"] == kind)["config"] |= settings
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**parts, "config.json": json.dumps(config).encode()}.items():
            archive.writestr(name, content)
    with pytest.raises(TunerError, match=sentence):
        read_network(path, n_inputs, HEAD)
