"""Evaluates trials in processes of this machine."""

from __future__ import annotations

import os
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from tuner.executors.crew import Crew
from tuner.executors.devices import deal, gpu_ids, worker_environment
from tuner.executors.executor import NO_LIMITS, Limits
from tuner.executors.process import WorkerProcess
from tuner.records import TrialResult

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan, Trained
    from tuner.trial import Problem, TrialTask


class LocalWorkers:
    """Evaluates trials by a ``Crew`` of processes beside this one; none of them outlives it."""

    def __init__(
        self, engine: str, *, workers: int = 1, limits: Limits = NO_LIMITS, gpus: float = 0.0
    ) -> None:
        """Start the first worker; it is ready some seconds later.

        Args:
            engine: a name in ``ENGINES``.
            workers: the most processes at a time, at least 1.
            limits: what a trial may take; a final model may take what it needs.
            gpus: the share of a GPU that each takes, 0 to 1; there must be one where it is not 0.
        """
        devices = deal(gpu_ids(os.environ) if gpus else (), gpus, workers)
        environments = [worker_environment(os.environ, each) for each in devices]
        self._crew = Crew([partial(WorkerProcess, engine, each) for each in environments], limits)
        self.slots = self._crew.slots

    @property
    def processes(self) -> list[WorkerProcess]:
        """The processes that there are now, the first worker's first."""
        workers = [seat.worker for seat in self._crew.seats]
        return [worker for worker in workers if isinstance(worker, WorkerProcess)]

    @property
    def pids(self) -> list[int]:
        """Their ids."""
        return [process.pid for process in self.processes]

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """See ``Crew.submit``."""
        return self._crew.submit(task)

    def finish(self, problem: Problem, plan: FinalPlan) -> Future[Trained]:
        """See ``Executor.finish``."""
        return self._crew.finish(problem, plan)

    def close(self) -> None:
        """See ``Crew.close``."""
        self._crew.close()
