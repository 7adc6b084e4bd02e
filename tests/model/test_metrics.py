import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics as sk

from tests.model.predictions import make_predictions
from tuner.model.asked_metrics import FAMILIES
from tuner.model.heads import make_head
from tuner.model.metrics import ALIASES, AUTO_OBJECTIVE, METRICS, metrics_for, score, score_folds
from tuner.tasks import Task

NAN = float("nan")


def _one_against_the_rest(function, target, outputs):
    return np.mean([function(target == k, outputs[:, k]) for k in range(outputs.shape[1])])


def _specificities(target, labels):
    """True negatives over all negatives of each class, from a confusion matrix."""
    table = sk.confusion_matrix(target, labels)
    negatives = table.sum() - table.sum(axis=1)
    return (negatives - table.sum(axis=0) + np.diag(table)) / negatives


def _by_average(average, name="f1"):
    function = getattr(sk, f"{name}_score")
    return lambda target, labels, outputs: function(target, labels, average=average, zero_division=0)


# scikit-learn's own call for each metric, from target, labels and outputs.
ANY_CLASSES = {
    "accuracy": lambda t, p, o: sk.accuracy_score(t, p),
    **{
        f"{name}_{average}": _by_average(average, name)
        for name in ("f1", "precision", "recall")
        for average in ("macro", "micro", "weighted")
    },
    "hamming_loss": lambda t, p, o: sk.hamming_loss(t, p),
}
COUNTS = {
    name: (lambda t, p, o, place=place: sk.confusion_matrix(t, p).ravel()[place])
    for place, name in enumerate(("tn", "fp", "fn", "tp"))
}
ONE_CLASS_A_ROW = {
    **ANY_CLASSES,
    "balanced_accuracy": lambda t, p, o: sk.balanced_accuracy_score(t, p),
    "mcc": lambda t, p, o: sk.matthews_corrcoef(t, p),
    "cohen_kappa": lambda t, p, o: sk.cohen_kappa_score(t, p),
    "mean_iou": lambda t, p, o: sk.jaccard_score(t, p, average="macro"),
}
TRUTHS = {
    Task.BINARY: {
        **ONE_CLASS_A_ROW,
        **COUNTS,
        "kl_divergence": lambda t, p, o: sk.log_loss(t, o[:, 0].astype(float)),
        "f1": lambda t, p, o: sk.f1_score(t, p),
        "precision": lambda t, p, o: sk.precision_score(t, p),
        "recall": lambda t, p, o: sk.recall_score(t, p),
        "specificity": lambda t, p, o: sk.recall_score(t, p, pos_label=0),
        "roc_auc": lambda t, p, o: sk.roc_auc_score(t, o[:, 0]),
        "average_precision": lambda t, p, o: sk.average_precision_score(t, o[:, 0]),
        "log_loss": lambda t, p, o: sk.log_loss(t, o[:, 0].astype(float)),
        "brier": lambda t, p, o: sk.brier_score_loss(t, o[:, 0].astype(float)),
    },
    Task.MULTICLASS: {
        **ONE_CLASS_A_ROW,
        "kl_divergence": lambda t, p, o: sk.log_loss(
            t, o.astype(float) / o.astype(float).sum(axis=1, keepdims=True)
        ),
        "precision": _by_average("macro", "precision"),
        "recall": _by_average("macro", "recall"),
        "specificity": lambda t, p, o: _specificities(t, p).mean(),
        "roc_auc": lambda t, p, o: sk.roc_auc_score(t, o, multi_class="ovr", average="macro"),
        "average_precision": lambda t, p, o: _one_against_the_rest(sk.average_precision_score, t, o),
        "log_loss": lambda t, p, o: sk.log_loss(
            t, o.astype(float) / o.astype(float).sum(axis=1, keepdims=True)
        ),
    },
    Task.MULTILABEL: {
        **ANY_CLASSES,
        "subset_accuracy": lambda t, p, o: sk.accuracy_score(t, p),
        "precision": _by_average("macro", "precision"),
        "recall": _by_average("macro", "recall"),
        "jaccard": _by_average("macro", "jaccard"),
        "specificity": lambda t, p, o: np.mean(
            [sk.recall_score(t[:, k], p[:, k], pos_label=0) for k in range(4)]
        ),
        "roc_auc": lambda t, p, o: sk.roc_auc_score(t, o, average="macro"),
        "average_precision": lambda t, p, o: sk.average_precision_score(t, o, average="macro"),
        "log_loss": lambda t, p, o: np.mean([sk.log_loss(t[:, k], o[:, k].astype(float)) for k in range(4)]),
    },
    Task.REGRESSION: {
        "msle": lambda t, p, o: sk.mean_squared_log_error(t, np.maximum(o, 0)),
        "cosine_similarity": lambda t, p, o: np.mean(np.diag(sk.pairwise.cosine_similarity(t, o))),
        "mae": lambda t, p, o: sk.mean_absolute_error(t, o),
        "mse": lambda t, p, o: sk.mean_squared_error(t, o),
        "rmse": lambda t, p, o: sk.root_mean_squared_error(t, o),
        "r2": lambda t, p, o: sk.r2_score(t, o),
        "mape": lambda t, p, o: sk.mean_absolute_percentage_error(t, o),
        "median_absolute_error": lambda t, p, o: sk.median_absolute_error(t, o),
        "max_error": lambda t, p, o: max(sk.max_error(t[:, k], o[:, k]) for k in range(4)),
        "explained_variance": lambda t, p, o: sk.explained_variance_score(t, o),
    },
}


