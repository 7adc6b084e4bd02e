from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from tests.model.predictions import make_predictions
from tuner.errors import TunerError
from tuner.model.asked_metrics import (
    FAMILIES,
    check_direction,
    check_metric,
    check_users_metric,
    find_metric,
)
from tuner.model.fold_metrics import FoldScorer
from tuner.model.metrics import METRICS, metrics_for, score, score_folds
from tuner.report.resampled import resampled
from tuner.tasks import Task

HERE = Path(__file__).parent


def _best_precision(recall, t, o):
    """The highest precision of all thresholds that find enough, one threshold after the other."""
    called = [o >= each for each in o]
    return max(t[each].mean() for each in called if t[each].sum() >= recall * t.sum())


def _best_recall(specificity, t, o):
    called = [o > each for each in (*o, -1.0)]
    return max(
        t[each].sum() / t.sum() for each in called if (~each & (t == 0)).sum() >= specificity * (t == 0).sum()
    )


TRUTHS = {
    "top_k_accuracy": (2, lambda t, o: sk.top_k_accuracy_score(t, o, k=2, labels=range(4))),
    "precision_at_recall": (0.7, lambda t, o: _best_precision(0.7, t, o[:, 0])),
    "sensitivity_at_specificity": (0.8, lambda t, o: _best_recall(0.8, t, o[:, 0])),
    "pinball": (0.9, lambda t, o: sk.mean_pinball_loss(t, o, alpha=0.9)),
}


def made_metric(name):
    family, (value, _) = FAMILIES[name], TRUTHS[name]
    written = {"name": name, family.argument: value}
    check_metric(written)
    return find_metric(written, family.task, HERE)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_metric_with_an_argument_is_what_its_definition_gives(name):
    metric, made = made_metric(name), make_predictions(FAMILIES[name].task, seed=5)
    rows = np.concatenate(made.folds)
    expected = TRUTHS[name][1](made.target[rows], made.outputs)
    assert score(metric, made.head, made.target[rows], made.outputs) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", FAMILIES)
def test_it_has_the_same_values_for_all_folds_at_once_and_for_resamples(name):
    metric, made = made_metric(name), make_predictions(FAMILIES[name].task, seed=1)
    expected = score_folds(metric, made.head, made.target, made.outputs, made.folds)
    found = FoldScorer(metric, made.head, made.target, made.folds)(made.outputs)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    rows, draws = np.concatenate(made.folds)[:30], np.random.default_rng(0).integers(0, 3, (30, 5))
    found = resampled(metric, made.head, made.target[rows], draws)(made.outputs[None, :30])[0]
    for column, value in enumerate(found):
        drawn = np.repeat(np.arange(30), draws[:, column])
        expected = score(metric, made.head, made.target[rows][drawn], made.outputs[drawn])
        assert value == pytest.approx(expected, rel=1e-9)


def test_a_name_that_is_recorded_holds_the_argument_and_nothing_that_mlflow_refuses():
    assert [made_metric(name).name for name in FAMILIES] == [
        "top_k_accuracy_2",
        "precision_at_recall_0.7",
        "sensitivity_at_specificity_0.8",
        "pinball_0.9",
    ]
    written = {"python": "own_metrics:make_cost", "fn": 5.0, "direction": "minimize", "note": "a | <b>"}
    assert find_metric(written, Task.BINARY, HERE).name == "own_metrics.make_cost_5_a____b_"


def test_more_classes_than_there_are_hold_every_row():
    metric = find_metric({"name": "top_k_accuracy", "k": 9}, Task.MULTICLASS, HERE)
    made = make_predictions(Task.MULTICLASS, seed=0)
    assert FoldScorer(metric, made.head, made.target, made.folds)(made.outputs).tolist() == [1.0] * 7
    assert score(metric, made.head, made.target[:5], made.outputs[:5]) == 1.0


