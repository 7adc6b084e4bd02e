"""Classes that are balanced: counts and weights by hand, made-up rows checked against their neighbours."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tuner.data.balance import Learnt, balanced, too_few
from tuner.data.choices import BALANCES

COUNTS = (40, 9, 3)
NUMBERS = [0, 3]
ONEHOT = [1, 2, 4]  # one column of categories, whose inputs do not lie side by side
TRUTH = [5]


def rows(counts: tuple[int, ...] = COUNTS) -> Learnt:
    """Rows of classes of these sizes: two numbers, a category of three and a truth value, and weights."""
    random = np.random.default_rng(5)
    label = np.repeat(np.arange(len(counts)), counts)
    inputs = np.zeros((len(label), 6), np.float32)
    inputs[:, NUMBERS] = random.normal(size=(len(label), 2)) + label[:, None]
    inputs[np.arange(len(label)), np.array(ONEHOT)[random.integers(0, 3, len(label))]] = 1
    inputs[:, TRUTH] = random.integers(0, 2, (len(label), 1))
    weight = random.uniform(0.5, 1.5, len(label)).astype(np.float32)
    return Learnt(inputs, label, weight, np.array([-1, 0, 0, -1, 0, 1]))


def test_class_weights_are_scikit_learns_times_the_rows_own():
    given = rows()
    found = balanced("class_weight", given, 1)
    factors = compute_class_weight("balanced", classes=np.arange(3), y=given.label)
    np.testing.assert_allclose(found.weight, given.weight * factors[given.label], rtol=1e-6)
    np.testing.assert_array_equal(found.inputs, given.inputs)
    np.testing.assert_allclose(
        np.bincount(found.label, found.weight / given.weight), sum(COUNTS) / 3, rtol=1e-6
    )


def test_a_class_that_a_fold_lacks_takes_no_share():
    given = rows((4, 0, 2))
    found = balanced("class_weight", given, 1)
    np.testing.assert_allclose(found.weight / given.weight, [0.75] * 4 + [1.5] * 2, rtol=1e-6)


@pytest.mark.parametrize(("method", "size"), [("oversample", 40), ("undersample", 3), ("smote", 40)])
def test_every_class_has_as_many_rows_as_the_largest_or_the_smallest(method, size):
    assert np.bincount(balanced(method, rows(), 1).label).tolist() == [size] * 3


@pytest.mark.parametrize("method", ["oversample", "undersample", "smote"])
def test_rows_of_one_class_stay_as_they_are(method):
    given = rows((7,))
    assert balanced(method, given, 1) is given


@pytest.mark.parametrize("method", ["oversample", "undersample"])
def test_drawn_rows_are_rows_of_the_fold_with_their_own_weight(method):
    given, found = rows(), balanced(method, rows(), 1)
    known = {
        (*row, weight, label)
        for row, weight, label in zip(given.inputs.tolist(), given.weight, given.label, strict=True)
    }
    drawn = [
        (*row, weight, label)
        for row, weight, label in zip(found.inputs.tolist(), found.weight, found.label, strict=True)
    ]
    assert set(drawn) <= known
    assert (set(drawn) == known) == (method == "oversample")


def test_made_up_rows_lie_between_two_rows_of_their_class_and_keep_categories_whole():
    given, found = rows(), balanced("smote", rows(), 1)
    np.testing.assert_array_equal(found.inputs[: len(given.label)], given.inputs)
    made, label = found.inputs[len(given.label) :], found.label[len(given.label) :]
    np.testing.assert_array_equal(made[:, ONEHOT].sum(axis=1), 1)
    assert set(np.unique(made[:, ONEHOT + TRUTH])) == {0, 1}
    for row, code in zip(made, label, strict=True):
        own = given.inputs[given.label == code][:, NUMBERS]
        a, b = own[:, None], own[None]
        position = row[NUMBERS]
        detour = np.linalg.norm(position - a, axis=2) + np.linalg.norm(b - position, axis=2)
        assert np.min(detour - np.linalg.norm(b - a, axis=2)) < 1e-5  # on the line between some pair
    assert len(np.unique(made[:, NUMBERS], axis=0)) > 50
    means = [given.weight[given.label == code].mean() for code in range(3)]
    np.testing.assert_allclose(found.weight[len(given.label) :], np.array(means)[label], rtol=1e-6)


@pytest.mark.parametrize(
    "groups", [np.full(6, -1), np.array([0, 1, 1, 2, 1, 3])], ids=["numbers", "categories"]
)
def test_rows_of_one_kind_of_input_are_made_up_too(groups):
    given = rows()
    inputs = given.inputs if groups[0] < 0 else np.round(given.inputs)
    found = balanced("smote", Learnt(inputs, given.label, given.weight, groups), 1)
    assert np.bincount(found.label).tolist() == [40] * 3
    if groups[0] >= 0:
        assert set(np.unique(found.inputs[:, NUMBERS])) <= set(np.unique(inputs[:, NUMBERS]))


def test_two_rows_are_each_others_neighbour_and_one_row_is_told():
    found = balanced("smote", rows((7, 2)), 1)
    assert np.bincount(found.label).tolist() == [7, 7]
    assert too_few("smote", np.array([0, 0, 0, 1])) == 1
    assert too_few("smote", np.array([0, 1])) is None  # they are even already
    assert too_few("oversample", np.array([0, 0, 0, 1])) is None
    assert np.bincount(balanced("smote", rows((1, 1)), 1).label).tolist() == [1, 1]


@pytest.mark.parametrize("method", sorted(set(BALANCES) - {"none", "class_weight"}))
def test_what_is_drawn_repeats_by_seed(method):
    first, same, other = (balanced(method, rows(), seed).inputs for seed in (1, 1, 2))
    assert first.tobytes() == same.tobytes() != other.tobytes()


def test_without_balance_rows_stay_as_they_are():
    given = rows()
    assert balanced("none", given, 1) is given
