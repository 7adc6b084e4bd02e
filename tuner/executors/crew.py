"""Workers that share orders, wherever they run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from tuner.errors import TunerError
from tuner.executors.executor import NO_LIMITS, Limits
from tuner.executors.orders import Handed, Orders
from tuner.executors.seat import Seat, Worker
from tuner.glimpses import Heard, unheard
from tuner.records import Reason, State, TrialResult
from tuner.worker import Order

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan, Trained
    from tuner.problem import Problem
    from tuner.trial import TrialTask


class Crew:
    """Evaluates trials by workers beside this process, which load Keras while this one reads the study.

    The first workers start at once, others when enough is ahead. Twice as many trials as workers are in
    its hands, so that no worker waits while the driver records a result. A worker that ends by itself (a crash, or
    the kernel's memory killer) is replaced, and its trial is tried once more, since the cause may lie elsewhere. A
    trial that exceeds a limit fails.
    """

    def __init__(
        self, starts: Sequence[Callable[[], Worker]], limits: Limits, at_once: int = 1, room: int = 1
    ) -> None:
        """Start the first workers; they are ready some seconds later.

        Args:
            starts: starts the worker of each seat, and any that replaces it; at least one.
            limits: what a trial may take; a final model may take what it needs.
            at_once: how many workers start now, at least 1.
            room: workers that the machine of all of them has cores for: while there are fewer, they use a free one to
                get ready for the trials that come next.
        """
        self.slots = 2 * len(starts)
        self._limits = limits
        self._heard: Heard = unheard
        self._ahead = math.inf
        self.orders = Orders(room)
        self.seats = [Seat(self.orders, start) for start in starts]
        for seat in self.seats[:at_once]:
            seat.begin()
        for seat in self.seats[at_once:]:
            seat.begin_when_needed()

    @property
    def ahead(self) -> float:
        """See ``Executor.ahead``."""
        return self._ahead

    @ahead.setter
    def ahead(self, seconds: float) -> None:
        self._ahead = seconds
        self.orders.expect(seconds)

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
        self.orders.put(Handed(task.problem, order, self._limits, future, fail, self._heard))
        return future

    def finish(self, problem: Problem, plan: FinalPlan) -> Future[Trained]:
        """See ``Executor.finish``."""
        future: Future[Trained] = Future()

        def fail(reason: Reason, message: str, seconds: float) -> None:
            future.set_exception(TunerError(f"the final model could not be trained: {message}"))

        self.orders.put(Handed(problem, plan, NO_LIMITS, future, fail))
        return future

    def close(self) -> None:
        """See ``Executor.close``; trials that it has in hand give no result."""
        self.orders.close()
        for seat in self.seats:
            seat.kill()
        for seat in self.seats:
            seat.join()
