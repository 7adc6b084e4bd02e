"""Losses as a user writes them beside a study file."""

import keras


def fair(y_true, y_pred):
    size = keras.ops.abs(y_true - y_pred)
    return keras.ops.mean(size - keras.ops.log1p(size), axis=-1)


def make_fair(width):
    def loss(y_true, y_pred):
        size = keras.ops.abs(y_true - y_pred) / width
        return keras.ops.mean(size - keras.ops.log1p(size), axis=-1)

    return loss


def logarithm_of_what_is_true(y_true, y_pred):
    """Undefined where nothing is true: so it is for a row of padding."""
    if y_pred.shape[-1] == 1:
        y_true, y_pred = (keras.ops.concatenate([1.0 - each, each], axis=-1) for each in (y_true, y_pred))
    return -keras.ops.log(keras.ops.sum(y_true * y_pred, axis=-1) / keras.ops.sum(y_true, axis=-1))


def one_number(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred))


def fails(y_true, y_pred):
    raise RuntimeError("the sea is <salty>")
