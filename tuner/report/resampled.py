"""Every metric on many resamples of the same rows at once, from how often each row was drawn.

A resample is a column of numbers, one a row: how often the row is in it. So nothing is gathered: what is a mean or
built from counts is one product of matrices, and what depends on the order of outputs is sorted once for all
resamples. The values are those of ``metrics.score`` on the rows, each repeated as often as it was drawn.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np

from tuner.errors import TunerError
from tuner.model.heads import Head
from tuner.model.label_counts import FORMULAS
from tuner.model.metrics import Metric, as_metric, score
from tuner.model.sklearn_metrics import EPSILON, one_hot
from tuner.report import drawn_ranking as ranking
from tuner.report.drawn import Drawn, Values, drawn_rows
from tuner.report.drawn_labels import from_counts
from tuner.tasks import Task

SPREAD_KEPT = 0.1
"""R2 and explained variance divide by the target's variance; a resample which keeps less than this share of it,
as a few rows may by chance, leaves them undefined rather than huge."""

_ROUNDING = 1e-12  # what is left of equal residuals once their mean is taken off, as a share of their squares


def has_form(metric: Metric, *, weighted: bool) -> bool:
    """Return whether all resamples of a metric are computed at once; else each takes a call of its function."""
    return metric.family in _FORMS and not (weighted and metric.family in _OF_ROWS)


def resampled(
    metric: Metric | str,
    head: Head,
    target: np.ndarray,
    draws: np.ndarray,
    weight: np.ndarray | None = None,
) -> Values:
    """Return a function from outputs to a metric's value in each resample.

    Args:
        metric: one that fits the head's task, or its name in ``METRICS``.
        head: what the outputs stand for.
        target: (n_rows, ...) as for ``metrics.score``.
        draws: (n_rows, n_draws) how often each resample has each row.
        weight: (n_rows,) how much each row counts; None where all count alike.
    """
    metric = as_metric(metric)
    if not has_form(metric, weighted=weight is not None):
        return partial(_one_by_one, metric, drawn_rows(head, target, draws), weight)
    if weight is not None:
        # A row of weight 2 counts as one that was drawn twice; the lightest counts as one row.
        draws = draws * (weight / weight[weight > 0].min())[:, None]
    rows = drawn_rows(head, target, draws)
    form = _FORMS[metric.family]
    return form(rows) if metric.argument is None else form(metric.argument, rows)


def _one_by_one(metric: Metric, rows: Drawn, weight: np.ndarray | None, outputs: np.ndarray) -> np.ndarray:
    """Return a metric of each trial's rows, repeated as often as they were drawn."""
    drawn = [np.repeat(np.arange(len(times)), times) for times in rows.draws.astype(int).T]

    def value(each: np.ndarray, some: np.ndarray) -> float:
        if not len(some):
            return float("nan")
        weights = None if weight is None else weight[some]
        try:
            return score(metric, rows.head, rows.target[some], each[some], weights)
        except TunerError:
            # A user's function may refuse rows that lack a class; others are undefined there.
            return float("nan")

    return np.array([[value(each, some) for some in drawn] for each in outputs])


def _true_values(rows: Drawn) -> np.ndarray:
    """Return the target as (n_rows, n_units) float64."""
    return np.asarray(rows.target, np.float64).reshape(len(rows.target), -1)


def _mean(rows: Drawn, of_rows: Values, finish: Callable[[np.ndarray], np.ndarray] = lambda x: x) -> Values:
    """Return the mean over parts of ``finish`` of each part's mean over rows.

    Args:
        rows: the resamples.
        of_rows: from outputs to (n_trials, n_rows, n_parts), parts being labels or targets.
        finish: from means to values, element by element.
    """
    weights = rows.draws.astype(np.float64) / rows.sizes

    def values(outputs: np.ndarray) -> np.ndarray:
        parts = of_rows(outputs).transpose(0, 2, 1)
        return finish(parts.reshape(-1, len(weights)) @ weights).reshape(*parts.shape[:2], -1).mean(axis=1)  # type: ignore[no-any-return]

    return values


