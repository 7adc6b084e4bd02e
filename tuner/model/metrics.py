"""What a trial is scored by: one meaning for each name, that of scikit-learn on the decoded predictions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Literal

import numpy as np

from tuner.hooks import Hook
from tuner.model import sklearn_metrics as sk
from tuner.model.heads import Head
from tuner.tasks import Task

Direction = Literal["maximize", "minimize"]
Needs = Literal["labels", "outputs"]

Function = Callable[..., float]
"""From the task, a target, what ``Metric.needs`` names and weights of rows, or None, to a value; NaN if undefined."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of a network's predictions on some rows; picklable.

    Attributes:
        name: as it is recorded and shown.
        direction: which way is better.
        tasks: which tasks it fits.
        needs: ``labels``, what ``Head.decode`` gives, or ``outputs``, the network's own.
        function: computes it.
        best: the best value that there is; infinite where there is none.
        weighs: whether rows may have weights.
        argument: the number that was given, such as the k of ``top_k_accuracy_3``; None for none.
        family: the name without it; empty for a function of the user's.
        hook: that function; None for ours.
    """

    name: str
    direction: Direction
    tasks: frozenset[Task]
    needs: Needs
    function: Function = field(compare=False)
    best: float
    weighs: bool = True
    argument: float | None = None
    family: str = ""
    hook: Hook | None = None

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    @property
    def worst(self) -> float:
        """The worst value that there is; infinite where there is none, and for a function of the user's."""
        if self.direction == "minimize":
            return _WORST.get(self.family, float("inf"))
        return _WORST.get(self.family, 0.0) if self.family else float("-inf")


_WORST: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("mcc", "cohen_kappa", "cosine_similarity"), -1.0),
        **dict.fromkeys(("r2", "explained_variance"), float("-inf")),
        **dict.fromkeys(("hamming_loss", "brier"), 1.0),
    }
)
"""A metric -> its worst value, where that is not 0 of one to maximise, or infinite of one to minimise."""


_BINARY = frozenset({Task.BINARY})
_CLASSES = frozenset({Task.BINARY, Task.MULTICLASS})
_LABELS = frozenset({Task.BINARY, Task.MULTICLASS, Task.MULTILABEL})
_MULTILABEL = frozenset({Task.MULTILABEL})
_REGRESSION = frozenset({Task.REGRESSION})


def _metric(
    name: str,
    direction: Direction,
    tasks: frozenset[Task],
    needs: Needs,
    function: Function,
    best: float | None = None,
) -> Metric:
    found = best if best is not None else (1.0 if direction == "maximize" else 0.0)
    return Metric(name, direction, tasks, needs, function, found, family=name)


def _up(name: str, tasks: frozenset[Task], function: Function) -> Metric:
    return _metric(name, "maximize", tasks, "labels", function)


def _averaged(function: str) -> tuple[Metric, ...]:
    """Return the macro, micro and weighted means over classes of F1, precision or recall."""
    return tuple(
        _up(f"{function}_{average}", _LABELS, partial(sk.averaged, function, average))
        for average in ("macro", "micro", "weighted")
    )


def _error(name: str, function: str) -> Metric:
    return _metric(name, "minimize", _REGRESSION, "outputs", partial(sk.of_values, function))


def _count(name: str, direction: Direction, cell: tuple[int, int]) -> Metric:
    best = float("inf") if direction == "maximize" else 0.0
    return _metric(name, direction, _BINARY, "labels", partial(sk.confusion, cell), best)


_ROWS = (
    _up("accuracy", _LABELS, partial(sk.of_labels, "accuracy_score")),
    _up("balanced_accuracy", _CLASSES, sk.balanced_accuracy),
    _up("f1", _BINARY, partial(sk.averaged, "f1", "binary")),
    *_averaged("f1"),
    _up("precision", _LABELS, partial(sk.averaged, "precision", None)),
    *_averaged("precision"),
    _up("recall", _LABELS, partial(sk.averaged, "recall", None)),
    *_averaged("recall"),
    _up("specificity", _LABELS, sk.specificity),
    _up("mcc", _CLASSES, sk.mcc),
    _up("cohen_kappa", _CLASSES, sk.cohen_kappa),
    _metric("hamming_loss", "minimize", _LABELS, "labels", partial(sk.of_labels, "hamming_loss")),
    _up("jaccard", _MULTILABEL, sk.jaccard),
    _up("subset_accuracy", _MULTILABEL, partial(sk.of_labels, "accuracy_score")),
    _up("mean_iou", _CLASSES, sk.mean_iou),
    _count("tp", "maximize", (1, 1)),
    _count("fp", "minimize", (0, 1)),
    _count("tn", "maximize", (0, 0)),
    _count("fn", "minimize", (1, 0)),
    _metric("roc_auc", "maximize", _LABELS, "outputs", partial(sk.ranking, "roc_auc_score")),
    _metric(
        "average_precision", "maximize", _LABELS, "outputs", partial(sk.ranking, "average_precision_score")
    ),
    _metric("log_loss", "minimize", _LABELS, "outputs", sk.log_loss),
    _metric("kl_divergence", "minimize", _CLASSES, "outputs", sk.log_loss),
    _metric("brier", "minimize", _BINARY, "outputs", sk.brier),
    _error("mae", "mean_absolute_error"),
    _error("mse", "mean_squared_error"),
    _error("rmse", "root_mean_squared_error"),
    _metric("r2", "maximize", _REGRESSION, "outputs", partial(sk.explained, "r2_score")),
    _error("mape", "mean_absolute_percentage_error"),
    _error("median_absolute_error", "median_absolute_error"),
    replace(_metric("max_error", "minimize", _REGRESSION, "outputs", sk.max_error), weighs=False),
    _metric("msle", "minimize", _REGRESSION, "outputs", sk.msle),
    _metric("cosine_similarity", "maximize", _REGRESSION, "outputs", sk.cosine_similarity),
    _metric(
        "explained_variance",
        "maximize",
        _REGRESSION,
        "outputs",
        partial(sk.explained, "explained_variance_score"),
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ROWS})
"""Every metric. F1, precision and recall are 0 where they would divide by 0.

``precision``, ``recall`` and ``specificity`` are those of the positive class for binary, and macro means for
the other tasks. ``accuracy`` of several labels counts the rows where all labels are right. ``roc_auc`` and
``average_precision`` of several classes are means over classes, each against the rest, and likewise over
labels; classes and labels for which the rows leave them undefined do not enter the mean. With several
targets, regression metrics are means over targets, and ``max_error`` is the largest. ``kl_divergence`` from
certain classes is the log loss; ``mean_iou`` is the mean over classes of intersection over union.
"""

