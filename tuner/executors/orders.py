"""Orders that wait for a worker, and when a further worker is worth its start."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuner.errors import TunerError
from tuner.executors.executor import Limits
from tuner.glimpses import Heard, unheard
from tuner.records import Reason
from tuner.worker import Order

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan
    from tuner.trial import Problem

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

    A worker costs seconds of a core before its first trial. So further ones are called once the first has trained for
    as long as it took to load, and only while an order waits: a short study never pays for them, and a long one loses
    at most the time of one load (the rule of the ski rental; Karlin et al. 1988, Competitive snoopy caching).
    """

    def __init__(self) -> None:
        self.changes = threading.Condition()
        self.closed = False
        self._waiting: deque[Handed] = deque()
        self._obstacle: str | None = None
        self._further_from = math.inf
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
        """Return the first order, once there is one; None once no more are wanted."""
        with self.changes:
            while not self.closed:
                if self._waiting:
                    return self._waiting.popleft()
                self.changes.wait()
        return None

    def began(self, load_seconds: float) -> None:
        """Take note that a worker begins an order, and how long it took to load."""
        with self.changes:
            if self._further_from == math.inf:
                self._further_from = time.monotonic() + load_seconds
                self.changes.notify_all()

    def wait_for_need(self) -> bool:
        """Return once a further worker is worth its start; False where that will never be."""
        with self.changes:
            while not self.closed and self._obstacle is None:
                seconds = self._further_from - time.monotonic()
                if self._waiting and seconds <= 0:
                    return True
                self.changes.wait(seconds if self._waiting and seconds < math.inf else None)
        return False

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
