"""Orders that wait for a worker, and when a further worker is worth its start."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tuner.errors import TunerError
from tuner.executors.executor import Limits
from tuner.glimpses import Heard, unheard
from tuner.records import Reason
from tuner.worker import Order

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan
    from tuner.problem import Problem

WORTH = 3.0
"""What is ahead must take the workers that there are so many times as long as one takes to load."""

Fail = Callable[[Reason, str, float], None]
"""Ends an order's future, given why it failed, a sentence on it, and the seconds that it took."""


@dataclass(frozen=True, slots=True, eq=False)
class Handed:
    """What a worker is to do.

    Attributes:
        problem: what the order is for.
        order: a trial or a final model.
        limits: what it may take.
        future: takes the answer.
        fail: ends the future in its own way.
        heard: takes glimpses that come before the answer.
        crashes: how many workers have ended over it.
    """

    problem: Problem
    order: Order | FinalPlan
    limits: Limits
    future: Future[Any]
    fail: Fail
    heard: Heard = unheard
    crashes: int = 0


class Orders:
    """Orders in the sequence in which they came; any worker that is free takes the first.

    Further workers are called by ``seconds_to_wait``, and only while an order waits.
    """

    def __init__(self, room: int = 1) -> None:
        """Begin without orders.

        Args:
            room: workers that the machine of all of them has cores for.
        """
        self._room = room
        self.changes = threading.Condition()
        self.closed = False
        self._waiting: deque[Handed] = deque()
        self._obstacle: str | None = None
        self._load_seconds = 0.0
        self._began = math.inf
        self._ahead = math.inf
        self._at_work = 0

    def put(self, handed: Handed) -> None:
        """Add an order.

        Raises:
            TunerError: no worker could load the engine.
        """
        with self.changes:
            if self._obstacle is not None:
                raise TunerError(self._obstacle)
            self._waiting.append(handed)
            self.changes.notify_all()

    def put_back(self, handed: Handed) -> None:
        """Add an order as the first, since it was taken before."""
        with self.changes:
            self._waiting.appendleft(handed)
            self.changes.notify_all()

    def take(self) -> Handed | None:
        """Return the first order, once there is one; None once no more are wanted.

        While cores are free, a trial comes with the parameters of those that wait behind it.
        """
        with self.changes:
            while not self.closed:
                if self._waiting:
                    return self._with_what_is_ahead(self._waiting.popleft())
                self.changes.wait()
        return None

    def _with_what_is_ahead(self, handed: Handed) -> Handed:
        if not isinstance(handed.order, Order):
            return handed
        # What a worker does beside its trial must not count against the trial's own limits, nor end it a second time.
        alone = handed.limits.any or handed.crashes > 0 or self._at_work >= self._room
        waiting = () if alone else self._waiting
        ahead = tuple(each.order.params for each in waiting if isinstance(each.order, Order))
        return replace(handed, order=replace(handed.order, ahead=ahead))

    def began(self, load_seconds: float) -> None:
        """Take note that a worker begins an order, and how long it took to load."""
        with self.changes:
            if self._began == math.inf:
                self._load_seconds, self._began = load_seconds, time.monotonic()
                self.changes.notify_all()

    def expect(self, ahead: float) -> None:
        """Take note of how many seconds of training are still to come; infinite while that is not known."""
        with self.changes:
            self._ahead = ahead
            self.changes.notify_all()

    def join_when_needed(self) -> bool:
        """Return once a further worker is worth its start, counted as one that works; False where that never is."""
        with self.changes:
            while not self.closed and self._obstacle is None:
                seconds = self._seconds_to_wait()
                if seconds <= 0:
                    self._at_work += 1
                    return True
                self.changes.wait(seconds if seconds < math.inf else None)
        return False

    def _seconds_to_wait(self) -> float:
        if not self._waiting or self._began == math.inf:
            return math.inf
        worked = time.monotonic() - self._began
        return seconds_to_wait(self._load_seconds, worked, self._ahead, at_work=self._at_work)

    def join(self) -> None:
        """Count a worker that sets out to work."""
        with self.changes:
            self._at_work += 1

    def leave(self, obstacle: str) -> None:
        """Count a worker out that cannot work; with the last one all orders fail."""
        with self.changes:
            self._at_work -= 1
            if self._at_work or self.closed:
                return
            self._obstacle = obstacle
            while self._waiting:
                self._waiting.popleft().future.set_exception(TunerError(obstacle))
            self.changes.notify_all()

    def close(self) -> None:
        """Let all that wait for an order return; no process starts any more."""
        with self.changes:
            self.closed = True
            self.changes.notify_all()


def seconds_to_wait(load: float, worked: float, ahead: float, *, at_work: int) -> float:
    """Return in how many seconds a further worker is worth its start, infinite for never as things stand.

    A worker costs seconds of a core before its first trial, and then compiles anew what others have compiled. So a
    further one is called once the first has worked for as long as it took to load, when much more than that is still
    ahead: a short study never pays for it, a long one loses at most the time of one load (the rule of the ski rental;
    Karlin et al. 1988, Competitive snoopy caching). What is called depends on the clock, a study's result does not.

    Args:
        load: seconds that the first worker took to load.
        worked: seconds since it began its first order.
        ahead: seconds of training still to come, all orders together; infinite while not known.
        at_work: workers that there are, those that load included; at least 1.
    """
    if ahead / at_work <= WORTH * load:
        return math.inf
    return max(0.0, load - worked)
