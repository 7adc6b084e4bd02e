"""Looks at a table before its first study: kinds of columns, the target, and what a person should look at twice."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import filter as filter_names
from pathlib import Path

import numpy as np
import pandas as pd

from tuner.data.columns import Column, Kind, is_number, shorten, to_floats
from tuner.data.csv_file import looks_like_row
from tuner.data.dataset import Dataset, load_dataset
from tuner.data.features import ID_NAME
from tuner.data.picture_files import class_pictures, is_picture_folder
from tuner.data.roles import check_roles
from tuner.data.sources import Source, Table, read_source
from tuner.errors import DataError
from tuner.init.concerns import column_concerns, looks_like_group, unreadable, useless
from tuner.init.facts import ColumnFacts, Concern, TableFacts, TargetFacts
from tuner.init.likeness import as_numbers, giveaways, sample_rows, twins
from tuner.tasks import Task

LIKELY_NAME = re.compile(
    r"(^|[_\W])(target|label|class|outcome|response|result|churn|diagnosis|default|survived|status|y)\d*$",
    re.I,
)
FEW_LABELS = 20
MOST_LIKELY = 3
FIRST_ROWS = 1000

MOST_COMPARED = 20_000_000
"""Cells; in a larger table copies of rows are not looked for."""

NEW_TIMES = 0.5
"""A share of the rows; with so many different times in order, rows follow one another."""

FEWEST_RATINGS = 5
RARE_END = 0.1
"""Of the most frequent rating: the first and the last of a scale are rarer."""

UNEVEN = 0.1
"""Of the most frequent rating: by so much a scale may rise and fall by chance."""


def look_at(path: Path, targets: Sequence[str]) -> TableFacts:
    """Return what a table holds.

    Args:
        path: the file, absolute.
        targets: the columns to predict, or patterns of their names such as ``label*``; () where the file itself says
            which they are (``y`` of an .npz file).

    Raises:
        DataError: the table cannot be read, a target is not a column or cannot be predicted, or none is named (with
            the likeliest).
    """
    image = _picture_size(path)
    source = Source("path", str(path), image)
    table = read_source(source, path.parent)
    names = _matching(targets, [str(name) for name in table.frame.columns]) or table.target_columns
    if names is None:
        raise DataError(_no_target(table))
    check_roles(table, target=names, drop=(), weight=None, group=None, time=None)
    bad = unreadable(table.frame, names)
    dataset = _load(source, names, tuple(bad))
    columns = _columns(table, dataset, names, bad)
    times = tuple(column.name for column in columns if column.kind is Kind.DATETIME)
    return TableFacts(
        path=path,
        n_rows=len(dataset.target),
        n_unlabelled=len(table.frame) - len(dataset.target),
        n_copies=_count_copies(table.frame.drop(columns=list(bad))),
        target=_target(dataset, table.frame),
        own_target=not targets or names == table.target_columns,
        columns=columns,
        row_shape=dataset.row_shape,
        times=times,
        ordered=_ordered(dataset, times),
        groups=tuple(column.name for column in columns if looks_like_group(column, len(dataset.target))),
        image=image,
        notes=table.notes,
        no_header=table.row_shape is None and looks_like_row([str(name) for name in table.frame.columns]),
    )


def _matching(targets: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that are meant; a name that is neither one nor a pattern of some stays as it is."""
    return tuple(
        name
        for target in targets
        for name in ([target] if target in columns else filter_names(columns, target) or [target])
    )


def _ordered(dataset: Dataset, times: Sequence[str]) -> str | None:
    """Return the dates by which rows follow one another, as measurements do; None where they do not, or for classes.

    A class may be missing from a stretch of time, and scores are then undefined, so that is for the user to decide.
    """
    if dataset.task is not Task.REGRESSION:
        return None
    for name in times:
        values = dataset.features[name]
        if (
            values.notna().all()
            and values.is_monotonic_increasing
            and values.nunique() >= NEW_TIMES * len(values)
        ):
            return name
    return None


def _picture_size(path: Path) -> tuple[int, int] | None:
    """Return the height and width that a folder's pictures should have; None for their own, or where it is no folder.

    Raises:
        DataError: the folder's pictures cannot be read, or have no classes.
    """
    if not is_picture_folder(path):
        return None
    from tuner.data.pictures import LONGEST_SIDE, look_at_pictures, proposed_size

    seen = look_at_pictures([picture.path for picture in class_pictures(path).pictures])
    sizes = {(each.height, each.width) for each in seen}
    if len(sizes) == 1 and max(*sizes.pop()) <= LONGEST_SIDE:
        return None
    height, width, _ = proposed_size(seen)
    return height, width


def _load(source: Source, targets: tuple[str, ...], drop: tuple[str, ...]) -> Dataset:
    """Return the table as a study file with no more than this would have it."""
    return load_dataset(
        source,
        target=targets[0] if len(targets) == 1 else targets,
        drop=drop,
        weight=None,
        group=None,
        time=None,
        task=None,
        positive=None,
        test_path=None,
        folder=Path(source.value).parent,
    )


def _no_target(table: Table) -> str:
    likely = [f"'{name}' ({count:,} different values)" for name, count in _likely_targets(table.frame)]
    return (
        f"{table.place}: which column is to be predicted? Name it: --target COLUMN; likeliest: "
        f"{', '.join(likely)}; the columns are: {shorten(table.frame.columns, 40)}"
    )


