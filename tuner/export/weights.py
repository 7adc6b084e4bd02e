"""The weights in a Keras file: plain float32 arrays inside one HDF5 file, and nothing that leads out of it."""

import io
from collections.abc import Collection
from types import MappingProxyType
from typing import Any

import numpy as np

MOST_PARTS = 10_000
"""Groups and arrays; a layer has at most six."""

DEEPEST = 4
"""Levels of groups; Keras makes three."""


FLOATS = (np.dtype(np.float32),)
"""The type of the weights of a plain network."""

NUMBERS = tuple(map(np.dtype, ("float32", "float64", "float16", "int32", "int64", "uint32", "uint8", "bool")))
"""The types of what layers of Keras keep: weights, counts, and the seeds of those that draw."""


class Weights:
    """Arrays by their place in a file.

    Args:
        arrays: ``layers/dense/vars/0`` -> array.
    """

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._arrays = MappingProxyType(arrays)

    def take(self, group: str, number: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return one of a layer's weights.

        Args:
            group: the layer's place, such as ``layers/dense_1``.
            number: of the weight, as Keras orders them.
            shape: that it must have.

        Raises:
            ValueError: it is not there, or has another shape.
        """
        place = f"{group}/vars/{number}"
        array = self._arrays.get(place)
        if array is None or array.shape != shape:
            found = "are missing" if array is None else f"have shape {array.shape}"
            raise ValueError(f"weights '{place}' {found}, the layers need {shape}")
        return array


def read_weights(content: bytes, kinds: Collection[np.dtype] = FLOATS) -> Weights:
    """Read all arrays of an HDF5 file of any origin.

    Args:
        content: the file.
        kinds: the types that an array may have.

    Raises:
        ValueError: it holds links, compressed, virtual or external arrays, other types, or arrays that
            are said to be larger than the file.
        OSError: it is no HDF5 file, or damaged.
    """
    import h5py  # type: ignore[import-untyped]

    arrays: dict[str, np.ndarray] = {}
    n_parts = total = 0

    def read(place: str, group: Any) -> None:
        nonlocal n_parts, total
        for name in group:
            n_parts += 1
            if n_parts > MOST_PARTS or place.count("/") > DEEPEST:
                raise ValueError("its weights have too many parts")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"its weights hold a link at '{place}{name}'")
            part = group[name]
            if isinstance(part, h5py.Group):
                read(f"{place}{name}/", part)
                continue
            total += _check_plain(part, f"{place}{name}", kinds)
            if total > len(content):
                raise ValueError("its weights are said to be larger than the file")
            arrays[f"{place}{name}"] = part[()]

    with h5py.File(io.BytesIO(content), "r") as file:
        read("", file)
    return Weights(arrays)


def _check_plain(part: Any, place: str, kinds: Collection[np.dtype]) -> int:
    """Return an array's size in bytes, all of which must lie in the file as they are."""
    import h5py

    plain = isinstance(part, h5py.Dataset) and part.dtype in kinds
    if not plain or part.external is not None or part.is_virtual or part.chunks is not None:
        raise ValueError(f"weights '{place}' are not plain 32-bit numbers inside the file")
    if part.id.get_storage_size() < part.nbytes:
        raise ValueError(f"weights '{place}' are said to be larger than what the file holds")
    return int(part.nbytes)
