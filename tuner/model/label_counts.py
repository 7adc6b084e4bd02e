"""Metrics of labels as formulas of counts by class, whatever rows were counted: of folds, or of resamples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from tuner.tasks import Task

Rate = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""From hits, predicted and support, arrays of one shape, to values of that shape."""


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Rows by class or label; the second axis is that of the classes, the others are those of what is counted.

    Attributes:
        task: what is predicted.
        hits: (n_folds, n_classes), or (n_trials, n_classes, n_draws), predicted and true.
        predicted: of the same shape, predicted.
        support: likewise, or (1, n_classes, n_draws), true.
        sizes: (n_folds,), or (1, n_draws), float64 rows; NaN for none.
    """

    task: Task
    hits: np.ndarray
    predicted: np.ndarray
    support: np.ndarray
    sizes: np.ndarray

    def rates(self, rate: Rate) -> np.ndarray:
        """Return a rate of each class, of the shape of ``hits``."""
        return rate(self.hits, self.predicted, self.support)

    def macro_mean(self, rates: np.ndarray) -> np.ndarray:
        """Return the mean over labels, or over the classes that are true or predicted."""
        if self.task is Task.MULTILABEL:
            return rates.mean(axis=1)  # type: ignore[no-any-return]
        present = (self.predicted + self.support) > 0
        return _ratio((rates * present).sum(axis=1), present.sum(axis=1))


Formula = Callable[[Tally], np.ndarray]
"""From counts to values, of their shape without the axis of the classes; what it gives for no rows is not read."""


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole of counts, 0 where both are 0."""
    return part / np.maximum(whole, 1)  # type: ignore[no-any-return]


def f1(hits: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the harmonic mean of precision and recall, 0 where there is nothing."""
    return _ratio(2 * hits, predicted + support)


def precision(hits: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the share of the predicted that is true, 0 where nothing is predicted."""
    return _ratio(hits, predicted)


def recall(hits: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the share of the true that is predicted, 0 where nothing is true."""
    return _ratio(hits, support)


def jaccard(hits: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return the share of the true or predicted that is both; 0 where there is nothing."""
    return _ratio(hits, predicted + support - hits)


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
    return _ratio((tally.rates(rate) * tally.support).sum(axis=1), tally.support.sum(axis=1))


def balanced_accuracy(tally: Tally) -> np.ndarray:
    """Return the mean recall of the classes that occur."""
    return _ratio(tally.rates(recall).sum(axis=1), (tally.support > 0).sum(axis=1))


def specificity(tally: Tally) -> np.ndarray:
    """Return the share of the negatives that is called negative: of binary, or the mean over classes."""
    negatives = tally.sizes[:, None] - tally.support
    rates = _ratio(negatives - tally.predicted + tally.hits, negatives)
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


def _means(name: str, rate: Rate) -> dict[str, Formula]:
    """Return the formulas of a rate: of the positive class, and its means over classes."""
    means = {"": positive, "_macro": macro, "_micro": micro, "_weighted": weighted}
    return {f"{name}{suffix}": partial(mean, rate) for suffix, mean in means.items()}


FORMULAS: Mapping[str, Formula] = MappingProxyType(
    {
        **_means("f1", f1),
        **_means("precision", precision),
        **_means("recall", recall),
        "jaccard": partial(macro, jaccard),
        "mean_iou": partial(macro, jaccard),
        "balanced_accuracy": balanced_accuracy,
        "specificity": specificity,
        "mcc": mcc,
        "cohen_kappa": cohen_kappa,
        "tp": true_positives,
        "fp": false_positives,
        "tn": true_negatives,
        "fn": false_negatives,
    }
)
"""The metrics in ``METRICS`` that are formulas of counts."""
