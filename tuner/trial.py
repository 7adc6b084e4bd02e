"""One trial: parameters in, cross-validated scores out. The only place that touches scored rows."""

import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from tuner.data.choices import DATETIME_WORDS
from tuner.data.dataset import Dataset
from tuner.data.folds import Fold
from tuner.data.inner import split_off
from tuner.data.kept import Kept
from tuner.data.places import column_places
from tuner.data.preprocess import Preprocessor, PreprocessPlan, TargetScaler
from tuner.data.target_scaling import fit_scaler
from tuner.engines.base import Epoch, FoldData, Rows
from tuner.engines.choice import make_engine
from tuner.export.costs import count_weights, weighed
from tuner.glimpses import EVERY_S, Glimpses, Heard, unheard
from tuner.hooks import Hook
from tuner.model.augment import NO_AUGMENT, Augment
from tuner.model.cnn import as_image
from tuner.model.fold_metrics import FoldScorer
from tuner.model.goals import LATENCY, NO_GOALS, PARAMETERS, Goals
from tuner.model.heads import Head
from tuner.model.losses import LossPlan
from tuner.model.metrics import METRICS, Metric
from tuner.model.network import MODELS, Network, embed, plan_own_network
from tuner.model.own_model import OwnModel, own_params
from tuner.model.thresholds import Decisions
from tuner.records import Params, Reason, State, TrialResult
from tuner.refine import refine
from tuner.search.pruning import Bar
from tuner.search.stopping import EarlyStopping, Watch
from tuner.seeds import derive
from tuner.tasks import Task

INNER_SHARE = 0.15
"""Share of a fold's training rows that early stopping watches with ``rows: inner``."""

REFERENCE = 0
"""The default configuration, which all others are compared with: it is trained even where it breaks a bound."""
MOST_PREPARED = 256 * 2**20
"""Bytes of prepared folds that are kept for trials with the same preprocessing."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What all trials of a study share; picklable.

    Attributes:
        dataset: the table.
        folds: the splits of the rows that the search may see; ``n_repeats`` times the same number.
        n_repeats: how often the rows were split into folds.
        head: the end of every network.
        preprocess: how columns become inputs, where a trial's parameters do not say.
        augment: how training batches are varied, where a trial's parameters do not say.
        loss: what training lowers.
        metrics: their names; the first is the objective, or the first of several.
        epochs: the most epochs, where a trial's parameters do not say.
        early_stopping: when training ends before, or None.
        engine: a name in ``ENGINES``.
        model: a name in ``MODELS``, or of a function of the user's.
        seed: the study's seed.
        build: the user's function that builds the networks; None where ``model`` is a name in ``MODELS``.
        goals: the other objectives, and what a network must keep.
        asked: the metrics among them that are not in ``METRICS``.
        weighted: whether rows have their weights in scores, too.
        tuned: whether thresholds are chosen, by ``threshold_metric``.
    """

    dataset: Dataset
    folds: tuple[Fold, ...]
    n_repeats: int
    head: Head
    preprocess: PreprocessPlan
    loss: LossPlan
    metrics: tuple[str, ...]
    epochs: int
    early_stopping: EarlyStopping | None
    engine: str
    model: str
    seed: int
    goals: Goals = NO_GOALS
    augment: Augment = NO_AUGMENT
    build: Hook | None = None
    asked: tuple[Metric, ...] = ()
    weighted: bool = False
    tuned: bool = False

    def metric(self, name: str) -> Metric:
        """Return a metric by its name."""
        return next((metric for metric in self.asked if metric.name == name), None) or METRICS[name]

    @property
    def score_weight(self) -> np.ndarray | None:
        """How much each row counts in scores, (n_rows,); None where all count alike."""
        return self.dataset.weight if self.weighted else None

    @property
    def threshold_metric(self) -> Metric | None:
        """What thresholds are chosen by: the first metric of labels; None where they are not chosen."""
        of_labels = (metric for metric in map(self.metric, self.metrics) if metric.needs == "labels")
        return next(of_labels, None) if self.tuned else None

    def decide(self, metric: Metric) -> Callable[[np.ndarray], np.ndarray] | None:
        """Return what turns out-of-fold outputs, fold after fold, into those that a metric's labels are decided from.

        None where they are decided from the outputs themselves, or the metric has no need of labels.
        """
        return None if self.threshold_metric is None or metric.needs != "labels" else _decisions(self).decided

    @property
    def target_form(self) -> str:
        """How the target is scaled for training, a name in ``TARGET_FORMS``; classes and labels are not."""
        return self.loss.spec.target if self.head.task is Task.REGRESSION else "none"


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


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFold:
    """A fold as its network reads it, and the way back from outputs to the target's own unit.

    Attributes:
        data: the rows of the fold.
        learnt: row numbers of ``data.train`` in the data set, before classes are balanced.
        watched: row numbers of ``data.watch`` in the data set.
        preprocessor: fitted on the training rows.
        target_scaler: undoes the scaling of a regression target; None where the target is not scaled.
    """

    data: FoldData
    learnt: np.ndarray
    watched: np.ndarray
    preprocessor: Preprocessor
    target_scaler: TargetScaler | None


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


