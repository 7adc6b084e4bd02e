"""What a trial that trains for long lets be seen of it while it trains."""

import os
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tuner.records import Glimpse

EVERY_S = float(os.environ.get("TUNER_GLIMPSE_SECONDS", "10"))
"""Seconds between two glimpses of a trial, and before the first."""

Heard = Callable[[Glimpse], None]
"""Takes a glimpse; whatever it does, the trial goes on as it would have."""


def unheard(glimpse: Glimpse) -> None:
    """Take a glimpse where nobody looks."""


class Glimpses:
    """Lets a trial be seen from time to time. The clock decides whether a glimpse is given, and nothing else.

    Args:
        number: the trial's number.
        epochs_at_most: how many epochs it trains unless it ends early.
        heard: takes each glimpse.
        every: seconds between two glimpses, and before the first.
    """

    def __init__(self, number: int, epochs_at_most: int, heard: Heard, every: float = EVERY_S) -> None:
        self._number = number
        self._epochs_at_most = epochs_at_most
        self._heard = heard
        self._every = every
        self._began = self._last = time.monotonic()

    def see(self, curves: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Give a glimpse if it is time for one.

        Args:
            curves: name -> the (n_folds,) values of each epoch so far, at least one.
        """
        now = time.monotonic()
        if now - self._last < self._every:
            return
        self._last = now
        stacked = {name: np.stack(series) for name, series in curves.items()}
        epochs = max(map(len, stacked.values()))
        self._heard(Glimpse(self._number, epochs, self._epochs_at_most, stacked, now - self._began))
