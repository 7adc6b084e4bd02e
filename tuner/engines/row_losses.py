"""Losses of rows as Keras defines them: what the plain engine trains with, and others are compared with."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from tuner.engines.runtime import load_keras
from tuner.errors import TunerError
from tuner.model.heads import Head
from tuner.model.losses import LossPlan
from tuner.tasks import Task

load_keras()
import keras  # noqa: E402  (after the settings above)

ops = keras.ops

Tensor = Any

RowLoss = Callable[[Tensor, Tensor], Tensor]
"""From a target, (n_rows,) codes or (n_rows, n_units), and logits, (n_rows, n_units), to losses, (n_rows,)."""

CHECKED_ROWS = 4
"""Rows that a user's loss is tried on."""


def row_loss(loss: LossPlan, head: Head) -> RowLoss:
    """Return a loss as a function of target, as ``Head.encode`` gives it, and logits.

    Raises:
        TunerError: a user's function cannot be loaded.
    """
    if loss.hook is not None:
        return _as_read(loss, head, loss.hook.load())
    settings = dict(loss.settings)
    if loss.name in _OWN:
        return _as_read(loss, head, partial(_OWN[loss.name], **settings))
    name = loss.spec.keras
    one_hot = loss.spec.one_hot
    if "label_smoothing" in settings and name == "sparse_categorical_crossentropy":
        # Codes cannot be smoothed.
        name, one_hot = "categorical_crossentropy", True
    if loss.spec.from_logits:
        settings["from_logits"] = True
    function = partial(getattr(keras.losses, name), **settings)
    return _as_read(loss, head, function, one_hot=one_hot)


def check_loss_function(loss: LossPlan, head: Head) -> None:
    """Try a loss on a few rows.

    Raises:
        TunerError: it fails, or does not return one number for each row.
    """
    random = np.random.default_rng(0)
    shape = (CHECKED_ROWS, head.units)
    classes = random.integers(0, max(head.units, 2), CHECKED_ROWS)
    target = {
        Task.REGRESSION: random.normal(size=shape),
        Task.BINARY: classes % 2,
        Task.MULTICLASS: classes,
        Task.MULTILABEL: random.integers(0, 2, shape),
    }[head.task]
    logits = ops.convert_to_tensor(random.normal(size=shape).astype(np.float32))
    try:
        losses = row_loss(loss, head)(ops.convert_to_tensor(head.encode(target)), logits)
        found = tuple(losses.shape)
    except TunerError:
        raise
    except Exception as error:
        raise TunerError(f"{loss} fails on {CHECKED_ROWS} rows: {type(error).__name__}: {error}") from None
    if found != (CHECKED_ROWS,):
        what = "a single number" if not found else f"an array of shape {found}"
        raise TunerError(
            f"{loss} returns {what} for {CHECKED_ROWS} rows; it should return one loss for each row, of shape "
            f"({CHECKED_ROWS},): take the mean over the last axis, not over the rows"
        )


def _as_read(
    loss: LossPlan, head: Head, function: Callable[[Tensor, Tensor], Tensor], one_hot: bool | None = None
) -> RowLoss:
    """Return a function of target and logits from one of what a loss reads."""
    as_columns = head.task is Task.MULTICLASS and (loss.spec.one_hot if one_hot is None else one_hot)
    activation = keras.activations.get(head.activation if loss.spec.reads == "outputs" else "linear")

    def rows(target: Tensor, logits: Tensor) -> Tensor:
        if as_columns:
            target = ops.one_hot(target, head.units)
        losses = function(target, activation(logits))
        return ops.cast(ops.convert_to_tensor(losses), "float32")

    return rows


def _quantile(target: Tensor, outputs: Tensor, quantile: float) -> Tensor:
    """Return the pinball loss (Koenker and Bassett 1978, section 2): its least mean is at the quantile."""
    error = target - outputs
    return ops.mean(ops.maximum(quantile * error, (quantile - 1.0) * error), axis=-1)


def _poisson(target: Tensor, logarithm: Tensor) -> Tensor:
    """Return the negative log-likelihood of counts without what the rate does not change: rate - count log(rate)."""
    return ops.mean(ops.exp(logarithm) - target * logarithm, axis=-1)


def _binary_focal(
    target: Tensor,
    logits: Tensor,
    gamma: float = 2.0,
    alpha: float | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the focal loss (Lin et al. 2017, section 3); ``alpha`` weighs yes, 1 - alpha no."""
    target = target * (1.0 - label_smoothing) + 0.5 * label_smoothing
    chance = ops.sigmoid(logits)
    missed = target * (1.0 - chance) + (1.0 - target) * chance
    losses = ops.binary_crossentropy(target, logits, from_logits=True) * missed**gamma
    if alpha is not None:
        losses = losses * (target * alpha + (1.0 - target) * (1.0 - alpha))
    return ops.mean(losses, axis=-1)


def _categorical_focal(
    target: Tensor, logits: Tensor, gamma: float = 2.0, alpha: float = 0.25, label_smoothing: float = 0.0
) -> Tensor:
    """Return the focal loss of several classes (Lin et al. 2017, section 3) times ``alpha``."""
    target = target * (1.0 - label_smoothing) + label_smoothing / logits.shape[-1]
    log_chance = ops.log_softmax(logits)
    missed = 1.0 - ops.exp(log_chance)
    return -alpha * ops.sum(target * missed**gamma * log_chance, axis=-1)


def _kl_divergence(target: Tensor, logits: Tensor) -> Tensor:
    """Return the divergence of the predicted shares of classes from the true ones, from logits to stay finite."""
    if logits.shape[-1] == 1:
        target = ops.concatenate([1.0 - target, target], axis=-1)
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    known = ops.maximum(target, keras.backend.epsilon())
    return ops.sum(target * (ops.log(known) - ops.log_softmax(logits)), axis=-1)


_OWN: Mapping[str, Callable[..., Tensor]] = MappingProxyType(
    {
        "quantile": _quantile,
        "poisson": _poisson,
        "kl_divergence": _kl_divergence,
        "binary_focal_crossentropy": _binary_focal,
        "categorical_focal_crossentropy": _categorical_focal,
    }
)
"""Losses that Keras does not have, or whose slope is 0 there where a probability rounds to 0 or 1."""
