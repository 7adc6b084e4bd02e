"""Blocks of a preprocessor: each turns the columns of one kind into inputs.

A block is made from columns alone, so that its width is the same in every fold; ``fit`` learns from
training rows, ``transform`` gives (n_rows, n_inputs) float64 or float32. Learned state ends in ``_``.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, Self

import numpy as np
import pandas as pd

from tuner.data.columns import FLOAT32_MAX, Column, Kind, to_categories

MOST_ONEHOT = 100
"""Columns that one data column may become, besides the one for missing values."""

FillNumber = Callable[[np.ndarray], float]
FillCategory = Callable[[np.ndarray, int], int]


class Block(Protocol):
    """Turns columns of one kind into inputs."""

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn from training rows."""
        ...

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, n_inputs) of any rows."""
        ...

    def input_names(self) -> tuple[str, ...]:
        """Return (n_inputs,) names, after ``fit``."""
        ...

    def groups(self) -> tuple[int, ...]:
        """Return for each of the (n_inputs,) inputs which category of the block it tells of; -1 for a number."""
        ...


def most_frequent(values: np.ndarray) -> float:
    """Return the most frequent of (n_present,) values, the smallest of equally frequent ones."""
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[np.argmax(counts)])


def zero(values: np.ndarray) -> float:
    """Return 0, whatever the values."""
    return 0.0


def category_of_its_own(codes: np.ndarray, n_categories: int) -> int:
    """Return the code after the last category."""
    return n_categories


def most_frequent_category(codes: np.ndarray, n_categories: int) -> int:
    """Return the most frequent of the codes from 0 upwards, the first of equally frequent ones."""
    return int(np.argmax(np.bincount(codes[codes >= 0], minlength=n_categories)))


def numbers_of(frame: pd.DataFrame, columns: Sequence[Column]) -> np.ndarray:
    """Return (n_rows, n_columns) float64, NaN where missing, within what a float32 holds."""
    values = frame[[column.name for column in columns]].to_numpy(np.float64, copy=True)
    return np.clip(values, -FLOAT32_MAX, FLOAT32_MAX, out=values)


def codes_of(values: pd.Series, column: Column, missing: int) -> np.ndarray:
    """Return (n_rows,) places in a column's vocabulary.

    Args:
        values: texts, or a categorical of them.
        column: of kind ``CATEGORY``.
        missing: the code of a missing value.

    Returns:
        int64 codes; -1 for a value outside the vocabulary.
    """
    is_categorical = isinstance(values.dtype, pd.CategoricalDtype)
    if is_categorical and tuple(values.cat.categories) == column.categories:
        codes = values.cat.codes.to_numpy().astype(np.int64)
    else:
        codes = to_categories(values, column.categories).cat.codes.to_numpy().astype(np.int64)
    return np.where(values.isna().to_numpy(), missing, codes)


class NumericBlock:
    """Numbers with missing ones filled in.

    Attributes:
        fill_: (n_columns,) what replaces a missing value; 0 where the training rows have no value at all.
    """

    fill_: np.ndarray

    def __init__(self, columns: Sequence[Column], fill: FillNumber) -> None:
        self.columns = tuple(columns)
        self.fill = fill

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn what replaces missing values."""
        values = numbers_of(frame, self.columns)
        present = ~np.isnan(values)
        if self.fill is np.median and present.all():
            self.fill_ = np.median(values, axis=0)
            return self
        columns = [column[there] for column, there in zip(values.T, present.T, strict=True)]
        self.fill_ = np.array([float(self.fill(column)) if len(column) else 0.0 for column in columns])
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, n_columns) float64 without NaN."""
        values = numbers_of(frame, self.columns)
        missing = np.isnan(values)
        if missing.any():
            values[missing] = np.broadcast_to(self.fill_, values.shape)[missing]
        return values

    def input_names(self) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(column.name for column in self.columns)

    def groups(self) -> tuple[int, ...]:
        """Return -1 for a number; a truth value is a category."""
        places = enumerate(self.columns)
        return tuple(-1 if column.kind is Kind.NUMERIC else place for place, column in places)


class IndicatorBlock:
    """1 where a number is missing, else 0; for the columns that lack values in the data set."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(column for column in columns if column.has_missing)

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn nothing."""
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, n_columns_with_missing) of 0 and 1."""
        missing: np.ndarray = np.isnan(numbers_of(frame, self.columns))
        return missing.astype(np.float32)

    def input_names(self) -> tuple[str, ...]:
        """Return ``<column> is missing``."""
        return tuple(f"{column.name} is missing" for column in self.columns)

    def groups(self) -> tuple[int, ...]:
        """Return a category for each column."""
        return tuple(range(len(self.columns)))