AUTO_OBJECTIVE: Mapping[Task, str] = MappingProxyType(
    {
        Task.BINARY: "roc_auc",
        Task.MULTICLASS: "accuracy",
        Task.MULTILABEL: "f1_micro",
        Task.REGRESSION: "rmse",
    }
)
"""The objective that ``auto`` stands for."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "acc": "accuracy",
        "auc": "roc_auc",
        "auroc": "roc_auc",
        "auprc": "average_precision",
        "pr_auc": "average_precision",
        "ap": "average_precision",
        "brier_score": "brier",
        "brier_score_loss": "brier",
        "f1_score": "f1",
        "kappa": "cohen_kappa",
        "logloss": "log_loss",
        "cross_entropy": "log_loss",
        "neg_log_loss": "log_loss",
        "matthews": "mcc",
        "matthews_corrcoef": "mcc",
        "mean_absolute_error": "mae",
        "mean_squared_error": "mse",
        "neg_mean_squared_error": "mse",
        "neg_mean_absolute_error": "mae",
        "neg_root_mean_squared_error": "rmse",
        "root_mean_squared_error": "rmse",
        "mean_absolute_percentage_error": "mape",
        "r2_score": "r2",
        "sensitivity": "recall",
        "top_k": "top_k_accuracy",
        "topk": "top_k_accuracy",
        "pinball_loss": "pinball",
        "mean_pinball_loss": "pinball",
        "quantile_loss": "pinball",
        "true_positives": "tp",
        "false_positives": "fp",
        "true_negatives": "tn",
        "false_negatives": "fn",
        "iou": "mean_iou",
        "kld": "kl_divergence",
        "mean_squared_log_error": "msle",
        "tnr": "specificity",
        "tpr": "recall",
    }
)
"""Names that other tools use, and ours: for a hint, never accepted in place of it."""


def metrics_for(task: Task) -> tuple[str, ...]:
    """Return the names of the metrics that fit a task."""
    return tuple(name for name, metric in METRICS.items() if task in metric.tasks)


def as_metric(metric: Metric | str) -> Metric:
    """Return a metric, or the one of a name in ``METRICS``."""
    return metric if isinstance(metric, Metric) else METRICS[metric]


def score(
    metric: Metric | str,
    head: Head,
    target: np.ndarray,
    outputs: np.ndarray,
    weight: np.ndarray | None = None,
) -> float:
    """Return a metric's value for one set of rows; NaN where the rows leave it undefined.

    Args:
        metric: one that fits the head's task, or its name in ``METRICS``.
        head: what the outputs stand for.
        target: (n_rows,) codes for binary and multiclass, (n_rows, n_targets) values or 0/1 otherwise; a
            regression target may be (n_rows,). At least one row.
        outputs: (n_rows, n_units) after the head's activation, in the target's own unit for regression. The
            value is NaN where an output is not finite.
        weight: (n_rows,) how much each row counts; None where all count alike.
    """
    if not np.isfinite(outputs).all():
        return float("nan")
    metric = as_metric(metric)
    predicted = head.decode(outputs) if metric.needs == "labels" else outputs
    return metric.function(head.task, target, predicted, weight)


def score_folds(
    metric: Metric | str,
    head: Head,
    target: np.ndarray,
    outputs: np.ndarray,
    folds: Sequence[np.ndarray],
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Return a metric's value for the scored rows of each fold, by ``score``.

    Args:
        metric: one that fits the head's task, or its name in ``METRICS``.
        head: what the outputs stand for.
        target: (n_rows, ...) of the whole data set.
        outputs: (n_scored, n_units) for the rows of ``np.concatenate(folds)``.
        folds: the numbers of each fold's scored rows; at least one row each.
        weight: (n_rows,) of the whole data set; None where all rows count alike.

    Returns:
        (n_folds,) float64.
    """
    parts = np.split(outputs, np.cumsum([len(rows) for rows in folds])[:-1])
    return np.array(
        [
            score(metric, head, target[rows], part, None if weight is None else weight[rows])
            for rows, part in zip(folds, parts, strict=True)
        ]
    )
