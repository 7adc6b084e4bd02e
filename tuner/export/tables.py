"""Between a user's table and a model: the columns that it reads, and its outputs as columns."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from tuner.data.columns import (
    Column,
    Kind,
    Rows,
    is_number,
    is_text,
    shorten,
    to_dates,
    to_floats,
)
from tuner.data.csv_file import MISSING_WORDS
from tuner.data.dates import ISO_FORM, parse_form
from tuner.errors import DataError, nearest
from tuner.export.manifest import Manifest
from tuner.tasks import Task

MOST_PROBLEMS = 10
"""How many faulty columns one message lists."""

TRUTHS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("true", "t", "yes", "y", "on", "1", "1.0"), 1.0),
        **dict.fromkeys(("false", "f", "no", "n", "off", "0", "0.0"), 0.0),
    }
)
"""How truth values are written, in lower case."""


def read_columns(frame: pd.DataFrame, columns: Sequence[Column], rows: Rows) -> pd.DataFrame:
    """Return the columns that a model reads, each in the type of its kind.

    Args:
        frame: (n_rows, ...) of any origin: columns in any order, and others beside them.
        columns: those of the model.
        rows: how messages name the table and its rows.

    Returns:
        (n_rows, n_columns): float64 for numbers and truth values; datetime64[us] for dates; categories as they are,
        so that one that the model does not know can be told from a missing one.

    Raises:
        DataError: no rows; columns that are missing or there twice; values of another kind. All of them at once.
    """
    names = read_names(frame, {column.name for column in columns})
    problems = _column_problems(names, columns, rows)
    if not len(frame):
        problems.append(f"{rows.place}: the table has no rows")
    if problems:
        raise DataError("\n".join(problems))
    places = {name: place for place, name in enumerate(names)}
    cleaned: dict[str, pd.Series] = {}
    for column in columns:
        try:
            cleaned[column.name] = CLEANERS[column.kind](frame.iloc[:, places[column.name]], column, rows)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems[:MOST_PROBLEMS]))
    return pd.DataFrame(cleaned, index=frame.index)


def array_columns(values: np.ndarray, columns: Sequence[Column], image: Sequence[int] | None) -> pd.DataFrame:
    """Return rows that are an array as a table.

    Args:
        values: (n_rows, ...), the numbers of each row in C order.
        columns: those of the model, one for each number.
        image: (height, width, channels) where rows are pictures; channels may be left out of an array where they are 1.

    Raises:
        DataError: rows have another shape.
    """
    shape = np.shape(values)
    allowed: list[tuple[int, ...]] = [(len(columns),)]
    if image is not None:
        height, width, channels = image
        allowed[:0] = [(height, width, channels), *([(height, width)] if channels == 1 else [])]
    if shape[1:] not in allowed:
        expected = " or ".join(str(("n_rows", *each)).replace("'", "") for each in allowed)
        raise DataError(f"the array: has the shape {shape}, and the model reads {expected}")
    flat = np.reshape(values, (len(values), len(columns)))
    return pd.DataFrame(flat, columns=[column.name for column in columns])


def read_names(frame: pd.DataFrame, known: Collection[str]) -> list[str]:
    """Return the names of a table's columns; one that is unknown loses the blanks round it, as in a CSV file."""
    names = map(str, frame.columns)
    return [name if name in known else name.strip() for name in names]


def _column_problems(names: Sequence[str], columns: Sequence[Column], rows: Rows) -> list[str]:
    """Return which columns are missing or there twice, a sentence each."""
    needed = {column.name for column in columns}
    there = set(names)
    missing = [column.name for column in columns if column.name not in there]
    twice = sorted({name for name in needed if names.count(name) > 1}) if len(there) < len(names) else []
    spare = [name for name in names if name not in needed]
    problems = [
        f"{rows.place}: column '{name}' is missing, which the model reads{nearest(name, spare)}"
        for name in missing[:MOST_PROBLEMS]
    ]
    if len(missing) > MOST_PROBLEMS:
        problems.append(f"{rows.place}: and {len(missing) - MOST_PROBLEMS} more columns are missing")
    return problems + [f"{rows.place}: column '{name}' is there twice" for name in twice]


def unused_columns(frame: pd.DataFrame, manifest: Manifest) -> list[str]:
    """Return the columns that the model neither reads nor predicts."""
    used = {*(column.name for column in manifest.columns), *manifest.target_names}
    return [name for name in read_names(frame, used) if name not in used]


def _numbers(values: pd.Series, column: Column, rows: Rows) -> pd.Series:
    if is_number(values) or not values.notna().any():
        return pd.Series(to_floats(values) if values.notna().any() else np.nan, values.index, np.float64)
    if values.dtype.kind == "M":
        raise DataError(
            f"{rows.place}: column '{column.name}' holds dates, the model has learned numbers there; "
            "give it numbers"
        )
    texts = _stripped(values)
    numbers = pd.to_numeric(texts, errors="coerce").astype(np.float64)
    _refuse(texts, numbers.isna() & texts.notna(), column, rows, "numbers")
    return numbers


