"""The search loop: ask, submit, record. The one writer of a study's records."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np

from tuner.errors import TunerError
from tuner.executors.executor import Executor
from tuner.records import Params, State, TrialResult, key_of
from tuner.search.pruning import BY_FOLD, Told, make_bar
from tuner.search.sampling import Asked, Outcome, Sampling
from tuner.search.storage import StudyStore
from tuner.study import Study
from tuner.tracking.tracker import Tracker
from tuner.trial import Problem, TrialTask, parameters_of


def told_of(study: Study, store: StudyStore, result: TrialResult) -> dict[int, Told]:
    """Return what the study's pruner sees of a recorded trial, by its number.

    That is nothing of one without a score, nor of one that breaks a bound: what others cannot reach is no bar for them.
    """
    if not result.values or not result.feasible:
        return {}
    folds = None
    if study.config.search.pruner in BY_FOLD:
        folds = store.curves(result.number).get(f"val_{study.objective}")
    complete = result.state is State.COMPLETE
    curve = np.array(result.curve)
    return {result.number: Told(result.number, complete, curve, folds, result.parameters)}


def make_task(study: Study, number: int, params: Params, told: Mapping[int, Told]) -> TrialTask:
    """Return all that the evaluation of a trial depends on.

    Args:
        study: what is searched.
        number: the trial's number.
        params: what it tries.
        told: what `told_of` gives of trials, at least of 0 .. number - window; the trial is judged against exactly
            these. Where a smaller network is better, it is against those of them with at most as
            many weights: a small one need not keep up with all others.
    """
    problem, search = study.problem, study.config.search
    # Without a pruner nothing is looked at; to list what was told would cost each trial as much as there are trials.
    known = range(number - search.window + 1) if search.pruner != "none" else ()
    most = _most_weights(problem, params) if known and problem.goals.prefers_small else math.inf
    bar = make_bar(
        search.pruner,
        [told[earlier] for earlier in known if earlier in told and told[earlier].parameters <= most],
        number=number,
        epochs=int(params.get("epochs", problem.epochs)),
        maximize=study.direction == "maximize",
    )
    return TrialTask(problem, number, params, bar)


def _most_weights(problem: Problem, params: Params) -> float:
    """Return how many weights a trial has; any number where it cannot be prepared, which it will say itself."""
    try:
        return parameters_of(problem, params)
    except TunerError:
        return math.inf


class Driver:
    """Brings a study to a number of trials.

    Trial n is asked with the knowledge of exactly the trials 0 .. n - window, and judged against them, however many
    have ended by then. So the table of trials does not depend on the executor's pace or on restarts. A trial whose
    parameters are those of one of them is not trained: that one's record is the answer.

    Args:
        study: what is searched.
        store: the study's records; may hold trials of an earlier process.
        tracker: is told of each ended trial.
        executor: evaluates the trials.
    """

    def __init__(self, study: Study, store: StudyStore, tracker: Tracker, executor: Executor) -> None:
        search = study.config.search
        self._study = study
        self._store = store
        self._tracker = tracker
        self._executor = executor
        self._window = search.window
        self._maximize = study.direction == "maximize"
        self._sampling = Sampling(
            study.config.space,
            search.sampler,
            seed=search.seed,
            window=search.window,
            maximize=self._maximize,
            others=[objective.direction for objective in study.objectives[1:]],
            first=(*study.config.first, *map(study.config.space.complete, store.header().given)),
        )
        self._outcomes: dict[int, Outcome] = {}
        self._told: dict[int, Told] = {}
        self._tried: dict[
            tuple[tuple[str, str], ...], int
        ] = {}  # what was not a failure -> the first trial of it
        for result in store.results().values():
            self._remember(result)
        self._n_ended = 0  # in a row, from trial 0
        self._waiting: list[Asked] = []
        self._n_asked = 0
        for asked in store.asked_trials():
            self._sampling.restore(asked)
            self._n_asked += 1
            if asked.number not in self._outcomes:
                self._waiting.append(asked)

    def run(
        self,
        n_trials: int,
        *,
        deadline: float | None = None,
        training: Callable[[], AbstractContextManager[None]],
    ) -> Iterator[TrialResult]:
        """Yield each trial as it ends, until all ``n_trials`` have.

        Args:
            n_trials: trials of the study, those of earlier processes included.
            deadline: no trial starts after this ``time.monotonic()``.
            training: entered while trials are evaluated or answered; an interruption may come inside.
        """
        running: set[Future[TrialResult]] = set()
        while True:
            while len(running) < self._executor.slots and (deadline is None or time.monotonic() < deadline):
                asked = self._next(n_trials)
                if asked is None:
                    break
                with training():
                    answer = self._answer(asked)
                if answer is not None:
                    self._record(answer)
                    yield answer
                    continue
                task = make_task(self._study, asked.number, asked.params, self._told)
                with training():
                    running.add(self._executor.submit(task))
            if not running:
                return
            with training():
                ended, running = wait(running, return_when=FIRST_COMPLETED)
            for result in sorted((future.result() for future in ended), key=lambda result: result.number):
                self._record(result)
                yield result

    def _next(self, n_trials: int) -> Asked | None:
        """Return the next trial to evaluate; None where there is none, or what it may know is not known yet."""
        if self._waiting:
            return self._waiting.pop(0)
        while self._n_ended in self._outcomes:
            self._n_ended += 1
        if self._n_asked >= n_trials or self._n_ended <= self._n_asked - self._window:
            return None
        asked = self._sampling.ask(self._outcomes)
        if asked is None:
            return None
        self._store.asked(asked)
        self._n_asked += 1
        return asked

    def _answer(self, asked: Asked) -> TrialResult | None:
        """Return the result of the first trial with the same parameters that this one may know of, if there is one.

        A trial that failed is no answer. Which trial it is does not depend on the pace: all that may be known of are.
        """
        earlier = self._tried.get(key_of(asked.params))
        if earlier is None or earlier > asked.number - self._window:
            return None
        return replace(
            self._store.load(earlier),
            number=asked.number,
            params=asked.params,
            seconds=0.0,
            message=f"same parameters as trial {earlier}",
            same_as=earlier,
        )

    def _record(self, result: TrialResult) -> None:
        self._store.ended(result)
        self._tracker.finished(result)
        self._remember(result)

    def _remember(self, result: TrialResult) -> None:
        value = result.values[0] if result.values else None
        self._outcomes[result.number] = Outcome(
            result.state, value, result.epochs, result.values[1:], result.constraints or {}
        )
        if result.state is not State.FAILED:
            key = key_of(result.params)
            self._tried[key] = min(result.number, self._tried.get(key, result.number))
        self._told |= told_of(self._study, self._store, result)
