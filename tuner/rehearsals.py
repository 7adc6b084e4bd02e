"""What a worker does with a core that nobody uses: it traces the programs of coming trials while one is trained."""

import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from threading import Condition, Thread

import numpy as np

from tuner.engines.base import FoldData, Rows
from tuner.prepared import network_of
from tuner.problem import Problem
from tuner.records import Params

SWITCH_S = 5e-4
"""Seconds after which one of two Python threads lets the other go on: a tenth of Python's own, as a trial's thread
waits so long each time that TensorFlow gives it a result."""


def rehearse_trial(problem: Problem, params: Params) -> bool:
    """Return whether the program that a trial will be trained with was made ready, and was not before.

    Args:
        problem: what the trial shares with all others of its study.
        params: what it will try.
    """
    if problem.engine != "stacked" or problem.build is not None or problem.loss.hook is not None:
        return False
    if problem.goals.needs_latency:  # a thread beside the one that measures would be measured, too
        return False
    from tuner.engines.rehearsal import rehearse

    network = network_of(problem, params)
    target = problem.head.encode(problem.dataset.target[:2])
    inputs = np.zeros((len(target), len(network.embeddings) + 1), np.float32)
    rows = Rows(inputs, target, np.ones(len(target), np.float32))
    return rehearse(network, problem.head, problem.loss, [FoldData(rows, rows, rows)])


class Rehearsals:
    """A thread that makes programs ready, those of the nearest trials first; it ends with its process."""

    def __init__(self) -> None:
        self._changes = Condition()
        self._coming: deque[tuple[Problem, Params]] = deque()
        self._thread: Thread | None = None

    def expect(self, problem: Problem, ahead: Sequence[Params]) -> None:
        """Take note of what the trials that come next will try; what was expected before is forgotten."""
        with self._changes:
            self._coming = deque((problem, params) for params in ahead)
            if ahead and self._thread is None:
                sys.setswitchinterval(SWITCH_S)
                self._thread = Thread(target=self._work, daemon=True)
                self._thread.start()
            self._changes.notify()

    def _work(self) -> None:
        while True:
            with self._changes:
                while not self._coming:
                    self._changes.wait()
                problem, params = self._coming.popleft()
            # What goes wrong here goes wrong in the trial too, and is recorded there.
            with suppress(Exception):
                rehearse_trial(problem, params)
