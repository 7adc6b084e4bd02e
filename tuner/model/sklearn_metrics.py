"""scikit-learn's metrics under one signature, and silent where the rows leave one undefined: NaN."""

from typing import Any

import numpy as np

from tuner.tasks import Task

EPSILON = float(np.finfo(np.float32).eps)
"""How near to 0 or 1 a probability counts: networks compute in float32, where more is rounding."""


def of_labels(function: str, task: Task, target: np.ndarray, labels: np.ndarray) -> float:
    """Return a metric of labels that needs nothing else."""
    return float(_sklearn(function)(target, labels))


def averaged(function: str, average: str | None, task: Task, target: np.ndarray, labels: np.ndarray) -> float:
    """Return F1, precision or recall.

    Args:
        function: ``f1``, ``precision`` or ``recall``.
        average: as scikit-learn names it; None for the positive class of binary, and the macro mean
            of other tasks.
        task: what is predicted.
        target: true labels.
        labels: predicted labels.
    """
    average = average or ("binary" if task is Task.BINARY else "macro")
    return float(_sklearn(f"{function}_score")(target, labels, average=average, zero_division=0))


def balanced_accuracy(task: Task, target: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean recall of the classes that occur."""
    occurring = np.unique(target)
    return float(_sklearn("recall_score")(target, labels, labels=occurring, average="macro", zero_division=0))


def specificity(task: Task, target: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of a class's negatives that are called negative; 0 where there are none."""
    counts = _sklearn("multilabel_confusion_matrix")(
        target, labels, labels=[0, 1] if task is Task.BINARY else None
    )
    negatives = counts[:, 0].sum(axis=1)
    rates = counts[:, 0, 0] / np.maximum(negatives, 1)
    return float(rates[1] if task is Task.BINARY else rates.mean())


def mcc(task: Task, target: np.ndarray, labels: np.ndarray) -> float:
    """Return Matthews' correlation; 0 where target or labels are constant."""
    if len(np.union1d(target, labels)) == 1:
        return 0.0
    return float(_sklearn("matthews_corrcoef")(target, labels))


def cohen_kappa(task: Task, target: np.ndarray, labels: np.ndarray) -> float:
    """Return Cohen's kappa; NaN where target and labels are one same class."""
    if len(np.union1d(target, labels)) == 1:
        return float("nan")
    return float(_sklearn("cohen_kappa_score")(target, labels))


def jaccard(task: Task, target: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over labels of intersection over union; 0 for a label neither true nor predicted."""
    return float(_sklearn("jaccard_score")(target, labels, average="macro", zero_division=0))


def ranking(function: str, task: Task, target: np.ndarray, outputs: np.ndarray) -> float:
    """Return ROC AUC or average precision: of the positive class, or the mean over classes or labels.

    A class or a label enters where the metric is defined for it: both need a positive row, ROC AUC a
    negative one too. NaN where none is left.
    """
    positives = one_hot(task, target, outputs.shape[1])
    defined = positives.any(axis=0)
    if function == "roc_auc_score":
        defined &= ~positives.all(axis=0)
    if not defined.any():
        return float("nan")
    return float(
        np.mean([_sklearn(function)(positives[:, k], outputs[:, k]) for k in np.flatnonzero(defined)])
    )


def log_loss(task: Task, target: np.ndarray, outputs: np.ndarray) -> float:
    """Return the mean negative log-probability of what is true, in nats; the mean over several labels.

    Probabilities are kept ``EPSILON`` from 0 and 1, as scikit-learn keeps those of float32 arrays, but summed
    in float64.
    """
    chances = np.clip(outputs.astype(np.float64), EPSILON, 1 - EPSILON)
    function = _sklearn("log_loss")
    if task is Task.MULTICLASS:
        chances /= chances.sum(axis=1, keepdims=True)
        return float(function(target, chances, labels=np.arange(outputs.shape[1])))
    positives = one_hot(task, target, outputs.shape[1])
    return float(
        np.mean([function(positives[:, k], chances[:, k], labels=[0, 1]) for k in range(outputs.shape[1])])
    )


def brier(task: Task, target: np.ndarray, outputs: np.ndarray) -> float:
    """Return the mean squared difference of the positive class's probability and 0 or 1."""
    return of_values("mean_squared_error", task, target, outputs)


def of_values(function: str, task: Task, target: np.ndarray, outputs: np.ndarray) -> float:
    """Return a metric of values, the mean over targets, in float64."""
    return float(_sklearn(function)(*_values(target, outputs)))


def explained(function: str, task: Task, target: np.ndarray, outputs: np.ndarray) -> float:
    """Return a metric that compares with the rows' mean; NaN for a single row.

    For a constant target it is 1 where the outputs are exact and 0 where they are not.
    """
    return of_values(function, task, target, outputs) if len(target) > 1 else float("nan")


def max_error(task: Task, target: np.ndarray, outputs: np.ndarray) -> float:
    """Return the largest absolute error of all rows and targets."""
    true, predicted = _values(target, outputs)
    return float(_sklearn("max_error")(true.ravel(), predicted.ravel()))


def one_hot(task: Task, target: np.ndarray, n_units: int) -> np.ndarray:
    """Return the target as (n_rows, n_units) truth values, one column a unit of the head."""
    if task is Task.MULTICLASS:
        return np.eye(n_units, dtype=bool)[np.asarray(target, np.int64).reshape(-1)]
    return np.asarray(target, bool).reshape(-1, n_units)


def _values(target: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(target, np.float64).reshape(outputs.shape), outputs.astype(np.float64)


def _sklearn(function: str) -> Any:
    # Imported here: scikit-learn takes seconds, and the table of names is read by every command.
    from sklearn import metrics

    return getattr(metrics, function)
