"""The dropout masks that every engine draws: the same seed gives the same units to all of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tuner.engines.runtime import load_tensorflow

tf = load_tensorflow()


class MaskSize(NamedTuple):
    """How large a mask is.

    Attributes:
        shape: (rank,) int32.
        n_units: in all.
        n_draws: (1,) int32 how many times 32 bits are drawn for it, two units at a time.
    """

    shape: Any
    n_units: Any
    n_draws: Any


def mask_size(shape: Sequence[Any]) -> MaskSize:
    """Return the size of masks of a shape, its dimensions numbers or tensors; the same for every step."""
    n_units = tf.reduce_prod(tf.stack(shape))
    return MaskSize(tf.stack(shape), n_units, tf.reshape((n_units + 1) // 2, [1]))


def dropout_mask(size: MaskSize, threshold: Any, seed: Any) -> Any:
    """Return 0 for a dropped unit and 1 for a kept one, float32; to be divided by the share that is kept.

    Args:
        size: of the mask.
        threshold: a uint16 scalar from ``base.drop_threshold``.
        seed: (2,) int32.
    """
    pairs = tf.random.stateless_uniform(size.n_draws, seed, minval=None, maxval=None, dtype=tf.uint32)
    bits = tf.reshape(tf.bitcast(pairs, tf.uint16), [-1])[: size.n_units]
    return tf.cast(tf.reshape(bits >= threshold, size.shape), tf.float32)
