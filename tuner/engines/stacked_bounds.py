"""Bounds on gradients and on weights, in each fold apart, as Keras has them; only networks that ask for them pay."""

from collections.abc import Sequence

from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_layers import Tensor

tf = load_tensorflow()

_NORM_FLOOR = 1e-7  # keras.config.epsilon(), which keras.constraints.MaxNorm adds to a norm


def clip_gradients(kind: str, parts: Sequence[Tensor], limit: Tensor) -> list[Tensor]:
    """Return gradients within a bound.

    Args:
        kind: a name in ``CLIPS``.
        parts: the gradient of each variable, (n_folds, n_inputs or 1, n_units).
        limit: a scalar above 0.
    """
    if kind == "clipvalue":
        return [tf.clip_by_value(part, -limit, limit) for part in parts]
    squares = [tf.reduce_sum(tf.square(part), axis=[1, 2], keepdims=True) for part in parts]
    if kind == "clipnorm":
        return [
            part * limit / tf.maximum(tf.sqrt(square), limit)
            for part, square in zip(parts, squares, strict=True)
        ]
    norm = tf.sqrt(tf.add_n(squares))
    # A norm that is not finite makes every gradient undefined, so that the loss tells of it.
    share = limit * tf.minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
    return [part * share for part in parts]


def bound_norms(kernel: Tensor, largest: Tensor, moved: Tensor) -> Tensor:
    """Return a kernel in which the weights that enter a unit have a norm of at most ``largest``.

    Args:
        kernel: (n_folds, n_inputs, n_units).
        largest: a scalar above 0.
        moved: (n_folds,) whether the fold took a step; the weights of the others stay as they are.
    """
    norm = tf.sqrt(tf.reduce_sum(tf.square(kernel), axis=1, keepdims=True))
    bounded = kernel * (tf.minimum(norm, largest) / (_NORM_FLOOR + norm))
    return tf.where(moved[:, tf.newaxis, tf.newaxis], bounded, kernel)
