"""What a layer does to all folds at once, forwards and backwards; the fold axis is first in every array.

The derivatives are written out: a tape would record the shapes of every broadcast, which costs more than the
arithmetic of a small network. All sizes are known only when the program runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from math import pi, sqrt
from types import MappingProxyType
from typing import Any

from tuner.engines.runtime import load_tensorflow

tf = load_tensorflow()

Tensor = Any
"""A ``tf.Tensor``; TensorFlow has no types of its own."""

_NORMAL_PEAK = 1.0 / sqrt(2.0 * pi)
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, as Keras has them
_LEAK = 0.2  # Keras' slope of `leaky_relu` below 0
_VARIANCE_FLOOR = 1e-3  # epsilon of keras.layers.BatchNormalization


def _relu(z: Tensor) -> tuple[Tensor, Tensor]:
    value = tf.nn.relu(z)
    return value, tf.sign(value)


def _tanh(z: Tensor) -> tuple[Tensor, Tensor]:
    value = tf.tanh(z)
    return value, 1.0 - tf.square(value)


def _sigmoid(z: Tensor) -> tuple[Tensor, Tensor]:
    value = tf.sigmoid(z)
    return value, value * (1.0 - value)


def _elu(z: Tensor) -> tuple[Tensor, Tensor]:
    value = tf.nn.elu(z)
    return value, tf.minimum(value, 0.0) + 1.0


def _selu(z: Tensor) -> tuple[Tensor, Tensor]:
    value = tf.nn.selu(z)
    return value, tf.where(z > 0.0, _SELU_SCALE, value + _SELU_SCALE * _SELU_ALPHA)


def _gelu(z: Tensor) -> tuple[Tensor, Tensor]:
    share = 0.5 + 0.5 * tf.math.erf(z / sqrt(2.0))
    return z * share, share + z * _NORMAL_PEAK * tf.exp(-0.5 * tf.square(z))


def _silu(z: Tensor) -> tuple[Tensor, Tensor]:
    gate = tf.sigmoid(z)
    value = z * gate
    return value, gate + value * (1.0 - gate)


def _mish(z: Tensor) -> tuple[Tensor, Tensor]:
    gate = tf.tanh(tf.math.softplus(z))
    return z * gate, gate + z * (1.0 - tf.square(gate)) * tf.sigmoid(z)


def _softplus(z: Tensor) -> tuple[Tensor, Tensor]:
    return tf.math.softplus(z), tf.sigmoid(z)


def _softsign(z: Tensor) -> tuple[Tensor, Tensor]:
    shrink = 1.0 / (1.0 + tf.abs(z))
    return z * shrink, tf.square(shrink)


def _leaky_relu(z: Tensor) -> tuple[Tensor, Tensor]:
    slope = tf.where(z > 0.0, 1.0, _LEAK)
    return z * slope, slope


def _relu6(z: Tensor) -> tuple[Tensor, Tensor]:
    return tf.nn.relu6(z), _where(tf.abs(z - 3.0) < 3.0)


def _exponential(z: Tensor) -> tuple[Tensor, Tensor]:
    value = tf.exp(z)
    return value, value


def _hard_sigmoid(z: Tensor) -> tuple[Tensor, Tensor]:
    return tf.nn.relu6(z + 3.0) / 6.0, _where(tf.abs(z) < 3.0) / 6.0


def _hard_silu(z: Tensor) -> tuple[Tensor, Tensor]:
    gate, slope = _hard_sigmoid(z)
    return z * gate, gate + z * slope


def _hard_tanh(z: Tensor) -> tuple[Tensor, Tensor]:
    return tf.clip_by_value(z, -1.0, 1.0), _where(tf.abs(z) < 1.0)


def _tanh_shrink(z: Tensor) -> tuple[Tensor, Tensor]:
    bent = tf.tanh(z)
    return z - bent, tf.square(bent)


def _where(inside: Tensor) -> Tensor:
    return tf.cast(inside, tf.float32)


def _linear(z: Tensor) -> tuple[Tensor, Tensor]:
    return z, tf.ones_like(z)


ACTIVATIONS: Mapping[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = MappingProxyType(
    {
        "relu": _relu,
        "tanh": _tanh,
        "sigmoid": _sigmoid,
        "elu": _elu,
        "selu": _selu,
        "gelu": _gelu,
        "silu": _silu,
        "mish": _mish,
        "softplus": _softplus,
        "softsign": _softsign,
        "leaky_relu": _leaky_relu,
        "linear": _linear,
        "relu6": _relu6,
        "exponential": _exponential,
        "hard_sigmoid": _hard_sigmoid,
        "hard_silu": _hard_silu,
        "hard_tanh": _hard_tanh,
        "tanh_shrink": _tanh_shrink,
    }
)
"""Value and slope of each activation of a hidden layer, with Keras' constants; the common ones first."""