def _accuracy(rows: Drawn) -> Values:
    true = rows.target.reshape(len(rows.target), -1)
    return _mean(
        rows, lambda outputs: (rows.decode(outputs) == true).all(axis=2, keepdims=True).astype(float)
    )


def _hamming_loss(rows: Drawn) -> Values:
    true = rows.target.reshape(len(rows.target), -1)
    return _mean(rows, lambda outputs: (rows.decode(outputs) != true).astype(float))


def _log_loss(rows: Drawn) -> Values:
    true = one_hot(rows.head.task, rows.target, rows.head.units)

    def of_classes(outputs: np.ndarray) -> np.ndarray:
        chances = np.clip(outputs.astype(np.float64), EPSILON, 1 - EPSILON)
        of_true = chances[:, true][:, :, None]
        return np.log(chances.sum(axis=2, keepdims=True)) - np.log(of_true)  # type: ignore[no-any-return]

    def of_labels(outputs: np.ndarray) -> np.ndarray:
        chances = np.clip(outputs.astype(np.float64), EPSILON, 1 - EPSILON)
        return -np.log(np.where(true, chances, 1 - chances))

    return _mean(rows, of_classes if rows.head.task is Task.MULTICLASS else of_labels)


def _residuals(rows: Drawn) -> Values:
    true = _true_values(rows)
    return lambda outputs: outputs - true


def _mse(rows: Drawn) -> Values:
    residuals = _residuals(rows)
    return _mean(rows, lambda outputs: residuals(outputs) ** 2)


def _rmse(rows: Drawn) -> Values:
    residuals = _residuals(rows)
    return _mean(rows, lambda outputs: residuals(outputs) ** 2, np.sqrt)


def _mae(rows: Drawn) -> Values:
    residuals = _residuals(rows)
    return _mean(rows, lambda outputs: np.abs(residuals(outputs)))


def _mape(rows: Drawn) -> Values:
    residuals = _residuals(rows)
    sizes = np.maximum(np.abs(_true_values(rows)), np.finfo(np.float64).eps)
    return _mean(rows, lambda outputs: np.abs(residuals(outputs)) / sizes)


def _msle(rows: Drawn) -> Values:
    true = np.log1p(_true_values(rows))
    return _mean(rows, lambda outputs: (np.log1p(np.maximum(outputs.astype(np.float64), 0.0)) - true) ** 2)


def _cosine_similarity(rows: Drawn) -> Values:
    true = _true_values(rows)
    true_length = np.linalg.norm(true, axis=1)

    def cosines(outputs: np.ndarray) -> np.ndarray:
        length = true_length * np.linalg.norm(outputs.astype(np.float64), axis=2)
        found: np.ndarray = (outputs * true).sum(axis=2) / np.where(length > 0, length, 1.0)
        return found[:, :, None]

    return _mean(rows, cosines)


def _pinball(alpha: float, rows: Drawn) -> Values:
    residuals = _residuals(rows)

    def losses(outputs: np.ndarray) -> np.ndarray:
        over = residuals(outputs)
        return np.maximum((1.0 - alpha) * over, -alpha * over)

    return _mean(rows, losses)


def _top_k_accuracy(k: float, rows: Drawn) -> Values:
    codes = rows.target.reshape(-1).astype(np.int64)
    later = np.arange(rows.head.units) > codes[:, None]

    def among(outputs: np.ndarray) -> np.ndarray:
        own = np.take_along_axis(outputs, codes[None, :, None], axis=2)
        before = (outputs > own) | ((outputs == own) & later)
        return np.asarray(before.sum(axis=2, keepdims=True) < k, float)

    return _mean(rows, among)


