"""One worker process: started, handed orders, ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any

from tuner.worker import READY, Order

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan
    from tuner.trial import Problem


class WorkerProcess:
    """A process that keeps TensorFlow loaded; it ends with the process that started it, however that ends."""

    def __init__(self, engine: str) -> None:
        """Start the process; it has loaded the engine some seconds later.

        It gets a session of its own, so that Ctrl-C in the terminal reaches the driver alone.

        Args:
            engine: a name in ``ENGINES``.
        """
        self.connection, theirs = Pipe()
        held, self._lifeline = os.pipe()
        handed = (theirs.fileno(), held)
        command = [sys.executable, "-P", "-m", "tuner.worker", *map(str, handed), engine]
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            command, pass_fds=handed, stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        os.close(held)
        self._problem: Problem | None = None
        self.load_seconds: float | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def loaded(self) -> bool:
        """Wait until the engine is loaded; False where the process ends before."""
        if self.load_seconds is None:
            try:
                if self.connection.recv() != READY:
                    return False
            except (EOFError, OSError):
                return False
            self.load_seconds = time.monotonic() - self._started
        return True

    def hand_over(self, problem: Problem, order: Order | FinalPlan) -> None:
        """Send an order, and before it the problem if the worker has another.

        Raises:
            OSError: the process has ended.
        """
        if self._problem is not problem:
            self.connection.send(problem)
            self._problem = problem
        self.connection.send(order)

    def answer(self) -> Any:
        """Return what the worker says next, once it does.

        Raises:
            EOFError, OSError: the process has ended, perhaps in the middle of an answer.
        """
        return self.connection.recv()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def let_go(self) -> int:
        """Wait for the end of the process and free what it held here; returns its status, negative for a signal."""
        status = self._process.wait()
        self.connection.close()
        os.close(self._lifeline)
        return status


def ending(status: int) -> str:
    """Return in words how a process ended that had this status."""
    if status >= 0:
        return f"exit status {status}"
    killer = ", as the kernel does when memory runs out" if status == -9 else ""
    return f"killed by signal {-status}{killer}"