ALL_ACTIVATIONS = tuple(ACTIVATIONS)
COMMON_ACTIVATIONS = ALL_ACTIVATIONS[:12]
"""What a program chooses among where no layer needs the others: each costs time to trace, and some in each step."""


def activate(number: Tensor, z: Tensor, among: tuple[str, ...]) -> Tensor:
    """Return the value of one of some activations.

    Args:
        number: a scalar, its place in ``among``, so that one program serves all of them.
        z: (n_folds, n_rows, n_units).
        among: names in ``ACTIVATIONS``; where there is one only, nothing is chosen when the program runs.
    """
    if len(among) == 1:
        return ACTIVATIONS[among[0]](z)[0]
    return _chosen_activation(among, with_slope=False)(number, z)


def activate_with_slope(number: Tensor, z: Tensor, among: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Return value and slope of one of some activations; see ``activate``."""
    if len(among) == 1:
        return ACTIVATIONS[among[0]](z)
    return _chosen_activation(among, with_slope=True)(number, z)  # type: ignore[no-any-return]


@cache
def _chosen_activation(among: tuple[str, ...], *, with_slope: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the choice among activations as a function that is traced once for all programs."""
    functions = [ACTIVATIONS[name] for name in among]

    def choose(number: Tensor, z: Tensor) -> Tensor:
        def branch(function: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Tensor:
            value, slope = function(z)
            return (value, slope) if with_slope else value

        return tf.switch_case(number, [partial(branch, function) for function in functions])

    signature = [tf.TensorSpec([], tf.int32), tf.TensorSpec([None] * 3)]
    return tf.function(choose, input_signature=signature, autograph=False)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, eq=False)
class Normalised:
    """A batch norm's outcome on one batch, with what its derivative needs.

    Attributes:
        value: (n_folds, n_rows, n_units).
        standard: (n_folds, n_rows, n_units) before scale and shift; 0 in rows that are not real.
        gain: (n_folds, 1, n_units) the scale over the deviation.
        mean: (n_folds, 1, n_units) of the real rows.
        variance: (n_folds, 1, n_units) of the real rows.
    """

    value: Tensor
    standard: Tensor
    gain: Tensor
    mean: Tensor
    variance: Tensor


def normalise(z: Tensor, scale: Tensor, shift: Tensor, real: Tensor, count: Tensor) -> Normalised:
    """Normalise each fold's units over the real rows of its batch (Ioffe and Szegedy 2015, algorithm 1).

    Args:
        z: (n_folds, n_rows, n_units).
        scale: (n_folds, 1, n_units), and so ``shift``.
        shift: what is added at the end.
        real: (n_folds, n_rows, 1), 1 for a row of the fold and 0 for padding.
        count: (n_folds, 1, 1) the number of real rows, at least 1.
    """
    mean = tf.reduce_sum(z * real, axis=1, keepdims=True) / count
    centred = (z - mean) * real
    variance = tf.reduce_sum(tf.square(centred), axis=1, keepdims=True) / count
    deviation = tf.math.rsqrt(variance + _VARIANCE_FLOOR)
    standard = centred * deviation
    return Normalised(standard * scale + shift, standard, scale * deviation, mean, variance)


def normalise_backwards(
    gradient: Tensor, done: Normalised, real: Tensor, count: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of ``z``, of the scale and of the shift, the last two (n_folds, 1, n_units).

    Args:
        gradient: (n_folds, n_rows, n_units) of the value; 0 in rows that are not real.
        done: what the forward pass gave.
        real: as there.
        count: as there.
    """
    shift = tf.reduce_sum(gradient, axis=1, keepdims=True)
    scale = tf.reduce_sum(gradient * done.standard, axis=1, keepdims=True)
    inner = (gradient - (shift + done.standard * scale) / count) * real
    return done.gain * inner, scale, shift


def normalise_by(z: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Normalise by moving statistics; all but ``z`` are (n_folds, 1, n_units)."""
    gain = scale * tf.math.rsqrt(variance + _VARIANCE_FLOOR)
    return z * gain + (shift - mean * gain)
