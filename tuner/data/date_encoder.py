"""The block of a preprocessor that turns dates into inputs."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd

from tuner.data.choices import DATE_PARTS
from tuner.data.columns import Column
from tuner.data.dates import date_part


class DateBlock:
    """Parts of dates: one that recurs as a sine and a cosine, one that only grows (the year) standardised.

    A part whose values have names (the part of the day) becomes a column of 0 and 1 for each. Where parts are not to
    be cyclic, those that recur are standardised numbers as well. A missing date is 0 in all of them.

    Attributes:
        mean_: the mean of each standardised part, by (column, part).
        scale_: its standard deviation, 1 where that is 0.
    """

    mean_: dict[tuple[str, str], float]
    scale_: dict[tuple[str, str], float]

    def __init__(self, columns: Sequence[Column], parts: str | Sequence[str], *, cyclic: bool) -> None:
        self.columns = tuple(columns)
        self.parts = parts
        self.cyclic = cyclic

    def pairs(self) -> list[tuple[str, str]]:
        """Return each (column, part) that is used."""
        if self.parts == "none":
            return []
        return [
            (column.name, part)
            for column in self.columns
            for part in (column.parts if isinstance(self.parts, str) else self.parts)
        ]

    def period(self, part: str) -> int | None:
        """Return how many values a part has until it starts again; None where it is no sine and cosine."""
        return DATE_PARTS[part].period if self.cyclic else None

    def growing(self) -> list[tuple[str, str]]:
        """Return each (column, part) that is standardised."""
        return [
            (name, part)
            for name, part in self.pairs()
            if self.period(part) is None and not DATE_PARTS[part].labels
        ]

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn mean and standard deviation of standardised parts."""
        self.mean_, self.scale_ = {}, {}
        for name, part in self.growing():
            values = date_part(frame[name], part).dropna().to_numpy(np.float64)
            self.mean_[name, part] = float(values.mean()) if len(values) else 0.0
            self.scale_[name, part] = float(values.std()) or 1.0 if len(values) else 1.0
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, n_inputs) float64."""
        inputs: list[np.ndarray] = []
        for name, part in self.pairs():
            values = date_part(frame[name], part).to_numpy(np.float64)
            period = self.period(part)
            if DATE_PARTS[part].labels:
                inputs += [
                    (values == place).astype(np.float64) for place in range(len(DATE_PARTS[part].labels))
                ]
            elif period is None:
                inputs.append((values - self.mean_[name, part]) / self.scale_[name, part])
            else:
                angle = values * (2 * np.pi / period)
                inputs += [np.sin(angle), np.cos(angle)]
        values = np.column_stack(inputs)
        values[np.isnan(values)] = 0.0
        return values

    def input_names(self) -> tuple[str, ...]:
        """Return ``<column> year``, ``<column> month sine`` and ``... cosine``, or ``<column> partofday=night``."""
        return tuple(f"{name} {part}{end}" for name, part in self.pairs() for end in self._endings(part))

    def widths(self) -> tuple[int, ...]:
        """Return how many inputs each column becomes."""
        lengths = [(name, len(self._endings(part))) for name, part in self.pairs()]
        return tuple(sum(n for name, n in lengths if name == column.name) for column in self.columns)

    def groups(self) -> tuple[int, ...]:
        """Return one category for the named values of a part, -1 for numbers."""
        return tuple(
            place if DATE_PARTS[part].labels else -1
            for place, (_, part) in enumerate(self.pairs())
            for _ in self._endings(part)
        )

    def _endings(self, part: str) -> tuple[str, ...]:
        """Return what the names of a part's inputs end with."""
        if labels := DATE_PARTS[part].labels:
            return tuple(f"={label}" for label in labels)
        return ("",) if self.period(part) is None else (" sine", " cosine")
