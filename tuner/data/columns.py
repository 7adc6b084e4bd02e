"""What kind of values a column holds, and the column cleaned to one type a kind."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from tuner.data.dates import find_form, parse_dates, to_utc, varying_parts
from tuner.errors import DataError

FLOAT32_MAX = float(np.finfo(np.float32).max)

MOST_ODD = 0.5
"""A share of the distinct values; with more texts than this among its numbers, a column is meant to be texts."""


class Kind(StrEnum):
    """What a column holds."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a model may see.

    Attributes:
        name: its name in the table.
        kind: what it holds.
        categories: for ``CATEGORY`` every value of the data set as text, sorted; () otherwise.
        has_missing: whether any row lacks a value.
        parts: for ``DATETIME`` those of ``AUTO_DATE_PARTS`` that differ between rows of the data set;
            () otherwise.
        form: for ``DATETIME`` read from texts, the form of the dates (``tuner.data.dates.find_form``); None
            otherwise.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    has_missing: bool = False
    parts: tuple[str, ...] = ()
    form: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """How messages name the rows of a table.

    Attributes:
        place: how they name the table.
        first_line: the line of row 0 in the file, where each row is one line; None otherwise.
        n_rows: how many rows the table has; the rows after them belong to ``below``.
        below: the rows of a second table that were put below this one.
    """

    place: str
    first_line: int | None
    n_rows: int
    below: "Rows | None" = None

    def name(self, index: int) -> str:
        """Return ``line 18`` of the file, or ``row 17``, counted from 1, of a table that has no lines."""
        if self.below is not None and index >= self.n_rows:
            return f"{self.below.name(index - self.n_rows)} of {self.below.place}"
        return f"row {index + 1}" if self.first_line is None else f"line {index + self.first_line}"


def as_text(value: object) -> str:
    """Return a value as people write it: 1.0 is ``1``."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(float(value)) < 2**53:
        return str(int(value))
    return str(value)


def almost_numbers(texts: Sequence[str]) -> list[str]:
    """Return the few texts that keep a column from being numbers; [] where more than half of them are none.

    Args:
        texts: distinct values.
    """
    odd = [text for text in texts if not is_numeral(text)]
    return odd if len(odd) < MOST_ODD * len(texts) else []


def is_numeral(text: str) -> bool:
    """Return whether a text reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def shorten(names: Iterable[object], most: int = 10) -> str:
    """Return a list of names for a message, shortened if it is long."""
    listed = [str(name) for name in names]
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f", ... ({rest} more)" if rest > 0 else "")


def find_kind(values: pd.Series) -> Kind:
    """Return what a column holds.

    Truth values, and numbers that are all 0 or 1, are ``BOOLEAN``; other numbers ``NUMERIC``; dates, and
    texts of which each one is a date, ``DATETIME`` (numbers never are); all else, a mixture of texts and
    numbers included, is ``CATEGORY``.

    Args:
        values: (n_rows,) at least one of them not missing.
    """
    inferred = _inferred(values)
    if inferred in BOOLEAN_TYPES:
        return Kind.BOOLEAN
    if inferred in NUMERIC_TYPES:
        present = values.dropna()
        return Kind.BOOLEAN if bool(present.isin([0, 1]).all()) else Kind.NUMERIC
    if inferred in DATETIME_TYPES or (is_text(values) and parse_dates(values) is not None):
        return Kind.DATETIME
    return Kind.CATEGORY


BOOLEAN_TYPES = frozenset({"boolean"})
NUMERIC_TYPES = frozenset(
    {"integer", "floating", "mixed-integer-float", "decimal", "timedelta", "timedelta64"}
)
DATETIME_TYPES = frozenset({"datetime", "datetime64", "date"})


