"""What makes a split useless, found before anything is trained."""

from collections.abc import Sequence

import numpy as np

from tuner.data.columns import shorten
from tuner.data.dataset import Dataset
from tuner.errors import DataError
from tuner.tasks import Task


def check_hold_out(dataset: Dataset, search: np.ndarray, test: np.ndarray) -> None:
    """Refuse a hold-out that leaves the search no rows, or test rows that cannot be scored.

    Raises:
        DataError: no rows are left on one side, or the test rows of a binary task hold one class only.
    """
    if not len(search):
        raise DataError(f"{dataset.place}: no rows are left for the search; set a smaller test share")
    if dataset.test_rows is not None and not len(test):
        raise DataError(
            f"{dataset.place}: no row of the test file has a target; fill it in, or set a share as test"
        )
    if dataset.task is Task.BINARY and len(test) and len(np.unique(dataset.target[test])) < 2:
        only = dataset.classes[int(dataset.target[test[0]])]
        way_out = (
            "give a test file with both" if dataset.test_rows is not None else "set another share, or test: 0"
        )
        raise DataError(
            f"{dataset.place}: all {len(test)} rows held out for the test are '{only}'; {way_out}"
        )


def check_request(dataset: Dataset, *, repeats: int, shuffle: bool) -> None:
    """Refuse settings that exclude each other.

    Raises:
        DataError: a time with a group or with repeats, or repeats without shuffling.
    """
    problems = []
    if dataset.time is not None and dataset.group is not None:
        problems.append("data.time and data.group cannot both order the folds; remove one of them")
    if dataset.time is not None and repeats > 1:
        problems.append(f"folds in time order are the same each time; set cv.repeats: 1, not {repeats}")
    if repeats > 1 and not shuffle:
        problems.append(
            f"without shuffling, {repeats} repeats are the same; set cv.shuffle: true or cv.repeats: 1"
        )
    if problems:
        raise DataError("\n".join(f"{dataset.place}: {problem}" for problem in problems))


def check_folds(dataset: Dataset, rows: np.ndarray, n_folds: int) -> None:
    """Refuse more folds than there are rows, groups, or rows of a class.

    Raises:
        DataError: with what there is and the ways out.
    """
    least = 1 if dataset.time is not None else 2
    if n_folds < least:
        raise DataError(f"{dataset.place}: cv.folds is {n_folds}; it is at least {least}")
    if n_folds > len(rows):
        raise DataError(
            f"{dataset.place}: {n_folds} folds, but {len(rows)} rows; set at most {len(rows)} folds"
        )
    if dataset.group is not None:
        n_groups = len(np.unique(dataset.group[rows]))
        if n_groups < n_folds:
            raise DataError(
                f"{dataset.place}: {n_folds} folds, but {n_groups} groups (rows of one group stay together); "
                "set fewer folds, or a smaller test share"
            )
    if dataset.task.has_classes and dataset.time is None:
        _check_classes(dataset, rows, n_folds)


def _check_classes(dataset: Dataset, rows: np.ndarray, n_folds: int) -> None:
    counts = np.bincount(dataset.target[rows], minlength=len(dataset.classes))
    rare = [
        f"'{label}' {count}" for label, count in zip(dataset.classes, counts, strict=True) if count < n_folds
    ]
    if not rare:
        return
    fewest = int(counts.min())
    ways = [f"set cv.folds: {fewest}"] if fewest > 1 else ["merge or drop the class, or add rows of it"]
    if fewest > 1:
        ways.append("merge or drop the class, or add rows of it")
    counted = ""
    if dataset.test_rows is not None:
        counted = "without the test file "
        ways.append("take rows of a class that it alone has out of that file")
    elif len(rows) < len(dataset.target):
        counted = "after the hold-out "
        ways.append("hold out a smaller share as test")
    if dataset.task is Task.MULTICLASS and all(_is_number(label) for label in dataset.classes):
        ways.append("set task: regression if the labels are a quantity")
    raise DataError(
        f"{dataset.place}: {n_folds} folds, but {counted}these classes have fewer rows: {shorten(rare)}; "
        + ", or ".join(ways)
    )


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


def check_splits(dataset: Dataset, splits: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Refuse folds that cannot be trained or scored.

    Args:
        dataset: the data set.
        splits: (n_folds,) pairs of row numbers, to train on and to score.

    Raises:
        DataError: a fold's training rows hold one class; for a binary task its scored rows do; or all its
            weights are 0.
    """
    problems = []
    for number, (train, score) in enumerate(splits):
        problems += _useless(dataset, train, f"training rows of fold {number}", dataset.task.has_classes)
        problems += _useless(dataset, score, f"scored rows of fold {number}", dataset.task is Task.BINARY)
    if problems:
        order = (
            "in time order "
            if dataset.time is not None
            else "of whole groups "
            if dataset.group is not None
            else ""
        )
        raise DataError(
            f"{dataset.place}: these folds {order}are of no use: {shorten(problems, 3)}; "
            "set fewer folds, or another test share"
        )


def _useless(dataset: Dataset, rows: np.ndarray, what: str, classes_differ: bool) -> list[str]:
    if not len(rows):
        return [f"there are no {what}"]
    problems = []
    if classes_differ and len(np.unique(dataset.target[rows])) < 2:
        problems.append(f"all {len(rows)} {what} are '{dataset.classes[int(dataset.target[rows[0]])]}'")
    if dataset.weight is not None and not dataset.weight[rows].any():
        problems.append(f"all {len(rows)} {what} have weight 0")
    return problems
