"""Inputs that are kept, compared with scikit-learn and with what is known of made-up inputs."""

import numpy as np
import pytest
from sklearn.feature_selection import VarianceThreshold, mutual_info_classif, mutual_info_regression

from tuner.data.select import MOST_ROWS, keep, kept_places, relevance
from tuner.errors import DataError
from tuner.seeds import derive
from tuner.tasks import Task

RNG = np.random.default_rng(2)
CODES = RNG.integers(0, 3, 300)
INPUTS = np.column_stack(
    [
        RNG.normal(size=300),  # tells nothing
        CODES + RNG.normal(0, 0.3, 300),  # tells much
        CODES == 1,  # a category that tells something
        np.full(300, 0.5),  # constant
        RNG.integers(0, 2, 300),  # a category that tells nothing
    ]
).astype(np.float32)
GROUPS = np.array([-1, -1, 0, -1, 1])


def test_relevance_is_the_mutual_information_of_scikit_learn():
    discrete = GROUPS >= 0
    state = {"discrete_features": discrete, "random_state": derive(4, "select")}
    found = relevance(INPUTS, GROUPS, CODES, Task.MULTICLASS, 4)
    np.testing.assert_allclose(found, mutual_info_classif(INPUTS.astype(float), CODES, **state))
    assert np.argsort(-found)[:2].tolist() == [1, 2]
    targets = np.column_stack([CODES + RNG.normal(size=300), RNG.normal(size=300)])
    each = [mutual_info_regression(INPUTS.astype(float), target, **state) for target in targets.T]
    found = relevance(INPUTS, GROUPS, targets, Task.REGRESSION, 4)
    np.testing.assert_allclose(found, np.mean(each, axis=0))


def test_relevance_of_a_category_is_the_sum_over_its_table():
    table = np.array([[np.mean((INPUTS[:, 2] == x) & (y == CODES)) for y in range(3)] for x in (0, 1)])
    apart = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_hand = np.nansum(table * np.log(table / apart))
    assert relevance(INPUTS, GROUPS, CODES, Task.MULTICLASS, 4)[2] == pytest.approx(by_hand)


def test_scaled_codes_of_categories_are_counted_as_categories():
    scaled = INPUTS.copy()
    scaled[:, 2] = (scaled[:, 2] - 0.37) / 0.48
    np.testing.assert_allclose(
        relevance(scaled, GROUPS, CODES, Task.MULTICLASS, 4)[2],
        relevance(INPUTS, GROUPS, CODES, Task.MULTICLASS, 4)[2],
    )


def test_of_many_rows_a_sample_tells():
    n_rows = MOST_ROWS + 500
    label = RNG.integers(0, 2, n_rows)
    inputs = np.column_stack([label, RNG.integers(0, 2, n_rows)]).astype(np.float32)
    told = relevance(inputs, np.array([0, 1]), label, Task.BINARY, 4)
    assert told[0] == pytest.approx(np.log(2), abs=1e-3)
    assert told[1] < 1e-3


def test_the_k_inputs_that_tell_the_most_are_kept_in_their_order():
    told = np.array([0.1, 0.5, 0.3, 0.0, 0.3])
    assert kept_places(INPUTS, told, k=2, variance=None).tolist() == [1, 2]  # of equals the first
    assert kept_places(INPUTS, told, k=99, variance=None).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("variance", [0.0, 0.24, 0.5])
def test_inputs_that_vary_too_little_become_zeros_so_that_the_width_stays(variance):
    kept = kept_places(INPUTS, None, k=None, variance=variance)
    expected = VarianceThreshold(variance).fit(INPUTS.astype(float)).get_support()
    np.testing.assert_array_equal(kept, np.where(expected, np.arange(5), -1))
    left = keep(INPUTS, kept)
    np.testing.assert_array_equal(left[:, expected], INPUTS[:, expected])
    assert not left[:, ~expected].any()


def test_both_together_choose_among_those_that_vary_and_fill_up_with_zeros():
    told = np.array([0.1, 0.2, 0.3, 9.0, 0.4])
    assert kept_places(INPUTS, told, k=4, variance=0.0).tolist() == [0, 1, 2, 4]
    assert kept_places(INPUTS, told, k=5, variance=0.0).tolist() == [0, 1, 2, 4, -1]


def test_no_input_left_is_refused():
    with pytest.raises(
        DataError, match=r"none of 5 has a variance above 99 .* lower preprocess\.select\.variance"
    ):
        kept_places(INPUTS, None, k=None, variance=99.0)
