"""From a source to a data set: what a model may see, what it should predict, and more on each row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from tuner.data.columns import Column, Rows, check_finite, is_nested, is_number, shorten, to_dates, to_floats
from tuner.data.features import check_image, read_features
from tuner.data.fingerprint import Fingerprint, take_fingerprint
from tuner.data.picture_files import COLOUR, GREY
from tuner.data.roles import Roles, check_roles
from tuner.data.sources import Source, Table, read_file, read_source
from tuner.data.target import read_target
from tuner.errors import DataError
from tuner.model.cnn import Image, as_image
from tuner.tasks import Task


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A table that is ready to be split; rows without a target are gone.

    Attributes:
        place: how messages name its source.
        features: (n_rows, n_columns) what a model may see: float64 for numbers and truth values (0, 1),
            a categorical of texts, or datetime64[us]; NaN or NaT where missing. Bytes of an array stay uint8.
        columns: (n_columns,) what each column holds.
        target: (n_rows,) int64 codes for binary and multiclass; (n_rows, n_targets) float64 otherwise.
        target_names: the target's columns.
        task: what the target asks for.
        classes: the labels as text in the order of their codes, for binary (negative, positive); () where a
            row has no single class.
        weight: (n_rows,) float64 from 0 upwards, or None.
        group: (n_rows,) int64 codes of the groups, or None.
        time: (n_rows,) int64 microseconds or float64 numbers that put the rows in order, or None.
        test_rows: row numbers that came from a separate test file, sorted; None without one.
        fingerprint: the hash of the content as it was read, dropped columns and rows included.
        notes: sentences that a user should be told.
        row_shape: where a row is an array, such as (28, 28) for an image, its shape; the columns are its
            values in C order. None for a table of unrelated columns.
    """

    place: str
    features: pd.DataFrame
    columns: tuple[Column, ...]
    target: np.ndarray
    target_names: tuple[str, ...]
    task: Task
    classes: tuple[str, ...]
    weight: np.ndarray | None
    group: np.ndarray | None
    time: np.ndarray | None
    test_rows: np.ndarray | None
    fingerprint: Fingerprint
    notes: tuple[str, ...]
    row_shape: tuple[int, ...] | None = None

    @property
    def picture(self) -> Image | None:
        """Height, width and channels of the picture that a row is; None where it is none, or not made of bytes."""
        size = as_image(self.row_shape)
        if size is None or size[2] not in (GREY, COLOUR) or set(self.features.dtypes) != {np.dtype(np.uint8)}:
            return None
        return size


def load_dataset(
    source: Source,
    *,
    target: str | Sequence[str] | None,
    drop: Sequence[str],
    weight: str | None,
    group: str | None,
    time: str | None,
    task: Task | None,
    positive: object,
    test_path: str | None,
    folder: Path,
) -> Dataset:
    """Read a table and find out all that a study needs to know of it.

    Args:
        source: where the table comes from.
        target: its column, or a list of columns; None where the source itself says what the target is.
        drop: columns that no model may see.
        weight: the column of per-row sample weights; never a feature.
        group: the column whose equal values must not straddle a split; never a feature.
        time: the column that puts the rows in order; a feature unless it is also in ``drop``.
        task: None to find it from the target's values (``tuner.data.target.find_task``).
        positive: the label of a binary target that counts as 1; None for the rarer one.
        test_path: a second file with the same columns, whose rows are kept for the test; None for none.
        folder: the study file's folder, which paths are relative to.

    Raises:
        DataError: the table cannot be read or used as it is; the message says why and what to do.
    """
    table, rows = _read(source, test_path, folder)
    roles = check_roles(table, target=target, drop=drop, weight=weight, group=group, time=time)
    row_shape = _row_shape(source, table)
    frame = table.frame
    _refuse_nested(frame.drop(columns=list(drop)), table.place)
    n_main = rows.n_rows
    fingerprint = take_fingerprint(frame, len(frame) - n_main)
    kept = np.flatnonzero(frame[list(roles.target)].notna().all(axis=1).to_numpy())
    notes = _note_rows(len(frame), len(kept), roles, table.place)
    labelled = frame if len(kept) == len(frame) else frame.iloc[kept].reset_index(drop=True)
    goal = read_target(labelled[list(roles.target)], rows, kept, task, positive)
    columns, features, column_notes = read_features(frame, kept, roles, rows, is_array=row_shape is not None)
    if source.image is not None and row_shape is not None:
        check_image(columns, row_shape, table.place)
    return Dataset(
        place=table.place,
        features=features,
        columns=columns,
        target=goal.values,
        target_names=roles.target,
        task=goal.task,
        classes=goal.classes,
        weight=None if weight is None else _read_weight(labelled[weight], rows, kept),
        group=None if group is None else _read_group(labelled[group], rows, kept),
        time=None if time is None else _read_time(labelled[time], rows, kept),
        test_rows=None if test_path is None else np.flatnonzero(kept >= n_main),
        fingerprint=fingerprint,
        notes=(*table.notes, *notes, *column_notes),
        row_shape=row_shape,
    )


