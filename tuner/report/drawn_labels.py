"""Metrics of labels on many resamples: each is a formula of counts by class."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tuner.model.fold_counts import Rate
from tuner.model.sklearn_metrics import one_hot
from tuner.report.drawn import Drawn, Values
from tuner.tasks import Task


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Drawn rows by class or label.

    Attributes:
        task: what is predicted.
        hits: (n_trials, n_classes, n_draws) predicted and true.
        predicted: (n_trials, n_classes, n_draws) predicted.
        support: (1, n_classes, n_draws) true.
        sizes: (n_draws,) rows, NaN for an empty resample.
    """

    task: Task
    hits: np.ndarray
    predicted: np.ndarray
    support: np.ndarray
    sizes: np.ndarray

    def rates(self, rate: Rate) -> np.ndarray:
        """Return (n_trials, n_classes, n_draws) values of a rate."""
        return rate(self.hits, self.predicted, self.support)

    def macro_mean(self, rates: np.ndarray) -> np.ndarray:
        """Return the mean over labels, or over the classes that are true or predicted in the resample."""
        if self.task is Task.MULTILABEL:
            return rates.mean(axis=1)  # type: ignore[no-any-return]
        present = (self.predicted + self.support) > 0
        return (rates * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1)  # type: ignore[no-any-return]


Formula = Callable[[Tally], np.ndarray]
"""From counts to (n_trials, n_draws) values; what it gives for an empty resample is not read."""


def from_counts(formula: Formula, rows: Drawn) -> Values:
    """Return a metric that is a formula of counts."""
    task, n_rows = rows.head.task, len(rows.target)
    classes = np.arange(2 if task is Task.BINARY else rows.head.units)
    if task is Task.MULTILABEL:
        true = one_hot(task, rows.target, len(classes))
    else:
        true = rows.target.reshape(-1, 1) == classes

    def count(marks: np.ndarray) -> np.ndarray:
        marks = marks.transpose(0, 2, 1).reshape(-1, n_rows).astype(np.float32)
        # Whole numbers below 2**24: exact in float32, in whichever order they are added.
        together = np.asarray(marks @ rows.draws, np.float64)
        return together.reshape(-1, len(classes), len(rows.sizes))

    support = count(true[None])

    def values(outputs: np.ndarray) -> np.ndarray:
        labels = rows.decode(outputs)
        marked = labels > 0 if task is Task.MULTILABEL else labels == classes
        tally = Tally(task, count(marked & true), count(marked), support, rows.sizes)
        return np.where(np.isnan(rows.sizes), np.nan, formula(tally))

    return values


def positive(rate: Rate, tally: Tally) -> np.ndarray:
    """Return the rate of the positive class for binary, its macro mean for other tasks."""
    return tally.rates(rate)[:, 1] if tally.task is Task.BINARY else macro(rate, tally)


def macro(rate: Rate, tally: Tally) -> np.ndarray:
    """Return the mean of a rate over classes or labels."""
    return tally.macro_mean(tally.rates(rate))


def micro(rate: Rate, tally: Tally) -> np.ndarray:
    """Return the rate of the counts summed over classes or labels."""
    return rate(tally.hits.sum(axis=1), tally.predicted.sum(axis=1), tally.support.sum(axis=1))


def weighted(rate: Rate, tally: Tally) -> np.ndarray:
    """Return the mean of a rate over classes or labels, weighted by their true rows."""
    together = (tally.rates(rate) * tally.support).sum(axis=1)
    return together / np.maximum(tally.support.sum(axis=1), 1)  # type: ignore[no-any-return]


def balanced_accuracy(tally: Tally) -> np.ndarray:
    """Return the mean recall of the classes that occur."""
    recalls = tally.hits / np.maximum(tally.support, 1)
    return recalls.sum(axis=1) / np.maximum((tally.support > 0).sum(axis=1), 1)  # type: ignore[no-any-return]


def specificity(tally: Tally) -> np.ndarray:
    """Return the share of the negatives that is called negative: of binary, or the mean over classes."""
    negatives = tally.sizes - tally.support
    rates = (negatives - tally.predicted + tally.hits) / np.maximum(negatives, 1)
    return rates[:, 1] if tally.task is Task.BINARY else tally.macro_mean(rates)


def mcc(tally: Tally) -> np.ndarray:
    """Return Matthews' correlation for any number of classes (Gorodkin 2004); 0 where a side is constant."""
    n_rows = tally.sizes
    together = n_rows * tally.hits.sum(axis=1) - (tally.support * tally.predicted).sum(axis=1)
    of_target = n_rows**2 - (tally.support**2).sum(axis=1)
    of_predicted = n_rows**2 - (tally.predicted**2).sum(axis=1)
    # Unless 0, each factor is at least 1, so the maximum changes nothing but 0 / 0.
    return together / np.sqrt(np.maximum(of_target * of_predicted, 1.0))  # type: ignore[no-any-return]


def cohen_kappa(tally: Tally) -> np.ndarray:
    """Return Cohen's kappa (Cohen 1960); NaN where target and labels are one same class."""
    n_rows = tally.sizes
    chance = (tally.support * tally.predicted).sum(axis=1)
    best = n_rows**2 - chance
    return (n_rows * tally.hits.sum(axis=1) - chance) / np.where(best > 0, best, np.nan)  # type: ignore[no-any-return]


def true_positives(tally: Tally) -> np.ndarray:
    """Return how many rows are positive and called so."""
    return tally.hits[:, 1]


def false_positives(tally: Tally) -> np.ndarray:
    """Return how many rows are negative and called positive."""
    return tally.predicted[:, 1] - tally.hits[:, 1]  # type: ignore[no-any-return]


def true_negatives(tally: Tally) -> np.ndarray:
    """Return how many rows are negative and called so."""
    return tally.hits[:, 0]


def false_negatives(tally: Tally) -> np.ndarray:
    """Return how many rows are positive and called negative."""
    return tally.support[:, 1] - tally.hits[:, 1]  # type: ignore[no-any-return]