def prepare(problem: Problem, params: Params) -> tuple[PreparedFold, ...]:
    """Return what each fold's network reads; all that is fitted is fitted on the fold's training rows.

    The result is kept for the next trial with the same preprocessing.
    """
    return prepare_by(problem, plan_of(problem, params))


def plan_of(problem: Problem, params: Params) -> PreprocessPlan:
    """Return how a trial turns columns into inputs: as the study does, but for what its parameters say."""
    own = _own(params, "preprocess.", but="preprocess.augment.")
    if own.get("datetime", "auto") not in DATETIME_WORDS:
        own["datetime"] = (own["datetime"],)
    return replace(problem.preprocess, **own)


def network_of(problem: Problem, params: Params) -> Network:
    """Return the plan of a trial's networks, of the images that they read, and of how their batches are varied."""
    augment = replace(problem.augment, **_own(params, "preprocess.augment."))
    if problem.build is None:
        network = MODELS[problem.model].plan(params)
        image = as_image(problem.dataset.row_shape) if network.blocks else None
        tables = Preprocessor(problem.dataset.columns, plan_of(problem, params), problem.seed).tables
        return embed(replace(network, augment=augment, image=image), params, tables)
    columns = column_places(_unbalanced(problem, params)[0].preprocessor)
    own = OwnModel(problem.build, tuple(own_params(params).items()), columns)
    return replace(plan_own_network(own, params), augment=augment)


def _own(params: Params, prefix: str, but: str = "\0") -> dict[str, Any]:
    return {
        name.removeprefix(prefix).replace(".", "_"): value
        for name, value in params.items()
        if name.startswith(prefix) and not name.startswith(but)
    }


def most_epochs(problem: Problem, params: Params) -> int:
    """Return the most epochs that a trial trains: the study's, where its parameters do not say."""
    return int(params.get("epochs", problem.epochs))


def width_of(problem: Problem, params: Params) -> int:
    """Return how many inputs a trial's networks have."""
    return _width(problem, replace(plan_of(problem, params), balance="none"))


def _unbalanced(problem: Problem, params: Params) -> tuple[PreparedFold, ...]:
    """Return the folds as they are before classes are balanced, which changes rows and no inputs."""
    return prepare_by(problem, replace(plan_of(problem, params), balance="none"))


def parameters_of(problem: Problem, params: Params) -> int:
    """Return how many trainable weights each of a trial's networks has."""
    return count_weights(network_of(problem, params), width_of(problem, params), problem.head)


@lru_cache(maxsize=256)
def _width(problem: Problem, plan: PreprocessPlan) -> int:
    width: int = prepare_by(problem, plan)[0].data.train.inputs.shape[1]
    return width


def prepare_by(problem: Problem, plan: PreprocessPlan) -> tuple[PreparedFold, ...]:
    """Return what each fold's network reads by a plan; see ``prepare``."""
    return _PREPARED.get((problem, plan), partial(_prepare, problem, plan))


