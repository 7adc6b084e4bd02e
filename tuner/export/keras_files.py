"""Networks as ordinary Keras files: written, and read without running anything of them.

A ``.keras`` file is a zip archive of a configuration, which names the Python classes that Keras is to make, and of
weights in HDF5. What a file may hold is listed here, and its layers are read one by one; Keras itself sees a file
only after that, and only where a user asks for a Keras model.
"""

import json
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from tuner.engines.runtime import without_tensorflow
from tuner.errors import TunerError
from tuner.export.entrance import read_entrance
from tuner.export.keras_layers import LayerReader
from tuner.export.module_file import ENDING, save_module
from tuner.export.plain_network import PlainNetwork, chunk_rows
from tuner.export.weights import Weights, read_weights
from tuner.model.heads import Head
from tuner.model.initializers import INITIALIZERS
from tuner.model.network import Network

LARGEST_CONFIG = 8 * 2**20
"""Bytes; a network of a thousand layers takes one."""

PARTS = frozenset({"metadata.json", "config.json", "model.weights.h5"})
"""The members of the archive."""

CLASSES: Mapping[str, tuple[str | None, str | None]] = MappingProxyType(
    {
        "Functional": ("keras.src.models.functional", "Functional"),
        "InputLayer": ("keras.layers", None),
        "Dense": ("keras.layers", None),
        "Activation": ("keras.layers", None),
        "BatchNormalization": ("keras.layers", None),
        "Dropout": ("keras.layers", None),
        "GetItem": ("keras.src.ops.numpy", "GetItem"),
        "Embedding": ("keras.layers", None),
        "Concatenate": ("keras.layers", None),
        "Reshape": ("keras.layers", None),
        "Conv2D": ("keras.layers", None),
        "MaxPooling2D": ("keras.layers", None),
        "AveragePooling2D": ("keras.layers", None),
        "SpatialDropout2D": ("keras.layers", None),
        "Flatten": ("keras.layers", None),
        **{spec.keras: ("keras.initializers", None) for spec in INITIALIZERS.values()},
        "Ones": ("keras.initializers", None),
        "MaxNorm": ("keras.constraints", None),
        "L1L2": ("keras.regularizers", None),
        "DTypePolicy": ("keras", None),
        "__keras_tensor__": (None, None),
        "__slice__": (None, None),
    }
)
"""A class that a configuration may name -> its module and registered name."""

NAMING = frozenset({"class_name", "module", "registered_name"})
"""Keys that say what Keras is to make of a part of a configuration."""


def save_network(
    network: Network, head: Head, n_inputs: int, weights: Sequence[np.ndarray], path: Path
) -> Path:
    """Write a trained network as the Keras model that a user would write, or a module of torch's as its arrays.

    Args:
        network: its plan.
        head: its end.
        n_inputs: the columns that it reads.
        weights: as ``Epoch.weights`` gives them.
        path: a file ending with ``.keras``; that of a module is beside it, with an ending of its own.

    Returns:
        The file that was written.
    """
    from tuner.engines.keras_model import build_keras_model
    from tuner.engines.own_model import build_own

    if network.own is None:
        model = build_keras_model(network, head, n_inputs)
    else:
        model = build_own(network.own, head, n_inputs, seed=0).model
    model.set_weights(list(weights))
    if network.own is not None and not hasattr(model, "save"):
        save_module(model.module, path.with_suffix(ENDING))
        return path.with_suffix(ENDING)
    with warnings.catch_warnings(), without_tensorflow():
        # TensorFlow 2.21 does not know NumPy 2's way to ask for a copy, and makes one.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        model.save(path)
    return path


