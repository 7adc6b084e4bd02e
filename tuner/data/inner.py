"""Rows that a fold sets aside from its own training rows, so that early stopping never looks at scored rows."""

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

from tuner.data.dataset import Dataset
from tuner.data.folds import time_cuts
from tuner.errors import DataError


def split_off(dataset: Dataset, rows: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split a fold's training rows into those to learn from and those to watch.

    The watched rows are the latest where the data set has a time, whole groups where it has groups,
    stratified where each class has two rows or more, else a sample.

    Args:
        dataset: the data set.
        rows: (n,) sorted row numbers of the fold's training rows.
        share: of the rows to watch, between 0 and 1.
        seed: of the choice.

    Returns:
        Row numbers to learn from and to watch, both int64 and sorted; together ``rows``.

    Raises:
        DataError: there are too few rows, times or groups to set any aside, or all weights of a part are 0.
    """
    try:
        watched = _watched(dataset, rows, share, seed)
        keep = np.ones(len(rows), bool)
        keep[watched] = False
        _check_weights(dataset, rows[keep], "to learn from")
        _check_weights(dataset, rows[~keep], "to watch")
    except ValueError as error:
        raise DataError(
            f"{dataset.place}: early_stopping.rows: inner needs some of a fold's {len(rows)} training rows to watch: "
            f"{error}; use rows: fold"
        ) from None
    return rows[keep], rows[~keep]


def _check_weights(dataset: Dataset, rows: np.ndarray, what: str) -> None:
    if dataset.weight is not None and not dataset.weight[rows].any():
        raise ValueError(f"the {len(rows)} rows {what} have weight 0")


def _watched(dataset: Dataset, rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    features = np.zeros(len(rows))
    if dataset.time is not None:
        cuts = time_cuts(dataset.time[rows], (1.0 - share,))
        if cuts is None:
            raise ValueError("they all have one time")
        return np.flatnonzero(dataset.time[rows] >= cuts[0])
    if dataset.group is not None:
        splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=seed)
        return np.asarray(next(splitter.split(features, groups=dataset.group[rows]))[1])
    target = dataset.target[rows]
    stratified = dataset.task.has_classes and np.bincount(target)[np.unique(target)].min() >= 2
    if stratified and share * len(rows) >= len(np.unique(target)):
        by_class = StratifiedShuffleSplit(n_splits=1, test_size=share, random_state=seed)
        return np.asarray(next(by_class.split(features, target))[1])
    sample = ShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    return np.asarray(next(sample.split(features))[1])
