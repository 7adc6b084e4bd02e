"""Where trials are evaluated: in this process, or in a worker beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Protocol

from tuner.engines.choice import make_engine
from tuner.errors import TunerError
from tuner.records import Reason, State, TrialResult
from tuner.worker import READY, Order

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan, Trained
    from tuner.trial import Problem, TrialTask


class Executor(Protocol):
    """Evaluates trials and trains final models; knows nothing of studies."""

    slots: int
    """How many trials it takes at the same time, at least 1."""

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """Begin to evaluate a trial; at most ``slots`` at the same time."""

    def finish(self, problem: Problem, plan: FinalPlan) -> Future[Trained]:
        """Begin to train a final model; the future raises a ``TunerError`` where that cannot be done."""

    def close(self) -> None:
        """End what is running and let go of all resources."""


@dataclass(frozen=True, slots=True, eq=False)
class _Handed:
    """What a worker has in hand.

    Attributes:
        problem: what the order is for.
        order: a trial or a final model.
        future: takes the answer.
        fail: ends the future in its own way, given how the worker's process ended.
    """

    problem: Problem
    order: Order | FinalPlan
    future: Future[Any]
    fail: Callable[[str], None]


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
        from tuner.trial import evaluate

        future: Future[TrialResult] = Future()
        future.set_result(evaluate(task))
        return future

    def finish(self, problem: Problem, plan: FinalPlan) -> Future[Trained]:
        """See ``Executor.finish``; an interruption passes through."""
        from tuner.final import train_final

        future: Future[Trained] = Future()
        try:
            future.set_result(train_final(problem, plan))
        except TunerError as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        """See ``Executor.close``."""


class LocalWorker:
    """Evaluates trials in one process beside this one, which loads TensorFlow while this one reads the study.

    Two trials are in its hands: the one that it evaluates, and the next, so that it need not wait while the driver
    records a result. A worker that ends by itself (a crash, or the kernel's memory killer) fails the trial that it
    evaluated; another takes its place and the next trial. No worker outlives the driver.
    """

    slots = 2

    def __init__(self, engine: str) -> None:
        """Start the worker; it is ready some seconds later.

        Args:
            engine: a name in ``ENGINES``.
        """
        self._engine = engine
        self._changes = threading.Lock()
        self._handed: deque[_Handed] = deque()
        self._problem: Problem | None = None
        self._obstacle: str | None = None
        self._closed = False
        self._start()

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """See ``Executor.submit``; the future raises a ``TunerError`` where the worker cannot load the engine."""
        future: Future[TrialResult] = Future()

        def fail(message: str) -> None:
            future.set_result(
                TrialResult(task.number, State.FAILED, task.params, reason=Reason.CRASH, message=message)
            )

        self._hand(_Handed(task.problem, Order(task.number, task.params, task.bar), future, fail))
        return future

    def finish(self, problem: Problem, plan: FinalPlan) -> Future[Trained]:
        """See ``Executor.finish``."""
        future: Future[Trained] = Future()

        def fail(message: str) -> None:
            future.set_exception(TunerError(f"the final model could not be trained: {message}"))

        self._hand(_Handed(problem, plan, future, fail))
        return future

    def _hand(self, handed: _Handed) -> None:
        with self._changes:
            if self._obstacle is not None:
                raise TunerError(self._obstacle)
            self._handed.append(handed)
            self._hand_over(handed)

    def close(self) -> None:
        """See ``Executor.close``; trials that it has in hand give no result."""
        with self._changes:
            self._closed = True
            self._process.kill()
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
        self._problem = None
        self._reader = threading.Thread(target=self._read, args=(self._connection,), daemon=True)
        self._reader.start()

    def _hand_over(self, handed: _Handed) -> None:
        """Send an order, and before it the problem if the worker has another; a worker that ended is seen elsewhere."""
        with suppress(ConnectionError):
            if self._problem is not handed.problem:
                self._connection.send(handed.problem)
                self._problem = handed.problem
            self._connection.send(handed.order)

    def _read(self, connection: Connection) -> None:
        """Take in results, in the order in which orders were handed over, until the worker ends."""
        ready = False
        with suppress(EOFError, ConnectionError):
            ready = connection.recv() == READY
            while True:
                result = connection.recv()
                with self._changes:
                    future = self._handed.popleft().future
                if isinstance(result, TunerError):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        with self._changes:
            if self._closed:
                return
            if ready:
                self._replace()
            else:
                self._give_up()

    def _replace(self) -> None:
        """Put another worker in the place of one that ended, and fail what it was working on."""
        message = f"the worker's process ended ({self._end()})"
        self._let_go()
        self._start()
        if not self._handed:
            return
        failed = self._handed.popleft()
        for handed in self._handed:
            self._hand_over(handed)
        failed.fail(message)

    def _give_up(self) -> None:
        self._obstacle = f"the worker could not load engine '{self._engine}' ({self._end()})"
        while self._handed:
            self._handed.popleft().future.set_exception(TunerError(self._obstacle))

    def _let_go(self) -> None:
        self._process.wait()
        self._connection.close()
        os.close(self._lifeline)

    def _end(self) -> str:
        """Return how the worker's process ended."""
        status = self._process.wait()
        if status >= 0:
            return f"exit status {status}"
        killer = ", as the kernel does when memory runs out" if status == -9 else ""
        return f"killed by signal {-status}{killer}"
