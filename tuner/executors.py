"""Where trials are evaluated."""

from concurrent.futures import Future
from typing import Protocol

from tuner.records import TrialResult
from tuner.trial import TrialTask, evaluate, make_engine


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
