"""Thresholds that are chosen by a metric: for a trial on the folds that are not scored by them, for a model on all."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tuner.model.fold_metrics import FoldScorer
from tuner.model.heads import Head
from tuner.model.metrics import Metric
from tuner.tasks import Task

CANDIDATES = 25
"""Quantiles of the outputs of all rows, and as many of the positive ones, that are tried as thresholds."""

CELLS = 2_000_000
"""Rows times thresholds that are scored together; more would only take memory."""


def choose_thresholds(
    metric: Metric, head: Head, target: np.ndarray, outputs: np.ndarray, weight: np.ndarray | None = None
) -> tuple[float, ...]:
    """Return the threshold of each unit by which a metric is best on some rows; of equals the one nearest to 0.5.

    With several labels each has its own, chosen by the metric of this label alone.

    Args:
        metric: one of labels that fits the head's task.
        head: of a binary or multilabel task.
        target: (n_rows,) codes or (n_rows, n_units) 0/1.
        outputs: (n_rows, n_units) in [0, 1].
        weight: (n_rows,) how much each row counts; None where all count alike.
    """
    if head.task is Task.BINARY:
        return (_best(metric, head, target, outputs, weight),)
    alone = replace(head, units=1)
    return tuple(
        _best(metric, alone, target[:, [unit]], outputs[:, [unit]], weight) for unit in range(head.units)
    )


def _best(
    metric: Metric, head: Head, target: np.ndarray, outputs: np.ndarray, weight: np.ndarray | None
) -> float:
    """Return the best threshold of one unit."""
    tried = _candidates(outputs[:, 0], target.reshape(-1) > 0)
    rows = np.arange(len(outputs))
    together = max(1, CELLS // len(rows))
    values = []
    for first in range(0, len(tried), together):
        some = tried[first : first + together]
        scorer = FoldScorer(metric, head, target, [rows] * len(some), weight)
        decided = outputs[:, 0] > some[:, None]
        values.append(scorer(decided.reshape(-1, 1).astype(np.float32)))
    found = np.concatenate(values) * (1.0 if metric.direction == "maximize" else -1.0)
    found = np.where(np.isnan(found), -np.inf, found)
    best = tried[found == found.max()]
    return float(best[np.abs(best - 0.5).argmin()])


def _candidates(outputs: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return thresholds between outputs, below and above all, and 0.5, ascending.

    Where outputs are many, quantiles are taken; rare positives have as many of them as all rows.
    """
    values = np.unique(outputs.astype(np.float64))
    between = (values[1:] + values[:-1]) / 2
    if len(between) > 2 * CANDIDATES:
        shares = (np.arange(CANDIDATES) + 0.5) / CANDIDATES
        rare = outputs[positive] if positive.any() else outputs
        wanted = np.concatenate([np.quantile(outputs, shares), np.quantile(rare, shares)])
        between = between[np.minimum(np.searchsorted(between, wanted), len(between) - 1)]
    ends = [values[0] / 2, 0.5, (1.0 + values[-1]) / 2]
    tried = np.unique(np.concatenate([between, ends]))
    return tried[(tried > 0.0) & (tried < 1.0)]


class Decisions:
    """Decides the labels of each fold's scored rows by the best threshold on the other folds of the same repeat.

    No row has a part in the choice of the threshold that it is decided by.
    """

    def __init__(
        self,
        metric: Metric,
        head: Head,
        target: np.ndarray,
        folds: Sequence[np.ndarray],
        n_repeats: int,
        weight: np.ndarray | None = None,
    ) -> None:
        """Take what the outputs are of.

        Args:
            metric: what thresholds are chosen by.
            head: of a binary or multilabel task.
            target: (n_rows, ...) of the whole data set.
            folds: (n_repeats * folds a repeat) numbers of each fold's scored rows, repeat after repeat.
            n_repeats: how often rows were split into folds.
            weight: (n_rows,) of the whole data set.
        """
        self.metric = metric
        self._head = head
        self._target = target
        self._folds = folds
        self._per_repeat = len(folds) // n_repeats
        self._weight = weight

    def thresholds(self, outputs: np.ndarray) -> np.ndarray:
        """Return (n_folds, n_units) thresholds from (n_scored, n_units) outputs, fold after fold."""
        parts = np.split(outputs, np.cumsum([len(rows) for rows in self._folds])[:-1])
        chosen = []
        for number in range(len(self._folds)):
            first = number - number % self._per_repeat
            others = [other for other in range(first, first + self._per_repeat) if other != number]
            rows = np.concatenate([self._folds[other] for other in others])
            weight = None if self._weight is None else self._weight[rows]
            seen = np.concatenate([parts[other] for other in others])
            if not np.isfinite(seen).all():
                chosen.append((0.5,) * self._head.units)
                continue
            chosen.append(choose_thresholds(self.metric, self._head, self._target[rows], seen, weight))
        return np.array(chosen)

    def decided(self, outputs: np.ndarray) -> np.ndarray:
        """Return (n_scored, n_units) 1 for a label that is given, else 0; NaN and infinite outputs as they are."""
        sizes = [len(rows) for rows in self._folds]
        given = outputs > np.repeat(self.thresholds(outputs), sizes, axis=0)
        return np.where(np.isfinite(outputs), given, outputs).astype(outputs.dtype)
