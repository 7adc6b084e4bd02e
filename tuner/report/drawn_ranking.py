"""ROC AUC and average precision on many resamples: outputs are sorted once for all of them."""

from collections.abc import Callable

import numpy as np

from tuner.model.sklearn_metrics import one_hot
from tuner.report.drawn import Drawn, Values

OfDraws = Callable[[np.ndarray], np.ndarray]
"""From draws (n_rows, n_draws) to (n_draws,) values; NaN where a resample leaves the metric undefined."""

OfUnit = Callable[[np.ndarray, np.ndarray], OfDraws]
"""From the outputs (n_rows,) of a unit and its truth (n_rows,) to what scores resamples of them."""

BLOCK = 64
"""Resamples that are worked on together, so that their running sums stay in the processor's cache."""


def ranking(of_unit: OfUnit, rows: Drawn) -> Values:
    """Return the mean of a metric over the units that a resample defines it for."""
    positive = one_hot(rows.head.task, rows.target, rows.head.units)
    n_draws = rows.draws.shape[1]
    blocks = [
        np.ascontiguousarray(rows.draws[:, first : first + BLOCK]) for first in range(0, n_draws, BLOCK)
    ]

    def of_trial(outputs: np.ndarray) -> np.ndarray:
        parts = [of_unit(outputs[:, unit], positive[:, unit]) for unit in range(outputs.shape[1])]
        units = np.array([np.concatenate([part(draws) for draws in blocks]) for part in parts])
        number = (~np.isnan(units)).sum(axis=0)
        return np.where(number > 0, np.nan_to_num(units).sum(axis=0) / np.maximum(number, 1), np.nan)

    return lambda outputs: np.stack([of_trial(each) for each in outputs])


def roc_auc(outputs: np.ndarray, positive: np.ndarray) -> OfDraws:
    """Return the share of pairs in order, ties for half (Mann-Whitney U)."""
    above, below = np.flatnonzero(positive), np.flatnonzero(~positive)
    below = below[np.argsort(outputs[below], kind="stable")]
    first = np.searchsorted(outputs[below], outputs[above], side="left")
    last = np.searchsorted(outputs[below], outputs[above], side="right")
    tied = bool((first != last).any())

    def values(draws: np.ndarray) -> np.ndarray:
        passed = _running(draws[below])
        drawn = draws[above]
        in_order = _sum(drawn * passed[first])
        if tied:
            in_order = (in_order + _sum(drawn * passed[last])) / 2
        pairs = _sum(drawn) * passed[-1].astype(np.float64)
        return np.where(pairs > 0, in_order / np.maximum(pairs, 1), np.nan)

    return values


def average_precision(outputs: np.ndarray, positive: np.ndarray) -> OfDraws:
    """Return the mean over positive rows of the precision at their output, as scikit-learn defines it."""
    order = np.argsort(-outputs, kind="stable")
    hits = order[positive[order]]
    # How many rows, and how many positive ones, have at least the output of each positive row.
    n_rows = np.searchsorted(-outputs[order], -outputs[hits], side="right")
    n_hits = np.searchsorted(-outputs[hits], -outputs[hits], side="right")

    def values(draws: np.ndarray) -> np.ndarray:
        passed, drawn = _running(draws[order]), draws[hits]
        passed_hits = _running(drawn)
        precision = passed_hits[n_hits].astype(np.float64) / np.maximum(passed[n_rows], 1)
        number = passed_hits[-1].astype(np.float64)
        return np.where(number > 0, (drawn * precision).sum(axis=0) / np.maximum(number, 1), np.nan)

    return values


def _running(draws: np.ndarray) -> np.ndarray:
    """Return (n + 1, n_draws) sums of the first 0, 1, ... n rows."""
    sums = np.zeros((len(draws) + 1, draws.shape[1]), np.float32)
    np.cumsum(draws, axis=0, out=sums[1:])
    return sums


def _sum(values: np.ndarray) -> np.ndarray:
    return values.sum(axis=0, dtype=np.float64)  # type: ignore[no-any-return]