def _inferred(values: pd.Series) -> str:
    """Return pandas' word for the type of the values that are not missing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "categorical"
    return str(infer_dtype(values, skipna=True))


def is_nested(values: pd.Series) -> bool:
    """Return whether values are themselves lists, arrays or mappings."""
    return values.dtype == object and any(
        isinstance(value, list | dict | set | np.ndarray) for value in values
    )


def is_text(values: pd.Series) -> bool:
    """Return whether all values that are not missing are texts."""
    return _inferred(values) == "string"


def is_number(values: pd.Series) -> bool:
    """Return whether a column holds numbers or truth values."""
    return _inferred(values) in NUMERIC_TYPES | BOOLEAN_TYPES


def to_floats(values: pd.Series) -> np.ndarray:
    """Return numbers or truth values as (n_rows,) float64, NaN where missing; a duration in seconds."""
    if values.dtype.kind == "m" or _inferred(values).startswith("timedelta"):
        return pd.to_timedelta(values).dt.total_seconds().to_numpy(np.float64)
    if values.dtype == object:
        return np.array([np.nan if pd.isna(value) else float(value) for value in values], np.float64)
    return values.to_numpy(np.float64, na_value=np.nan)


def to_dates(values: pd.Series) -> pd.Series | None:
    """Return dates, or texts that are dates, as datetime64[us] without a zone (UTC); None if they are not."""
    if is_text(values):
        return parse_dates(values)
    if _inferred(values) not in DATETIME_TYPES:
        return None
    return to_utc(pd.to_datetime(values, utc=True))


def to_categories(values: pd.Series, categories: Iterable[str] | None = None) -> pd.Series:
    """Return values as a pandas categorical of texts.

    Args:
        values: (n_rows,) of any type.
        categories: the vocabulary; values outside it become missing. None for the sorted values themselves.
    """
    codes, uniques = pd.factorize(values, use_na_sentinel=True)
    texts = np.array([*map(as_text, uniques), np.nan], dtype=object)
    present = sorted(set(texts[:-1])) if categories is None else list(categories)
    places = pd.Index(present, dtype=object).get_indexer(pd.Index(texts[:-1], dtype=object))
    recoded = np.append(places, -1)[codes]
    cleaned = pd.Categorical.from_codes(recoded, categories=pd.Index(present, dtype=str))
    return pd.Series(cleaned, index=values.index, name=values.name)


def describe(values: pd.Series) -> tuple[Column, pd.Series]:
    """Return what is known of a column, and its cleaned values.

    Args:
        values: (n_rows,) at least one of them not missing.

    Returns:
        The column, and (n_rows,) float64 for numbers and truth values (0, 1, NaN), a categorical of texts, or
        datetime64[us].
    """
    name = str(values.name)
    kind = find_kind(values)
    cleaned = CLEANERS[kind](values)
    missing = bool(cleaned.isna().any())
    if kind is Kind.CATEGORY:
        return Column(name, kind, tuple(cleaned.cat.categories), missing), cleaned
    if kind is Kind.DATETIME:
        form = find_form(values) if is_text(values) else None
        return Column(name, kind, (), missing, varying_parts(cleaned), form), cleaned
    return Column(name, kind, (), missing), cleaned


def _clean_numbers(values: pd.Series) -> pd.Series:
    return pd.Series(to_floats(values), index=values.index, name=values.name)


def _clean_dates(values: pd.Series) -> pd.Series:
    dates = to_dates(values)
    if dates is None:
        raise DataError(f"column '{values.name}' holds values that are not dates")
    return dates


CLEANERS: Mapping[Kind, Callable[[pd.Series], pd.Series]] = MappingProxyType(
    {
        Kind.NUMERIC: _clean_numbers,
        Kind.BOOLEAN: _clean_numbers,
        Kind.CATEGORY: to_categories,
        Kind.DATETIME: _clean_dates,
    }
)


def check_finite(
    name: str, values: np.ndarray, rows: Rows, row_numbers: np.ndarray, *, what: str, way_out: str
) -> None:
    """Refuse numbers that are infinite, or that a float32 cannot hold.

    Args:
        name: the column.
        values: (n_rows,) float64; NaN is allowed.
        rows: how messages name a row.
        row_numbers: (n_rows,) each value's row in the table as read.
        what: the column's role in messages, such as ``column`` or ``target``.
        way_out: what a user can do.

    Raises:
        DataError: with the first such row and the number of them.
    """
    with np.errstate(invalid="ignore"):
        faulty = np.flatnonzero(np.abs(values) > FLOAT32_MAX)
    if not len(faulty):
        return
    value = values[faulty[0]]
    found = (
        "infinite" if np.isinf(value) else f"{value:.3g}, more than a 32-bit float holds ({FLOAT32_MAX:.2g})"
    )
    more = f" ({len(faulty)} such rows)" if len(faulty) > 1 else ""
    place = rows.name(int(row_numbers[faulty[0]]))
    raise DataError(f"{rows.place}: {what} '{name}' is {found} in {place}{more}; {way_out}")
