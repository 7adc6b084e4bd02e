"""Rows of many resamples counted by class, for all metrics of labels."""

import numpy as np

from tuner.model.label_counts import Formula, Tally
from tuner.model.sklearn_metrics import one_hot
from tuner.report.drawn import Drawn, Values
from tuner.tasks import Task


def from_counts(formula: Formula, rows: Drawn) -> Values:
    """Return a metric that is a formula of counts; for binary, the classes are 0 and 1."""
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
        tally = Tally(task, count(marked & true), count(marked), support, rows.sizes[None])
        return np.where(np.isnan(rows.sizes), np.nan, formula(tally))

    return values