def _row_shape(source: Source, table: Table) -> tuple[int, ...] | None:
    """Return what a row is: as the study file says, or the source; one that says more of the same is right."""
    image, own = source.image, table.row_shape
    if image is None or (own is not None and own[: len(image)] == image):
        return own
    return image


def _read(source: Source, test_path: str | None, folder: Path) -> tuple[Table, Rows]:
    """Return the table, the rows of the test file below its own, and how its rows are named."""
    table = read_source(source, folder)
    rows = Rows(table.place, table.first_line, len(table.frame))
    if test_path is None:
        return table, rows
    test = read_file(test_path, folder, image=table.row_shape)
    names, test_names = list(table.frame.columns), list(test.frame.columns)
    missing = [f"'{name}'" for name in names if name not in test_names]
    extra = [f"'{name}'" for name in test_names if name not in names]
    if missing or extra:
        found = [f"lacks {shorten(missing)}"] if missing else []
        found += [f"has {shorten(extra)}, which the other does not"] if extra else []
        raise DataError(
            f"{test.place}: the test file {' and '.join(found)}; it needs the columns of {table.place}"
        )
    joined = pd.concat([table.frame, test.frame[names]], ignore_index=True)
    below = Rows(test.place, test.first_line, len(test.frame))
    notes = (*table.notes, *(f"{test.place}: {note}" for note in test.notes))
    return replace(table, frame=joined, notes=notes), replace(rows, below=below)


def _refuse_nested(frame: pd.DataFrame, place: str) -> None:
    nested = [f"'{name}'" for name in frame.columns if is_nested(frame[name])]
    if nested:
        raise DataError(
            f"{place}: columns {shorten(nested)} hold lists or mappings, not single values; "
            "name them in data.drop, or turn them into columns of their own"
        )


def _note_rows(n_rows: int, n_kept: int, roles: Roles, place: str) -> list[str]:
    if n_kept == n_rows:
        return []
    names = shorten(f"'{name}'" for name in roles.target)
    if n_kept == 0:
        raise DataError(f"{place}: no row has a value of the target ({names})")
    return [f"dropped {n_rows - n_kept} of {n_rows} rows, which have no value of the target ({names})"]


def _refuse_missing(values: pd.Series, role: str, rows: Rows, kept: np.ndarray) -> None:
    missing = np.flatnonzero(values.isna().to_numpy())
    if len(missing):
        raise DataError(
            f"{rows.place}: {role} '{values.name}' is missing in {len(missing)} rows, first in "
            f"{rows.name(int(kept[missing[0]]))}; fill it in, or remove those rows"
        )


def _read_weight(values: pd.Series, rows: Rows, kept: np.ndarray) -> np.ndarray:
    _refuse_missing(values, "weight", rows, kept)
    if not is_number(values):
        raise DataError(
            f"{rows.place}: weight '{values.name}' holds texts or dates, for example '{values.iloc[0]}'; "
            "a weight is a number from 0 upwards"
        )
    weight = to_floats(values)
    check_finite(str(values.name), weight, rows, kept, what="weight", way_out="correct it")
    negative = np.flatnonzero(weight < 0)
    if len(negative):
        raise DataError(
            f"{rows.place}: weight '{values.name}' is negative in {len(negative)} rows, first in "
            f"{rows.name(int(kept[negative[0]]))}; a weight is a number from 0 upwards"
        )
    if not weight.any():
        raise DataError(f"{rows.place}: weight '{values.name}' is 0 in every row; some must be above 0")
    return weight


def _read_group(values: pd.Series, rows: Rows, kept: np.ndarray) -> np.ndarray:
    _refuse_missing(values, "group", rows, kept)
    return pd.factorize(values)[0].astype(np.int64)


def _read_time(values: pd.Series, rows: Rows, kept: np.ndarray) -> np.ndarray:
    _refuse_missing(values, "time", rows, kept)
    if is_number(values):
        numbers = to_floats(values)
        check_finite(str(values.name), numbers, rows, kept, what="time", way_out="correct it")
        return numbers
    dates = to_dates(values)
    if dates is None:
        raise DataError(
            f"{rows.place}: time '{values.name}' holds texts that are not all dates, for example "
            f"'{values.iloc[0]}'; write them as 2026-01-31 or 2026-01-31 17:45:00, or as numbers"
        )
    return dates.to_numpy().astype("datetime64[us]").astype(np.int64)