def _likely_targets(frame: pd.DataFrame) -> list[tuple[str, int]]:
    """Return the likeliest columns with their numbers of distinct values.

    By name; then the last and the first; then those of two values.
    """
    names = [str(name) for name in frame.columns]
    by_name = [name for name in names if LIKELY_NAME.search(name)]
    ends = [name for name in (names[-1], names[0]) if _may_be_target(frame[name])]
    first = frame.iloc[:FIRST_ROWS]
    two = [name for name in names if first[name].astype(str).nunique() == 2]
    likely = list(dict.fromkeys([*by_name, *ends, *two, names[-1]]))[:MOST_LIKELY]
    return [(name, int(frame[name].astype(str).nunique())) for name in likely]


def _may_be_target(values: pd.Series) -> bool:
    if ID_NAME.search(str(values.name)):
        return False
    distinct = values.astype(str).nunique()
    return distinct > 1 and (distinct <= FEW_LABELS or is_number(values))


def _columns(
    table: Table, dataset: Dataset, targets: tuple[str, ...], bad: dict[str, Concern]
) -> tuple[ColumnFacts, ...]:
    """Return the facts of every column but the targets; the places of an array have no concerns."""
    read = {column.name: column for column in dataset.columns}
    rows = sample_rows(len(dataset.target))
    more: list[dict[str, Concern]] = []
    numbers = as_numbers(dataset, rows)
    if table.row_shape is None:
        more = [giveaways(dataset, numbers, rows), twins(dataset, numbers)]
    skewed = dict(zip(read, _skewness(numbers), strict=True))
    facts = []
    for name in (str(name) for name in table.frame.columns if name not in targets):
        raw = table.frame[name]
        if name in bad:
            facts.append(ColumnFacts(name, None, float(raw.isna().mean()), 0, 0.0, (bad[name],)))
        elif name not in read:
            missing = float(raw.isna().mean())
            facts.append(ColumnFacts(name, None, missing, int(raw.nunique()), 0.0, (useless(raw),)))
        else:
            column, clean = read[name], dataset.features[name]
            own = () if table.row_shape is not None else tuple(column_concerns(column, clean, raw))
            concerns = (*own, *(found[name] for found in more if name in found))
            facts.append(_facts(column, clean, skewed[name], concerns))
    return _keep_some(facts)


def _facts(column: Column, clean: pd.Series, skewness: float, concerns: tuple[Concern, ...]) -> ColumnFacts:
    skew = skewness if column.kind is Kind.NUMERIC else 0.0
    return ColumnFacts(
        column.name, column.kind, float(clean.isna().mean()), int(clean.nunique()), skew, concerns
    )


def _keep_some(facts: list[ColumnFacts]) -> tuple[ColumnFacts, ...]:
    """Return the facts; where no readable column would be left, the dropped ones are left to the user."""
    if any(column.dropped is None for column in facts):
        return tuple(facts)
    return tuple(
        replace(
            column,
            concerns=tuple(replace(concern, drops=False, doubtful=True) for concern in column.concerns),
        )
        if column.kind is not None
        else column
        for column in facts
    )


def _skewness(numbers: np.ndarray) -> Iterator[float]:
    """Yield the skewness of each column: the third standardised moment, without its missing values."""
    for values in numbers.T:
        present = values[~np.isnan(values)]
        centred = present - present.mean() if len(present) else present
        spread = float(np.sqrt((centred**2).mean())) if len(present) else 0.0
        yield float(((centred / spread) ** 3).mean()) if spread > 0 else 0.0


def _count_copies(frame: pd.DataFrame) -> int:
    return int(frame.duplicated().sum()) if frame.size <= MOST_COMPARED else 0


def _target(dataset: Dataset, frame: pd.DataFrame) -> TargetFacts:
    target, names, task = dataset.target, dataset.target_names, dataset.task
    if task is Task.REGRESSION:
        ranges = tuple(
            (float(values.min()), float(np.median(values)), float(values.max()))
            for values in target.reshape(len(target), -1).T
        )
        return TargetFacts(names, task, ranges=ranges)
    if task is Task.MULTILABEL:
        return TargetFacts(names, task, names, tuple(int(count) for count in target.sum(axis=0)))
    counts = np.bincount(target, minlength=len(dataset.classes))
    values = frame[names[0]].dropna()
    numeric = is_number(values)
    rating = numeric and task is Task.MULTICLASS and _is_rating(np.unique(to_floats(values)), counts)
    positive = dataset.classes[1] if task is Task.BINARY else None
    return TargetFacts(
        names, task, dataset.classes, tuple(map(int, counts)), positive, rating=rating, numeric=numeric
    )


def _is_rating(values: np.ndarray, counts: np.ndarray) -> bool:
    """Return whether whole numbers follow one another, frequent in the middle and rare at both ends.

    Args:
        values: (n,) distinct values in order.
        counts: (n,) rows of each.
    """
    if len(values) < FEWEST_RATINGS or not bool((np.diff(values) == 1).all()):
        return False
    top = int(counts.argmax())
    rises, falls = np.diff(counts[: top + 1]), np.diff(counts[top:])
    rare, chance = RARE_END * counts.max(), UNEVEN * counts.max()
    smooth = (rises >= -chance).all() and (falls <= chance).all()
    return bool(smooth and counts[0] <= rare and counts[-1] <= rare)