def test_every_metric_of_every_task_has_a_truth_to_be_compared_with():
    assert {task: set(truths) for task, truths in TRUTHS.items()} == {
        task: set(metrics_for(task)) for task in Task
    }


@pytest.mark.parametrize(("task", "name"), [(task, name) for task in Task for name in TRUTHS[task]])
def test_a_score_is_what_scikit_learn_gives(task, name):
    made = make_predictions(task, seed=5)
    rows = np.concatenate(made.folds)
    target, labels = made.target[rows], made.head.decode(made.outputs)
    expected = TRUTHS[task][name](target, labels, made.outputs)
    assert score(name, made.head, target, made.outputs) == pytest.approx(expected, rel=1e-12)


def test_a_prediction_below_0_counts_as_0_for_msle():
    head = make_head(Task.REGRESSION, 1, 0)
    assert score("msle", head, np.array([0.0, 3.0]), np.array([[-5.0], [3.0]])) == 0.0


@pytest.mark.parametrize("name", sorted(set(metrics_for(Task.BINARY)) - {"tp", "tn"}))
def test_a_perfect_prediction_has_the_best_score_and_a_wrong_one_a_worse(name):
    head, target = make_head(Task.BINARY, 1, 2), np.array([0, 1, 1, 0])
    right = score(name, head, target, np.array([[0.0], [1.0], [1.0], [0.0]], np.float32))
    wrong = score(name, head, target, np.array([[1.0], [0.0], [0.0], [1.0]], np.float32))
    best = 1.0 if METRICS[name].direction == "maximize" else 0.0
    assert right == pytest.approx(best, abs=1e-6)
    assert (right - wrong) * (1 if METRICS[name].direction == "maximize" else -1) > 0.4


@pytest.mark.parametrize("name", metrics_for(Task.REGRESSION))
def test_exact_values_have_the_best_score_and_others_a_worse(name):
    head, target = make_head(Task.REGRESSION, 1, 0), np.array([[1.0], [2.0], [4.0]])
    best = 1.0 if METRICS[name].direction == "maximize" else 0.0
    assert score(name, head, target, target) == pytest.approx(best, abs=1e-15)
    sign = 1 if METRICS[name].direction == "maximize" else -1
    assert sign * score(name, head, target, -target) < sign * score(name, head, target, target)


