"""Metrics of all folds at once: what ``metrics.score`` gives fold by fold, cheap enough for every epoch."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np

from tuner.model import fold_ranking as ranking
from tuner.model.fold_counts import from_counts
from tuner.model.fold_rows import ScoredRows, Values
from tuner.model.heads import Head
from tuner.model.label_counts import FORMULAS
from tuner.model.metrics import Metric, as_metric, score_folds
from tuner.model.sklearn_metrics import EPSILON, one_hot
from tuner.tasks import Task


class FoldScorer:
    """A metric of each fold's scored rows, prepared once and called with the outputs of each epoch.

    The values are those of ``metrics.score_folds`` up to rounding in float64.
    """

    __slots__ = ("_fold", "_n_folds", "_values")

    def __init__(
        self,
        metric: Metric | str,
        head: Head,
        target: np.ndarray,
        folds: Sequence[np.ndarray],
        weight: np.ndarray | None = None,
    ) -> None:
        """Prepare what depends on the target and the folds only.

        Args:
            metric: one that fits the head's task, or its name in ``METRICS``.
            head: what the outputs stand for.
            target: (n_rows, ...) of the whole data set, as for ``metrics.score``.
            folds: the numbers of each fold's scored rows; at least one row each.
            weight: (n_rows,) how much each row counts; None where all count alike.
        """
        metric = as_metric(metric)
        sizes = np.array([len(rows) for rows in folds])
        self._n_folds = len(folds)
        self._fold = np.repeat(np.arange(len(folds)), sizes)
        form = None if weight is not None else _FORMS.get(metric.family)
        if form is not None:
            starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
            scored = np.asarray(target)[np.concatenate(folds)]
            rows = ScoredRows(head, scored, self._fold, starts, sizes.astype(float))
            self._values = form(rows) if metric.argument is None else form(metric.argument, rows)
        else:
            self._values = partial(_one_by_one, metric, head, target, folds, weight)

    def __call__(self, outputs: np.ndarray) -> np.ndarray:
        """Return (n_folds,) float64 values; NaN where a fold's rows leave the metric undefined.

        Args:
            outputs: (n_scored, n_units) for the rows of ``np.concatenate(folds)``. A fold with an output that
                is not finite has the value NaN.
        """
        finite = np.isfinite(outputs)
        if finite.all():
            return self._values(outputs)
        values = self._values(np.where(finite, outputs, outputs.dtype.type(0)))
        broken = np.bincount(self._fold[~finite.all(axis=1)], minlength=self._n_folds) > 0
        return np.where(broken, np.nan, values)


def _one_by_one(
    metric: Metric,
    head: Head,
    target: np.ndarray,
    folds: Sequence[np.ndarray],
    weight: np.ndarray | None,
    outputs: np.ndarray,
) -> np.ndarray:
    return score_folds(metric, head, target, outputs, folds, weight)


def _accuracy(rows: ScoredRows) -> Values:
    decode = rows.head.decode
    if rows.head.task is Task.MULTILABEL:
        return lambda outputs: rows.mean((decode(outputs) == rows.target).all(axis=1))
    codes = rows.target.reshape(-1)
    return lambda outputs: rows.mean(decode(outputs) == codes)


def _hamming_loss(rows: ScoredRows) -> Values:
    decode = rows.head.decode
    if rows.head.task is Task.MULTILABEL:
        return lambda outputs: rows.mean(decode(outputs) != rows.target).mean(axis=1)
    codes = rows.target.reshape(-1)
    return lambda outputs: rows.mean(decode(outputs) != codes)


def _log_loss(rows: ScoredRows) -> Values:
    if rows.head.task is Task.MULTICLASS:
        codes, row = rows.target.reshape(-1), np.arange(len(rows.target))

        def values(outputs: np.ndarray) -> np.ndarray:
            chances = np.clip(outputs.astype(np.float64), EPSILON, 1 - EPSILON)
            return rows.mean(np.log(chances.sum(axis=1)) - np.log(chances[row, codes]))

        return values
    true = one_hot(rows.head.task, rows.target, rows.head.units)
    offset, sign = np.where(true, 0.0, 1.0), np.where(true, 1.0, -1.0)

    def values_by_label(outputs: np.ndarray) -> np.ndarray:
        chances = np.clip(outputs.astype(np.float64), EPSILON, 1 - EPSILON)
        return -rows.mean(np.log(offset + sign * chances)).mean(axis=1)  # type: ignore[no-any-return]

    return values_by_label


def _residuals(rows: ScoredRows) -> Callable[[np.ndarray], np.ndarray]:
    true = rows.target.astype(np.float64).reshape(len(rows.target), -1)
    return lambda outputs: true - outputs


def _mse(rows: ScoredRows) -> Values:
    residuals = _residuals(rows)
    return lambda outputs: rows.mean(residuals(outputs) ** 2).mean(axis=1)


def _rmse(rows: ScoredRows) -> Values:
    residuals = _residuals(rows)
    return lambda outputs: np.sqrt(rows.mean(residuals(outputs) ** 2)).mean(axis=1)


def _mae(rows: ScoredRows) -> Values:
    residuals = _residuals(rows)
    return lambda outputs: rows.mean(np.abs(residuals(outputs))).mean(axis=1)


def _mape(rows: ScoredRows) -> Values:
    residuals = _residuals(rows)
    sizes = np.abs(rows.target.astype(np.float64).reshape(len(rows.target), -1))
    sizes = np.maximum(sizes, np.finfo(np.float64).eps)
    return lambda outputs: rows.mean(np.abs(residuals(outputs)) / sizes).mean(axis=1)


def _msle(rows: ScoredRows) -> Values:
    true = np.log1p(rows.target.astype(np.float64).reshape(len(rows.target), -1))

    def values(outputs: np.ndarray) -> np.ndarray:
        predicted = np.log1p(np.maximum(outputs.astype(np.float64), 0.0))
        return rows.mean((true - predicted) ** 2).mean(axis=1)  # type: ignore[no-any-return]

    return values


def _cosine_similarity(rows: ScoredRows) -> Values:
    true = rows.target.astype(np.float64).reshape(len(rows.target), -1)
    true_length = np.linalg.norm(true, axis=1)

    def values(outputs: np.ndarray) -> np.ndarray:
        length = true_length * np.linalg.norm(outputs.astype(np.float64), axis=1)
        return rows.mean((true * outputs).sum(axis=1) / np.where(length > 0, length, 1.0))

    return values


def _pinball(alpha: float, rows: ScoredRows) -> Values:
    residuals = _residuals(rows)

    def values(outputs: np.ndarray) -> np.ndarray:
        errors = residuals(outputs)
        return rows.mean(np.maximum(alpha * errors, (alpha - 1.0) * errors)).mean(axis=1)  # type: ignore[no-any-return]

    return values


def _top_k_accuracy(k: float, rows: ScoredRows) -> Values:
    """Return the share of rows with fewer than k classes before their own; of equal outputs the last is first."""
    codes, row = rows.target.reshape(-1).astype(np.int64), np.arange(len(rows.target))
    later = np.arange(rows.head.units) > codes[:, None]

    def values(outputs: np.ndarray) -> np.ndarray:
        own = outputs[row, codes][:, None]
        before = (outputs > own) | ((outputs == own) & later)
        return rows.mean(before.sum(axis=1) < k)

    return values


def _max_error(rows: ScoredRows) -> Values:
    residuals = _residuals(rows)
    return lambda outputs: np.maximum.reduceat(np.abs(residuals(outputs)), rows.starts).max(axis=1)


def _r2(rows: ScoredRows) -> Values:
    """Return 1 - residual / total sum of squares; with a constant target 1 if exact, else 0."""
    residuals = _residuals(rows)
    true = rows.target.astype(np.float64).reshape(len(rows.target), -1)
    parts = np.split(true, rows.starts[1:])
    total = np.array([((part - np.average(part, axis=0)) ** 2).mean(axis=0) for part in parts])
    constant = total == 0.0
    divisor = np.where(constant, 1.0, total)
    undefined = rows.counts < 2

    def values(outputs: np.ndarray) -> np.ndarray:
        residual = rows.mean(residuals(outputs) ** 2)
        explained = np.where(constant, residual == 0.0, 1.0 - residual / divisor)
        return np.where(undefined, np.nan, explained.mean(axis=1))

    return values


_FORMS: Mapping[str, Callable[..., Values]] = MappingProxyType(
    {
        "accuracy": _accuracy,
        "subset_accuracy": _accuracy,
        **{name: partial(from_counts, formula) for name, formula in FORMULAS.items()},
        "top_k_accuracy": _top_k_accuracy,
        "hamming_loss": _hamming_loss,
        "roc_auc": ranking.roc_auc,
        "average_precision": ranking.average_precision,
        "log_loss": _log_loss,
        "kl_divergence": _log_loss,
        "brier": _mse,
        "mae": _mae,
        "mse": _mse,
        "rmse": _rmse,
        "r2": _r2,
        "mape": _mape,
        "msle": _msle,
        "cosine_similarity": _cosine_similarity,
        "pinball": _pinball,
        "max_error": _max_error,
    }
)
"""The metrics that have a form for all folds; one with an argument takes it first.

The others are computed fold by fold, and so are all where rows have weights.
"""
