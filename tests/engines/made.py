"""Small folds with everything uneven: lengths, targets, weights."""

from collections.abc import Sequence

import numpy as np

from tuner.engines.base import FoldData, Rows
from tuner.model.heads import Head, make_head
from tuner.seeds import generator
from tuner.tasks import Task

N_INPUTS = 6
LENGTHS = (20, 21, 17)
"""Training rows of three folds: batches of 8 end with a short one, of 10 also leave two folds without a third."""

HEADS: dict[Task, Head] = {
    Task.REGRESSION: make_head(Task.REGRESSION, 2, 0),
    Task.BINARY: make_head(Task.BINARY, 1, 2),
    Task.MULTICLASS: make_head(Task.MULTICLASS, 1, 4),
    Task.MULTILABEL: make_head(Task.MULTILABEL, 3, 0),
}


def made_rows(head: Head, n_rows: int, *name: int | str, weighted: bool = False) -> Rows:
    """Return random rows whose target follows from the inputs, with some noise."""
    random = generator("rows", *name)
    inputs = random.normal(size=(n_rows, N_INPUTS)).astype(np.float32)
    signal = inputs @ random.normal(size=(N_INPUTS, head.units)) + random.normal(size=(n_rows, head.units))
    target = {
        Task.REGRESSION: signal,
        Task.BINARY: (signal[:, 0] > 0).astype(int),
        Task.MULTICLASS: signal.argmax(axis=1),
        Task.MULTILABEL: (signal > 0).astype(int),
    }[head.task]
    weight = random.uniform(0.2, 2.0, n_rows) if weighted else np.ones(n_rows)
    return Rows(inputs, head.encode(target), weight.astype(np.float32))


def made_folds(
    task: Task, lengths: Sequence[int] = LENGTHS, *, weighted: bool = False, inner: bool = False
) -> tuple[FoldData, ...]:
    """Return folds with the given numbers of training rows.

    Args:
        task: what the target is for.
        lengths: (n_folds,).
        weighted: whether rows have weights of their own.
        inner: whether other rows are watched than scored.
    """
    head = HEADS[task]
    folds = []
    for number, n_train in enumerate(lengths):
        train = made_rows(head, n_train, number, "train", weighted=weighted)
        score = made_rows(head, 5 + number, number, "score", weighted=weighted)
        watch = made_rows(head, 7 - number, number, "watch", weighted=weighted) if inner else score
        folds.append(FoldData(train, watch, score))
    return tuple(folds)


def with_codes(folds: Sequence[FoldData], tables: Sequence[int]) -> tuple[FoldData, ...]:
    """Return folds whose last inputs are codes, 0 among them, of tables with so many rows each."""

    def coded(rows: Rows) -> Rows:
        inputs = rows.inputs.copy()
        for column, n_codes in enumerate(tables, N_INPUTS - len(tables)):
            inputs[:, column] = np.abs(inputs[:, column] * 4).astype(int) % n_codes
        return Rows(inputs, rows.target, rows.weight)

    changed = []
    for fold in folds:
        score = coded(fold.score)
        watch = score if fold.watch is fold.score else coded(fold.watch)
        changed.append(FoldData(coded(fold.train), watch, score))
    return tuple(changed)
