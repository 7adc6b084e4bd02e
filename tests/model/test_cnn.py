"""The plan of a convolutional network, against sizes and counts by hand."""

from dataclasses import replace

import pytest

from tuner.errors import TunerError
from tuner.model.cnn import as_image, entering, widest
from tuner.model.heads import make_head
from tuner.model.network import MODELS, count_parameters, plan_cnn, plan_network
from tuner.tasks import Task

TEN = make_head(Task.MULTICLASS, 1, 10)
LENET = {"blocks": 2, "filters.0": 6, "filters.1": 16, "kernel_size": 5, "pooling": "average"}


def test_a_block_has_its_own_filters_and_the_common_activation():
    first, second = plan_cnn({**LENET, "activation": "tanh", "kernel_size.1": 3, "batch_norm": True}).blocks
    assert (first.filters, first.kernel_size, second.filters, second.kernel_size) == (6, 5, 16, 3)
    assert (first.activation, first.pooling, first.batch_norm, first.dropout) == (
        "tanh",
        "average",
        "before",
        0.0,
    )


def test_the_dense_part_is_that_of_the_perceptron():
    dense = {"layers": 2, "neurons.0": 7, "dropout": 0.2, "l2": 1e-3, "optimizer": "nadam", "batch_size": 9}
    assert replace(plan_cnn({**LENET, **dense}), blocks=()) == plan_network(dense)


def test_each_block_halves_the_image_until_it_is_one_pixel():
    blocks = plan_cnn({"blocks": 4, "filters": 3}).blocks
    assert list(entering(blocks, (9, 5, 1))) == [(9, 5, 1), (4, 2, 3), (2, 1, 3), (2, 1, 3), (2, 1, 3)]
    assert widest(blocks, (9, 5, 1)) == 9 * 5 * 3


def test_weights_are_counted_as_lenet_counts_them():
    network = replace(plan_cnn({**LENET, "layers": 1, "neurons": 120}), image=(28, 28, 1))
    convolutions = (5 * 5 * 1 + 1) * 6 + (5 * 5 * 6 + 1) * 16
    assert count_parameters(network, 784, TEN) == convolutions + (7 * 7 * 16 + 1) * 120 + 121 * 10
    normalised = replace(plan_cnn({**LENET, "layers": 0, "batch_norm": "after"}), image=(28, 28, 1))
    assert count_parameters(normalised, 784, TEN) == convolutions + 2 * (6 + 16) + (7 * 7 * 16 + 1) * 10


@pytest.mark.parametrize(
    ("shape", "image"),
    [((28, 28), (28, 28, 1)), ((8, 6, 3), (8, 6, 3)), ((5,), None), ((2, 2, 2, 2), None), (None, None)],
)
def test_a_row_of_two_or_three_sides_is_an_image(shape, image):
    assert as_image(shape) == image


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"filters": 0}, "filters: 0 is not a whole number of at least 1"),
        ({"pooling": "mean"}, "pooling: 'mean' is not one of: max, average"),
        ({"block_dropout.1": 1.0}, "block_dropout.1: 1.0 is not a number of at least 0 and below 1"),
        (
            {"blocks.0": 1},
            "'blocks' is one value for the whole network; write 'blocks' instead of 'blocks.0'",
        ),
        ({"filter": 8}, "'filter' is not a parameter; one of: blocks, filters, "),
    ],
)
def test_a_wrong_value_is_told(params, sentence):
    with pytest.raises(TunerError) as raised:
        plan_cnn(params)
    assert str(raised.value).startswith(sentence)


def test_a_perceptron_has_no_filters():
    with pytest.raises(TunerError, match="'filters' is not a parameter"):
        MODELS["mlp"].plan({"filters": 8})
