"""A search as it goes, in a notebook: one output of the cell, which is replaced as trials end."""

import time
from collections.abc import Callable
from html import escape
from importlib import import_module

from tuner.records import Glimpse, State, TrialResult
from tuner.run import Opened
from tuner.view.progress import Tally

LEAST_PAUSE = 0.2
"""Seconds between two pictures; each one is a message to the notebook."""

MOST_FAILURES = 10
"""How many failed trials are listed."""


class Cell:
    """A bar, a line on the search, and one for each trial that takes long or has failed.

    It needs what every notebook has, IPython, and none of its extensions.
    """

    def __init__(self, opened: Opened, clock: Callable[[], float] = time.monotonic) -> None:
        self._tally = Tally(opened)
        self._clock = clock
        self._latest = clock()
        self._long: dict[int, str] = {}
        self._failed: list[str] = []
        self._display = import_module("IPython.display")
        self._shown = self._display.display(self._picture(), display_id=True)

    def glimpsed(self, glimpse: Glimpse) -> None:
        """See ``View.glimpsed``."""
        self._long[glimpse.number] = self._tally.of_trial(glimpse)
        self._update()

    def ended(self, result: TrialResult) -> None:
        """See ``View.ended``."""
        self._tally.add(result)
        self._long.pop(result.number, None)
        if result.state is State.FAILED:
            self._failed.append(f"trial {result.number} failed, {result.reason}: {result.message}")
        self._update()

    def stop(self) -> None:
        """See ``View.stop``."""
        self._long.clear()
        self._shown.update(self._picture())

    def _update(self) -> None:
        if self._clock() - self._latest >= LEAST_PAUSE:
            self._latest = self._clock()
            self._shown.update(self._picture())

    def _picture(self) -> object:
        done, total = self._tally.done, self._tally.total
        more = len(self._failed) - MOST_FAILURES
        lines = [self._tally.in_words(), *self._long.values(), *self._failed[:MOST_FAILURES]]
        lines += [f"and {more} more failed"] if more > 0 else []
        bar = f'<progress value="{done}" max="{total}" style="width:16em"></progress> {done}/{total}'
        return self._display.HTML(
            f'{bar}<div style="white-space:pre-line">{escape(chr(10).join(lines))}</div>'
        )
