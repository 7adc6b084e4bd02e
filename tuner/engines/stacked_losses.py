"""Losses of rows and their derivatives by the logits, for all folds at once, as Keras defines them."""

from collections.abc import Callable, Mapping
from functools import partial
from math import log
from types import MappingProxyType
from typing import NamedTuple

from tuner.engines.row_losses import RowLoss, row_loss
from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_layers import ACTIVATIONS, Tensor
from tuner.model.heads import Head
from tuner.model.losses import LossPlan

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


def _huber(target: Tensor, logits: Tensor, delta: float = 1.0) -> tuple[Tensor, Tensor]:
    error = logits - target
    size = tf.abs(error)
    far = size - 0.5 if delta == 1.0 else delta * (size - 0.5 * delta)
    return _mean(tf.where(size <= delta, 0.5 * tf.square(error), far)), _over_units(
        tf.clip_by_value(error, -delta, delta)
    )


def _log_cosh(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    error = logits - target
    return _mean(error + tf.math.softplus(-2.0 * error) - log(2.0)), _over_units(tf.tanh(error))


def _quantile(target: Tensor, logits: Tensor, quantile: float) -> tuple[Tensor, Tensor]:
    error = target - logits
    slope = tf.where(error > 0.0, -quantile, tf.where(error < 0.0, 1.0 - quantile, 0.0))
    return _mean(tf.maximum(quantile * error, (quantile - 1.0) * error)), _over_units(slope)


def _binary(target: Tensor, logits: Tensor, label_smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + 0.5 * label_smoothing
    loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logits)
    return _mean(loss), _over_units(tf.sigmoid(logits) - target)


def _categorical(target: Tensor, logits: Tensor, label_smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    true = tf.one_hot(target, tf.shape(logits)[-1])
    if label_smoothing:
        n_classes = tf.cast(tf.shape(logits)[-1], tf.float32)
        true = true * (1.0 - label_smoothing) + label_smoothing / n_classes
    log_share = tf.nn.log_softmax(logits)
    return -tf.reduce_sum(true * log_share, axis=-1), tf.exp(log_share) - true


LOSSES: Mapping[str, Callable[..., tuple[Tensor, Tensor]]] = MappingProxyType(
    {
        "mse": _mse,
        "mae": _mae,
        "huber": _huber,
        "log_cosh": _log_cosh,
        "quantile": _quantile,
        "binary_crossentropy": _binary,
        "categorical_crossentropy": _categorical,
        "sparse_categorical_crossentropy": _categorical,
    }
)
"""From target and outputs to the loss of each row, (n_folds, n_rows), and its slope, (n_folds, n_rows, n_units).

Losses that Keras computes ``from_logits`` take logits for outputs. The target is (n_folds, n_rows) int32 codes or
(n_folds, n_rows, n_units) float32. Arguments of a loss are keywords.
"""


class StackedLoss(NamedTuple):
    """A loss of all folds at once.

    Attributes:
        of_rows: from target and logits to losses and slopes, as in ``LOSSES``.
        weigh: multiplies what ``of_rows`` gives by weights of rows. For a function that may give anything for a row of
            padding, 0 times anything is 0.
    """

    of_rows: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    weigh: Callable[[Tensor, Tensor], Tensor]


def stacked_loss(loss: LossPlan, head: Head) -> StackedLoss:
    """Return a loss with its written slope; one without has that of a tape over Keras' own, or the user's, function."""
    if loss.name not in LOSSES:
        return StackedLoss(partial(_taped, row_loss(loss, head), head.units), tf.math.multiply_no_nan)
    of_rows = partial(LOSSES[loss.name], **dict(loss.settings))
    if loss.spec.reads == "outputs" and head.activation != "linear":
        of_rows = partial(_through, of_rows, ACTIVATIONS[head.activation])
    return StackedLoss(of_rows, tf.multiply)


def _through(
    of_outputs: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    activation: Callable[[Tensor], tuple[Tensor, Tensor]],
    target: Tensor,
    logits: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return losses of what leaves the output layer's activation, and slopes by what enters it."""
    outputs, bent = activation(logits)
    losses, slope = of_outputs(target, outputs)
    return losses, slope * bent


def _taped(of_rows: RowLoss, n_units: int, target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return losses and slopes of the rows of all folds, laid end to end."""
    flat = tf.reshape(logits, [-1, n_units])
    true = tf.reshape(target, [-1] if target.shape.rank == 2 else [-1, n_units])
    with tf.GradientTape() as tape:
        tape.watch(flat)
        losses = of_rows(true, flat)
    slopes = tape.gradient(losses, flat, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    shape = tf.shape(logits)
    return tf.reshape(losses, shape[:-1]), tf.reshape(slopes, shape)


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
