"""The layers of a convolutional network, computed with NumPy as Keras does."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tuner.export.plain_network import Step
from tuner.model.cnn import POOLED


@dataclass(frozen=True, slots=True)
class AsImages:
    """Rows as images, (n_rows, height, width, channels), whose numbers they are in C order.

    Attributes:
        shape: (height, width, channels).
    """

    shape: tuple[int, int, int]

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n_rows, height, width, channels)."""
        return inputs.reshape(-1, *self.shape)


def flat(images: np.ndarray) -> np.ndarray:
    """Return images as rows, (n_rows, height * width * channels)."""
    return images.reshape(len(images), -1)


@dataclass(frozen=True, slots=True, eq=False)
class Convolve:
    """A convolution that keeps the size of an image: beyond its edges there are zeros.

    Attributes:
        kernel: (size, size, n_maps, n_filters) float32.
        bias: (n_filters,) float32; None for none.
    """

    kernel: np.ndarray
    bias: np.ndarray | None

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return (n_rows, height, width, n_filters)."""
        size, _, n_maps, n_filters = self.kernel.shape
        before = (size - 1) // 2  # TensorFlow puts the odd zero at the end
        edge = (before, size - 1 - before)
        padded = np.pad(images, ((0, 0), edge, edge, (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
        shape = windows.shape[:3]
        seen = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size * size * n_maps)
        sums: np.ndarray = seen @ self.kernel.reshape(-1, n_filters)
        if self.bias is not None:
            np.add(sums, self.bias, out=sums)
        return sums.reshape(*shape, n_filters)


def pool_max(images: np.ndarray) -> np.ndarray:
    """Return the largest of each 2 x 2 pixels; of an odd number of pixels the last is left out."""
    largest: np.ndarray = _squares(images).max(axis=(2, 4))
    return largest


def pool_average(images: np.ndarray) -> np.ndarray:
    """Return the mean of each 2 x 2 pixels; of an odd number of pixels the last is left out."""
    mean: np.ndarray = _squares(images).mean(axis=(2, 4))
    return mean


def _squares(images: np.ndarray) -> np.ndarray:
    n_rows, height, width, n_maps = images.shape
    height, width = height // POOLED, width // POOLED
    whole = images[:, : height * POOLED, : width * POOLED]
    return whole.reshape(n_rows, height, POOLED, width, POOLED, n_maps)


POOLING: Mapping[str, Step] = MappingProxyType({"max": pool_max, "average": pool_average})
"""``pooling`` -> what computes it."""
