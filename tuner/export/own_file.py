"""A Keras file of a network that a user's function built: written, and read by Keras without running strange code.

A plain network is computed without Keras (``plain_network``); this one may hold any layer, so Keras computes it, which
takes the seconds that TensorFlow needs to load. Keras makes the layers that it has itself, and those that a module has
registered with ``@keras.saving.register_keras_serializable()`` which was imported before; nothing else is run.
"""

import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuner.errors import TunerError
from tuner.export.keras_files import NAMING, archive_parts, open_keras, refused
from tuner.export.module_file import TorchNetwork
from tuner.export.weights import NUMBERS, read_weights
from tuner.model.heads import Head
from tuner.model.own_model import WITH_CODE

CHUNK_ROWS = 16_384
"""Rows of one call: bounds its memory on a large table."""


@dataclass(frozen=True, slots=True, eq=False)
class KerasNetwork:
    """A network that Keras computes.

    Attributes:
        model: from inputs to one output, or several that are joined.
    """

    model: Any

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_units) float32 outputs for (n_rows, n_inputs) float32 inputs; at least one row."""
        from tuner.engines.arrays import as_array
        from tuner.engines.own_keras import joined_outputs

        starts = range(0, len(inputs), CHUNK_ROWS)
        parts = [joined_outputs(self.model, inputs[first : first + CHUNK_ROWS]) for first in starts]
        return np.concatenate([np.asarray(as_array(part), np.float32) for part in parts])


OwnNetwork = KerasNetwork | TorchNetwork
"""What a user's function has built, from inputs to outputs."""


def own_network(model: Any, head: Head) -> OwnNetwork:
    """Return what ``own_model.build_own`` has built as something that predicts."""
    return KerasNetwork(model) if hasattr(model, "save") else TorchNetwork(model.module, head.activation)


def read_own(path: Path, n_inputs: int, head: Head) -> KerasNetwork:
    """Read a network of a user's; this loads Keras.

    Args:
        path: the file, of any origin.
        n_inputs: the columns that it should read.
        head: how many outputs it should have.

    Raises:
        TunerError: it holds code, or a layer that no module which was imported has registered; or it is damaged.
    """
    try:
        parts = archive_parts(path)
        config = json.loads(parts["config.json"])
        _check_shape(config, n_inputs)
        read_weights(parts["model.weights.h5"], NUMBERS)
        foreign = sorted(set(_foreign(config)))
    except (zipfile.BadZipFile, UnicodeDecodeError, json.JSONDecodeError, EOFError, OSError) as error:
        raise refused(path, f"not a whole Keras file: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise refused(path, str(error)) from None
    if foreign:
        _check_registered(path, foreign)
    try:
        model = open_keras(path)
        found = [tuple(shape) for shape in (each.shape for each in model.outputs)]
    except Exception as error:
        text = " ".join(str(error).split())[:400]
        raise TunerError(f"{path}: Keras cannot open it: {type(error).__name__}: {text}") from error
    if sum(shape[-1] for shape in found) != head.units:
        raise refused(path, f"it has outputs of shape {found}, not {head.units}")
    return KerasNetwork(model)


def _check_shape(config: dict[str, Any], n_inputs: int) -> None:
    if config["class_name"] not in ("Functional", "Sequential"):
        raise ValueError("it is no functional or Sequential model")
    first = config["config"]["layers"][0]
    shape = first["config"].get("batch_shape") or config["config"].get("build_input_shape")
    if shape != [None, n_inputs]:
        raise ValueError(f"it does not begin with {n_inputs} inputs")


def _foreign(config: object) -> Iterator[tuple[str, str]]:
    """Yield module and registered name of each class or function in a configuration that is not Keras' own.

    Raises:
        ValueError: a part holds code.
    """
    if isinstance(config, dict):
        if NAMING & config.keys() and isinstance(config.get("class_name"), str):
            name, module = config["class_name"], config.get("module")
            if name in WITH_CODE or name == "__lambda__":
                raise ValueError(
                    f"it holds a layer {name}, whose code nobody can check; write such a step with keras.ops, or as "
                    "a layer with @keras.saving.register_keras_serializable()"
                )
            if module is not None and module != "builtins" and str(module).partition(".")[0] != "keras":
                yield str(module), str(config.get("registered_name") or name)
        for value in config.values():
            yield from _foreign(value)
    elif isinstance(config, list):
        for value in config:
            yield from _foreign(value)


def _check_registered(path: Path, foreign: list[tuple[str, str]]) -> None:
    with suppress(TunerError):  # TensorFlow that has computed before keeps the settings it has
        from tuner.engines.runtime import load_keras

        load_keras()
    import keras

    for module, name in foreign:
        if keras.saving.get_registered_object(name) is None:
            raise TunerError(
                f"{path}: it has a layer or function {name!r} of the module {module!r}, which is not Keras' own: mark "
                f"it with @keras.saving.register_keras_serializable(), and import {module} before the model is loaded"
            )