def _prepare(problem: Problem, plan: PreprocessPlan) -> tuple[PreparedFold, ...]:
    if plan == plan.bare:
        return tuple(_prepare_fold(problem, plan, fold) for fold in problem.folds)
    bare = zip(problem.folds, prepare_by(problem, plan.bare), strict=True)
    return tuple(
        _refined(problem, plan, prepared, derive(problem.seed, "preprocess", fold.number))
        for fold, prepared in bare
    )


def _refined(problem: Problem, plan: PreprocessPlan, fold: PreparedFold, seed: int) -> PreparedFold:
    target = problem.dataset.target[fold.learnt]
    data, preprocessor = refine(
        fold.data, fold.preprocessor, plan, target=target, head=problem.head, seed=seed
    )
    return replace(fold, data=data, preprocessor=preprocessor)


def _size(folds: tuple[PreparedFold, ...]) -> int:
    parts = [rows for fold in folds for rows in (fold.data.train, fold.data.watch, fold.data.score)]
    return sum(rows.inputs.nbytes for rows in parts)


_PREPARED: Kept[tuple[Problem, PreprocessPlan], tuple[PreparedFold, ...]] = Kept(MOST_PREPARED, _size)


def _prepare_fold(problem: Problem, plan: PreprocessPlan, fold: Fold) -> PreparedFold:
    train, watched = fold.train, fold.score
    if problem.early_stopping is not None and problem.early_stopping.inner:
        seed = derive(problem.seed, "inner", fold.number)
        train, watched = split_off(problem.dataset, fold.train, INNER_SHARE, seed)
    seed = derive(problem.seed, "preprocess", fold.number)
    return prepare_rows(problem, plan, train=train, watched=watched, scored=fold.score, seed=seed)


def prepare_rows(
    problem: Problem,
    plan: PreprocessPlan,
    *,
    train: np.ndarray,
    watched: np.ndarray,
    scored: np.ndarray,
    seed: int,
) -> PreparedFold:
    """Return what one network reads; all that is fitted is fitted on the rows to learn from.

    Args:
        problem: whose data set it is.
        plan: how columns become inputs.
        train: (n_train,) row numbers to learn from.
        watched: (n_watched,) row numbers that the validation loss is computed on; may be ``scored`` itself.
        scored: (n_scored,) row numbers to predict after each epoch.
        seed: of what is random in preprocessing.
    """
    dataset = problem.dataset
    preprocessor = Preprocessor(dataset.columns, plan, seed).fit(dataset.features.iloc[train])
    scaler = fit_scaler(problem.target_form, problem.head.activation, dataset.target[train])
    weight = np.ones(len(dataset.target)) if dataset.weight is None else dataset.weight
    weight = weight / weight[train].mean()

    def rows(numbers: np.ndarray) -> Rows:
        target = dataset.target[numbers]
        return Rows(
            inputs=preprocessor.transform(dataset.features.iloc[numbers]),
            target=problem.head.encode(target if scaler is None else scaler.transform(target)),
            weight=weight[numbers].astype(np.float32),
        )

    score = rows(scored)
    watch = score if watched is scored else rows(watched)
    bare = PreparedFold(FoldData(rows(train), watch, score), train, watched, preprocessor, scaler)
    return bare if plan == plan.bare else _refined(problem, plan, bare, seed)


@lru_cache(maxsize=32)
def _scorer(problem: Problem, name: str) -> FoldScorer:
    """Return what scores the scored rows of all folds; kept for the next trial."""
    return _scorer_of(problem, name, [fold.score for fold in problem.folds])


def _scorer_of(problem: Problem, name: str, rows: Sequence[np.ndarray]) -> FoldScorer:
    return FoldScorer(problem.metric(name), problem.head, problem.dataset.target, rows, problem.score_weight)


@lru_cache(maxsize=4)
def _decisions(problem: Problem) -> Decisions:
    """Return what decides labels where thresholds are chosen."""
    metric = problem.threshold_metric
    assert metric is not None, "asked for where thresholds are chosen"
    return Decisions(
        metric,
        problem.head,
        problem.dataset.target,
        [fold.score for fold in problem.folds],
        problem.n_repeats,
        problem.score_weight,
    )


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
