"""Evaluates trials in processes of this machine."""

from __future__ import annotations

import math
from concurrent.futures import Future
from typing import TYPE_CHECKING

from tuner.errors import TunerError
from tuner.executors.executor import NO_LIMITS, Limits
from tuner.executors.orders import Handed, Orders
from tuner.executors.seat import Seat
from tuner.glimpses import Heard, unheard
from tuner.records import Reason, State, TrialResult
from tuner.worker import Order

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan, Trained
    from tuner.trial import Problem, TrialTask


class LocalWorkers:
    """Evaluates trials in processes beside this one, which load TensorFlow while this one reads the study.

    The first worker starts at once, others when enough is ahead. Twice as many trials as workers are in
    its hands, so that no worker waits while the driver records a result. A worker that ends by itself (a crash, or
    the kernel's memory killer) is replaced, and its trial is tried once more, since the cause may lie elsewhere. A
    trial that exceeds a limit fails. No worker outlives the driver.
    """

    def __init__(self, engine: str, *, workers: int = 1, limits: Limits = NO_LIMITS) -> None:
        """Start the first worker; it is ready some seconds later.

        Args:
            engine: a name in ``ENGINES``.
            workers: the most processes at a time, at least 1.
            limits: what a trial may take; a final model may take what it needs.
        """
        self.slots = 2 * workers
        self._limits = limits
        self._heard: Heard = unheard
        self._ahead = math.inf
        self._orders = Orders()
        self._seats = [Seat(self._orders, engine) for _ in range(workers)]
        self._seats[0].begin()
        for seat in self._seats[1:]:
            seat.begin_when_needed()

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that there are now, the first worker's first."""
        return [seat.pid for seat in self._seats if seat.pid is not None]

    @property
    def ahead(self) -> float:
        """See ``Executor.ahead``."""
        return self._ahead

    @ahead.setter
    def ahead(self, seconds: float) -> None:
        self._ahead = seconds
        self._orders.expect(seconds)

    def listen(self, heard: Heard) -> None:
        """See ``Executor.listen``; ``heard`` is called from the worker's seat."""
        self._heard = heard

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """See ``Executor.submit``; the future raises a ``TunerError`` where no worker can load the engine."""
        future: Future[TrialResult] = Future()

        def fail(reason: Reason, message: str, seconds: float) -> None:
            future.set_result(
                TrialResult(
                    task.number, State.FAILED, task.params, reason=reason, message=message, seconds=seconds
                )
            )

        order = Order(task.number, task.params, task.bar)
        self._orders.put(Handed(task.problem, order, self._limits, future, fail, self._heard))
        return future

    def finish(self, problem: Problem, plan: FinalPlan) -> Future[Trained]:
        """See ``Executor.finish``."""
        future: Future[Trained] = Future()

        def fail(reason: Reason, message: str, seconds: float) -> None:
            future.set_exception(TunerError(f"the final model could not be trained: {message}"))

        self._orders.put(Handed(problem, plan, NO_LIMITS, future, fail))
        return future

    def close(self) -> None:
        """See ``Executor.close``; trials that it has in hand give no result."""
        self._orders.close()
        for seat in self._seats:
            seat.kill()
        for seat in self._seats:
            seat.join()
