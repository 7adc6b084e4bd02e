"""Rows of each fold counted by class, for all metrics of labels."""

from collections.abc import Callable

import numpy as np

from tuner.model.fold_rows import ScoredRows, Values
from tuner.model.label_counts import Formula, Tally
from tuner.model.sklearn_metrics import one_hot
from tuner.tasks import Task


def from_counts(formula: Formula, rows: ScoredRows) -> Values:
    """Return a metric that is a formula of counts; for binary, the classes are 0 and 1."""
    count = _label_counter(rows) if rows.head.task is Task.MULTILABEL else _class_counter(rows)
    return lambda outputs: formula(count(outputs)).astype(np.float64)


def _label_counter(rows: ScoredRows) -> Callable[[np.ndarray], Tally]:
    """Return a function from outputs to how often each label is given and true in each fold."""
    shape = (len(rows.starts), rows.head.units)
    true = one_hot(rows.head.task, rows.target, rows.head.units)
    cells = rows.fold[:, None] * rows.head.units + np.arange(rows.head.units)
    support = _counted(cells[true], shape)

    def count(outputs: np.ndarray) -> Tally:
        given = rows.head.decode(outputs) > 0
        hits, predicted = _counted(cells[given & true], shape), _counted(cells[given], shape)
        return Tally(rows.head.task, hits, predicted, support, rows.counts)

    return count


def _class_counter(rows: ScoredRows) -> Callable[[np.ndarray], Tally]:
    """Return a function from outputs to how often each class is predicted and true in each fold."""
    shape = (len(rows.starts), max(rows.head.units, 2))
    first_cell = rows.fold * shape[1]
    true_cell = first_cell + rows.target.astype(np.int64).reshape(-1)
    support = _counted(true_cell, shape)

    def count(outputs: np.ndarray) -> Tally:
        cell = first_cell + rows.head.decode(outputs)
        hits, predicted = _counted(cell[cell == true_cell], shape), _counted(cell, shape)
        return Tally(rows.head.task, hits, predicted, support, rows.counts)

    return count


def _counted(cells: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return how often each cell of (n_folds, n_classes) is among (n,) cells, counted row after row."""
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
