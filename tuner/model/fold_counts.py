"""Metrics of labels from counts by fold and class."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tuner.model.fold_rows import ScoredRows, Values
from tuner.model.sklearn_metrics import one_hot
from tuner.tasks import Task

Rate = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""From hits, predicted and support, arrays of one shape, to values of that shape."""


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Rows of each fold by class or label, (n_folds, n_classes) int64.

    Attributes:
        hits: predicted and true.
        predicted: predicted.
        support: true.
    """

    hits: np.ndarray
    predicted: np.ndarray
    support: np.ndarray


def counter(rows: ScoredRows) -> Callable[[np.ndarray], Counts]:
    """Return a function from outputs to counts; for binary, the classes are 0 and 1."""
    task, decode = rows.head.task, rows.head.decode
    n_folds, n_classes = len(rows.starts), max(rows.head.units, 2 if task is Task.BINARY else 1)
    shape, n_cells = (n_folds, n_classes), n_folds * n_classes
    if task is Task.MULTILABEL:
        true = one_hot(task, rows.target, n_classes)
        cells = rows.fold[:, None] * n_classes + np.arange(n_classes)
        support = np.bincount(cells[true], minlength=n_cells).reshape(shape)

        def count_labels(outputs: np.ndarray) -> Counts:
            positive = decode(outputs) > 0
            predicted = np.bincount(cells[positive], minlength=n_cells)
            hits = np.bincount(cells[positive & true], minlength=n_cells)
            return Counts(hits.reshape(shape), predicted.reshape(shape), support)

        return count_labels

    codes = rows.target.astype(np.int64).reshape(-1)
    first_cell = rows.fold * n_classes
    true_cell = first_cell + codes
    support = np.bincount(true_cell, minlength=n_cells).reshape(shape)

    def count_classes(outputs: np.ndarray) -> Counts:
        cell = first_cell + decode(outputs)
        predicted = np.bincount(cell, minlength=n_cells)
        hits = np.bincount(cell[cell == true_cell], minlength=n_cells)
        return Counts(hits.reshape(shape), predicted.reshape(shape), support)

    return count_classes


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


def _macro_mean(rows: ScoredRows, values: np.ndarray, counts: Counts) -> np.ndarray:
    """Return the mean over labels, or over the classes that are true or predicted in the fold."""
    if rows.head.task is Task.MULTILABEL:
        return values.mean(axis=1)  # type: ignore[no-any-return]
    present = (counts.predicted + counts.support) > 0
    return (values * present).sum(axis=1) / present.sum(axis=1)  # type: ignore[no-any-return]


def positive(rate: Rate, rows: ScoredRows) -> Values:
    """Return the rate of the positive class for binary, its macro mean for other tasks."""
    if rows.head.task is not Task.BINARY:
        return macro(rate, rows)
    count = counter(rows)

    def values(outputs: np.ndarray) -> np.ndarray:
        counts = count(outputs)
        return rate(counts.hits[:, 1], counts.predicted[:, 1], counts.support[:, 1])

    return values


def macro(rate: Rate, rows: ScoredRows) -> Values:
    """Return the mean of a rate over classes or labels."""
    count = counter(rows)

    def values(outputs: np.ndarray) -> np.ndarray:
        counts = count(outputs)
        return _macro_mean(rows, rate(counts.hits, counts.predicted, counts.support), counts)

    return values


def micro(rate: Rate, rows: ScoredRows) -> Values:
    """Return the rate of the counts summed over classes or labels."""
    count = counter(rows)

    def values(outputs: np.ndarray) -> np.ndarray:
        counts = count(outputs)
        return rate(counts.hits.sum(axis=1), counts.predicted.sum(axis=1), counts.support.sum(axis=1))

    return values


def weighted(rate: Rate, rows: ScoredRows) -> Values:
    """Return the mean of a rate over classes or labels, weighted by their true rows."""
    count = counter(rows)

    def values(outputs: np.ndarray) -> np.ndarray:
        counts = count(outputs)
        rates = rate(counts.hits, counts.predicted, counts.support)
        return _ratio((rates * counts.support).sum(axis=1), counts.support.sum(axis=1))

    return values


def balanced_accuracy(rows: ScoredRows) -> Values:
    """Return the mean recall of the classes that occur."""
    count = counter(rows)

    def values(outputs: np.ndarray) -> np.ndarray:
        counts = count(outputs)
        return _ratio(counts.hits, counts.support).sum(axis=1) / (counts.support > 0).sum(axis=1)  # type: ignore[no-any-return]

    return values


def specificity(rows: ScoredRows) -> Values:
    """Return the share of the negatives that is called negative: of binary, or the mean over classes."""
    count, n_rows = counter(rows), rows.counts.astype(np.int64)[:, None]

    def values(outputs: np.ndarray) -> np.ndarray:
        counts = count(outputs)
        negatives = n_rows - counts.support
        rates = _ratio(negatives - counts.predicted + counts.hits, negatives)
        return rates[:, 1] if rows.head.task is Task.BINARY else _macro_mean(rows, rates, counts)

    return values


def mcc(rows: ScoredRows) -> Values:
    """Return Matthews' correlation for any number of classes (Gorodkin 2004); 0 where a side is constant."""
    count, n_rows = counter(rows), rows.counts

    def values(outputs: np.ndarray) -> np.ndarray:
        counts = count(outputs)
        together = n_rows * counts.hits.sum(axis=1) - (counts.support * counts.predicted).sum(axis=1)
        of_target = n_rows**2 - (counts.support**2).sum(axis=1)
        of_predicted = n_rows**2 - (counts.predicted**2).sum(axis=1)
        # Unless 0, each factor is at least 1, so the maximum changes nothing but 0 / 0.
        return together / np.sqrt(np.maximum(of_target * of_predicted, 1.0))  # type: ignore[no-any-return]

    return values


def cohen_kappa(rows: ScoredRows) -> Values:
    """Return Cohen's kappa (Cohen 1960); NaN where target and labels are one same class."""
    count, n_rows = counter(rows), rows.counts

    def values(outputs: np.ndarray) -> np.ndarray:
        counts = count(outputs)
        chance = (counts.support * counts.predicted).sum(axis=1)
        best = n_rows**2 - chance
        return (n_rows * counts.hits.sum(axis=1) - chance) / np.where(best > 0, best, np.nan)  # type: ignore[no-any-return]

    return values


def _of_positive(rows: ScoredRows, value: Callable[[Counts], np.ndarray]) -> Values:
    count = counter(rows)
    return lambda outputs: value(count(outputs)).astype(np.float64)


def true_positives(rows: ScoredRows) -> Values:
    """Return how many rows are positive and called so."""
    return _of_positive(rows, lambda counts: counts.hits[:, 1])


def false_positives(rows: ScoredRows) -> Values:
    """Return how many rows are negative and called positive."""
    return _of_positive(rows, lambda counts: counts.predicted[:, 1] - counts.hits[:, 1])


def true_negatives(rows: ScoredRows) -> Values:
    """Return how many rows are negative and called so."""
    return _of_positive(rows, lambda counts: counts.hits[:, 0])


def false_negatives(rows: ScoredRows) -> Values:
    """Return how many rows are positive and called negative."""
    return _of_positive(rows, lambda counts: counts.support[:, 1] - counts.hits[:, 1])
