"""One trial: parameters in, cross-validated scores out. The only place that touches scored rows."""

import time
import traceback
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from tuner.engines.base import Epoch
from tuner.engines.choice import make_engine
from tuner.export.costs import weighed
from tuner.glimpses import EVERY_S, Glimpses, Heard, unheard
from tuner.model.fold_metrics import FoldScorer
from tuner.model.goals import LATENCY, PARAMETERS
from tuner.prepared import (
    network_of,
    prepare,
)
from tuner.problem import Problem, most_epochs
from tuner.records import Params, Reason, State, TrialResult
from tuner.search.pruning import Bar
from tuner.search.stopping import Watch
from tuner.seeds import derive

REFERENCE = 0
"""The default configuration, which all others are compared with: it is trained even where it breaks a bound."""


@dataclass(frozen=True, slots=True, eq=False)
class TrialTask:
    """All that the evaluation of one trial depends on; picklable.

    Attributes:
        problem: what the trial shares with all others of its study.
        number: 0, 1, ...
        params: what it tries.
        bar: what its curve must reach not to be pruned.
    """

    problem: Problem
    number: int
    params: Params
    bar: Bar

    @property
    def epochs(self) -> int:
        """The most epochs that it trains."""
        return most_epochs(self.problem, self.params)


def evaluate(task: TrialTask, glimpse: Heard = unheard, every: float = EVERY_S) -> TrialResult:
    """Train the networks of all folds and score them; the same task gives the same result to the bit.

    A trial whose loss or outputs stop being finite fails as diverged; any other exception fails it too, so that one
    trial does not end a search. An interruption is no failure and passes through. How a long trial stands is given to
    ``glimpse`` as ``every`` so many seconds pass.
    """
    started = time.perf_counter()
    blank = TrialResult(number=task.number, state=State.FAILED, params=task.params)
    try:
        result = Course(task).run(blank, Glimpses(task.number, task.epochs, glimpse, every))
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno})"
        result = replace(blank, reason=Reason.ERROR, message=message)
    return replace(result, seconds=time.perf_counter() - started)


@lru_cache(maxsize=32)
def _scorer(problem: Problem, name: str) -> FoldScorer:
    """Return what scores the scored rows of all folds; kept for the next trial."""
    return _scorer_of(problem, name, [fold.score for fold in problem.folds])


def _scorer_of(problem: Problem, name: str, rows: Sequence[np.ndarray]) -> FoldScorer:
    return FoldScorer(problem.metric(name), problem.head, problem.dataset.target, rows, problem.score_weight)


