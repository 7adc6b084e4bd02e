"""What a study asks of whatever evaluates its trials, and what it bounds."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tuner.glimpses import Heard
from tuner.records import TrialResult

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan, Trained
    from tuner.problem import Problem
    from tuner.trial import TrialTask


@dataclass(frozen=True, slots=True)
class Limits:
    """What one trial may take.

    Attributes:
        seconds: wall time of its evaluation; None for any.
        bytes: growth of its worker's resident memory while it is evaluated; None for any.
    """

    seconds: float | None = None
    bytes: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is a bound at all."""
        return self.seconds is not None or self.bytes is not None


NO_LIMITS = Limits()


class Executor(Protocol):
    """Evaluates trials and trains final models; knows nothing of studies."""

    slots: int
    """How many trials it takes at the same time, at least 1."""
    ahead: float
    """Seconds of training still to come, as the driver expects them after each trial; infinite while it cannot tell.

    For an executor that starts processes when they are worth it; no result depends on it.
    """

    def listen(self, heard: Heard) -> None:
        """Have glimpses of the trials that are submitted from now on given to ``heard``, from any thread.

        Those of a trial come before its future has a result. One that is evaluated again is seen from its first epoch.
        """

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """Begin to evaluate a trial; at most ``slots`` at the same time."""

    def finish(self, problem: Problem, plan: FinalPlan) -> Future[Trained]:
        """Begin to train a final model; the future raises a ``TunerError`` where that cannot be done."""

    def close(self) -> None:
        """End what is running and let go of all resources."""
