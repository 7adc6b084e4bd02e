"""The dropout masks that every engine draws: the same seed gives the same units to all of them."""

from typing import Any

import numpy as np

from tuner.engines.runtime import load_tensorflow

tf = load_tensorflow()

_LEVELS = 2**16  # 16 random bits for each unit: half the time of a float32, and a rate exact to 1 / 131072


def drop_threshold(rate: float) -> int:
    """Return the number below which 16 random bits drop a unit.

    Args:
        rate: share of the units to drop, 0 <= rate < 1.
    """
    return min(round(float(np.float32(rate)) * _LEVELS), _LEVELS - 1)


def dropout_mask(shape: Any, threshold: Any, seed: Any) -> Any:
    """Return 0 for a dropped unit and 1 for a kept one, float32; to be divided by the share that is kept.

    Args:
        shape: of the mask, as a tensor.
        threshold: a uint16 scalar from ``drop_threshold``.
        seed: (2,) int32.
    """
    n_units = tf.reduce_prod(shape)
    pairs = tf.random.stateless_uniform([(n_units + 1) // 2], seed, minval=None, maxval=None, dtype=tf.uint32)
    bits = tf.reshape(tf.bitcast(pairs, tf.uint16), [-1])[:n_units]
    return tf.cast(tf.reshape(bits >= threshold, shape), tf.float32)
