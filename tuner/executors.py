"""Where trials are evaluated: in this process, or in a worker beside it."""

import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from multiprocessing import Pipe
from typing import Protocol

from tuner.engines.choice import make_engine
from tuner.errors import TunerError
from tuner.records import Reason, State, TrialResult
from tuner.trial import Problem, TrialTask, evaluate
from tuner.worker import Order


class Executor(Protocol):
    """Evaluates trials; knows nothing of studies."""

    slots: int
    """How many trials it evaluates at the same time, at least 1."""

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """Begin to evaluate a trial; at most ``slots`` at the same time."""

    def close(self) -> None:
        """End what is running and let go of all resources."""


class InProcess:
    """Evaluates a trial in this process, while ``submit`` is called."""

    slots = 1

    def __init__(self, engine: str) -> None:
        """Load the engine, so that no trial's time includes that.

        Args:
            engine: a name in ``ENGINES``.
        """
        make_engine(engine)

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """See ``Executor.submit``; an interruption passes through."""
        future: Future[TrialResult] = Future()
        future.set_result(evaluate(task))
        return future

    def close(self) -> None:
        """See ``Executor.close``."""


class LocalWorker:
    """Evaluates trials in one process beside this one, which loads TensorFlow while this one reads the study.

    A worker that ends by itself (a crash, or the kernel's memory killer) fails its trial, and another takes its place.
    No worker outlives the driver.
    """

    slots = 1

    def __init__(self, engine: str) -> None:
        """Start the worker; it is ready some seconds later.

        Args:
            engine: a name in ``ENGINES``.
        """
        self._engine = engine
        self._changes = threading.Lock()
        self._closed = False
        self._reader: threading.Thread | None = None
        self._problem: Problem | None = None
        self._start()

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """See ``Executor.submit``.

        Raises:
            TunerError: the worker ended before it was ready.
        """
        if not self._ready:
            self._wait_until_ready()
        if self._problem is not task.problem:
            self._connection.send(task.problem)
            self._problem = task.problem
        future: Future[TrialResult] = Future()
        self._connection.send(Order(task.number, task.params, task.bar))
        self._reader = threading.Thread(target=self._receive, args=(task, future), daemon=True)
        self._reader.start()
        return future

    def close(self) -> None:
        """See ``Executor.close``; a trial that is running gives no result."""
        with self._changes:
            self._closed = True
            self._process.kill()
        if self._reader is not None:
            self._reader.join()
        self._let_go()

    def _start(self) -> None:
        """Start a process of its own session, so that Ctrl-C in the terminal reaches the driver alone."""
        self._connection, theirs = Pipe()
        held, self._lifeline = os.pipe()
        handed = (theirs.fileno(), held)
        command = [sys.executable, "-P", "-m", "tuner.worker", *map(str, handed), self._engine]
        self._process = subprocess.Popen(
            command, pass_fds=handed, stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        os.close(held)
        self._ready = False
        self._problem = None

    def _let_go(self) -> None:
        self._process.wait()
        self._connection.close()
        os.close(self._lifeline)

    def _wait_until_ready(self) -> None:
        try:
            self._connection.recv()
        except (EOFError, ConnectionError):
            raise TunerError(f"the worker could not load engine '{self._engine}' ({self._end()})") from None
        self._ready = True

    def _receive(self, task: TrialTask, future: Future[TrialResult]) -> None:
        try:
            result = self._connection.recv()
        except (EOFError, OSError):
            with self._changes:
                if self._closed:
                    return
                result = self._crashed(task)
        future.set_result(result)

    def _crashed(self, task: TrialTask) -> TrialResult:
        """Put another worker in the place of the one that ended, and return its trial's result."""
        message = f"the worker's process ended ({self._end()})"
        self._let_go()
        self._start()
        return TrialResult(task.number, State.FAILED, task.params, reason=Reason.CRASH, message=message)

    def _end(self) -> str:
        """Return how the worker's process ended."""
        status = self._process.wait()
        if status >= 0:
            return f"exit status {status}"
        killer = ", as the kernel does when memory runs out" if status == -9 else ""
        return f"killed by signal {-status}{killer}"
