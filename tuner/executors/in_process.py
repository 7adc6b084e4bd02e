"""Evaluates trials in this process, one after the other."""

from __future__ import annotations

import math
from concurrent.futures import Future
from typing import TYPE_CHECKING

from tuner.engines.choice import make_engine
from tuner.errors import TunerError
from tuner.glimpses import Heard, unheard
from tuner.records import TrialResult

if TYPE_CHECKING:  # scikit-learn and pandas, which are imported where they are used
    from tuner.final import FinalPlan, Trained
    from tuner.problem import Problem
    from tuner.trial import TrialTask


class InProcess:
    """Evaluates a trial in this process, while ``submit`` is called; it bounds neither its time nor its memory."""

    slots = 1
    ahead = math.inf

    def __init__(self, engine: str) -> None:
        """Load the engine, so that no trial's time includes that.

        Args:
            engine: the name of an ``EngineChoice``.
        """
        make_engine(engine)
        self._heard: Heard = unheard

    def listen(self, heard: Heard) -> None:
        """See ``Executor.listen``; ``heard`` is called while ``submit`` is."""
        self._heard = heard

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """See ``Executor.submit``; an interruption passes through."""
        from tuner.trial import evaluate

        future: Future[TrialResult] = Future()
        future.set_result(evaluate(task, self._heard))
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
