"""A worker's seat: a thread that hands one order after the other to a process, and replaces a process that ends."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

from tuner.errors import TunerError
from tuner.executors.executor import Limits
from tuner.executors.machine import kills_for_memory, resident_bytes
from tuner.executors.orders import Handed, Orders
from tuner.executors.process import WorkerProcess, ending
from tuner.records import Glimpse, Reason

ATTEMPTS = 3
"""How many processes in a row may be killed while they load before the seat is given up."""

STEP = 0.1
"""Seconds between two looks at a trial's time and memory."""


class Exceeded(Exception):  # noqa: N818 - what a trial did, not what went wrong here
    """A trial took more than it may.

    Attributes:
        reason: of what.
        message: a sentence on it.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        self.message = message


class Seat:
    """One worker at a time; it takes orders until it is closed."""

    def __init__(self, orders: Orders, engine: str) -> None:
        self._orders = orders
        self._engine = engine
        self._process: WorkerProcess | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    @property
    def pid(self) -> int | None:
        """The id of the process in this seat; None where there is none now."""
        process = self._process
        return None if process is None else process.pid

    def begin(self) -> None:
        """Start a process, and work from now on."""
        self._orders.join()
        self._start()
        self._thread.start()

    def begin_when_needed(self) -> None:
        """Start a process once a further worker is worth it."""
        self._thread.start()

    def kill(self) -> None:
        """End the process; the orders must be closed, so that no other takes its place."""
        process = self._process
        if process is not None:
            process.kill()

    def join(self) -> None:
        """Wait until the seat is empty."""
        self._thread.join()

    def _work(self) -> None:
        if self._process is None and not self._orders.join_when_needed():
            return
        while (process := self._ready()) is not None and (handed := self._orders.take()) is not None:
            try:
                self._attempt(process, handed)
            except Exception as error:
                # Whoever waits for the order must learn of it: an answer that cannot be read, say.
                handed.future.set_exception(error)
                process.kill()
                self._let_go(process)
        if self._process is not None:
            self._let_go(self._process)

    def _start(self) -> WorkerProcess | None:
        with self._orders.changes:
            self._process = None if self._orders.closed else WorkerProcess(self._engine)
            return self._process

    def _ready(self) -> WorkerProcess | None:
        """Return a process that has loaded the engine; None where there will be none."""
        for _ in range(ATTEMPTS):
            process = self._process or self._start()
            if process is None:
                return None
            if process.loaded():
                return process
            status = self._let_go(process)
            if status >= 0:
                break
        self._orders.leave(f"the worker could not load engine '{self._engine}' ({ending(status)})")
        return None

    def _let_go(self, process: WorkerProcess) -> int:
        status = process.let_go()
        self._process = None
        return status

    def _attempt(self, process: WorkerProcess, handed: Handed) -> None:
        """Have an order carried out; what its process does not survive is tried once more, or has failed."""
        if not process.runs:
            self._let_go(process)
            self._orders.put_back(handed)
            return
        self._orders.began(process.load_seconds or 0.0)
        started, killed_before = time.monotonic(), kills_for_memory()
        try:
            process.hand_over(handed.problem, handed.order)
            answer = _answer(process, handed)
        except Exceeded as excess:
            process.kill()
            self._let_go(process)
            self._start()
            handed.fail(excess.reason, excess.message, time.monotonic() - started)
        except (EOFError, OSError):
            status = self._let_go(process)
            self._start()
            for_memory = status == -9 and kills_for_memory() > killed_before
            self._ended(handed, status, time.monotonic() - started, for_memory=for_memory)
        else:
            if isinstance(answer, TunerError):
                handed.future.set_exception(answer)
            else:
                handed.future.set_result(answer)

    def _ended(self, handed: Handed, status: int, seconds: float, *, for_memory: bool) -> None:
        """Fail an order over which the process has ended, or have it tried again: the cause may not be its own."""
        if for_memory:
            handed.fail(Reason.MEMORY, "memory ran out, and the kernel ended the worker's process", seconds)
        elif handed.crashes:
            handed.fail(
                Reason.CRASH, f"the worker's process ended ({ending(status)}), and so it did before", seconds
            )
        elif not self._orders.closed:
            self._orders.put_back(replace(handed, crashes=1))


def _answer(process: WorkerProcess, handed: Handed) -> Any:
    """Return a process's answer to an order, once it comes; what may be seen before goes to ``handed.heard``.

    Raises:
        Exceeded: the process takes more than it may.
        EOFError, OSError: the process has ended.
    """
    limits = handed.limits
    started, before = time.monotonic(), resident_bytes(process.pid) if limits.any else 0
    while True:
        if process.connection.poll(STEP if limits.any else None):
            said = process.answer()
            if not isinstance(said, Glimpse):
                return said
            handed.heard(said)
        if limits.any:
            _check(limits, time.monotonic() - started, resident_bytes(process.pid) - before)


def _check(limits: Limits, seconds: float, grown: int) -> None:
    """Raise ``Exceeded`` where an order has taken more seconds, or more bytes, than it may."""
    if limits.seconds is not None and seconds > limits.seconds:
        raise Exceeded(Reason.TIMEOUT, f"it took more than {limits.seconds:g} s (search.trial_timeout)")
    if limits.bytes is not None and grown > limits.bytes:
        raise Exceeded(
            Reason.MEMORY,
            f"its worker grew by {grown / 1e9:.2f} GB, more than {limits.bytes / 1e9:g} GB (search.trial_memory)",
        )