def open_keras(path: Path) -> Any:
    """Return a network as a Keras model.

    Args:
        path: a file that ``read_network`` has found good.
    """
    with suppress(TunerError):  # TensorFlow that has computed before keeps the settings it has
        from tuner.engines.runtime import load_keras

        load_keras()
    import keras

    with without_tensorflow():
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def read_network(path: Path, n_inputs: int, head: Head, tables: Sequence[int] = ()) -> PlainNetwork:
    """Read a network; a file that is anything else than a plain feed-forward network is refused.

    Args:
        path: the file, of any origin.
        n_inputs: the columns that it should read.
        head: how it should end.
        tables: how many codes each of the last inputs has, which it should embed.

    Raises:
        TunerError: names what was found.
    """
    try:
        parts = archive_parts(path)
        config = json.loads(parts["config.json"])
        _check_classes(config)
        return _network(config, read_weights(parts["model.weights.h5"]), n_inputs, head, tables)
    except (zipfile.BadZipFile, UnicodeDecodeError, json.JSONDecodeError, EOFError, OSError) as error:
        raise refused(path, f"not a whole Keras file: {error}") from None
    except ValueError as error:
        raise refused(path, str(error)) from None
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError, NotImplementedError) as error:
        raise refused(path, f"its parts have another form: {type(error).__name__}: {error}") from None


def archive_parts(path: Path) -> dict[str, bytes]:
    """Return the archive's members, which Keras stores as they are: nothing can swell.

    Raises:
        ValueError: it has other members, or they are stored otherwise.
        zipfile.BadZipFile: it is no archive.
        OSError: it cannot be read.
    """
    if not path.is_file():
        raise ValueError("is missing")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if set(names) != PARTS or len(names) != len(PARTS):
            raise ValueError(f"it holds {', '.join(map(repr, names[:5]))}, not {', '.join(sorted(PARTS))}")
        if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
            raise ValueError("its parts are compressed or encrypted, which Keras does not do")
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("its parts are said to be larger than the file")
        if archive.getinfo("config.json").file_size > LARGEST_CONFIG:
            raise ValueError("its configuration is too large")
        return {name: archive.read(name) for name in ("config.json", "model.weights.h5")}


def _check_classes(config: object) -> None:
    """Refuse a class, module or registered name that is not listed, wherever in the configuration it is."""
    if isinstance(config, dict):
        if NAMING & config.keys():
            name = config.get("class_name")
            module, registered = config.get("module"), config.get("registered_name")
            if not isinstance(name, str) or (module, registered) != CLASSES.get(name, ()):
                raise ValueError(
                    f"it names {module}.{name} (registered as {registered}), which no network of tuner has"
                )
        if config.get("compile_config"):
            raise ValueError("it has a compile configuration, which no network of tuner has")
        for value in config.values():
            _check_classes(value)
    elif isinstance(config, list):
        for value in config:
            _check_classes(value)


def _network(
    config: dict[str, Any], weights: Weights, n_inputs: int, head: Head, tables: Sequence[int]
) -> PlainNetwork:
    """Return what must be a chain of the listed layers, from the inputs to the head."""
    if config["class_name"] != "Functional":
        raise ValueError("it is not a functional model")
    first, *layers = config["config"]["layers"]
    if first["class_name"] != "InputLayer" or first["config"]["batch_shape"] != [None, n_inputs]:
        raise ValueError(f"it does not begin with {n_inputs} inputs")
    last = layers[-1]
    if (
        last["class_name"] != "Dense"
        or last["config"]["activation"] != head.activation
        or last["config"]["units"] != head.units
    ):
        raise ValueError(f"it does not end with a dense layer of {head.units} units and {head.activation}")
    before = first["name"]
    reader = LayerReader(weights, n_inputs)
    if tables:
        entrance = read_entrance(before, layers, weights, n_inputs, tables)
        before, layers = entrance.name, list(entrance.rest)
        reader.enter(entrance.look_up, n_inputs - len(tables) + entrance.read)
    for layer in layers:
        if _history(layer) != before:
            raise ValueError(f"layer {layer['name']!r} does not follow the one before it")
        before = layer["name"]
        reader.read(layer["name"], layer["class_name"], layer["config"])
    return PlainNetwork(tuple(reader.steps), chunk_rows(reader.widest))


def _history(layer: dict[str, Any]) -> str:
    """Return the layer whose output a layer reads."""
    (node,) = layer["inbound_nodes"]
    (argument,) = node["args"]
    return str(argument["config"]["keras_history"][0])


def refused(path: Path, found: str) -> TunerError:
    """Return the error for a Keras file that is not as it should be."""
    return TunerError(f"{path}: {found}; the file is damaged or not tuner's: export the model again")
