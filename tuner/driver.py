"""The search loop: ask, submit, record. The one writer of a study's records."""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np

from tuner.errors import TunerError
from tuner.executors.executor import Executor
from tuner.prepared import parameters_of
from tuner.problem import Problem, most_epochs
from tuner.records import Glimpse, Params, State, TrialResult, key_of
from tuner.search.pruners import BY_FOLD, Bars, BarsBySize, StudyBars
from tuner.search.pruning import Told
from tuner.search.sampling import Asked, Outcome, Sampling
from tuner.search.storage import StudyStore
from tuner.study import Study
from tuner.tracking.tracker import Tracker
from tuner.trial import TrialTask

LOOK_S = 1.0
"""Seconds between two looks at what is heard of trials while none of them ends."""


def told_of(study: Study, store: StudyStore, result: TrialResult) -> Told | None:
    """Return what the study's pruner sees of a recorded trial.

    That is nothing of one without a score, nor of one that breaks a bound: what others cannot reach is no bar for them.
    """
    if not result.values or not result.feasible:
        return None
    folds = None
    if study.config.search.pruner in BY_FOLD:
        curves = store.curves(result.number) if result.curves is None else result.curves
        folds = curves.get(f"val_{study.objective}")
    complete = result.state is State.COMPLETE
    return Told(result.number, complete, np.array(result.curve), folds, result.parameters)


def make_bars(study: Study) -> StudyBars:
    """Return what makes the bars of a study's trials."""
    make = BarsBySize if study.problem.goals.prefers_small else Bars
    return make(study.config.search.pruner, maximize=study.direction == "maximize")


def make_task(study: Study, bars: StudyBars, number: int, params: Params) -> TrialTask:
    """Return all that the evaluation of a trial depends on.

    Args:
        study: what is searched.
        bars: has seen exactly the trials that the trial is judged against: those of 0 .. number - window.
        number: the trial's number.
        params: what it tries.
    """
    problem = study.problem
    epochs = most_epochs(problem, params)
    bar = bars.bar(number, epochs, lambda: _most_weights(problem, params))
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
        tracker: is told of each ended trial, and of how a long one stands.
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
        self._bars = make_bars(study)
        self._told: dict[int, Told | None] = {}  # by number, what the pruner is still to see
        self._n_seen = 0
        self._n_ended = 0  # in a row, from trial 0
        self._n_trained, self._seconds = 0, 0.0
        self._tried: dict[
            tuple[tuple[str, str], ...], int
        ] = {}  # what was not a failure -> the first trial of it
        for result in store.results().values():
            self._remember(result)
        self._evaluated: dict[int, Params] = {}  # what is in the executor's hands
        self._glimpses: dict[int, Glimpse] = {}  # the latest of each trial that was not passed on yet
        executor.listen(self._hear)
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
    ) -> Iterator[TrialResult | Glimpse]:
        """Yield each trial as it ends, until all ``n_trials`` have; before that, how long ones stand.

        Args:
            n_trials: trials of the study, those of earlier processes included.
            deadline: no trial starts after this ``time.monotonic()``.
            training: entered while trials are evaluated or answered; an interruption may come inside.
        """
        running: set[Future[TrialResult]] = set()
        while True:
            self._executor.ahead = self._ahead(n_trials, deadline)
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
                task = self._task(asked)
                self._evaluated[asked.number] = asked.params
                with training():
                    running.add(self._executor.submit(task))
            if not running:
                return
            with training():
                ended, running = wait(running, timeout=LOOK_S, return_when=FIRST_COMPLETED)
            for result in sorted((future.result() for future in ended), key=lambda result: result.number):
                self._evaluated.pop(result.number)
                self._record(result)
                yield result
            yield from self._seen()

    def _hear(self, glimpse: Glimpse) -> None:
        """Take a glimpse of a trial, in whatever thread it comes; the tracker need not wait for a trial to end."""
        params = self._evaluated.get(glimpse.number)
        if params is not None:
            self._tracker.glimpsed(glimpse, params)
            self._glimpses[glimpse.number] = glimpse

    def _seen(self) -> Iterator[Glimpse]:
        """Yield the latest glimpse of each trial that has been heard of since and has not ended."""
        while self._glimpses:
            number, glimpse = self._glimpses.popitem()
            if number in self._evaluated:
                yield glimpse

    def _ahead(self, n_trials: int, deadline: float | None) -> float:
        """Return how many seconds of training are still to come, by the mean of the trials so far."""
        left = n_trials - len(self._outcomes)
        if left > 0 and not self._n_trained:
            seconds = math.inf
        else:
            seconds = max(0, left) * self._seconds / max(1, self._n_trained)
        return seconds if deadline is None else min(seconds, deadline - time.monotonic())

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

    def _task(self, asked: Asked) -> TrialTask:
        """Return a trial's task; they come in the order of the numbers, so that each may know more than the last."""
        known = range(self._n_seen, asked.number - self._window + 1)
        self._bars.see(self._told.pop(number) for number in known)
        self._n_seen = max(self._n_seen, known.stop)
        return make_task(self._study, self._bars, asked.number, asked.params)

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
        if result.same_as is None:
            self._n_trained += 1
            self._seconds += result.seconds
        if result.state is not State.FAILED:
            key = key_of(result.params)
            self._tried[key] = min(result.number, self._tried.get(key, result.number))
        self._told[result.number] = told_of(self._study, self._store, result)
