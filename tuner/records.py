"""What is known of a trial once it has ended: the value that workers return, and storage and MLflow keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

ParamValue = int | float | str | bool
"""A parameter's value in one trial."""

Params = Mapping[str, ParamValue]
"""A trial's parameters; one whose ``when`` does not hold is absent."""


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
    CRASH = "crash"
    """The process that evaluated it ended."""
    ERROR = "error"
    """Any other exception; the message has its type and text."""


@dataclass(frozen=True, slots=True, eq=False)
class TrialResult:
    """One ended trial.

    Attributes:
        number: 0, 1, ...; trial 0 is the search space's default configuration.
        state: complete, pruned or failed.
        params: the trial's own parameters.
        values: (n_objectives,) the score of each objective, the mean over folds at the best epoch; empty for a
            failed trial.
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
        reason: why a failed trial failed.
        message: a sentence on the reason.
        oof: (n_repeats, n_rows, n_units) outputs for each row of the data set while it was scored, float32, or
            float64 where a regression target was scaled back, so that scores can be computed from them; NaN for
            rows that were not; complete trials only.
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
    curve: tuple[float, ...] = ()
    curves: Mapping[str, np.ndarray] | None = None
    seconds: float = 0.0
    parameters: int = 0
    reason: Reason | None = None
    message: str | None = None
    oof: np.ndarray | None = None