def test_a_function_of_the_users_is_called_as_those_of_scikit_learn():
    made = make_predictions(Task.BINARY, seed=0)
    rows = np.concatenate(made.folds)
    hits = find_metric("own_metrics:share_of_hits", Task.BINARY, HERE)
    assert score(hits, made.head, made.target[rows], made.outputs) == score(
        "accuracy", made.head, made.target[rows], made.outputs
    )
    cost = find_metric(
        {"python": "own_metrics:make_cost", "fn": 5.0, "direction": "minimize"}, Task.BINARY, HERE
    )
    _, fp, fn, _ = sk.confusion_matrix(made.target[rows], made.head.decode(made.outputs)).ravel()
    assert score(cost, made.head, made.target[rows], made.outputs) == pytest.approx((5 * fn + fp) / len(rows))
    assert (cost.direction, hits.direction) == ("minimize", "maximize")


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (
            "top_k_accuracy",
            "'top_k_accuracy' needs k, a whole number at least 1; write {name: top_k_accuracy, k: 3}",
        ),
        ({"name": "top_k_accuracy", "k": 2.5}, "k: 2.5 is not a whole number at least 1"),
        ({"name": "pinball", "alpha": 1}, "alpha: 1 is not a number above 0 and below 1"),
        (
            {"name": "pinball", "alfa": 0.5},
            "'pinball' has no argument 'alfa'; did you mean 'alpha'?; it takes: alpha",
        ),
        ({"name": "f1", "beta": 2}, "'f1' has no argument 'beta'; it takes none"),
        ({"python": "a:b", "direction": "down"}, "direction: 'down' is not one of: maximize, minimize"),
        ({"python": "a:b", "needs": "classes"}, "needs: 'classes' is not one of: labels, outputs"),
    ],
)
def test_what_is_wrong_with_a_metric_is_told_in_a_sentence(written, sentence):
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (the sentence is compared as it is)
        check_metric(written)
    assert sentence in str(raised.value)


def test_a_function_to_be_improved_must_say_which_way_is_better():
    with pytest.raises(ValueError, match=r"write \{python: 'a:b', direction: minimize\}, or maximize"):
        check_direction("a:b")
    check_direction({"python": "a:b", "direction": "maximize"})


def test_a_function_that_fails_or_takes_no_weights_is_refused():
    made = make_predictions(Task.BINARY, seed=0)
    wrong = find_metric("own_metrics:wrong", Task.BINARY, HERE)
    with pytest.raises(TunerError, match="the metric own_metrics:wrong fails: ValueError: no such <thing>"):
        score(wrong, made.head, made.target[:9], made.outputs[:9])
    with pytest.raises(TunerError, match="own_metrics:wrong takes no sample_weight"):
        check_users_metric(wrong, weighted=True)
    check_users_metric(
        find_metric({"python": "own_metrics:make_cost", "fn": 2.0}, Task.BINARY, HERE), weighted=True
    )
    with pytest.raises(TunerError, match="has no function 'none'"):
        check_users_metric(find_metric("own_metrics:none", Task.BINARY, HERE), weighted=False)


WEIGHED = [(task, name) for task in Task for name in metrics_for(task) if METRICS[name].weighs]


@pytest.mark.parametrize(("task", "name"), WEIGHED)
def test_a_row_of_weight_2_counts_as_two_rows(task, name):
    made = make_predictions(task, seed=3)
    weight = np.random.default_rng(1).integers(1, 4, len(made.target)).astype(float)
    repeated = [np.repeat(rows, weight[rows].astype(int)) for rows in made.folds[:4]]
    parts = np.split(made.outputs, np.cumsum([len(rows) for rows in made.folds])[:-1])[:4]
    outputs = [
        np.repeat(part, weight[rows].astype(int), axis=0)
        for part, rows in zip(parts, made.folds, strict=False)
    ]
    expected = score_folds(name, made.head, made.target, np.concatenate(outputs), repeated)
    found = FoldScorer(name, made.head, made.target, made.folds[:4], weight)(np.concatenate(parts))
    if name == "median_absolute_error":
        return  # between two middle rows scikit-learn takes the lower one where there are weights
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    rows, draws = made.folds[3], np.ones((len(made.folds[3]), 1))
    drawn = resampled(name, made.head, made.target[rows], draws, weight[rows])(parts[3][None])
    assert drawn[0, 0] == pytest.approx(found[3], rel=1e-5)
