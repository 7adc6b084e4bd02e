"""One worker process: started, handed orders, ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any

from tuner.executors.attempt import Answered, Attempt, Crashed, Exceeded, Lost, Obstacle
from tuner.executors.executor import Limits
from tuner.executors.machine import kills_for_memory, resident_bytes
from tuner.glimpses import Heard
from tuner.records import Glimpse, Reason
from tuner.worker import READY, Order

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan
    from tuner.problem import Problem

STEP = 0.1
"""Seconds between two looks at a trial's time and memory."""


class WorkerProcess:
    """A process that keeps Keras loaded; it ends with the process that started it, however that ends."""

    def __init__(self, engine: str, environment: Mapping[str, str]) -> None:
        """Start the process; it has loaded the engine some seconds later.

        It gets a session of its own, so that Ctrl-C in the terminal reaches the driver alone.

        Args:
            engine: the name of an ``EngineChoice``.
            environment: all variables that the process gets.
        """
        self.connection, theirs = Pipe()
        held, self._lifeline = os.pipe()
        handed = (theirs.fileno(), held)
        command = [sys.executable, "-P", "-m", "tuner.worker", *map(str, handed), engine]
        self._engine = engine
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            command, pass_fds=handed, stdin=subprocess.DEVNULL, start_new_session=True, env=environment
        )
        theirs.close()
        os.close(held)
        self._problem: Problem | bytes | None = None
        self.load_seconds: float | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def load(self) -> Obstacle | None:
        """Wait until the engine is loaded; see ``Worker.load``."""
        if self.load_seconds is None:
            try:
                said = self.connection.recv()
            except (EOFError, OSError):
                status = self.let_go()
                message = f"the worker could not load engine '{self._engine}' ({_ending(status)})"
                return Obstacle(message, lasting=status >= 0)
            if said != READY:
                self.let_go()
                return Obstacle(str(said), lasting=True)
            self.load_seconds = time.monotonic() - self._started
        return None

    def attempt(
        self, problem: Problem | bytes, order: Order | FinalPlan, limits: Limits, heard: Heard
    ) -> Attempt:
        """Have an order carried out; see ``Worker.attempt``.

        Args:
            problem: what the order is for, or that pickled.
            order: a trial or a final model.
            limits: what it may take.
            heard: takes glimpses that come before the answer.
        """
        if self._process.poll() is not None:
            self.let_go()
            return Lost()
        started, killed_before = time.monotonic(), kills_for_memory()
        before = resident_bytes(self.pid) if limits.any else 0
        try:
            self._hand_over(problem, order)
            while True:
                excess = self._excess(limits, started, before)
                if excess is not None:
                    self.kill()
                    break
                if self.connection.poll(STEP if limits.any else None):
                    said = self.connection.recv()
                    if not isinstance(said, Glimpse):
                        return Answered(said)
                    heard(said)
        except (EOFError, OSError):
            excess = None
        status, seconds = self.let_go(), time.monotonic() - started
        if excess is not None:
            return Exceeded(*excess, seconds)
        if status == -9 and kills_for_memory() > killed_before:
            message = "memory ran out, and the kernel ended the worker's process"
            return Exceeded(Reason.MEMORY, message, seconds)
        return Crashed(_ending(status), seconds)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def let_go(self) -> int:
        """Wait for the end of the process and free what it held here; returns its status, negative for a signal."""
        status = self._process.wait()
        self.connection.close()
        os.close(self._lifeline)
        return status

    def _hand_over(self, problem: Problem | bytes, order: Any) -> None:
        """Send an order, and before it the problem if the worker has another."""
        if self._problem is not problem:
            if isinstance(problem, bytes):
                self.connection.send_bytes(problem)
            else:
                self.connection.send(problem)
            self._problem = problem
        self.connection.send(order)

    def _excess(self, limits: Limits, started: float, before: int) -> tuple[Reason, str] | None:
        """Return what of the process takes more than it may, and a sentence on it; None where nothing does.

        Args:
            limits: what it may take.
            started: when it began, by ``time.monotonic``.
            before: its resident bytes then.
        """
        if limits.seconds is not None and time.monotonic() - started > limits.seconds:
            return Reason.TIMEOUT, f"it took more than {limits.seconds:g} s (search.trial_timeout)"
        grown = 0 if limits.bytes is None else resident_bytes(self.pid) - before
        if limits.bytes is not None and grown > limits.bytes:
            bound = f"{limits.bytes / 1e9:g} GB (search.trial_memory)"
            return Reason.MEMORY, f"its worker grew by {grown / 1e9:.2f} GB, more than {bound}"
        return None


def _ending(status: int) -> str:
    """Return in words how a process ended that had this status."""
    if status >= 0:
        return f"exit status {status}"
    killer = ", as the kernel does when memory runs out" if status == -9 else ""
    return f"killed by signal {-status}{killer}"
