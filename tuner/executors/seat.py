"""A worker's seat: a thread that hands one order after the other to a worker, and replaces a worker that ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from tuner.errors import TunerError
from tuner.executors.attempt import Answered, Attempt, Crashed, Exceeded, Obstacle
from tuner.executors.executor import Limits
from tuner.executors.orders import Handed, Orders
from tuner.glimpses import Heard
from tuner.records import Reason
from tuner.worker import Order

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan
    from tuner.problem import Problem

ATTEMPTS = 3
"""How many workers in a row may be lost while they load before the seat is given up."""


class Worker(Protocol):
    """What sits in a seat: it was started when it was made. A worker that has ended has freed what it held."""

    load_seconds: float | None
    """How long it took to load; None before."""

    def load(self) -> Obstacle | None:
        """Wait until it can work; returns why it cannot, and has ended then."""

    def attempt(self, problem: Problem, order: Order | FinalPlan, limits: Limits, heard: Heard) -> Attempt:
        """Have an order carried out and wait for what comes of it; only after an answer the worker goes on.

        Glimpses that come before are given to ``heard``.
        """

    def kill(self) -> None:
        """End it at once; may be called from any thread, at any time."""

    def let_go(self) -> object:
        """Wait for its end, which is near, and free what it holds; never after it ended by itself."""


class Seat:
    """One worker at a time; it takes orders until it is closed."""

    def __init__(self, orders: Orders, start: Callable[[], Worker]) -> None:
        """Set up an empty seat.

        Args:
            orders: what there is to do.
            start: starts a worker for this seat.
        """
        self._orders = orders
        self._begin_one = start
        self.worker: Worker | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def begin(self) -> None:
        """Start a worker, and work from now on."""
        self._orders.join()
        self._start()
        self._thread.start()

    def begin_when_needed(self) -> None:
        """Start a worker once a further one is worth it."""
        self._thread.start()

    def kill(self) -> None:
        """End the worker; the orders must be closed, so that no other takes its place."""
        worker = self.worker
        if worker is not None:
            worker.kill()

    def join(self) -> None:
        """Wait until the seat is empty."""
        self._thread.join()

    def _work(self) -> None:
        if self.worker is None and not self._orders.join_when_needed():
            return
        while (worker := self._ready()) is not None and (handed := self._orders.take()) is not None:
            try:
                self._attempt(worker, handed)
            except Exception as error:
                # Whoever waits for the order must learn of it: an answer that cannot be read, say.
                handed.future.set_exception(error)
                worker.kill()
                worker.let_go()
                self.worker = None
        if self.worker is not None:
            self.worker.let_go()
            self.worker = None

    def _start(self) -> Worker | None:
        with self._orders.changes:
            self.worker = None if self._orders.closed else self._begin_one()
            return self.worker

    def _ready(self) -> Worker | None:
        """Return a worker that has loaded; None where no more are wanted or none can load."""
        obstacle = None
        for _ in range(ATTEMPTS):
            worker = self.worker or self._start()
            if worker is None:
                return None
            obstacle = worker.load()
            if obstacle is None:
                return worker
            self.worker = None
            if obstacle.lasting:
                break
        assert obstacle is not None
        self._orders.leave(obstacle.message)
        return None

    def _attempt(self, worker: Worker, handed: Handed) -> None:
        """Have an order carried out; what its worker does not survive is tried once more, or has failed."""
        self._orders.began(worker.load_seconds or 0.0)
        attempt = worker.attempt(handed.problem, handed.order, handed.limits, handed.heard)
        if not isinstance(attempt, Answered):
            self._start()
        if isinstance(attempt, Answered) and isinstance(attempt.answer, TunerError):
            handed.future.set_exception(attempt.answer)
        elif isinstance(attempt, Answered):
            handed.future.set_result(attempt.answer)
        elif isinstance(attempt, Exceeded):
            handed.fail(attempt.reason, attempt.message, attempt.seconds)
        elif isinstance(attempt, Crashed):
            self._crashed(handed, attempt)
        else:
            self._orders.put_back(handed)

    def _crashed(self, handed: Handed, crash: Crashed) -> None:
        """Have an order tried again over which a worker has ended, since the cause may not be its own; but once."""
        if handed.crashes:
            message = f"the worker's process ended ({crash.how}), and so it did before"
            handed.fail(Reason.CRASH, message, crash.seconds)
        elif not self._orders.closed:
            self._orders.put_back(replace(handed, crashes=1))
