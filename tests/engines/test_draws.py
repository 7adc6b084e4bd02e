"""Other backends draw the numbers that TensorFlow draws: compared with TensorFlow itself, and Keras' initializers."""

import numpy as np
import pytest

from tuner.engines import draws
from tuner.engines.base import drop_threshold
from tuner.engines.drawn_weights import drawn_kernel
from tuner.engines.dropout import dropout_mask, mask_size
from tuner.engines.runtime import load_keras, load_tensorflow
from tuner.model.initializers import INITIALIZERS

tf = load_tensorflow()
keras = load_keras()

SEEDS = (1_234_567_890, 17)


def test_bits_are_those_of_tensorflow_from_any_place_on():
    expected = tf.random.stateless_uniform([41], SEEDS, None, None, tf.uint32).numpy()
    assert np.array_equal(draws.bits(SEEDS, 0, 41), expected)
    assert np.array_equal(draws.bits(SEEDS, 7, 11), expected[7:18])


def test_uniform_numbers_are_those_of_tensorflow():
    assert np.array_equal(draws.uniforms(SEEDS, 33), tf.random.stateless_uniform([33], SEEDS).numpy())


def test_normal_numbers_are_those_of_tensorflow_from_any_place_on():
    expected = tf.random.stateless_normal([10_001], SEEDS).numpy()
    np.testing.assert_allclose(draws.normals(SEEDS, 0, 10_001), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(draws.normals(SEEDS, 5, 8), expected[5:13], rtol=1e-5, atol=1e-6)


def test_truncated_normal_numbers_are_those_of_tensorflow():
    expected = tf.random.stateless_truncated_normal([10_001], SEEDS).numpy()
    np.testing.assert_allclose(draws.truncated_normals(SEEDS, 10_001), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (3, 3, 2, 4)])
@pytest.mark.parametrize("name", INITIALIZERS)
def test_kernels_start_as_those_of_keras(name, shape):
    spec = INITIALIZERS[name]
    config = {"seed": 99} if spec.seeded else {}
    initializer = keras.initializers.get({"class_name": spec.keras, "config": config})
    found = drawn_kernel(name, shape, 99)
    assert (found.dtype, found.shape) == (np.float32, shape)
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(initializer(shape)), rtol=1e-5, atol=1e-6)


def test_the_bits_of_a_fold_give_its_dropout_mask():
    shape, fold = (3, 5, 7), 1  # folds, rows and units: a fold begins in the midst of a number of 32 bits
    expected = dropout_mask(mask_size(shape), drop_threshold(0.3), tf.constant(SEEDS)).numpy()[fold]
    first = fold * 5 * 7
    halves = draws.bits(SEEDS, first // 2, 18).view(np.uint16)[first % 2 :][:35]
    assert np.array_equal((halves >= drop_threshold(0.3)).reshape(5, 7), expected)