def _truths(values: pd.Series, column: Column, rows: Rows) -> pd.Series:
    if is_number(values):
        return pd.Series(to_floats(values), values.index, np.float64)
    texts = _stripped(values)
    truths = texts.str.lower().map(TRUTHS).astype(np.float64)
    _refuse(
        texts,
        truths.isna() & texts.notna(),
        column,
        rows,
        "truth values (true and false, yes and no, 1 and 0)",
    )
    return truths


def _dates(values: pd.Series, column: Column, rows: Rows) -> pd.Series:
    if not values.notna().any():
        return pd.Series(pd.NaT, values.index, "datetime64[us]")
    if is_text(values) and column.form is not None:
        texts = _stripped(values)
        dates = parse_form(texts, column.form)
        if column.form != ISO_FORM:  # which no other form can be taken for
            dates = dates.fillna(parse_form(texts.mask(dates.notna()), ISO_FORM))
        _refuse(texts, dates.isna() & texts.notna(), column, rows, f"dates of the form {column.form}")
        return dates
    found = to_dates(values)
    if found is None:
        _refuse(_stripped(values), values.notna(), column, rows, "dates")
        raise DataError(
            f"{rows.place}: column '{column.name}' holds no dates, which the model has learned there"
        )
    return found


def _categories(values: pd.Series, column: Column, rows: Rows) -> pd.Series:
    """Return categories as they are; a text that the model does not know is read as a CSV file's cell would be."""
    strange = values.notna() & ~values.isin(column.categories)
    if is_number(values) or not strange.any():
        return values
    return values.astype(object).mask(strange, _stripped(values[strange]).astype(object))


CLEANERS: Mapping[Kind, Callable[[pd.Series, Column, Rows], pd.Series]] = MappingProxyType(
    {Kind.NUMERIC: _numbers, Kind.BOOLEAN: _truths, Kind.DATETIME: _dates, Kind.CATEGORY: _categories}
)
"""A kind of column -> what turns a user's values into the type that preprocessing reads."""


def _stripped(values: pd.Series) -> pd.Series:
    """Return values as texts without blanks round them; a word for a missing value is missing."""
    texts = (
        values.astype(object)
        .where(values.notna(), None)
        .map(str, na_action="ignore")
        .astype("str")
        .str.strip()
    )
    return texts.mask(texts.isin(MISSING_WORDS))


def _refuse(texts: pd.Series, faulty: pd.Series, column: Column, rows: Rows, learned: str) -> None:
    places = np.flatnonzero(faulty.to_numpy())
    if len(places):
        more = f" ({len(places)} such rows)" if len(places) > 1 else ""
        raise DataError(
            f"{rows.place}: column '{column.name}' holds {str(texts.iloc[places[0]])[:80]!r} in "
            f"{rows.name(int(places[0]))}{more}, the model has learned {learned} there; "
            "correct the value, or leave it empty"
        )


def to_table(outputs: np.ndarray, manifest: Manifest, index: pd.Index) -> pd.DataFrame:
    """Return a model's outputs as a table with one row for each row that was read.

    One class a row: ``prediction``, then ``probability_<class>`` of each class. Several labels: ``prediction_<label>``
    (0 or 1) and ``probability_<label>`` of each. Values: ``prediction``, or ``prediction_<target>`` of each.

    Args:
        outputs: (n_rows, n_units) probabilities, or values in the target's own unit.
        manifest: of the model.
        index: of the rows.
    """
    decoded = manifest.head.decode(outputs)
    names = manifest.target_names
    columns: dict[str, object] = {}
    if manifest.task is Task.REGRESSION:
        single = len(names) == 1
        for place, name in enumerate(names):
            columns["prediction" if single else f"prediction_{name}"] = outputs[:, place]
    elif manifest.task is Task.MULTILABEL:
        columns |= {f"prediction_{name}": decoded[:, place] for place, name in enumerate(names)}
        columns |= {f"probability_{name}": outputs[:, place] for place, name in enumerate(names)}
    else:
        columns["prediction"] = np.array(manifest.classes, object)[decoded]
        chances = outputs
        if manifest.task is Task.BINARY:
            chances = np.column_stack([1.0 - outputs[:, 0], outputs[:, 0]])
        columns |= {f"probability_{name}": chances[:, place] for place, name in enumerate(manifest.classes)}
    return pd.DataFrame(columns, index=index)


def undefined_rows(outputs: np.ndarray) -> int:
    """Return how many rows have an output that is not a finite number."""
    return int((~np.isfinite(outputs)).any(axis=1).sum())


def ignored(names: Sequence[str]) -> str | None:
    """Return what is said of columns that a model does not read, or None."""
    if not names:
        return None
    noun = "column" if len(names) == 1 else f"{len(names)} columns"
    return f"{noun} not read by the model: {shorten([repr(name) for name in names])}"


def finite_or_none(value: float) -> float | None:
    """Return a number as JSON has it: null for NaN and infinity."""
    return value if math.isfinite(value) else None
