"""scikit-learn's metrics under one signature, and silent where the rows leave one undefined: NaN."""

from typing import Any

import numpy as np

from tuner.tasks import Task

Weight = np.ndarray | None
"""The (n_rows,) weights of rows; None where all count alike."""

EPSILON = float(np.finfo(np.float32).eps)
"""How near to 0 or 1 a probability counts: networks compute in float32, where more is rounding."""


def of_labels(
    function: str, task: Task, target: np.ndarray, labels: np.ndarray, weight: Weight = None
) -> float:
    """Return a metric of labels that needs nothing else."""
    return float(_sklearn(function)(target, labels, sample_weight=weight))


def averaged(
    function: str,
    average: str | None,
    task: Task,
    target: np.ndarray,
    labels: np.ndarray,
    weight: Weight = None,
) -> float:
    """Return F1, precision or recall.

    Args:
        function: ``f1``, ``precision`` or ``recall``.
        average: as scikit-learn names it; None for the positive class of binary, and the macro mean
            of other tasks.
        task: what is predicted.
        target: true labels.
        labels: predicted labels.
        weight: (n_rows,) of the rows; None where all count alike.
    """
    average = average or ("binary" if task is Task.BINARY else "macro")
    score = _sklearn(f"{function}_score")
    return float(score(target, labels, average=average, zero_division=0, sample_weight=weight))


def balanced_accuracy(task: Task, target: np.ndarray, labels: np.ndarray, weight: Weight = None) -> float:
    """Return the mean recall of the classes that occur."""
    occurring = np.unique(target if weight is None else target[weight > 0])
    recall = _sklearn("recall_score")
    chosen = {"labels": occurring, "average": "macro", "zero_division": 0}
    return float(recall(target, labels, sample_weight=weight, **chosen))


def specificity(task: Task, target: np.ndarray, labels: np.ndarray, weight: Weight = None) -> float:
    """Return the share of a class's negatives that are called negative; 0 where there are none."""
    counts = _sklearn("multilabel_confusion_matrix")(
        target, labels, labels=[0, 1] if task is Task.BINARY else None, sample_weight=weight
    )
    negatives = counts[:, 0].sum(axis=1)
    rates = counts[:, 0, 0] / np.where(negatives > 0, negatives, 1)
    return float(rates[1] if task is Task.BINARY else rates.mean())


def mcc(task: Task, target: np.ndarray, labels: np.ndarray, weight: Weight = None) -> float:
    """Return Matthews' correlation; 0 where target or labels are constant."""
    if len(np.union1d(target, labels)) == 1:
        return 0.0
    return float(_sklearn("matthews_corrcoef")(target, labels, sample_weight=weight))


def cohen_kappa(task: Task, target: np.ndarray, labels: np.ndarray, weight: Weight = None) -> float:
    """Return Cohen's kappa; NaN where target and labels are one same class."""
    if len(np.union1d(target, labels)) == 1:
        return float("nan")
    return float(_sklearn("cohen_kappa_score")(target, labels, sample_weight=weight))


def jaccard(task: Task, target: np.ndarray, labels: np.ndarray, weight: Weight = None) -> float:
    """Return the mean over labels of intersection over union; 0 for a label neither true nor predicted."""
    score = _sklearn("jaccard_score")
    return float(score(target, labels, average="macro", zero_division=0, sample_weight=weight))


def ranking(
    function: str, task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None
) -> float:
    """Return ROC AUC or average precision: of the positive class, or the mean over classes or labels.

    A class or a label enters where the metric is defined for it: both need a positive row, ROC AUC a
    negative one too, of a weight above 0. NaN where none is left.
    """
    positives = one_hot(task, target, outputs.shape[1])
    counting = positives if weight is None else positives[weight > 0]
    defined = counting.any(axis=0)
    if function == "roc_auc_score":
        defined &= ~counting.all(axis=0)
    if not defined.any():
        return float("nan")
    score = _sklearn(function)
    units = np.flatnonzero(defined)
    return float(np.mean([score(positives[:, k], outputs[:, k], sample_weight=weight) for k in units]))


