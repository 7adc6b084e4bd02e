"""What all trials of a study share, and what a trial's own parameters put in its place."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from tuner.data.choices import DATETIME_WORDS
from tuner.data.dataset import Dataset
from tuner.data.folds import Fold
from tuner.data.preprocess import PreprocessPlan
from tuner.hooks import Hook
from tuner.model.augment import NO_AUGMENT, Augment
from tuner.model.goals import NO_GOALS, Goals
from tuner.model.heads import Head
from tuner.model.losses import LossPlan
from tuner.model.metrics import METRICS, Metric
from tuner.model.thresholds import Decisions
from tuner.records import Params
from tuner.search.stopping import EarlyStopping
from tuner.tasks import Task


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
        engine: the name of an ``EngineChoice``.
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


def plan_of(problem: Problem, params: Params) -> PreprocessPlan:
    """Return how a trial turns columns into inputs: as the study does, but for what its parameters say."""
    own = own_settings(params, "preprocess.", but="preprocess.augment.")
    if own.get("datetime", "auto") not in DATETIME_WORDS:
        own["datetime"] = (own["datetime"],)
    return replace(problem.preprocess, **own)


def own_settings(params: Params, prefix: str, but: str = "\0") -> dict[str, Any]:
    """Return what a trial's parameters say of the settings under a prefix, but for those under another."""
    return {
        name.removeprefix(prefix).replace(".", "_"): value
        for name, value in params.items()
        if name.startswith(prefix) and not name.startswith(but)
    }


def most_epochs(problem: Problem, params: Params) -> int:
    """Return the most epochs that a trial trains: the study's, where its parameters do not say."""
    return int(params.get("epochs", problem.epochs))