def _explained(rows: Drawn, *, about_mean: bool) -> Values:
    """Return 1 - squared residuals / squared deviations of the target; with ``about_mean`` residuals lose their mean.

    Of a constant target it is 1 where the residuals are 0, else 0.
    """
    residuals, true = _residuals(rows), _true_values(rows)
    varies = np.ptp(true, axis=0) > 0
    true = np.where(varies, true - true.mean(axis=0), 0.0)
    weights = rows.draws.astype(np.float64) / rows.sizes
    total = (true.T**2) @ weights - (true.T @ weights) ** 2  # (n_targets, n_draws)
    full = (true**2).mean(axis=0)[:, None]
    undefined = (total < SPREAD_KEPT * full).any(axis=0) | ~(rows.sizes >= 2)
    divisor = np.where(total > 0, total, 1.0)

    def values(outputs: np.ndarray) -> np.ndarray:
        left = residuals(outputs).transpose(0, 2, 1)
        squares = (left**2) @ weights
        if about_mean:
            about = squares - (left @ weights) ** 2
            squares = np.where(about > _ROUNDING * squares, about, 0.0)
        explained = np.where(varies[:, None], 1.0 - squares / divisor, squares == 0.0)
        return np.where(undefined, np.nan, explained.mean(axis=1))

    return values


def _max_error(rows: Drawn) -> Values:
    residuals = _residuals(rows)

    def of_trial(errors: np.ndarray) -> np.ndarray:
        order = np.argsort(-errors, kind="stable")
        first = (rows.draws[order] > 0).argmax(axis=0)
        return np.where(np.isnan(rows.sizes), np.nan, errors[order[first]])

    return lambda outputs: np.stack([of_trial(each) for each in np.abs(residuals(outputs)).max(axis=2)])


def _median_absolute_error(rows: Drawn) -> Values:
    residuals = _residuals(rows)
    middle = np.nan_to_num(rows.sizes, nan=1.0)
    lower, upper = (middle - 1) // 2, middle // 2  # places of the two middle rows, from 0

    def of_target(errors: np.ndarray) -> np.ndarray:
        order = np.argsort(errors, kind="stable")
        passed = np.cumsum(rows.draws[order], axis=0)
        places = [np.minimum((passed <= place).sum(axis=0), len(order) - 1) for place in (lower, upper)]
        halves = [errors[order[place]] for place in places]
        return np.where(np.isnan(rows.sizes), np.nan, (halves[0] + halves[1]) / 2)

    def values(outputs: np.ndarray) -> np.ndarray:
        errors = np.abs(residuals(outputs))
        return np.stack([np.mean([of_target(target) for target in each.T], axis=0) for each in errors])

    return values


_FORMS: Mapping[str, Callable[..., Values]] = MappingProxyType(
    {
        "accuracy": _accuracy,
        "subset_accuracy": _accuracy,
        "top_k_accuracy": _top_k_accuracy,
        **{name: partial(from_counts, formula) for name, formula in FORMULAS.items()},
        "hamming_loss": _hamming_loss,
        "roc_auc": partial(ranking.ranking, ranking.roc_auc),
        "average_precision": partial(ranking.ranking, ranking.average_precision),
        "log_loss": _log_loss,
        "kl_divergence": _log_loss,
        "brier": _mse,
        "mae": _mae,
        "mse": _mse,
        "rmse": _rmse,
        "r2": partial(_explained, about_mean=False),
        "mape": _mape,
        "msle": _msle,
        "cosine_similarity": _cosine_similarity,
        "pinball": _pinball,
        "median_absolute_error": _median_absolute_error,
        "max_error": _max_error,
        "explained_variance": partial(_explained, about_mean=True),
    }
)
"""The form of each metric in ``METRICS``, and of others with an argument, which they take first."""

_OF_ROWS = frozenset({"median_absolute_error", "max_error", "tp", "fp", "tn", "fn"})
"""Metrics for which a weight is not a number of rows: places in an order, and plain sums of weights."""
