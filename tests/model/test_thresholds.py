import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.model.predictions import make_predictions, sigmoid
from tuner.model.heads import make_head
from tuner.model.metrics import METRICS, score_folds
from tuner.model.thresholds import Decisions, choose_thresholds
from tuner.tasks import Task


@pytest.fixture
def rare():
    """A target of one positive in ten, with outputs that are too low for a threshold of one half."""
    random = np.random.default_rng(4)
    target = (random.random(300) < 0.1).astype(np.int64)
    outputs = sigmoid(1.5 * target + random.normal(0, 0.7, 300) - 2.5)[:, None]
    return make_head(Task.BINARY, 1, 2), target, outputs, np.array_split(random.permutation(300), 5)


def test_the_threshold_is_the_best_of_all_that_differ_or_nearly_so(rare):
    head, target, outputs, _ = rare
    (found,) = choose_thresholds(METRICS["f1"], head, target, outputs)
    every = [f1_score(target, outputs[:, 0] > each) for each in np.unique(outputs)[:-1]]
    chosen = f1_score(target, outputs[:, 0] > found)
    assert chosen > max(every) - 0.02
    assert chosen > f1_score(target, outputs[:, 0] > 0.5) + 0.2


def test_of_few_outputs_the_best_threshold_lies_between_two_and_nearest_to_one_half():
    head, target = make_head(Task.BINARY, 1, 2), np.array([0, 0, 1, 1])
    outputs = np.array([[0.1], [0.2], [0.3], [0.4]])
    assert choose_thresholds(METRICS["accuracy"], head, target, outputs) == (0.25,)
    assert choose_thresholds(METRICS["hamming_loss"], head, target, outputs) == (0.25,)
    assert choose_thresholds(METRICS["accuracy"], head, target, outputs + 0.25) == (0.5,)


def test_weights_of_rows_move_the_threshold_even_below_all_outputs():
    head, target = make_head(Task.BINARY, 1, 2), np.array([1, 0, 1])
    outputs = np.array([[0.1], [0.2], [0.3]])
    assert choose_thresholds(METRICS["accuracy"], head, target, outputs) == (0.25,)
    heavy_first = np.array([3.0, 1.0, 1.0])
    assert choose_thresholds(METRICS["accuracy"], head, target, outputs, heavy_first) == (0.05,)


@pytest.mark.parametrize("name", ["f1_macro", "f1_micro", "hamming_loss"])
def test_each_label_has_the_threshold_that_is_best_for_it_alone(name):
    made = make_predictions(Task.MULTILABEL, seed=0)
    rows = np.concatenate(made.folds)
    found = choose_thresholds(METRICS[name], made.head, made.target[rows], made.outputs)
    for label, threshold in enumerate(found):
        alone = make_predictions(Task.BINARY, seed=0).head
        one = "accuracy" if name == "hamming_loss" else "f1"
        column = made.outputs[:, [label]]
        (expected,) = choose_thresholds(METRICS[one], alone, made.target[rows, label], column)
        assert threshold == pytest.approx(expected)


def test_a_fold_is_decided_by_the_threshold_of_the_other_folds_of_its_repeat(rare):
    head, target, outputs, folds = rare
    both = [*folds, *folds[::-1]]
    decisions = Decisions(METRICS["f1"], head, target, both, 2)
    laid = np.concatenate([outputs[rows] for rows in both])
    thresholds = decisions.thresholds(laid)
    others = np.concatenate([folds[number] for number in (0, 1, 3, 4)])
    expected = choose_thresholds(METRICS["f1"], head, target[others], outputs[others])
    assert thresholds.shape == (10, 1)
    assert tuple(thresholds[2]) == expected == tuple(thresholds[7])
    decided = decisions.decided(laid)
    sizes = [len(rows) for rows in both]
    np.testing.assert_array_equal(decided, laid > np.repeat(thresholds, sizes, axis=0))


def test_outputs_and_targets_of_a_fold_do_not_touch_its_own_threshold(rare):
    head, target, outputs, folds = rare
    laid = np.concatenate([outputs[rows] for rows in folds])
    before = Decisions(METRICS["f1"], head, target, folds, 1).thresholds(laid)
    changed, other = laid.copy(), target.copy()
    changed[: len(folds[0])] = 0.999
    other[folds[0]] = 1 - other[folds[0]]
    after = Decisions(METRICS["f1"], head, other, folds, 1).thresholds(changed)
    assert before[0] == after[0]
    assert (before[1:] != after[1:]).any()


def test_chosen_thresholds_are_better_on_rows_that_did_not_choose_them_where_one_half_is_wrong(rare):
    head, target, outputs, folds = rare
    laid = np.concatenate([outputs[rows] for rows in folds])
    decided = Decisions(METRICS["f1"], head, target, folds, 1).decided(laid)
    plain, chosen = (score_folds("f1", head, target, each, folds).mean() for each in (laid, decided))
    assert chosen > plain + 0.15


def test_outputs_that_are_not_finite_stay_so():
    made = make_predictions(Task.BINARY, seed=0)
    broken = made.outputs.copy()
    broken[3] = np.nan
    found = Decisions(METRICS["f1"], made.head, made.target, made.folds[:2], 1).decided(broken[:41])
    assert np.isnan(found[3])
    assert np.isfinite(np.delete(found, 3)).all()
