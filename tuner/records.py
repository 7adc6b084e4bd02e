"""What is known of a trial once it has ended: the value that workers return, and storage and MLflow keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

ParamValue = int | float | str | bool
"""A parameter's value in one trial."""

Params = Mapping[str, ParamValue]
"""A trial's parameters; one whose ``when`` does not hold is absent."""


def key_of(params: Params) -> tuple[tuple[str, str], ...]:
    """Return what two trials with the same parameters have alike; true, 1 and 1.0 are different values."""
    return tuple(sorted((name, repr(value)) for name, value in params.items()))


class State(StrEnum):
    """How a trial stands."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    RUNNING = "running"


class Reason(StrEnum):
    """Why a trial failed."""

    DIVERGED = "diverged"
    """A loss or a prediction became NaN or infinite."""
    TIMEOUT = "timeout"
    """It took longer than ``search.trial_timeout``."""
    MEMORY = "memory"
    """It took more than ``search.trial_memory``, or the kernel ended its process since memory ran out."""
    CRASH = "crash"
    """The process that evaluated it ended, twice."""
    ERROR = "error"
    """Any other exception; the message has its type and text."""


@dataclass(frozen=True, slots=True, eq=False)
class TrialResult:
    """One ended trial.

    Attributes:
        number: 0, 1, ...; trial 0 is the search space's default configuration.
        state: complete, pruned or failed.
        params: the trial's own parameters.
        values: (n_objectives,) the score of each objective, the mean over folds at the best epoch, or what a network
            costs; empty for a trial that failed or was not trained.
        fold_values: (n_objectives, n_folds) the same for each fold.
        best_epoch: the epoch that the score is taken at, from 1; the rounded median over folds where each fold has
            its own; None for a failed trial.
        epochs: how many epochs were trained to their end.
        metrics: mean over folds of each metric, objectives included.
        fold_metrics: (n_folds,) values of each metric; NaN where a fold leaves it undefined.
        curve: (epochs,) mean over folds of the first objective by epoch; what pruners judge.
        curves: name -> (epochs, n_folds) float64 values by epoch: ``train_loss``, ``val_loss`` and
            ``val_<objective>``.
        seconds: wall time of the evaluation.
        parameters: trainable weights of one fold's network.
        latency_ms: median milliseconds in which such a network predicts one row; None where the study does not ask.
        constraints: for each bound of the study, by which share of it the network is above it; at most 0 where it
            keeps the bound. None where that is not known.
        reason: why a failed trial failed.
        message: a sentence on the reason, on a bound that is broken, or on the trial that the result is taken from.
        oof: (n_repeats, n_rows, n_units) outputs for each row of the data set while it was scored, float32, or
            float64 where a regression target was scaled back, so that scores can be computed from them; NaN for
            rows that were not; complete trials only.
        same_as: the earlier trial whose record answers for this one, since its parameters are the same; None where the
            trial was trained.
    """

    number: int
    state: State
    params: Params
    values: tuple[float, ...] = ()
    fold_values: tuple[tuple[float, ...], ...] = ()
    best_epoch: int | None = None
    epochs: int = 0
    metrics: Mapping[str, float] | None = None
    fold_metrics: Mapping[str, tuple[float, ...]] | None = None
    curve: tuple[float, ...] = field(default=(), repr=False)
    curves: Mapping[str, np.ndarray] | None = field(default=None, repr=False)
    seconds: float = 0.0
    parameters: int = 0
    latency_ms: float | None = None
    constraints: Mapping[str, float] | None = None
    reason: Reason | None = None
    message: str | None = None
    oof: np.ndarray | None = field(default=None, repr=False)
    same_as: int | None = None

    @property
    def feasible(self) -> bool:
        """Whether the network keeps the study's bounds."""
        return all(excess <= 0 for excess in (self.constraints or {}).values())

    @property
    def trained_as(self) -> int:
        """The number of the trial that was trained, from which the seeds of its networks derive."""
        return self.number if self.same_as is None else self.same_as


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """How a trial that is being evaluated stands; to be looked at, and no part of any record.

    Attributes:
        number: the trial's number.
        epochs: how many epochs have been trained, at least 1; fewer than before where the trial was begun anew.
        epochs_at_most: how many there will be unless training ends early.
        curves: as in ``TrialResult``, (epochs, n_folds) each: from the first epoch to this one.
        seconds: wall time of the evaluation so far.
    """

    number: int
    epochs: int
    epochs_at_most: int
    curves: Mapping[str, np.ndarray]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its bounds.

    Attributes:
        value: the value itself, in its own units.
        low: the lower bound.
        high: the upper bound.
        level: how much of the distribution lies between the bounds, in (0, 1).
    """

    value: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Member:
    """One trial's part in a final model.

    Attributes:
        trial: its number.
        params: its parameters.
        weight: its share of the output, in (0, 1]; a model's weights sum to 1.
        epochs: epochs trained by each of its networks: one number for a refit, one per fold for ``folds``.
    """

    trial: int
    params: Params
    weight: float
    epochs: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Final:
    """The final model of a study, as it is recorded beside the trials.

    Attributes:
        kind: ``refit``, ``folds`` or ``ensemble``.
        members: the trials it is made of, the heaviest first.
        rows: held-out rows that were scored; 0 for none.
        scores: metric -> score on the held-out rows with its bootstrap interval; empty where ``rows`` is 0.
        looks: how often the held-out rows have been scored in this study: 0 where there are none, 1 unless trials
            were added or ``export`` was changed afterwards.
        created: ISO 8601 time in UTC.
        train_scores: metric -> score on the rows that the model was trained on.
        earlier: the other models of this study that were scored on the held-out rows, as they were recorded but
            without ``held_out`` and ``earlier``, in the order in which they were scored.
        held_out: (rows, n_units) outputs for the held-out rows in the study's order, in target units; None for none.
        thresholds: the probability above which it gives a label: one for all, or one for each.
    """

    kind: str
    members: tuple[Member, ...]
    rows: int
    scores: Mapping[str, Interval]
    looks: int
    created: str
    train_scores: Mapping[str, float]
    held_out: np.ndarray | None = None
    earlier: tuple["Final", ...] = ()
    thresholds: tuple[float, ...] = (0.5,)


@dataclass(frozen=True, slots=True)
class Verification:
    """What the last ``tune verify`` of a study found.

    Attributes:
        trial: the number of the trial that was evaluated again.
        when: ISO 8601 time in UTC.
        outcome: ``same``, ``within tolerance`` or ``different``.
        detail: one sentence: what was compared, and which versions or machine differ.
    """

    trial: int
    when: str
    outcome: str
    detail: str
