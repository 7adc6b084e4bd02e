"""Evaluates trials in processes of this machine."""

from __future__ import annotations

import os
from functools import partial

from tuner.executors.crew import Crew
from tuner.executors.devices import deal, gpu_ids, worker_environment
from tuner.executors.executor import NO_LIMITS, Limits
from tuner.executors.process import WorkerProcess


class LocalWorkers(Crew):
    """A ``Crew`` of processes beside this one; none of them outlives it."""

    def __init__(
        self,
        engine: str,
        *,
        workers: int = 1,
        limits: Limits = NO_LIMITS,
        gpus: float = 0.0,
        at_once: int = 1,
    ) -> None:
        """Start the first workers; they are ready some seconds later.

        Args:
            engine: the name of an ``EngineChoice``.
            workers: the most processes at a time, at least 1.
            limits: what a trial may take; a final model may take what it needs.
            gpus: the share of a GPU that each takes, 0 to 1; there must be one where it is not 0.
            at_once: how many processes start now; further ones start once they are worth it.
        """
        devices = deal(gpu_ids(os.environ) if gpus else (), gpus, workers)
        environments = [worker_environment(os.environ, each) for each in devices]
        starts = [partial(WorkerProcess, engine, each) for each in environments]
        super().__init__(starts, limits, at_once, room=1 if gpus else workers)

    @property
    def processes(self) -> list[WorkerProcess]:
        """The processes that there are now, the first worker's first."""
        workers = [seat.worker for seat in self.seats]
        return [worker for worker in workers if isinstance(worker, WorkerProcess)]

    @property
    def pids(self) -> list[int]:
        """Their ids."""
        return [process.pid for process in self.processes]
