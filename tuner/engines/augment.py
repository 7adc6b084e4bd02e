"""Batches as every engine varies them: the same seed gives the same noise and the same mixture to all of them.

Draws are made for all folds at once, so that an engine which trains the folds one by one sees those of an engine which
stacks them.
"""

from typing import Any

from tuner.engines.runtime import load_tensorflow

tf = load_tensorflow()


def mixed(inputs: Any, count: Any, alpha: Any, seed: Any, n_codes: int) -> Any:
    """Return rows that are each drawn towards the next row of their batch, the last one towards the first.

    Batches come in a random order, so the next row is a random one. Mixup (Zhang, Cisse, Dauphin and Lopez-Paz 2018)
    mixes the losses of both rows' targets by ``share`` ~ Beta(alpha, alpha). A row met in both roles, as here, has in
    expectation the same loss where it keeps its own target and weight and ``share`` ~ Beta(alpha + 1, alpha), since
    share times the density of Beta(alpha, alpha) is half that one. So no target is mixed, and any loss will do. Codes
    cannot be mixed: they are those of the row with the larger share.

    Args:
        inputs: (n_folds, n_rows, n_inputs); codes last.
        count: (n_folds,) real rows, which come first.
        alpha: a scalar above 0.
        seed: (2,) int32.
        n_codes: how many of the inputs are codes.
    """
    shape = tf.shape(inputs)
    share = shares(shape[:2], alpha, seed)[:, :, tf.newaxis]
    following = tf.range(1, shape[1] + 1)[tf.newaxis]
    partner = tf.where(following < tf.cast(count, tf.int32)[:, tf.newaxis], following, 0)
    others = tf.gather(inputs, partner, batch_dims=1)
    between = share * inputs + (1.0 - share) * others
    if not n_codes:
        return between
    chosen = tf.where(share >= 0.5, inputs, others)
    return tf.concat([between[:, :, :-n_codes], chosen[:, :, -n_codes:]], 2)


def shares(shape: Any, alpha: Any, seed: Any) -> Any:
    """Return draws of Beta(alpha + 1, alpha), float32: the quotient of two that are Gamma distributed.

    Args:
        shape: of the draws, as a tensor.
        alpha: a scalar above 0.
        seed: (2,) int32.
    """
    pair = tf.concat([shape, [2]], 0)
    first, second = tf.unstack(tf.random.stateless_gamma(pair, seed, tf.stack([alpha + 1.0, alpha])), axis=-1)
    return first / (first + second)


def noisy(inputs: Any, deviation: Any, seed: Any, n_codes: int) -> Any:
    """Return inputs with Gaussian noise added to each that is no code.

    Args:
        inputs: (n_folds, n_rows, n_inputs); codes last.
        deviation: a scalar, the noise's standard deviation.
        seed: (2,) int32.
        n_codes: how many of the inputs are codes.
    """
    moved = inputs + deviation * tf.random.stateless_normal(tf.shape(inputs), seed)
    return tf.concat([moved[:, :, :-n_codes], inputs[:, :, -n_codes:]], 2) if n_codes else moved
