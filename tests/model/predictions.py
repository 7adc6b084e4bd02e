"""Targets and outputs to score: ties, missing classes, folds of unequal size, one with a single class."""

from dataclasses import dataclass

import numpy as np

from tuner.model.heads import Head, make_head
from tuner.tasks import Task


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Outputs (n_scored, n_units) for the rows of the folds, end to end, of a target (n_rows, ...)."""

    head: Head
    target: np.ndarray
    outputs: np.ndarray
    folds: tuple[np.ndarray, ...]


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def make_predictions(task: Task, seed: int, n_units: int = 4) -> Predictions:
    """Return predictions for 101 rows in folds of 20, 21, 17, 30, 12 and 1 rows, and one that shares rows.

    Logits are rounded to one decimal, so that many outputs are equal. All rows of the fifth fold have one
    class; the first class of several is missing in the third.
    """
    generator = np.random.default_rng(seed)
    n_rows = 101
    folds = (
        *np.split(generator.permutation(n_rows), [20, 41, 58, 88, 100]),
        generator.permutation(n_rows)[:25],
    )
    rows = np.concatenate(folds)
    if task is Task.REGRESSION:
        target = np.abs(3.0 + 2.0 * generator.normal(size=(n_rows, n_units)))
        target[folds[4]] = 0.1
        outputs = (target[rows] + generator.normal(size=(len(rows), n_units))).astype(np.float32)
        return Predictions(make_head(task, n_units, 0), target, outputs, folds)
    if task is Task.MULTILABEL:
        target = (generator.random((n_rows, n_units)) < 0.4).astype(np.int64)
        target[folds[4]] = 0
        target[folds[2], 0] = 1
        logits = np.round(generator.normal(size=(len(rows), n_units)) + target[rows] - 0.5, 1)
        return Predictions(make_head(task, n_units, 0), target, sigmoid(logits), folds)
    n_classes = 2 if task is Task.BINARY else n_units
    target = generator.integers(0, n_classes, n_rows)
    target[folds[2]] = np.maximum(target[folds[2]], 1 if task is Task.MULTICLASS else 0)
    target[folds[4]] = 1
    head = make_head(task, 1, n_classes)
    logits = np.round(generator.normal(size=(len(rows), head.units)), 1)
    if task is Task.BINARY:
        return Predictions(head, target, sigmoid(logits + target[rows, None] - 0.5), folds)
    logits[np.arange(len(rows)), target[rows]] += 1.0
    return Predictions(head, target, softmax(logits), folds)