def log_loss(task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None) -> float:
    """Return the mean negative log-probability of what is true, in nats; the mean over several labels.

    Probabilities are kept ``EPSILON`` from 0 and 1, as scikit-learn keeps those of float32 arrays, but summed
    in float64.
    """
    chances = np.clip(outputs.astype(np.float64), EPSILON, 1 - EPSILON)
    function = _sklearn("log_loss")
    if task is Task.MULTICLASS:
        chances /= chances.sum(axis=1, keepdims=True)
        return float(function(target, chances, labels=np.arange(outputs.shape[1]), sample_weight=weight))
    positives = one_hot(task, target, outputs.shape[1])
    settings = {"labels": [0, 1], "sample_weight": weight}
    units = range(outputs.shape[1])
    return float(np.mean([function(positives[:, k], chances[:, k], **settings) for k in units]))


def brier(task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None) -> float:
    """Return the mean squared difference of the positive class's probability and 0 or 1."""
    return of_values("mean_squared_error", task, target, outputs, weight)


def of_values(
    function: str, task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None
) -> float:
    """Return a metric of values, the mean over targets, in float64."""
    return float(_sklearn(function)(*_values(target, outputs), sample_weight=weight))


def explained(
    function: str, task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None
) -> float:
    """Return a metric that compares with the rows' mean; NaN for a single row.

    For a constant target it is 1 where the outputs are exact and 0 where they are not.
    """
    return of_values(function, task, target, outputs, weight) if len(target) > 1 else float("nan")


def max_error(task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None) -> float:
    """Return the largest absolute error of all rows and targets; weights change nothing."""
    true, predicted = _values(target, outputs)
    return float(_sklearn("max_error")(true.ravel(), predicted.ravel()))


def confusion(
    cell: tuple[int, int], task: Task, target: np.ndarray, labels: np.ndarray, weight: Weight = None
) -> float:
    """Return how many rows have a true and a predicted class, or their summed weight.

    Args:
        cell: the true and the predicted class.
        task: what is predicted.
        target: true labels.
        labels: predicted labels.
        weight: (n_rows,) of the rows.
    """
    return float(
        _sklearn("confusion_matrix")(target, labels, labels=[0, 1], sample_weight=weight)[cell].item()
    )


def mean_iou(task: Task, target: np.ndarray, labels: np.ndarray, weight: Weight = None) -> float:
    """Return the mean over classes that are true or predicted, or labels, of intersection over union."""
    return jaccard(task, target, labels, weight)


def top_k_accuracy(
    k: float, task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None
) -> float:
    """Return the share of rows whose class is among the k most probable."""
    if k >= outputs.shape[1]:
        return 1.0
    score = _sklearn("top_k_accuracy_score")
    return float(score(target, outputs, k=int(k), labels=np.arange(outputs.shape[1]), sample_weight=weight))


def precision_at_recall(
    recall: float, task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None
) -> float:
    """Return the highest precision at a threshold that finds this share of the positive rows; NaN without any."""
    positives = one_hot(task, target, 1)[:, 0]
    if not positives.any():
        return float("nan")
    precisions, recalls, _ = _sklearn("precision_recall_curve")(
        positives, outputs[:, 0], sample_weight=weight
    )
    return float(precisions[recalls >= recall].max())


def sensitivity_at_specificity(
    specificity: float, task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None
) -> float:
    """Return the highest recall at a threshold that calls this share of the negatives so; NaN without one class."""
    positives = one_hot(task, target, 1)[:, 0]
    if not positives.any() or positives.all():
        return float("nan")
    false, true, _ = _sklearn("roc_curve")(
        positives, outputs[:, 0], sample_weight=weight, drop_intermediate=False
    )
    return float(true[1.0 - false >= specificity].max())


def msle(task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None) -> float:
    """Return the mean squared difference of log(1 + value); a prediction below 0 counts as 0."""
    true, predicted = _values(target, outputs)
    return float(_sklearn("mean_squared_log_error")(true, np.maximum(predicted, 0.0), sample_weight=weight))


def cosine_similarity(task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None) -> float:
    """Return the mean over rows of the cosine between the targets and the outputs; 0 where either is all 0."""
    true, predicted = _values(target, outputs)
    length = np.linalg.norm(true, axis=1) * np.linalg.norm(predicted, axis=1)
    cosines = (true * predicted).sum(axis=1) / np.where(length > 0, length, 1.0)
    return float(np.average(cosines, weights=weight))


def pinball(
    alpha: float, task: Task, target: np.ndarray, outputs: np.ndarray, weight: Weight = None
) -> float:
    """Return the pinball loss at a quantile, the mean over targets."""
    loss = _sklearn("mean_pinball_loss")
    return float(loss(*_values(target, outputs), alpha=alpha, sample_weight=weight))


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
