"""A model folder from a stranger: whatever it holds, it is refused with a sentence, and nothing of it is run."""

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.export.made import model_of
from tuner.errors import TunerError
from tuner.export.folder import load_model

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return model_of(tmp_path_factory.mktemp("hostile"), target="amount")[2]


@pytest.fixture
def folder(good, tmp_path) -> Path:
    """A good model folder, to be spoilt."""
    return Path(shutil.copytree(good, tmp_path / "model"))


def json_changed(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    def alter(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        change(content)
        (folder / name).write_text(json.dumps(content))

    return alter


def zipped(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def parts_of(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / "model.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def config_changed(change: Callable[[dict[str, Any]], object]) -> Change:
    def alter(folder: Path) -> None:
        parts = parts_of(folder)
        config = json.loads(parts["config.json"])
        change(config)
        (folder / "model.keras").write_bytes(zipped({**parts, "config.json": json.dumps(config).encode()}))

    return alter


def weights_changed(change: Callable[[h5py.File], object]) -> Change:
    def alter(folder: Path) -> None:
        parts = parts_of(folder)
        file = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(file, "r+") as weights:
            change(weights)
        (folder / "model.keras").write_bytes(zipped({**parts, "model.weights.h5": file.getvalue()}))

    return alter


def layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in config["config"]["layers"] if each["name"] == name)


def lambda_layer(config: dict[str, Any]) -> None:
    dense = layer(config, "dense_0")
    dense["class_name"] = "Lambda"
    dense["config"] = {
        "name": "dense_0",
        "function": {"class_name": "__lambda__", "config": {"code": "4wAA"}},
    }


def system_call(config: dict[str, Any]) -> None:
    layer(config, "dense_0")["config"]["kernel_initializer"] = {
        "module": "os",
        "class_name": "system",
        "config": {"command": "touch OWNED"},
        "registered_name": None,
    }


def external(weights: h5py.File) -> None:
    del weights["layers/dense/vars/0"]
    weights["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")


def stored_elsewhere(weights: h5py.File) -> None:
    group, shape = weights["layers/dense/vars"], weights["layers/dense/vars/0"].shape
    del group["0"]
    group.create_dataset("0", shape, np.float32, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def huge(weights: h5py.File) -> None:
    del weights["layers/dense/vars/0"]
    weights["layers/dense/vars"].create_dataset("0", (10**6, 10**6), np.float32)


def swelling(weights: h5py.File) -> None:
    del weights["layers/dense/vars/0"]
    weights["layers/dense/vars"].create_dataset(
        "0", data=np.zeros((10**3, 10**3), np.float32), compression="gzip"
    )


def a_maze(weights: h5py.File) -> None:
    inner = weights.create_group("a0")
    for _ in range(3):
        outer = weights.create_group(f"a{len(weights)}")
        for number in range(30):
            outer[str(number)] = inner
        inner = outer


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch OWNED",)


SPOILT: dict[str, tuple[Change, str]] = {
    "manifest is a pickle": (
        lambda folder: (folder / "manifest.json").write_bytes(pickle.dumps(Evil())),
        "is not JSON",
    ),
    "manifest is cut off": (
        lambda folder: (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes()[:-40]),
        "is not JSON",
    ),
    "manifest is a list": (lambda folder: (folder / "manifest.json").write_text("[]"), "damaged"),
    "manifest is nested": (
        lambda folder: (folder / "manifest.json").write_text("[" * 10**6),
        "manifest.json",
    ),
    "manifest of a later form": (
        json_changed("manifest.json", lambda file: file.update(format=2)),
        "newer version",
    ),
    "manifest with another key": (
        json_changed("manifest.json", lambda file: file.update(hook="os:system")),
        "hook",
    ),
    "file name leads out": (
        json_changed("manifest.json", lambda file: file["networks"][0].update(keras="../evil.keras")),
        "networks.0.keras",
    ),
    "file name is absolute": (
        json_changed("manifest.json", lambda file: file["networks"][0].update(preprocess="/etc/passwd.json")),
        "networks.0.preprocess",
    ),
    "weights do not add up": (
        json_changed("manifest.json", lambda file: file["networks"][0].update(weight=0.5)),
        "do not add up to 1",
    ),
    "infinite weight": (
        lambda folder: (folder / "manifest.json").write_text(
            (folder / "manifest.json").read_text().replace('"weight": 1.0', '"weight": Infinity')
        ),
        "networks.0.weight|finite",
    ),
    "an unknown kind of column": (
        json_changed("manifest.json", lambda file: file["columns"][0].update(kind="hook")),
        "columns.0.kind",
    ),
    "a column twice": (
        json_changed("manifest.json", lambda file: file["columns"].append(file["columns"][0])),
        "a name is there twice",
    ),
    "another number of targets": (
        json_changed("manifest.json", lambda file: file.update(target_names=["a", "b"])),
        "target: does not fit",
    ),
    "preprocessing is missing": (
        lambda folder: (folder / "preprocess.json").unlink(),
        "preprocess.json: is missing",
    ),
    "preprocessing is a pickle": (
        lambda folder: (folder / "preprocess.json").write_bytes(pickle.dumps(Evil())),
        "is not JSON",
    ),
    "preprocessing without inputs": (
        json_changed("preprocess.json", lambda file: file.update(blocks=[])),
        "preprocess.json: blocks: 0 of them",
    ),
    "network is missing": (lambda folder: (folder / "model.keras").unlink(), "model.keras: is missing"),
    "network is a pickle": (
        lambda folder: (folder / "model.keras").write_bytes(pickle.dumps(Evil())),
        "not a whole Keras file",
    ),
    "network is cut off": (
        lambda folder: (folder / "model.keras").write_bytes((folder / "model.keras").read_bytes()[:-500]),
        "not a whole Keras file",
    ),
    "weights are cut off": (
        lambda folder: (folder / "model.keras").write_bytes(
            zipped({**parts_of(folder), "model.weights.h5": parts_of(folder)["model.weights.h5"][:3000]})
        ),
        "not a whole Keras file|another form",
    ),
    "network is compressed": (
        lambda folder: (folder / "model.keras").write_bytes(zipped(parts_of(folder), zipfile.ZIP_DEFLATED)),
        "compressed",
    ),
    "network with another part": (
        lambda folder: (folder / "model.keras").write_bytes(zipped({**parts_of(folder), "../evil.py": b"x"})),
        "evil.py",
    ),
    "a lambda layer": (config_changed(lambda_layer), "it names .*Lambda"),
    "a call of the system": (config_changed(system_call), "it names os.system"),
    "a registered class": (
        config_changed(lambda config: layer(config, "dense_0").update(registered_name="custom>Evil")),
        "registered as custom>Evil",
    ),
    "a layer of another module": (
        config_changed(lambda config: layer(config, "dense_0").update(module="evil.layers")),
        "evil.layers.Dense",
    ),
    "a class that is no text": (
        config_changed(lambda config: layer(config, "dense_0").update(class_name=["Dense"])),
        r"\['Dense'\]",
    ),
    "a model that is compiled": (
        config_changed(lambda config: config.update(compile_config={"loss": "mse"})),
        "compile configuration",
    ),
    "an unknown activation": (
        config_changed(lambda config: layer(config, "activation_0")["config"].update(activation="evil>f")),
        "evil>f",
    ),
    "a wider layer than its weights": (
        config_changed(lambda config: layer(config, "dense_0")["config"].update(units=10**12)),
        "weights 'layers/dense/vars/0' have shape",
    ),
    "more inputs": (
        config_changed(lambda config: layer(config, "inputs")["config"].update(batch_shape=[None, 10**12])),
        "does not begin with",
    ),
    "a layer that is not in the chain": (
        config_changed(
            lambda config: layer(config, "activation_0")["inbound_nodes"][0]["args"][0]["config"].update(
                keras_history=["inputs", 0, 0]
            )
        ),
        "does not follow",
    ),
    "no layers": (config_changed(lambda config: config["config"].update(layers=[])), "model.keras"),
    "weights in another file": (weights_changed(external), "hold a link"),
    "weights stored elsewhere": (weights_changed(stored_elsewhere), "not plain"),
    "weights said to be huge": (weights_changed(huge), "larger than"),
    "weights that swell": (weights_changed(swelling), "not plain"),
    "weights as a maze": (weights_changed(a_maze), "too many parts|weights"),
    "weights that are missing": (
        weights_changed(lambda weights: weights["layers/dense/vars"].pop("1")),
        "weights 'layers/dense/vars/1' are missing",
    ),
}


@pytest.mark.parametrize("spoilt", sorted(SPOILT))
def test_a_spoilt_folder_is_refused_and_nothing_of_it_is_run(folder, spoilt, monkeypatch):
    monkeypatch.chdir(folder)
    change, found = SPOILT[spoilt]
    change(folder)
    with pytest.raises(TunerError, match=found) as raised:
        load_model(folder)
    assert str(folder) in str(raised.value)
    assert not (folder / "OWNED").exists()


def test_the_folder_itself_is_good(good):
    assert load_model(good).manifest.target_names == ("amount",)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("nowhere", "no such folder"),
        ("file", "is a file, not a folder"),
        ("empty", "it has no manifest.json"),
    ],
)
def test_what_is_no_model_folder_is_refused_with_the_way_out(tmp_path, place, found):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TunerError, match=found) as raised:
        load_model(tmp_path / place)
    assert "tune export" in str(raised.value)