class Course:
    """The course of one trial: what its epochs add up to.

    Attributes:
        folds: what the fold networks read.
        watch: which epoch counts for each fold, and whether training has ended.
    """

    def __init__(self, task: TrialTask) -> None:
        self.task = task
        self.problem = task.problem
        self.folds = prepare(task.problem, task.params)
        self.objective = _scorer(self.problem, self.problem.metrics[0])
        self.curves: dict[str, list[np.ndarray]] = {}
        self.curve: list[float] = []
        self.best: np.ndarray | None = None
        rule = self.problem.early_stopping
        watched = rule is not None and rule.monitor != "val_loss"
        monitored = self.problem.metric(rule.monitor.removeprefix("val_")) if rule and watched else None
        self.monitor = self._monitor(monitored.name) if monitored else None
        maximize = monitored is not None and monitored.direction == "maximize"
        self.watch = Watch(rule, len(self.folds), maximize=maximize)

    def run(self, blank: TrialResult, glimpses: Glimpses) -> TrialResult:
        """Train until the last epoch, early stopping, pruning or divergence; nothing where a bound is broken."""
        problem, n_inputs = self.problem, self.folds[0].data.train.inputs.shape[1]
        network = network_of(problem, self.task.params)
        blank = weighed(blank, problem.goals, network, n_inputs, problem.head)
        if not blank.feasible and self.task.number != REFERENCE:
            return replace(blank, state=State.PRUNED, curves={})
        state = State.COMPLETE
        with closing(self.epochs()) as epochs:
            for epoch in epochs:
                obstacle = divergence(epoch)
                if obstacle is not None:
                    return self._failed(blank, obstacle)
                self.take(epoch)
                if self.task.bar.prunes(self.curve, self.curves[f"val_{self.problem.metrics[0]}"]):
                    state = State.PRUNED
                    break
                if self.watch.ended:
                    break
                glimpses.see(self.curves)
        return self._scored(replace(blank, state=state))

    def epochs(self) -> Generator[Epoch]:
        """Yield the epochs of the fold networks; the same task yields the same ones to the bit."""
        problem, task = self.problem, self.task
        return make_engine(problem.engine).train(
            network_of(problem, task.params),
            problem.head,
            problem.loss,
            [fold.data for fold in self.folds],
            epochs=task.epochs,
            seed=derive(problem.seed, "trial", task.number),
        )

    def take(self, epoch: Epoch) -> None:
        """Add an epoch to the curves and keep the outputs of the folds that it is the best of."""
        scored = self._in_target_units(epoch.scored, [len(fold.data.score) for fold in self.folds])
        values = self.objective(scored)
        self.curve.append(float(np.mean(values)))
        name = f"val_{self.problem.metrics[0]}"
        for key, series in (("train_loss", epoch.train_loss), ("val_loss", epoch.val_loss), (name, values)):
            self.curves.setdefault(key, []).append(series)
        if self.monitor is None:
            self.watch.see(epoch.val_loss)
        elif epoch.watched is epoch.scored:
            self.watch.see(self.monitor(scored))
        else:
            lengths = [len(fold.data.watch) for fold in self.folds]
            self.watch.see(self.monitor(self._in_target_units(epoch.watched, lengths)))
        if self.best is None or self.watch.improved.all():
            self.best = scored
        else:
            rows = np.repeat(self.watch.improved, [len(fold.data.score) for fold in self.folds])
            self.best = np.where(rows[:, None], scored, self.best)

    def _scored(self, blank: TrialResult) -> TrialResult:
        """Return the result at the best epoch."""
        assert self.best is not None
        fold_metrics = {name: self._scores(name, self.best) for name in self.problem.metrics}
        costs = {PARAMETERS: blank.parameters, LATENCY: blank.latency_ms}
        scores = self.problem.goals.scores(self.problem.metrics[0], fold_metrics, costs, len(self.folds))
        return replace(
            blank,
            values=tuple(value for value, _ in scores),
            fold_values=tuple(by_fold for _, by_fold in scores),
            best_epoch=round(float(np.median(self.watch.best_epochs))),
            epochs=len(self.curve),
            metrics={name: _mean_where_defined(each) for name, each in fold_metrics.items()},
            fold_metrics={name: tuple(map(float, each)) for name, each in fold_metrics.items()},
            curve=tuple(self.curve),
            curves=self._stacked_curves(),
            oof=self._out_of_fold(self.best) if blank.state is State.COMPLETE else None,
        )

    def _scores(self, name: str, outputs: np.ndarray) -> np.ndarray:
        """Return a metric of each fold, with the thresholds that the other folds choose where they are chosen."""
        decide = self.problem.decide(self.problem.metric(name))
        return _scorer(self.problem, name)(outputs if decide is None else decide(outputs))

    def _failed(self, blank: TrialResult, message: str) -> TrialResult:
        epochs = len(self.curve)
        return replace(
            blank, reason=Reason.DIVERGED, message=message, epochs=epochs, curves=self._stacked_curves()
        )

    def _stacked_curves(self) -> dict[str, np.ndarray]:
        return {name: np.stack(series) for name, series in self.curves.items()}

    def _monitor(self, metric: str) -> FoldScorer:
        """Return what scores the watched rows."""
        if all(fold.data.watch is fold.data.score for fold in self.folds):
            return _scorer(self.problem, metric)
        rows = [fold.watched for fold in self.folds]
        return _scorer_of(self.problem, metric, rows)

    def _in_target_units(self, outputs: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
        """Undo each fold's scaling of the target on (n, n_units) outputs, fold after fold."""
        if self.folds[0].target_scaler is None:
            return outputs
        parts = np.split(outputs, np.cumsum(lengths)[:-1])
        return np.concatenate(
            [
                fold.target_scaler.inverse(part)
                for fold, part in zip(self.folds, parts, strict=True)
                if fold.target_scaler
            ]
        )

    def _out_of_fold(self, outputs: np.ndarray) -> np.ndarray:
        """Return (n_repeats, n_rows, n_units) outputs at the places of their rows, NaN elsewhere."""
        problem = self.problem
        per_repeat = len(problem.folds) // problem.n_repeats
        shape = (problem.n_repeats, len(problem.dataset.target), outputs.shape[1])
        placed = np.full(shape, np.nan, outputs.dtype)
        first = 0
        for fold in problem.folds:
            placed[fold.number // per_repeat, fold.score] = outputs[first : first + len(fold.score)]
            first += len(fold.score)
        return placed


def divergence(epoch: Epoch) -> str | None:
    """Return in which folds the losses or outputs are not finite, or None."""
    finite = np.isfinite(epoch.train_loss) & np.isfinite(epoch.val_loss)
    if finite.all() and np.isfinite(epoch.scored).all():
        return None
    folds = ", ".join(str(number) for number in np.flatnonzero(~finite)) or "a scored row"
    return f"the loss was no longer finite in epoch {epoch.number} (folds: {folds})"


def _mean_where_defined(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(np.mean(defined)) if len(defined) else float("nan")
