"""Kernels before training as Keras' initializers draw them with TensorFlow, for the other backends."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from tuner.engines.draws import normals, truncated_normals, uniforms
from tuner.model.initializers import INITIALIZERS

_SPREAD = 0.05
"""Keras' half width, or standard deviation, where no other is given."""

_CUT = 0.87962566103423978
"""The standard deviation of a standard normal number that is cut off at two deviations."""


def drawn_kernel(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return a kernel before training, float32.

    Args:
        name: in ``INITIALIZERS``.
        shape: of the kernel, as Keras has it.
        seed: at least 0.
    """
    return _DRAWN[INITIALIZERS[name].keras](shape, seed).astype(np.float32)


def drawn_table(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Return an embedding's table before training, float32: uniform in -0.05 .. 0.05."""
    return _uniform(shape, seed, _SPREAD)


def _uniform(shape: tuple[int, ...], seed: int, limit: float) -> np.ndarray:
    low, high = np.float32(-limit), np.float32(limit)
    return (uniforms((seed, 0), math.prod(shape)) * (high - low) + low).reshape(shape)


def _truncated(shape: tuple[int, ...], seed: int, deviation: float) -> np.ndarray:
    drawn = truncated_normals((seed, 0), math.prod(shape)) * np.float32(deviation)
    return drawn.reshape(shape)


def _normal(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return normals((seed, 0), 0, math.prod(shape)).reshape(shape)


def _orthogonal(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return a kernel whose rows or columns are orthonormal (Saxe, McClelland and Ganguli 2014)."""
    n_rows, n_columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(_normal((max(n_rows, n_columns), min(n_rows, n_columns)), seed))
    q = q * np.sign(np.diag(r))
    return (q.T if n_rows < n_columns else q).reshape(shape)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many numbers enter and leave a unit of a kernel."""
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _glorot(shape: tuple[int, ...]) -> float:
    return 1.0 / max(1.0, sum(_fans(shape)) / 2.0)


def _he(shape: tuple[int, ...]) -> float:
    return 2.0 / max(1.0, _fans(shape)[0])


def _lecun(shape: tuple[int, ...]) -> float:
    return 1.0 / max(1.0, _fans(shape)[0])


_Variance = Callable[[tuple[int, ...]], float]
_Kernel = Callable[[tuple[int, ...], int], np.ndarray]


def _uniform_of(variance: _Variance) -> _Kernel:
    return lambda shape, seed: _uniform(shape, seed, math.sqrt(3.0 * variance(shape)))


def _normal_of(variance: _Variance) -> _Kernel:
    return lambda shape, seed: _truncated(shape, seed, math.sqrt(variance(shape)) / _CUT)


_DRAWN: Mapping[str, _Kernel] = MappingProxyType(
    {
        "GlorotUniform": _uniform_of(_glorot),
        "GlorotNormal": _normal_of(_glorot),
        "HeUniform": _uniform_of(_he),
        "HeNormal": _normal_of(_he),
        "LecunUniform": _uniform_of(_lecun),
        "LecunNormal": _normal_of(_lecun),
        "RandomUniform": lambda shape, seed: _uniform(shape, seed, _SPREAD),
        "RandomNormal": lambda shape, seed: _normal(shape, seed) * np.float32(_SPREAD),
        "TruncatedNormal": lambda shape, seed: _truncated(shape, seed, _SPREAD),
        "Orthogonal": _orthogonal,
        "Zeros": lambda shape, seed: np.zeros(shape, np.float32),
    }
)
"""Keras' class -> what draws its kernel."""
