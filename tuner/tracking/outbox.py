"""Deliver records from a thread, however long the other side is away."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_PAUSE_S = 30.0
"""Between two attempts while nothing gets through; the first pause is a second, each next one doubles."""

PATIENCE_S = 15.0
"""How long ``drain`` waits without any progress."""


class NotDelivered(Exception):  # noqa: N818 - a state of affairs that passes, not an error
    """The other side did not take a record for now; the message says why."""


class Refused(Exception):  # noqa: N818
    """The other side will never take this record; the message says why."""


class Dropped(Exception):  # noqa: N818
    """The other side did not take a record, which is of no use later."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing to deliver.

    Attributes:
        name: how a person calls it.
        send: delivers it, or raises ``NotDelivered``, ``Refused`` or ``Dropped``; after ``NotDelivered`` it is
            called again and then completes what the attempts before have left.
    """

    name: str
    send: Callable[[], None]


class Outbox:
    """Records on their way, delivered one by one by a daemon thread.

    A record that does not get through goes to the end of the queue, so that one that the other side chokes on
    does not keep back the rest. Any other exception of ``send`` is a bug: the thread ends and ``drain``
    raises it.
    """

    def __init__(self) -> None:
        self._records: deque[Record] = deque()
        self._refused: list[str] = []
        self._changed = threading.Condition()
        self._failures = 0
        self._handled = 0
        self._draining = False
        self._stopped = False
        self._outage: str | None = None
        self._refusal: str | None = None
        self._bug: Exception | None = None
        self._thread = threading.Thread(target=self._deliver, name="tuner-outbox", daemon=True)

    def start(self) -> None:
        """Start to deliver."""
        self._thread.start()

    def put(self, record: Record) -> None:
        """Queue a record; returns at once."""
        with self._changed:
            self._records.append(record)
            self._changed.notify_all()

    def offer(self, record: Record) -> None:
        """Queue a record that is of no use later, unless the other side is away or one of its name still waits."""
        with self._changed:
            if self._outage is None and all(waiting.name != record.name for waiting in self._records):
                self._records.append(record)
                self._changed.notify_all()

    @property
    def trouble(self) -> str | None:
        """Why records wait or were refused, in a sentence; None while all is well."""
        with self._changed:
            return self._outage or self._refusal

    @property
    def unsent(self) -> tuple[str, ...]:
        """Names of the records that wait, then of those that were refused."""
        with self._changed:
            return (*(record.name for record in self._records), *self._refused)

    def drain(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until nothing is left, or nothing has moved for ``patience_s`` seconds; then stop.

        A KeyboardInterrupt ends the wait; what has not been sent stays unsent.

        Raises:
            Exception: whatever a ``send`` raised that was none of those that ``Record`` names.
        """
        with self._changed:
            self._draining = True
            self._changed.notify_all()
            try:
                self._wait_while_it_moves(patience_s)
            finally:
                self._stopped = True
                self._changed.notify_all()
            if self._bug is not None:
                raise self._bug

    def _wait_while_it_moves(self, patience_s: float) -> None:
        handled, since = self._handled, time.monotonic()
        while self._records and self._bug is None:
            # A short timeout, because on Windows a wait cannot be interrupted.
            self._changed.wait(0.2)
            if self._handled != handled:
                handled, since = self._handled, time.monotonic()
            elif time.monotonic() - since > patience_s:
                return

    def _deliver(self) -> None:
        while (record := self._next()) is not None:
            try:
                record.send()
            except NotDelivered as reason:
                self._put_off(str(reason))
            except Refused as reason:
                self._refuse(record, str(reason))
            except Dropped:
                self._drop()
            except Exception as bug:
                with self._changed:
                    self._bug = bug
                    self._outage = f"{record.name} could not be recorded: {type(bug).__name__}: {bug}"
                    self._changed.notify_all()
                return
            else:
                self._done()

    def _next(self) -> Record | None:
        with self._changed:
            while not self._records and not self._stopped:
                self._changed.wait()
            return None if self._stopped else self._records[0]

    def _done(self) -> None:
        with self._changed:
            self._records.popleft()
            self._moved()

    def _drop(self) -> None:
        with self._changed:
            self._records.popleft()
            self._changed.notify_all()

    def _refuse(self, record: Record, reason: str) -> None:
        with self._changed:
            self._records.popleft()
            self._refused.append(record.name)
            self._refusal = f"{record.name} is refused: {reason}"
            self._moved()

    def _moved(self) -> None:
        self._handled += 1
        self._failures = 0
        self._outage = None
        self._changed.notify_all()

    def _put_off(self, reason: str) -> None:
        with self._changed:
            self._records.rotate(-1)
            self._outage = f"{reason}; {len(self._records)} waiting, sent when it works again"
            pause = 1.0 if self._draining else min(LONGEST_PAUSE_S, 2.0**self._failures)
            self._failures = min(self._failures + 1, 10)
            self._changed.wait_for(lambda: self._stopped or (self._draining and pause > 1.0), pause)
