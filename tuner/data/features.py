"""The columns that a model may see: which ones are left, their cleaned values, and what a user should know."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tuner.data.columns import (
    Column,
    Kind,
    Rows,
    almost_numbers,
    check_finite,
    describe,
    is_text,
    shorten,
    to_floats,
)
from tuner.data.dates import almost_dates, is_ambiguous
from tuner.data.encoders import MOST_ONEHOT
from tuner.data.roles import Roles
from tuner.errors import DataError

MOST_DISTINCT = 0.95
"""A share of the rows; a text column with more distinct values looks like an identifier."""

FEW_ROWS = 50
"""Up to so many rows, distinct values say nothing."""

ID_NAME = re.compile(r"(^|[_\W])[iI][dD]$|[a-z]I[dD]$")


def read_features(
    frame: pd.DataFrame, kept: np.ndarray, roles: Roles, rows: Rows, *, is_array: bool
) -> tuple[tuple[Column, ...], pd.DataFrame, list[str]]:
    """Clean the columns that a model may see, without those that have no or only one value.

    Args:
        frame: the table as it was read.
        kept: (n_rows,) the rows of the table that have a target.
        roles: which columns are hidden from models.
        rows: how messages name a row.
        is_array: whether the columns are the places of an array, which are all kept and all numeric.

    Returns:
        The columns; their values (n_rows, n_columns); and notes on what was dropped or may be meant otherwise.

    Raises:
        DataError: infinite numbers, with each such column; or no column is left.
    """
    visible = [name for name in frame.columns if name not in roles.hidden]
    if is_array and visible and all(dtype == np.uint8 for dtype in frame.dtypes[visible]):
        pixels = frame[visible].iloc[kept].reset_index(drop=True)
        return tuple(Column(str(name), Kind.NUMERIC) for name in visible), pixels, []
    found: dict[Column, pd.Series] = {}
    dropped: dict[str, list[str]] = {"the same value in every row": [], "no values": []}
    notes: list[str] = []
    problems: list[str] = []
    for name in visible:
        values = frame[name].iloc[kept].reset_index(drop=True)
        if not is_array and (reason := _why_useless(values)):
            dropped[reason].append(str(name))
            continue
        column, clean = describe(values)
        if is_array and column.kind is Kind.BOOLEAN:
            # the values of one array are scaled alike, whichever of them happen to be 0 or 1 only
            column = replace(column, kind=Kind.NUMERIC)
        found[column] = clean
        faulty = _check_numbers(column, clean, rows, kept)
        problems += faulty
        if not is_array and not faulty:
            notes += _note_doubts(column, frame[name], is_time=name == roles.time)
    if problems:
        raise DataError("\n".join(problems))
    notes[:0] = [_note_columns(names, reason) for reason, names in dropped.items() if names]
    if not found:
        known = f" ({'; '.join(notes)})" if notes else ""
        raise DataError(f"{rows.place}: no column is left that a model could learn from{known}")
    return tuple(found), pd.DataFrame({column.name: clean for column, clean in found.items()}), notes


def check_image(columns: Sequence[Column], image: Sequence[int], place: str) -> None:
    """Refuse columns that are not the pixels of an image.

    Args:
        columns: those that a model may see.
        image: (height, width) or (height, width, channels).
        place: how messages name the table.

    Raises:
        DataError: there are more or fewer than pixels, or one of them holds no numbers.
    """
    n_pixels = math.prod(image)
    if len(columns) != n_pixels:
        sides = " x ".join(map(str, image))
        raise DataError(
            f"{place}: an image of {sides} has {n_pixels} numbers, and there are {len(columns)} columns beside the "
            "target; change the image's size, or name the columns that are no pixels in data.drop"
        )
    other = [column for column in columns if column.kind is not Kind.NUMERIC]
    if other:
        raise DataError(
            f"{place}: column '{other[0].name}' is a {other[0].kind}, and a pixel is a number; name the columns that "
            "are no pixels in data.drop"
        )


def _why_useless(values: pd.Series) -> str | None:
    if not bool(values.notna().any()):
        return "no values"
    return "the same value in every row" if values.nunique(dropna=False) == 1 else None


def _check_numbers(column: Column, clean: pd.Series, rows: Rows, kept: np.ndarray) -> list[str]:
    if column.kind is not Kind.NUMERIC:
        return []
    way_out = "correct the value, empty the cell, or name the column in data.drop"
    try:
        check_finite(column.name, clean.to_numpy(), rows, kept, what="column", way_out=way_out)
    except DataError as error:
        return [str(error)]
    return []


def _note_doubts(column: Column, values: pd.Series, *, is_time: bool) -> list[str]:
    """Return what a user should know of a column that may be meant otherwise than it was read."""
    notes = []
    name = column.name
    reason = None if is_time else looks_like_identifier(column, values)
    if reason:
        notes.append(
            f"column '{name}' looks like an identifier ({reason}): if it is one, name it in data.drop"
        )
    if len(column.categories) > MOST_ONEHOT:
        notes.append(
            f"column '{name}' has {len(column.categories):,} categories: with preprocess.categorical: onehot the "
            f"{MOST_ONEHOT} most frequent ones become inputs, and the others count as none of them; embedding has a "
            "vector for each"
        )
    for odd, what in (
        (almost_numbers(column.categories), "numbers"),
        (almost_dates(column.categories), "dates of one form"),
    ):
        if odd:
            found = shorten([repr(text) for text in odd], 3)
            notes.append(
                f"column '{name}' holds texts because of {found}: correct or empty them if it is {what}"
            )
    if column.kind is Kind.DATETIME and is_text(values) and is_ambiguous(values):
        notes.append(f"column '{name}' was read as month/day/year: write 2026-01-31 if it is day/month/year")
    return notes


def _note_columns(names: Sequence[str], reason: str) -> str:
    if len(names) == 1:
        return f"dropped column '{names[0]}': {reason}"
    return f"dropped {len(names)} columns: {reason}: {shorten(names)}"


def looks_like_identifier(column: Column, values: pd.Series) -> str | None:
    """Return why a column looks like an identifier rather than a property, or None.

    That is a text that differs in nearly every row; and an integer that differs in every row and is a running
    number or is named ``id`` or ``..._id``.

    Args:
        column: what the column holds.
        values: (n_rows,) of every row of the table.
    """
    n_rows, n_distinct = len(values), int(values.nunique())
    if column.kind is Kind.CATEGORY and n_rows > FEW_ROWS and n_distinct > MOST_DISTINCT * n_rows:
        return f"{n_distinct} different texts in {n_rows} rows"
    if column.kind is not Kind.NUMERIC or n_distinct < n_rows:
        return None
    numbers = to_floats(values)
    if not bool(np.equal(np.mod(numbers, 1), 0).all()):
        return None
    if ID_NAME.search(column.name):
        return "its name, and a different number in every row"
    if n_rows > FEW_ROWS and numbers.max() - numbers.min() == n_rows - 1:
        return f"a running number from {numbers.min():.0f} to {numbers.max():.0f}"
    return None