@pytest.mark.parametrize(
    ("name", "task", "target", "outputs"),
    [
        ("roc_auc", Task.BINARY, [1, 1], [[0.3], [0.6]]),
        ("roc_auc", Task.BINARY, [0, 0], [[0.3], [0.6]]),
        ("average_precision", Task.BINARY, [0, 0], [[0.3], [0.6]]),
        ("roc_auc", Task.MULTILABEL, [[1, 0], [1, 0]], [[0.3, 0.2], [0.6, 0.2]]),
        ("cohen_kappa", Task.BINARY, [1, 1], [[0.8], [0.9]]),
        ("r2", Task.REGRESSION, [[1.0]], [[1.0]]),
        ("explained_variance", Task.REGRESSION, [[1.0]], [[1.0]]),
    ],
)
def test_a_metric_that_the_rows_leave_undefined_is_nan_without_a_warning(name, task, target, outputs):
    head = make_head(task, 2, 2) if task is Task.MULTILABEL else make_head(task, 1, 2)
    assert np.isnan(score(name, head, np.array(target), np.array(outputs, np.float32)))


def test_a_label_without_both_values_does_not_enter_the_mean_of_roc_auc():
    head = make_head(Task.MULTILABEL, 2, 0)
    target, outputs = (
        np.array([[0, 1], [1, 1], [0, 1]]),
        np.array([[0.2, 0.9], [0.5, 0.1], [0.7, 0.3]], np.float32),
    )
    assert score("roc_auc", head, target, outputs) == 0.5


def test_f1_is_0_without_a_warning_where_nothing_is_positive():
    head = make_head(Task.BINARY, 1, 2)
    for name in ("f1", "precision", "recall"):
        assert score(name, head, np.array([0, 0]), np.array([[0.1], [0.2]], np.float32)) == 0.0


def test_log_loss_knows_the_classes_that_the_rows_lack():
    outputs = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], np.float32)
    value = score("log_loss", make_head(Task.MULTICLASS, 1, 3), np.array([0, 1]), outputs)
    assert value == pytest.approx(np.log(2), rel=1e-6)


def test_log_loss_of_a_certain_mistake_is_that_of_scikit_learn_for_float32():
    target, outputs = np.array([0, 1, 1]), np.array([[1.0], [0.0], [0.5]], np.float32)
    value = score("log_loss", make_head(Task.BINARY, 1, 2), target, outputs)
    assert value == pytest.approx(sk.log_loss(target, outputs[:, 0]), rel=1e-6)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_score_of_outputs_that_are_not_finite_is_nan(broken):
    outputs = np.array([[0.1], [broken]], np.float32)
    assert np.isnan(score("roc_auc", make_head(Task.BINARY, 1, 2), np.array([0, 1]), outputs))


def test_a_one_column_regression_target_may_be_flat():
    head, outputs = make_head(Task.REGRESSION, 1, 0), np.array([[1.0], [2.0]], np.float32)
    assert score("mae", head, np.array([1.0, 4.0]), outputs) == 1.0


def test_each_folds_score_is_that_of_its_own_rows():
    head, target = make_head(Task.BINARY, 1, 2), np.array([0, 1, 0, 1, 1])
    folds = [np.array([4, 0]), np.array([1, 2, 3])]
    outputs = np.array([[0.9], [0.8], [0.9], [0.1], [0.2]], np.float32)  # rows 4, 0, 1, 2, 3
    assert score_folds("accuracy", head, target, outputs, folds).tolist() == [0.5, pytest.approx(2 / 3)]


def test_the_automatic_objective_fits_its_task():
    assert all(task in METRICS[AUTO_OBJECTIVE[task]].tasks for task in Task)


def test_other_tools_names_point_to_metrics_and_are_none_themselves():
    assert set(ALIASES.values()) <= {*METRICS, *FAMILIES}
    assert not set(ALIASES) & set(METRICS)


def test_reading_the_tables_of_names_does_not_import_scikit_learn_or_keras():
    program = (
        "import sys, tuner.model.fold_metrics, tuner.model.losses, tuner.model.network; "
        "print([name for name in ('sklearn', 'keras', 'tensorflow', 'pandas') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