class OrdinalBlock:
    """Categories as their place in the vocabulary; -1 for one outside it. Scaled with the numbers.

    A missing value is the place after the last one, or that of the most frequent category.

    Attributes:
        fill_: (n_columns,) the code that replaces a missing one.
    """

    scaled = True
    fill_: tuple[int, ...]

    def __init__(self, columns: Sequence[Column], fill: FillCategory) -> None:
        self.columns = tuple(columns)
        self.fill = fill

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn what replaces missing values."""
        codes = [codes_of(frame[column.name], column, -1) for column in self.columns]
        counted = zip(codes, self.columns, strict=True)
        self.fill_ = tuple(self.fill(found, len(column.categories)) for found, column in counted)
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, n_columns) float64 codes."""
        filled = zip(self.columns, self.fill_, strict=True)
        codes = [codes_of(frame[column.name], column, fill) for column, fill in filled]
        return np.column_stack(codes).astype(np.float64)

    def input_names(self) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(column.name for column in self.columns)

    def groups(self) -> tuple[int, ...]:
        """Return a category for each column."""
        return tuple(range(len(self.columns)))


class OneHotBlock:
    """One column of 0 and 1 a category; all zeros for a category outside the vocabulary.

    A column of more than 100 categories becomes 100 columns: those of the 100 categories that are the most
    frequent in the training rows (of equally frequent ones the first in the vocabulary). Fewer that occur
    there leave columns of zeros, so that the width is the same in every fold; all other categories are all
    zeros. A missing value is a column of its own where the data set has any, or the most frequent category.

    Attributes:
        slots_: for each column the (n_categories + 1,) places of its codes among its inputs, -1 for none;
            the last one is that of missing values.
        fill_: (n_columns,) the code that replaces a missing one.
    """

    scaled = False
    slots_: tuple[np.ndarray, ...]
    fill_: tuple[int, ...]

    def __init__(self, columns: Sequence[Column], fill: FillCategory) -> None:
        self.columns = tuple(columns)
        self.fill = fill

    def widths(self) -> tuple[int, ...]:
        """Return how many inputs each column becomes."""
        extra = self.fill is category_of_its_own
        return tuple(min(len(c.categories), MOST_ONEHOT) + (extra and c.has_missing) for c in self.columns)

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn which categories get a column, and what replaces missing values."""
        slots, fills = [], []
        for column, width in zip(self.columns, self.widths(), strict=True):
            codes = codes_of(frame[column.name], column, -1)
            n_categories = len(column.categories)
            places = np.full(n_categories + 1, -1, np.int64)
            if n_categories <= MOST_ONEHOT:
                places[:n_categories] = np.arange(n_categories)
            else:
                counts = np.bincount(codes[codes >= 0], minlength=n_categories)
                kept = np.argsort(-counts, kind="stable")[:MOST_ONEHOT]
                kept = np.sort(kept[counts[kept] > 0])
                places[kept] = np.arange(len(kept))
            if width > min(n_categories, MOST_ONEHOT):
                places[n_categories] = width - 1
            slots.append(places)
            fills.append(self.fill(codes, n_categories))
        self.slots_, self.fill_ = tuple(slots), tuple(fills)
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, n_inputs) float32 of 0 and 1."""
        widths = self.widths()
        hot = np.zeros((len(frame), sum(widths)), np.float32)
        start = 0
        for column, width, places, fill in zip(self.columns, widths, self.slots_, self.fill_, strict=True):
            codes = codes_of(frame[column.name], column, fill)
            places = np.append(places, -1)[codes]  # code -1 reads the appended -1
            rows = np.flatnonzero(places >= 0)
            hot[rows, start + places[rows]] = 1.0
            start += width
        return hot

    def input_names(self) -> tuple[str, ...]:
        """Return ``<column>=<category>``, ``<column> is missing``, or ``<column> unused <n>``."""
        names: list[str] = []
        for column, width, places in zip(self.columns, self.widths(), self.slots_, strict=True):
            own = [f"{column.name} unused {place}" for place in range(width)]
            for code, place in enumerate(places.tolist()):
                if place >= 0:
                    last = code == len(column.categories)
                    own[place] = (
                        f"{column.name} is missing" if last else f"{column.name}={column.categories[code]}"
                    )
            names += own
        return tuple(names)

    def groups(self) -> tuple[int, ...]:
        """Return one category for all inputs of a column."""
        return tuple(place for place, width in enumerate(self.widths()) for _ in range(width))
