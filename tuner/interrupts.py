"""Ctrl-C during a study: the first ends the trial in hand, the second ends the process at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED = 130
"""The exit status of an interrupted process, as shells have it."""


class Interrupts:
    """Lets an interruption through while a trial is trained, and holds it back while records are written."""

    def __init__(self) -> None:
        self._asked = False
        self._open = False
        self._former: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is not threading.main_thread():
            return self  # only the main thread is interrupted, and only it may say how
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Raise ``KeyboardInterrupt`` in this block, also for an interruption that came before it."""
        self._open = True
        try:
            if self._asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._open = False

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            # Records are written in single transactions, so there is nothing to tidy up.
            os._exit(INTERRUPTED)
        self._asked = True
        if self._open:
            self._open = False
            raise KeyboardInterrupt
