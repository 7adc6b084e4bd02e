"""What the driver takes a trial, in processor time: to ask, and to record to SQLite and MLflow."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState, create_trial

from benchmarks.pace import write_study
from tuner.config.study_file import StudyConfig, load_config
from tuner.driver import Driver
from tuner.header import make_header
from tuner.places import tracking_place
from tuner.records import State, TrialResult
from tuner.run import make_card
from tuner.search.sampling import Asked, Outcome, Sampling
from tuner.search.storage import StudyStore
from tuner.study import Study, open_study
from tuner.tracking.mlflow_tracker import MlflowTracker
from tuner.tracking.tracker import Ending
from tuner.tracking.tracker import Outcome as Came
from tuner.trial import TrialTask

IRIS = """\
data: {{sklearn: iris}}
search_space: mlp
metrics: [f1_macro, log_loss]
search: {{trials: {trials}, sampler: {sampler}}}
"""

N_EPOCHS = 60


def _optunas_tpe(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)


ALONE: Mapping[str, Callable[[int], BaseSampler]] = {
    "random": lambda seed: RandomSampler(seed=seed),
    "tpe": _optunas_tpe,
}
"""Optuna's own sampler of a trial, from its seed."""


class AtOnce:
    """Answers a trial with curves and predictions of the usual sizes, without training.

    Args:
        n_epochs: how many epochs the curves have.
    """

    slots = 1
    ahead = 0.0

    def __init__(self, n_epochs: int) -> None:
        self._n_epochs = n_epochs

    def listen(self, heard: object) -> None:
        """See ``Executor.listen``; no trial takes long."""

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """See ``Executor.submit``."""
        future: Future[TrialResult] = Future()
        future.set_result(_made_up(task, self._n_epochs))
        return future

    def finish(self, problem: object, plan: object) -> Future[None]:
        """See ``Executor.finish``; the search is left before that."""
        raise RuntimeError("this benchmark trains no final model")

    def close(self) -> None:
        """See ``Executor.close``."""


class ClockedStore(StudyStore):
    """A study's records, and the seconds of this thread that each trial takes to be written."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name)
        self.seconds: dict[int, float] = {}

    def asked(self, asked: Asked) -> None:
        """See ``StudyStore.asked``."""
        with self._clocked(asked.number):
            super().asked(asked)

    def ended(self, result: TrialResult) -> None:
        """See ``StudyStore.ended``."""
        with self._clocked(result.number):
            super().ended(result)

    @contextmanager
    def _clocked(self, number: int) -> Iterator[None]:
        began = time.thread_time()
        yield
        self.seconds[number] = self.seconds.get(number, 0.0) + time.thread_time() - began


class Untold:
    """A tracker that keeps nothing."""

    def finished(self, result: TrialResult) -> None:
        """See ``Tracker.finished``."""


def driver_cost(sampler: str, n_trials: int) -> dict[str, Any]:
    """Return what a study's trials cost the driver: milliseconds of processor time a trial."""
    with TemporaryDirectory() as folder:
        config = _config(Path(folder), sampler, n_trials)
        study = open_study(config)
        with closing(ClockedStore(config.runs_folder, config.name)) as store:
            header = make_header(study)
            store.create(header, maximize=study.direction == "maximize")
            tracker = MlflowTracker(*tracking_place(config))
            tracker.started(make_card(study, header), (), store.load)
            began_all, began = time.process_time(), time.thread_time()
            asking = _asking(study, store, tracker, n_trials)
            driver_seconds = time.thread_time() - began
            tracker.closed(Ending.FINISHED, Came({}))
            tracking_seconds = time.process_time() - began_all - driver_seconds
    storing = [store.seconds[number] for number in range(n_trials)]
    last = slice(-max(1, n_trials // 10), None)
    tracking = tracking_seconds / n_trials
    return {
        "sampler": sampler,
        "trials": n_trials,
        "ask_ms": 1000 * median(asking),
        "ask_last_ms": 1000 * median(asking[last]),
        "store_ms": 1000 * median(storing),
        "store_last_ms": 1000 * median(storing[last]),
        "mlflow_ms": 1000 * tracking,
        "all_ms": 1000 * (median(np.add(asking, storing)) + tracking),
    }


def _asking(study: Study, store: ClockedStore, tracker: MlflowTracker, n_trials: int) -> list[float]:
    """Return the seconds of this thread between one trial and the next, without those of the records."""
    driver = Driver(study, store, tracker, AtOnce(N_EPOCHS))
    seconds = []
    began = time.thread_time()
    for result in driver.run(n_trials, training=nullcontext):
        seconds.append(time.thread_time() - began - store.seconds[result.number])
        began = time.thread_time()
    return seconds


def sampler_cost(sampler: str, n_trials: int, *, asks: int = 10) -> dict[str, Any]:
    """Return what Optuna's sampler takes alone after so many trials, in milliseconds of processor time an ask."""
    with TemporaryDirectory() as folder:
        config = _config(Path(folder), sampler, n_trials)
    study = _told_study(config, n_trials)
    seconds = []
    for number in range(asks):
        study.sampler = ALONE[sampler](number)
        began = time.thread_time()
        trial = study.ask()
        config.space.suggest(trial)
        seconds.append(time.thread_time() - began)
        study.tell(trial, state=TrialState.FAIL)
    return {"sampler": sampler, "trials": n_trials, "ask_ms": 1000 * median(seconds)}


def _told_study(config: StudyConfig, n_trials: int) -> Any:
    """Return a study of Optuna's in memory with so many random trials."""
    sampling = Sampling(config.space, "random", seed=0, window=1, maximize=True)
    outcomes: dict[int, Outcome] = {}
    study = optuna.create_study(direction="maximize")
    random = np.random.default_rng(0)
    for number in range(n_trials):
        asked = sampling.ask(outcomes)
        assert asked is not None, "a random search has no end"
        outcomes[number] = Outcome(State.COMPLETE, float(random.random()), N_EPOCHS)
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                value=outcomes[number].value,
                params=dict(asked.sampled),
                distributions=dict(asked.distributions),
            )
        )
    return study


def _config(folder: Path, sampler: str, n_trials: int) -> StudyConfig:
    return load_config(write_study(folder, IRIS.format(trials=n_trials, sampler=sampler)))


def _made_up(task: TrialTask, n_epochs: int) -> TrialResult:
    random = np.random.default_rng(task.number)
    problem = task.problem
    n_folds = len(problem.folds)
    curves = {
        name: random.random((n_epochs, n_folds))
        for name in ("train_loss", "val_loss", "val_" + problem.metrics[0])
    }
    folds = {name: tuple(map(float, random.random(n_folds))) for name in problem.metrics}
    values = folds[problem.metrics[0]]
    shape = (problem.n_repeats, len(problem.dataset.target), problem.head.units)
    return TrialResult(
        number=task.number,
        state=State.COMPLETE,
        params=task.params,
        values=(float(np.mean(values)),),
        fold_values=(values,),
        best_epoch=n_epochs,
        epochs=n_epochs,
        metrics={name: float(np.mean(each)) for name, each in folds.items()},
        fold_metrics=folds,
        curve=tuple(map(float, curves["val_" + problem.metrics[0]].mean(axis=1))),
        curves=curves,
        oof=random.random(shape).astype(np.float32),
    )
