"""A file of a ``torch.nn.Module``: its arrays by name, and nothing that is run.

The file is an ``.npz`` archive of parameters and buffers, under the names that the module has for them. The module
itself is built by the user's function, which whoever opens a model has imported before: a folder alone imports nothing.
"""

import io
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tuner.engines.runtime import not_installed, use_backend
from tuner.errors import TunerError
from tuner.export.plain_network import ACTIVATIONS
from tuner.export.weights import NUMBERS
from tuner.model.heads import Head
from tuner.model.own_model import OwnModel

ENDING = ".npz"
"""Of such a file."""

CHUNK_ROWS = 16_384
"""Rows of one call: bounds its memory on a large table."""

MOST_ARRAYS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class TorchNetwork:
    """A network that torch computes.

    Attributes:
        module: from inputs to logits.
        activation: makes them outputs, a name in ``ACTIVATIONS``.
    """

    module: Any
    activation: str

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_units) float32 outputs for (n_rows, n_inputs) float32 inputs; at least one row."""
        import torch

        device = next(self.module.parameters()).device
        parts = []
        with torch.no_grad():
            self.module.eval()
            for first in range(0, len(inputs), CHUNK_ROWS):
                rows = np.ascontiguousarray(inputs[first : first + CHUNK_ROWS], np.float32)
                parts.append(self.module(torch.as_tensor(rows, device=device)).cpu().numpy())
        with np.errstate(over="ignore", invalid="ignore"):
            activated: np.ndarray = ACTIVATIONS[self.activation](np.concatenate(parts))
        return activated


def save_module(module: Any, path: Path) -> None:
    """Write a module's parameters and buffers."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, tensor in _tensors(module).items():
            content = io.BytesIO()
            np.lib.format.write_array(content, tensor.cpu().numpy(), allow_pickle=False)
            # Without the time, so that the same arrays make the same file.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())


def read_module(path: Path, own: OwnModel, head: Head, n_inputs: int) -> TorchNetwork:
    """Read a network of torch's; this loads torch and Keras.

    Args:
        path: the file, of any origin.
        own: the function that builds the network, whose module must be imported already.
        head: the end of the network.
        n_inputs: the columns that it reads.

    Raises:
        TunerError: torch is not installed, the function's module is not imported or is Python's own, it builds another
            network, or the file is damaged.
    """
    if find_spec("torch") is None:
        raise not_installed("torch")
    file = own.hook.name.partition(":")[0]
    if (
        file.partition(".")[0] in sys.stdlib_module_names
    ):  # imported by everyone, and meant for something else
        raise _refused(path, f"its network is said to be built by Python's own {own.hook.name}")
    if file not in sys.modules:
        raise TunerError(
            f"{path}: its network is built by {own.hook.name}: import {file} before the model is loaded, or type: "
            f"tune predict MODEL DATA --import {file}"
        )
    use_backend("torch")
    from tuner.engines.own_model import build_own

    network = build_own(own, head, n_inputs, seed=0).model
    try:
        arrays = _arrays(path)
        _put(network.module, arrays)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise _refused(path, f"not a whole file of arrays: {error}") from None
    except ValueError as error:
        raise _refused(path, str(error)) from None
    return TorchNetwork(network.module, head.activation)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of a file; what is compressed could swell, and is refused.

    Raises:
        ValueError: it holds something else.
        zipfile.BadZipFile: it is no archive.
        OSError: it cannot be read.
    """
    if not path.is_file():
        raise ValueError("is missing")
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MOST_ARRAYS or len({member.filename for member in members}) != len(members):
            raise ValueError("it has too many parts, or one twice")
        if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
            raise ValueError("its parts are compressed or encrypted")
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("its parts are said to be larger than the file")
        for member in members:
            content = io.BytesIO(archive.read(member))
            array = np.lib.format.read_array(content, allow_pickle=False)
            if array.dtype not in NUMBERS:
                raise ValueError(f"{member.filename!r} holds {array.dtype}, which is no weight")
            arrays[member.filename.removesuffix(".npy")] = array
    return arrays


def _tensors(module: Any) -> dict[str, Any]:
    """Return a module's ``state_dict``, and the buffers that it leaves out: training may change these, too."""
    return {**module.state_dict(), **dict(module.named_buffers())}


def _put(module: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Set a module's parameters and buffers.

    Raises:
        ValueError: the file has others.
    """
    import torch

    state = _tensors(module)
    if {name: tuple(tensor.shape) for name, tensor in state.items()} != {
        name: array.shape for name, array in arrays.items()
    }:
        raise ValueError("it has other weights than the network that the function builds now")
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(torch.as_tensor(arrays[name]))


def _refused(path: Path, found: str) -> TunerError:
    return TunerError(f"{path}: {found}; the file is damaged or not tuner's: export the model again")
