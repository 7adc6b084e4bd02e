"""Which rows train and which are scored: the held-out test rows, and the folds of cross-validation."""

import math
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from typing import Any

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from tuner.data.dataset import Dataset
from tuner.data.fold_checks import check_folds, check_hold_out, check_request, check_splits
from tuner.errors import DataError
from tuner.seeds import derive

FINEST_SHARE = 20
"""Whole groups are held out as parts of at most so many, so that a share is met to within a few percent."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Row numbers of one train/score split.

    Attributes:
        number: 0 .. n_folds * repeats - 1; also the place on the fold axis of every stacked array.
        train: (n_train,) int64 row numbers to learn from, sorted.
        score: (n_score,) int64 row numbers to score on, sorted; disjoint from ``train``.
    """

    number: int
    train: np.ndarray
    score: np.ndarray


def hold_out(dataset: Dataset, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Set rows aside that the search never sees.

    They are the rows of the data set's own test file; or the latest rows where it has a time (rows of one
    time stay together); or whole groups; or a sample, stratified where a row has one class.

    Args:
        dataset: the data set.
        share: of the rows, 0 <= share < 1; 0 sets none aside. With groups or equal times it is met
            approximately.
        seed: of the study.

    Returns:
        Row numbers for the search and for the test, both int64 and sorted; together all rows.

    Raises:
        DataError: there are too few rows, groups or times, or a class is too rare, for such a share.
    """
    rows = np.arange(len(dataset.target), dtype=np.int64)
    if dataset.test_rows is not None:
        test = dataset.test_rows.astype(np.int64)
    elif share == 0:
        test = rows[:0]
    else:
        test = np.sort(_choose_test(dataset, share, derive(seed, "hold_out"))).astype(np.int64)
    search = np.setdiff1d(rows, test, assume_unique=True)
    check_hold_out(dataset, search, test)
    return search, test


def _choose_test(dataset: Dataset, share: float, seed: int) -> np.ndarray:
    if dataset.time is not None:
        chosen = _latest_rows(dataset.time, share)
    elif dataset.group is not None:
        chosen = _whole_groups(dataset, dataset.group, share, seed)
    else:
        chosen = _sample(dataset, share, seed)
    if not len(chosen):
        chosen = "no whole group is small enough"
    if isinstance(chosen, str):
        raise DataError(
            f"{dataset.place}: {share:g} of {len(dataset.target)} rows cannot be held out as test: {chosen}; "
            "set another share as test, or test: 0"
        )
    return chosen


def _sample(dataset: Dataset, share: float, seed: int) -> np.ndarray | str:
    """Return row numbers, or why there are none."""
    target = dataset.target
    n_rows = len(target)
    n_test = math.ceil(share * n_rows)
    if not dataset.task.has_classes:
        if n_test >= n_rows:
            return "none would be left"
        splitter: Any = ShuffleSplit(1, test_size=n_test, random_state=seed)
        return np.asarray(next(splitter.split(target))[1])
    counts = np.bincount(target, minlength=len(dataset.classes))
    if counts.min() < 2:
        return f"class '{dataset.classes[int(np.argmin(counts))]}' has one row, and both parts need one"
    if min(n_test, n_rows - n_test) < len(counts):
        return f"{n_test} rows and the other {n_rows - n_test} both need one of each of {len(counts)} classes"
    splitter = StratifiedShuffleSplit(1, test_size=n_test, random_state=seed)
    return np.asarray(next(splitter.split(target, target))[1])


def _whole_groups(dataset: Dataset, group: np.ndarray, share: float, seed: int) -> np.ndarray | str:
    """Return row numbers, or why there are none."""
    target = dataset.target
    n_groups = len(np.unique(group))
    if n_groups < 2:
        return "rows of one group stay together, and there is one group only"
    if not dataset.task.has_classes:
        n_test = min(max(round(share * n_groups), 1), n_groups - 1)
        by_group = GroupShuffleSplit(1, test_size=n_test, random_state=seed)
        return np.asarray(next(by_group.split(target, groups=group))[1])
    counts = np.bincount(target, minlength=len(dataset.classes))
    finest = min(FINEST_SHARE, n_groups, int(counts.min()))
    if finest < 2:
        return f"class '{dataset.classes[int(np.argmin(counts))]}' has one row, and both parts need one"
    part = Fraction(share).limit_denominator(finest)
    if not 0 < part < 1:
        part = Fraction(1 if share < 0.5 else finest - 1, finest)
    splitter = StratifiedGroupKFold(part.denominator, shuffle=True, random_state=seed)
    parts = [test for _, test in splitter.split(target, target, group)]
    return np.concatenate(parts[: part.numerator])


def _latest_rows(time: np.ndarray, share: float) -> np.ndarray | str:
    """Return row numbers, or why there are none."""
    cuts = time_cuts(time, (1.0 - share,))
    return "all rows have the same time" if cuts is None else np.flatnonzero(time >= cuts[0])


def time_cuts(time: np.ndarray, shares: tuple[float, ...]) -> np.ndarray | None:
    """Return the times at which blocks of rows begin, so that equal times stay in one block.

    Args:
        time: (n_rows,) sortable.
        shares: (n_cuts,) the share of rows before each cut, ascending, between 0 and 1.

    Returns:
        (n_cuts,) distinct times, each the nearest that leaves one for every other cut; None where there are
        too few distinct times.
    """
    times, counts = np.unique(time, return_counts=True)
    n_cuts, n_times = len(shares), len(times)
    if n_times <= n_cuts:
        return None
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])  # rows before each distinct time
    chosen: list[int] = []
    for place, share in enumerate(shares):
        first = chosen[-1] + 1 if chosen else 1
        last = n_times - (n_cuts - place)
        allowed = before[first : last + 1]
        chosen.append(first + int(np.argmin(np.abs(allowed - share * len(time)))))
    return np.asarray(times[chosen])


def make_folds(
    dataset: Dataset, rows: np.ndarray, *, n_folds: int, repeats: int, shuffle: bool, seed: int
) -> tuple[Fold, ...]:
    """Split rows for cross-validation.

    Stratified where a row has one class. With a group, rows of one group never straddle a fold. With a
    time, fold k trains on the blocks 0 .. k of n_folds + 1 blocks in time order and scores block k + 1;
    rows of one time never straddle.

    Args:
        dataset: the data set.
        rows: (n,) sorted row numbers to split, as ``hold_out`` gives them.
        n_folds: at least 2 (1 with a time).
        repeats: how often the rows are split anew; fold number = repeat * n_folds + k.
        shuffle: whether rows are shuffled first; without it folds follow the order of the file.
        seed: of the study.

    Raises:
        DataError: the rows cannot be split so; the message says why and what to do.
    """
    check_request(dataset, repeats=repeats, shuffle=shuffle)
    check_folds(dataset, rows, n_folds)
    splits: list[tuple[np.ndarray, np.ndarray]] = []
    for repeat in range(repeats):
        if dataset.time is not None:
            splits += _expanding_windows(dataset, dataset.time[rows], n_folds)
        else:
            state = derive(seed, "folds", repeat) if shuffle else None
            splits += _cross_validation(dataset, rows, n_folds, shuffle, state)
    folds = tuple(
        Fold(number, np.sort(rows[train]).astype(np.int64), np.sort(rows[score]).astype(np.int64))
        for number, (train, score) in enumerate(splits)
    )
    check_splits(dataset, [(fold.train, fold.score) for fold in folds])
    return folds


def _cross_validation(
    dataset: Dataset, rows: np.ndarray, n_folds: int, shuffle: bool, state: int | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return n_folds splits as positions in ``rows``."""
    classes = dataset.task.has_classes
    by_class: Any = StratifiedKFold if classes else KFold
    by_group: Any = StratifiedGroupKFold if classes else GroupKFold
    splitter = (by_class if dataset.group is None else by_group)(n_folds, shuffle=shuffle, random_state=state)
    groups = None if dataset.group is None else dataset.group[rows]
    return list(splitter.split(np.zeros(len(rows)), dataset.target[rows], groups))


def _expanding_windows(
    dataset: Dataset, time: np.ndarray, n_folds: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return n_folds splits as positions in ``time``."""
    n_blocks = n_folds + 1
    cuts = time_cuts(time, tuple(block / n_blocks for block in range(1, n_blocks)))
    if cuts is None:
        raise DataError(
            f"{dataset.place}: {n_folds} folds in time order need {n_blocks} distinct times, "
            f"but the rows have {len(np.unique(time))}; set fewer folds"
        )
    block = np.searchsorted(cuts, time, side="right")
    return [(np.flatnonzero(block <= k), np.flatnonzero(block == k + 1)) for k in range(n_folds)]


def splits_sha256(search_rows: np.ndarray, test_rows: np.ndarray, folds: tuple[Fold, ...]) -> str:
    """Return a hash of all row numbers, by which two runs can tell that they split alike."""
    digest = sha256()
    for rows in (search_rows, test_rows, *(part for fold in folds for part in (fold.train, fold.score))):
        digest.update(f"{len(rows)} ".encode())
        digest.update(np.ascontiguousarray(rows, "<i8").tobytes())
    return digest.hexdigest()
