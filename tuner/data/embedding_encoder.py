"""Categories as codes, each of which a network turns into a vector that it learns."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd

from tuner.data.columns import Column
from tuner.data.encoders import FillCategory, category_of_its_own, codes_of

UNKNOWN = 0
"""The code of a category that the training rows lack."""


class EmbeddingBlock:
    """One column of codes for each column: 0 for an unknown category, then the vocabulary, then missing values.

    A category that the training rows lack is unknown, so that no vector is read that was never trained. A missing value
    is a category of its own where the data set has any, or the most frequent one. The number of codes depends on the
    data set's columns alone, so that folds agree.

    Attributes:
        slots_: for each column the (n_categories + 1,) codes of its categories; the last one is that of missing values.
        fill_: (n_columns,) the place in ``slots_`` that a missing value reads.
    """

    slots_: tuple[np.ndarray, ...]
    fill_: tuple[int, ...]

    def __init__(self, columns: Sequence[Column], fill: FillCategory) -> None:
        self.columns = tuple(columns)
        self.fill = fill

    def tables(self) -> tuple[int, ...]:
        """Return how many codes each column has, the unknown one included."""
        extra = self.fill is category_of_its_own
        return tuple(1 + len(column.categories) + (extra and column.has_missing) for column in self.columns)

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn which categories there are, and what replaces missing values."""
        slots, fills = [], []
        for column, rows in zip(self.columns, self.tables(), strict=True):
            n_categories = len(column.categories)
            found = codes_of(frame[column.name], column, n_categories)
            there = np.bincount(found[found >= 0], minlength=n_categories + 1) > 0
            there[n_categories] &= rows > n_categories + 1
            slots.append(np.where(there, np.arange(1, n_categories + 2), UNKNOWN))
            fills.append(self.fill(np.where(found < n_categories, found, -1), n_categories))
        self.slots_, self.fill_ = tuple(slots), tuple(fills)
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, n_columns) float32 codes, exact below 2^24."""
        codes = np.empty((len(frame), len(self.columns)), np.float32)
        for number, (column, slots, fill) in enumerate(
            zip(self.columns, self.slots_, self.fill_, strict=True)
        ):
            places = codes_of(frame[column.name], column, fill)
            codes[:, number] = np.append(slots, UNKNOWN)[places]  # place -1 reads the appended one
        return codes

    def input_names(self) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(column.name for column in self.columns)

    def groups(self) -> tuple[int, ...]:
        """Return a category for each column."""
        return tuple(range(len(self.columns)))
