from time import perf_counter

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from tests.model.predictions import make_predictions, sigmoid
from tuner.model.fold_metrics import FoldScorer
from tuner.model.heads import make_head
from tuner.model.metrics import metrics_for, score_folds
from tuner.tasks import Task

ALL = [(task, name) for task in Task for name in metrics_for(task)]
NAN = float("nan")


def _assert_same(name, head, target, outputs, folds):
    values = FoldScorer(name, head, target, folds)(outputs)
    expected = score_folds(name, head, target, outputs, folds)
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-14, equal_nan=True)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_all_folds_at_once_have_the_scores_of_fold_by_fold(task, name):
    for seed in range(4):
        made = make_predictions(task, seed)
        _assert_same(name, made.head, made.target, made.outputs, made.folds)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_a_constant_prediction_has_the_scores_of_fold_by_fold(task, name):
    made = make_predictions(task, seed=1)
    constant = np.full_like(made.outputs, 1 / made.head.units if task is Task.MULTICLASS else 0.75)
    _assert_same(name, made.head, made.target, constant, made.folds)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_certain_predictions_have_the_scores_of_fold_by_fold(task, name):
    made = make_predictions(task, seed=2)
    if task is Task.MULTICLASS:
        certain = np.eye(made.head.units, dtype=np.float32)[made.outputs.argmax(axis=1)]
    else:
        certain = np.round(made.outputs)
    _assert_same(name, made.head, made.target, certain, made.folds)


@pytest.mark.parametrize("name", metrics_for(Task.REGRESSION))
def test_exact_values_of_a_constant_target_have_the_scores_of_fold_by_fold(name):
    folds = [np.array([0, 1, 2]), np.array([3, 4])]
    target = np.array([[2.0], [2.0], [2.0], [0.1], [0.3]])
    _assert_same(name, make_head(Task.REGRESSION, 1, 0), target, target.copy(), folds)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_float64_outputs_that_float32_would_make_equal_stay_apart(name):
    target = np.array([0, 1, 1, 0])
    outputs = np.array([[0.5], [0.5 + 1e-12], [0.3], [0.2]])
    _assert_same(name, make_head(Task.BINARY, 1, 2), target, outputs, [np.arange(4)])


def test_roc_auc_orders_negative_outputs_and_takes_both_zeros_for_one():
    target = np.array([0, 1, 0, 1, 0, 1])
    outputs = np.array([[-2.0], [-1.0], [-0.0], [0.0], [3.0], [0.5]], np.float32)
    value = FoldScorer("roc_auc", make_head(Task.BINARY, 1, 2), target, [np.arange(6)])(outputs)
    assert value[0] == pytest.approx(roc_auc_score(target, outputs[:, 0]), rel=1e-12)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_a_fold_with_an_output_that_is_not_finite_is_nan_and_the_others_keep_their_scores(task, name):
    made = make_predictions(task, seed=3)
    broken = made.outputs.copy()
    broken[22, -1], broken[25, 0] = np.nan, np.inf  # rows of the second fold
    scorer = FoldScorer(name, made.head, made.target, made.folds)
    expected = scorer(made.outputs)
    expected[1] = NAN
    np.testing.assert_array_equal(scorer(broken), expected)


def test_a_call_leaves_outputs_and_target_as_they_were():
    made = make_predictions(Task.MULTICLASS, seed=0)
    target, outputs = made.target.copy(), made.outputs.copy()
    for name in metrics_for(Task.MULTICLASS):
        FoldScorer(name, made.head, made.target, made.folds)(made.outputs)
    np.testing.assert_array_equal(made.target, target)
    np.testing.assert_array_equal(made.outputs, outputs)


@pytest.fixture(scope="module")
def iris():
    """Out-of-fold probabilities of a logistic regression: head, target, outputs, folds."""
    inputs, target = load_iris(return_X_y=True)
    splits = list(StratifiedKFold(5, shuffle=True, random_state=0).split(inputs, target))
    outputs = [
        LogisticRegression(max_iter=1000).fit(inputs[train], target[train]).predict_proba(inputs[rows])
        for train, rows in splits
    ]
    folds = [rows for _, rows in splits]
    return make_head(Task.MULTICLASS, 1, 3), target, np.concatenate(outputs).astype(np.float32), folds


@pytest.mark.parametrize("name", metrics_for(Task.MULTICLASS))
def test_out_of_fold_predictions_of_iris_have_the_scores_of_fold_by_fold(iris, name):
    _assert_same(name, *iris)


def _least_squares(inputs, target, folds):
    """Out-of-fold outputs of a linear model, squeezed into (0, 1)."""
    inputs = np.column_stack([(inputs - inputs.mean(axis=0)) / inputs.std(axis=0), np.ones(len(inputs))])
    outputs = []
    for rows in folds:
        train = np.setdiff1d(np.arange(len(inputs)), rows)
        weights = np.linalg.lstsq(inputs[train], target[train], rcond=None)[0]
        outputs.append(sigmoid(4 * (inputs[rows] @ weights - 0.5)))
    return np.concatenate(outputs)


@pytest.mark.parametrize(
    ("file", "task", "n_targets"), [("yeast.csv.gz", Task.MULTILABEL, 14), ("pima.csv", Task.BINARY, 1)]
)
def test_predictions_of_real_tables_have_the_scores_of_fold_by_fold(shared_data, file, task, n_targets):
    table = np.loadtxt(shared_data / file, delimiter=",", skiprows=1)
    inputs, target = table[:, :-n_targets], table[:, -n_targets:].astype(np.int64)
    folds = np.array_split(np.random.default_rng(0).permutation(len(table)), 5)
    outputs = _least_squares(inputs, target, folds)
    shaped = target if task is Task.MULTILABEL else target[:, 0]
    for name in metrics_for(task):
        _assert_same(name, make_head(task, n_targets, 2), shaped, outputs, folds)
    assert FoldScorer("roc_auc", make_head(task, n_targets, 2), shaped, folds)(outputs).mean() > 0.6


@pytest.mark.parametrize("name", metrics_for(Task.MULTICLASS))
def test_a_score_of_five_folds_of_iris_is_cheap_enough_for_every_epoch(iris, name):
    head, target, outputs, folds = iris
    scorer = FoldScorer(name, head, target, folds)
    scorer(outputs)
    seconds = []
    for _ in range(200):
        start = perf_counter()
        scorer(outputs)
        seconds.append(perf_counter() - start)
    limit = 200e-6 if name in {"roc_auc", "average_precision"} else 60e-6
    assert min(seconds) < limit
