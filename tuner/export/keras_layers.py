"""The layers of a Keras file, read one by one as steps of NumPy; whatever does not fit the one before is refused."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tuner.export.plain_images import AsImages, Convolve, flat, pool_average, pool_max
from tuner.export.plain_network import ACTIVATIONS, Activate, Dense, LookUp, Step, normalise
from tuner.export.weights import Weights
from tuner.model.cnn import POOLED

_POOLING: Mapping[str, Step] = MappingProxyType({"MaxPooling2D": pool_max, "AveragePooling2D": pool_average})

_PLACES: Mapping[str, str] = MappingProxyType(
    {"Dense": "dense", "BatchNormalization": "batch_normalization", "Conv2D": "conv2d"}
)
"""A layer with weights -> what Keras calls their group in a file."""

_IGNORED = frozenset({"Dropout", "SpatialDropout2D"})
"""Layers that do nothing but in training."""


class LayerReader:
    """Reads a chain of layers.

    Args:
        weights: of all layers.
        n_inputs: what enters the first.

    Attributes:
        steps: those that were read.
        shape: of what leaves the last one: (n_units,) or (height, width, n_maps).
        widest: the most numbers that a row becomes in a convolution; 0 where there is none.
    """

    def __init__(self, weights: Weights, n_inputs: int) -> None:
        self.weights = weights
        self.steps: list[Step] = []
        self.shape: tuple[int, ...] = (n_inputs,)
        self.widest = 0
        self._seen: Counter[str] = Counter()

    def enter(self, look_up: LookUp, width: int) -> None:
        """Begin with vectors in place of codes, ``width`` numbers in all."""
        self.steps.append(look_up)
        self.shape = (width,)

    def read(self, name: str, kind: str, settings: dict[str, Any]) -> None:
        """Add a layer.

        Args:
            name: of the layer.
            kind: its Keras class.
            settings: its configuration.

        Raises:
            ValueError: it does not fit what enters it, or no network of tuner has it.
        """
        if kind in _IGNORED:
            return
        reader = _READERS.get((kind, len(self.shape)))
        if reader is None:
            raise ValueError(f"layer {name!r} is a {kind}, which has no place there")
        reader(self, kind, settings)
        self._seen[kind] += 1

    def _group(self, kind: str) -> str:
        """Return where Keras keeps the next layer of a kind: ``layers/dense``, then ``layers/dense_1``, ..."""
        place, number = _PLACES[kind], self._seen[kind]
        return f"layers/{place}_{number}" if number else f"layers/{place}"

    def _bias(self, group: str, settings: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray | None:
        return self.weights.take(group, 1, shape[-1:]) if settings["use_bias"] else None

    def _activation(self, kind: str, settings: dict[str, Any]) -> None:
        if settings["activation"] not in ACTIVATIONS:
            raise ValueError(f"activation {settings['activation']!r} is not one of a network of tuner")
        self.steps.append(Activate(settings["activation"]))

    def _normalisation(self, kind: str, settings: dict[str, Any]) -> None:
        group = self._group(kind)
        scale, shift, mean, variance = (
            self.weights.take(group, number, self.shape[-1:]) for number in range(4)
        )
        self.steps.append(normalise(scale, shift, mean, variance, float(settings["epsilon"])))

    def _dense(self, kind: str, settings: dict[str, Any]) -> None:
        shape, group = (*self.shape, settings["units"]), self._group(kind)
        kernel = self.weights.take(group, 0, shape)
        self.steps.append(Dense(kernel, self._bias(group, settings, shape)))
        self.shape = shape[1:]
        self._activation(kind, settings)

    def _image(self, kind: str, settings: dict[str, Any]) -> None:
        height, width, channels = settings["target_shape"]
        if min(height, width, channels) < 1 or height * width * channels != self.shape[0]:
            raise ValueError(f"it makes images of {height} x {width} x {channels} of {self.shape[0]} inputs")
        self.shape = (height, width, channels)
        self.steps.append(AsImages(self.shape))

    def _convolution(self, kind: str, settings: dict[str, Any]) -> None:
        size, filters = settings["kernel_size"][0], settings["filters"]
        _expect(settings, "kernel_size", [size, size])
        for key, value in _PLAIN_CONVOLUTION.items():
            _expect(settings, key, value)
        height, width, maps = self.shape
        shape, group = (size, size, maps, filters), self._group(kind)
        kernel = self.weights.take(group, 0, shape)
        self.steps.append(Convolve(kernel, self._bias(group, settings, shape)))
        self.widest = max(self.widest, height * width * math.prod(shape[:3]), height * width * filters)
        self.shape = (height, width, filters)

    def _pooling(self, kind: str, settings: dict[str, Any]) -> None:
        for key, value in _PLAIN_POOLING.items():
            _expect(settings, key, value)
        height, width, maps = self.shape
        if min(height, width) < POOLED:
            raise ValueError(f"it pools an image of {height} x {width} pixels")
        self.shape = (height // POOLED, width // POOLED, maps)
        self.steps.append(_POOLING[kind])

    def _flatten(self, kind: str, settings: dict[str, Any]) -> None:
        self.shape = (math.prod(self.shape),)
        self.steps.append(flat)


_PLAIN_CONVOLUTION: Mapping[str, object] = MappingProxyType(
    {
        "strides": [1, 1],
        "padding": "same",
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
        "groups": 1,
        "activation": "linear",
    }
)
_PLAIN_POOLING: Mapping[str, object] = MappingProxyType(
    {
        "pool_size": [POOLED, POOLED],
        "strides": [POOLED, POOLED],
        "padding": "valid",
        "data_format": "channels_last",
    }
)
"""What tuner's own layers have there."""


def _expect(settings: dict[str, Any], key: str, value: object) -> None:
    found = settings[key]
    if (list(found) if isinstance(found, list | tuple) else found) != value:
        raise ValueError(f"it has a layer with {key} {found!r}, which no network of tuner has")


_READERS: Mapping[tuple[str, int], Callable[[LayerReader, str, dict[str, Any]], None]] = MappingProxyType(
    {
        ("Dense", 1): LayerReader._dense,
        ("Activation", 1): LayerReader._activation,
        ("Activation", 3): LayerReader._activation,
        ("BatchNormalization", 1): LayerReader._normalisation,
        ("BatchNormalization", 3): LayerReader._normalisation,
        ("Reshape", 1): LayerReader._image,
        ("Conv2D", 3): LayerReader._convolution,
        ("MaxPooling2D", 3): LayerReader._pooling,
        ("AveragePooling2D", 3): LayerReader._pooling,
        ("Flatten", 3): LayerReader._flatten,
    }
)
"""A layer, and how many sides what enters it has -> its reader."""
