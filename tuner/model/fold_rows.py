"""The scored rows of all folds, laid end to end."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tuner.model.heads import Head

Values = Callable[[np.ndarray], np.ndarray]
"""From (n_scored, n_units) finite outputs to (n_folds,) values."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredRows:
    """What is known of the scored rows before any output.

    Attributes:
        head: what outputs stand for.
        target: (n_scored, ...) of the rows, fold after fold.
        fold: (n_scored,) each row's fold.
        starts: (n_folds,) where each fold's rows start.
        counts: (n_folds,) float64 number of rows.
    """

    head: Head
    target: np.ndarray
    fold: np.ndarray
    starts: np.ndarray
    counts: np.ndarray

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over each fold's rows of (n_scored, ...) values, in float64."""
        sums = np.add.reduceat(values, self.starts, axis=0, dtype=np.float64)
        return sums / self.counts.reshape(-1, *[1] * (values.ndim - 1))  # type: ignore[no-any-return]
