"""A trained network as arrays, computed with NumPy: what Keras gives for it, without the seconds that TensorFlow takes.

To load TensorFlow takes longer than to read and predict a hundred thousand rows. Keras stays the reference: tests hold
every activation and layer here against it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

CHUNK_ROWS = 4096
"""Rows of one step: their activations stay in the cache."""

CHUNK_NUMBERS = 2**22
"""The most numbers that the rows of one step become on their way through a convolution."""

Step = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """``inputs @ kernel + bias``.

    Attributes:
        kernel: (n_inputs, n_units) float32.
        bias: (n_units,) float32; None for none.
    """

    kernel: np.ndarray
    bias: np.ndarray | None

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_units)."""
        sums: np.ndarray = inputs @ self.kernel
        return sums if self.bias is None else np.add(sums, self.bias, out=sums)


@dataclass(frozen=True, slots=True, eq=False)
class Normalise:
    """Batch normalisation with its moving statistics (Ioffe and Szegedy 2015, section 3.1).

    Attributes:
        gain: (n_units,) float32 scale / sqrt(variance + epsilon).
        offset: (n_units,) float32 shift - mean * gain.
    """

    gain: np.ndarray
    offset: np.ndarray

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_units)."""
        scaled: np.ndarray = inputs * self.gain + self.offset
        return scaled


def normalise(
    scale: np.ndarray, shift: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> Normalise:
    """Return batch normalisation by its (n_units,) weights as Keras orders them."""
    gain = scale / np.sqrt(variance + np.float32(epsilon))
    return Normalise(gain, shift - mean * gain)


@dataclass(frozen=True, slots=True, eq=False)
class LookUp:
    """Vectors in place of codes.

    Attributes:
        tables: (n_codes, size) float32 for each of the last inputs.
    """

    tables: Sequence[np.ndarray]

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_numbers + n_read)."""
        n_numbers = inputs.shape[1] - len(self.tables)
        codes = inputs[:, n_numbers:].astype(np.int64)
        vectors = [table[column] for table, column in zip(self.tables, codes.T, strict=True)]
        return np.concatenate([inputs[:, :n_numbers], *vectors], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class PlainNetwork:
    """A feed-forward network.

    Attributes:
        steps: from inputs to outputs.
        chunk_rows: rows that are computed at once, at least 1.
    """

    steps: Sequence[Step]
    chunk_rows: int = CHUNK_ROWS

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_units) float32 outputs for (n_rows, n_inputs) float32 inputs; at least one row."""
        parts = []
        # Infinity on the way, as in exp of a large sum, ends as the limit that Keras gives too.
        with np.errstate(over="ignore", invalid="ignore"):
            for first in range(0, len(inputs), self.chunk_rows):
                values = inputs[first : first + self.chunk_rows]
                for step in self.steps:
                    values = step(values)
                parts.append(values)
        return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class Activate:
    """An activation by its name, so that a network can be pickled.

    Attributes:
        name: in ``ACTIVATIONS``.
    """

    name: str

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_units)."""
        return ACTIVATIONS[self.name](inputs)


def chunk_rows(widest: int) -> int:
    """Return how many rows are computed at once.

    Args:
        widest: the most numbers that a row becomes in a convolution; 0 where there is none.
    """
    return min(max(CHUNK_NUMBERS // widest, 1), CHUNK_ROWS) if widest else CHUNK_ROWS


def _sigmoid(x: np.ndarray) -> np.ndarray:
    shrunk = np.exp(-np.abs(x))
    risen: np.ndarray = np.where(x >= 0, np.float32(1), shrunk) / (1 + shrunk)
    return risen


def _softplus(x: np.ndarray) -> np.ndarray:
    raised: np.ndarray = np.logaddexp(x, np.float32(0))
    return raised


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    bent: np.ndarray = np.float32(0.5) * x * (1 + erf(x / np.float32(np.sqrt(2))))
    return bent


def _elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _hard_sigmoid(x: np.ndarray) -> np.ndarray:
    risen: np.ndarray = np.clip(x / np.float32(6) + np.float32(0.5), np.float32(0), np.float32(1))
    return risen


def _softmax(x: np.ndarray) -> np.ndarray:
    grown = np.exp(x - x.max(axis=1, keepdims=True))
    shares: np.ndarray = grown / grown.sum(axis=1, keepdims=True)
    return shares


_SELU_SCALE = np.float32(1.0507009873554805)
_SELU_ALPHA = np.float32(1.6732632423543772)
"""Klambauer et al. 2017, Self-Normalizing Neural Networks, equation 14."""

_LEAK = np.float32(0.2)
"""Keras' default slope below 0."""

ACTIVATIONS: Mapping[str, Step] = MappingProxyType(
    {
        "linear": lambda x: x,
        "relu": lambda x: np.maximum(x, np.float32(0)),
        "tanh": np.tanh,
        "sigmoid": _sigmoid,
        "elu": _elu,
        "selu": lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0))),
        "gelu": _gelu,
        "silu": lambda x: x * _sigmoid(x),
        "mish": lambda x: x * np.tanh(_softplus(x)),
        "softplus": _softplus,
        "softsign": lambda x: x / (1 + np.abs(x)),
        "leaky_relu": lambda x: np.where(x >= 0, x, _LEAK * x),
        "relu6": lambda x: np.clip(x, np.float32(0), np.float32(6)),
        "exponential": np.exp,
        "hard_sigmoid": _hard_sigmoid,
        "hard_silu": lambda x: x * _hard_sigmoid(x),
        "hard_tanh": lambda x: np.clip(x, np.float32(-1), np.float32(1)),
        "tanh_shrink": lambda x: x - np.tanh(x),
        "softmax": _softmax,
    }
)
"""Activations by their Keras names, with Keras' constants."""
