"""Losses of rows and their derivatives by the logits, for all folds at once, as Keras defines them."""

from collections.abc import Callable, Mapping
from math import log
from types import MappingProxyType

from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_layers import ACTIVATIONS, Tensor
from tuner.model import losses

tf = load_tensorflow()


def _mean(values: Tensor) -> Tensor:
    return tf.reduce_mean(values, axis=-1)


def _over_units(slopes: Tensor) -> Tensor:
    return slopes / tf.cast(tf.shape(slopes)[-1], tf.float32)


def _mse(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    error = logits - target
    return _mean(tf.square(error)), _over_units(2.0 * error)


def _mae(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    error = logits - target
    return _mean(tf.abs(error)), _over_units(tf.sign(error))


def _huber(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    error = logits - target
    size = tf.abs(error)
    return _mean(tf.where(size <= 1.0, 0.5 * tf.square(error), size - 0.5)), _over_units(
        tf.clip_by_value(error, -1.0, 1.0)
    )


def _log_cosh(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    error = logits - target
    return _mean(error + tf.math.softplus(-2.0 * error) - log(2.0)), _over_units(tf.tanh(error))


def _binary(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logits)
    return _mean(loss), _over_units(tf.sigmoid(logits) - target)


def _categorical(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    true = tf.one_hot(target, tf.shape(logits)[-1])
    log_share = tf.nn.log_softmax(logits)
    return -tf.reduce_sum(true * log_share, axis=-1), tf.exp(log_share) - true


LOSSES: Mapping[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = MappingProxyType(
    {
        "mse": _mse,
        "mae": _mae,
        "huber": _huber,
        "log_cosh": _log_cosh,
        "binary_crossentropy": _binary,
        "categorical_crossentropy": _categorical,
        "sparse_categorical_crossentropy": _categorical,
    }
)
"""From target and outputs to the loss of each row, (n_folds, n_rows), and its slope, (n_folds, n_rows, n_units).

Losses that Keras computes ``from_logits`` take logits for outputs. The target is (n_folds, n_rows) int32 codes or
(n_folds, n_rows, n_units) float32.
"""

OUTPUTS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "linear": tf.identity,
        "sigmoid": tf.sigmoid,
        "softmax": tf.nn.softmax,
        "tanh": tf.tanh,
        "softplus": tf.math.softplus,
        "relu": tf.nn.relu,
    }
)
"""The activation of the output layer by its Keras name."""


def row_loss(loss: str, output: str) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return a loss of what enters the output layer's activation, as ``LOSSES`` has them.

    Args:
        loss: a name in ``LOSSES``.
        output: a name in ``OUTPUTS``.
    """
    of_outputs = LOSSES[loss]
    if output == "linear" or losses.LOSSES[loss].from_logits:
        return of_outputs

    def of_logits(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        outputs, bent = ACTIVATIONS[output](logits)
        value, slope = of_outputs(target, outputs)
        return value, slope * bent

    return of_logits
