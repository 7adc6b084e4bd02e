"""Resamples of rows, written as how often each row was drawn."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tuner.model.heads import Head

Values = Callable[[np.ndarray], np.ndarray]
"""From (n_trials, n_rows, n_units) finite outputs to (n_trials, n_draws) values; NaN where undefined."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Rows and how often each resample has them.

    Attributes:
        head: what outputs stand for.
        target: (n_rows, ...) as for ``metrics.score``.
        draws: (n_rows, n_draws) float32 whole numbers from 0 up; below 2**24 in sum, where float32 is exact.
        sizes: (n_draws,) float64 rows in each resample, NaN for an empty one.
    """

    head: Head
    target: np.ndarray
    draws: np.ndarray
    sizes: np.ndarray

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return (n_trials, n_rows, 1) codes, or (n_trials, n_rows, n_labels) 0/1 for multilabel."""
        labels = self.head.decode(outputs.reshape(-1, outputs.shape[2]))
        return labels.reshape(*outputs.shape[:2], -1)


def drawn_rows(head: Head, target: np.ndarray, draws: np.ndarray) -> Drawn:
    """Return resamples from (n_rows, n_draws) numbers of any type."""
    draws = np.ascontiguousarray(draws, np.float32)
    sizes = draws.sum(axis=0, dtype=np.float64)
    return Drawn(head, np.asarray(target), draws, np.where(sizes > 0, sizes, np.nan))
