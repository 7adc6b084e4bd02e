"""Whether a network learned too little or too much: stated rules, the numbers they were applied to, and advice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.model.fold_metrics import FoldScorer
from tuner.model.heads import Head
from tuner.model.metrics import Metric
from tuner.model.sklearn_metrics import one_hot
from tuner.report.statistics import perfect
from tuner.report.wording import number
from tuner.tasks import Task

LITTLE = 0.05
"""A score that goes less than this share of the way from a constant prediction to the perfect one has learned
next to nothing."""

LOST = 0.25
"""Overfitting: more than this share of what was learned on the training rows is lost on the scored rows."""

HALF_WAY = 0.5
"""Underfitting: not even the training rows are predicted better than this share of the way."""

LATE = 0.1
"""Still improving: the best epoch is among this last share of the epochs allowed."""

FALL = 0.01
"""Still improving: in that last share the validation loss fell by more than this share of its whole fall."""

JUMP = 0.25
"""Unstable: the validation loss rose from one epoch to the next by more than this share of its range,"""

JUMP_OF_LOSS = 0.05
"""and by more than this share of its smallest value, so that a flat curve's trembling does not count, ..."""

OFTEN = 0.1
"""... in more than this share of the epochs after the first."""

FEWEST_EPOCHS = 5
"""A curve of fewer epochs says nothing of its shape."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the winner's curves and scores look like.

    Attributes:
        name: ``no better than a constant``, ``unstable``, ``still improving``, ``overfitting``, ``underfitting``,
            ``about right``, or ``unclear`` where there is too little to judge by.
        rule: the rule that gave the name.
        evidence: the numbers that it was applied to.
        advice: what usually helps, the first first.
    """

    name: str
    rule: str
    evidence: str
    advice: tuple[str, ...]


def constant_score(
    metric: Metric | str,
    head: Head,
    target: np.ndarray,
    trains: Sequence[np.ndarray],
    folds: Sequence[np.ndarray],
    weight: np.ndarray | None = None,
) -> float:
    """Return the cross-validated score of a prediction that ignores the features.

    In each fold it is what the training rows have on average: the mean of each target, or the share of each class or
    label as its probability.

    Args:
        metric: one that fits the head's task, or its name in ``METRICS``.
        head: what outputs stand for.
        target: (n_rows, ...) of the whole data set, as for ``metrics.score``.
        trains: (n_folds,) numbers of each fold's training rows.
        folds: (n_folds,) numbers of each fold's scored rows.
        weight: (n_rows,) how much each row counts in scores; None where all count alike.

    Returns:
        The mean over the folds that define the metric; NaN where none does.
    """
    task = head.task
    if task is Task.REGRESSION:
        values = np.asarray(target, np.float64).reshape(len(target), -1)
    else:
        values = one_hot(task, target, head.units).astype(np.float64)
    constant = [
        np.tile(values[train].mean(axis=0), (len(rows), 1)) for train, rows in zip(trains, folds, strict=True)
    ]
    scores = FoldScorer(metric, head, target, folds, weight)(np.concatenate(constant))
    defined = scores[~np.isnan(scores)]
    return float(defined.mean()) if len(defined) else math.nan


def diagnose(
    curves: Mapping[str, np.ndarray],
    *,
    best_epoch: int,
    max_epochs: int,
    metric: Metric | str,
    score: float,
    constant: float,
    train_score: float | None = None,
) -> Diagnosis:
    """Name what a trial's curves and scores look like by the first rule that holds.

    Scores are placed between that of a constant prediction, 0, and the perfect one, 1. Where the score on training
    rows is not known, the losses stand for it, with a weaker claim: the training loss is measured while the network
    learns, with dropout on, so that it may lie above the validation loss without any fault.

    Args:
        curves: ``train_loss`` and ``val_loss``, (epochs, n_folds) each.
        best_epoch: the epoch that the score is taken at, from 1.
        max_epochs: the most epochs that the trial was allowed.
        metric: the metric, or its name in ``METRICS``.
        score: its cross-validated value.
        constant: its value for a prediction that ignores the features, as ``constant_score`` gives it.
        train_score: its value on training rows, dropout off, where that was measured.
    """
    train, validation = (np.asarray(curves[name], float).mean(axis=1) for name in ("train_loss", "val_loss"))
    learned = _share(metric, score, constant)
    found = _no_better(metric, score, constant, learned)
    found = found or _unstable(validation) or _still_improving(validation, best_epoch, max_epochs)
    if found is not None:
        return found
    if train_score is not None and math.isfinite(train_score):
        return _by_scores(
            metric, learned, _share(metric, train_score, constant), score, train_score, constant
        )
    return _by_losses(train, validation, best_epoch)


def _share(metric: Metric | str, score: float, constant: float) -> float:
    """Return how far a score is on the way from the constant's to the perfect one, 1; NaN where there is no way."""
    way = perfect(metric) - constant
    return (score - constant) / way if way != 0 and math.isfinite(way) else math.nan


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _no_better(metric: Metric | str, score: float, constant: float, learned: float) -> Diagnosis | None:
    if math.isnan(learned) or learned >= LITTLE:
        return None
    return Diagnosis(
        "no better than a constant",
        f"the score goes less than {_percent(LITTLE)} of the way from a prediction that ignores the features to the "
        "perfect one",
        f"{metric} {number(score)} on scored rows; a prediction that ignores the features has {number(constant)}",
        (
            "check that the features can say anything of the target, and that rows and targets are not mixed up",
            "try other features, another preprocessing, and learning rates ten times smaller and larger",
            "compare with a linear model or a forest: if they learn nothing either, the data hold little to learn",
        ),
    )


def _unstable(validation: np.ndarray) -> Diagnosis | None:
    if len(validation) < FEWEST_EPOCHS:
        return None
    spread = float(np.ptp(validation))
    rises = np.diff(validation)
    jump = max(JUMP * spread, JUMP_OF_LOSS * abs(float(validation.min())))
    share = float(np.mean(rises > jump))
    if share <= OFTEN:
        return None
    return Diagnosis(
        "unstable",
        f"the validation loss rises by more than {_percent(JUMP)} of its range, and {_percent(JUMP_OF_LOSS)} of its "
        f"smallest value, from one epoch to the next in more than {_percent(OFTEN)} of the epochs",
        f"it does so in {_percent(share)} of {len(rises)} steps; its range is {number(float(validation.min()))} to "
        f"{number(float(validation.max()))}",
        (
            "lower the learning rate, or let a schedule lower it",
            "use larger batches",
            "clip gradients, or use batch normalisation",
        ),
    )


def _still_improving(validation: np.ndarray, best_epoch: int, max_epochs: int) -> Diagnosis | None:
    n_epochs = len(validation)
    last = max(1, math.ceil(LATE * max_epochs))
    if n_epochs < max(FEWEST_EPOCHS, max_epochs) or best_epoch <= n_epochs - last:
        return None
    whole, late = validation[0] - validation.min(), validation[-1 - last] - validation[-last:].min()
    if whole <= 0 or late <= FALL * whole:
        return None
    return Diagnosis(
        "still improving",
        f"training ended at the most epochs allowed, the best epoch is among the last {_percent(LATE)}, and the "
        f"validation loss fell there by more than {_percent(FALL)} of its whole fall",
        f"best epoch {best_epoch} of {max_epochs}; the last {last} epochs brought {_percent(float(late / whole))} of "
        "the fall",
        (
            "allow more epochs; early stopping ends training when they no longer help",
            "or raise the learning rate",
        ),
    )


def _by_scores(
    metric: Metric | str,
    learned: float,
    learned_train: float,
    score: float,
    train_score: float,
    constant: float,
) -> Diagnosis:
    evidence = (
        f"{metric} {number(train_score)} on training rows, {number(score)} on scored rows, {number(constant)} for a "
        "prediction that ignores the features"
    )
    if math.isnan(learned) or math.isnan(learned_train):
        return _unclear(
            "the scores cannot be placed between a constant prediction and the perfect one", evidence
        )
    lost = (learned_train - learned) / learned_train if learned_train > 0 else 0.0
    if lost > LOST:
        rule = f"more than {_percent(LOST)} of what was learned on training rows is lost on scored rows"
        return Diagnosis("overfitting", rule, f"{evidence}: {_percent(lost)} is lost", _AGAINST_OVERFITTING)
    if learned_train < HALF_WAY:
        rule = (
            f"even training rows are predicted less than {_percent(HALF_WAY)} of the way from a constant prediction "
            "to the perfect one, and scored rows hardly worse: too small a network, or data with much noise"
        )
        evidence = f"{evidence}: {_percent(learned_train)} of the way"
        return Diagnosis("underfitting", rule, evidence, _AGAINST_UNDERFITTING)
    rule = (
        f"training rows are predicted at least {_percent(HALF_WAY)} of the way to the perfect score, and at most "
        f"{_percent(LOST)} of what was learned is lost on scored rows"
    )
    return Diagnosis("about right", rule, f"{evidence}: {_percent(max(lost, 0.0))} is lost", _WHERE_IT_FITS)


def _by_losses(train: np.ndarray, validation: np.ndarray, best_epoch: int) -> Diagnosis:
    if len(validation) < FEWEST_EPOCHS:
        return _unclear(f"fewer than {FEWEST_EPOCHS} epochs", f"{len(validation)} epochs")
    begin = float(max(train[0], validation[0]))
    train_loss, loss = float(train[best_epoch - 1]), float(validation[best_epoch - 1])
    evidence = (
        f"at epoch {best_epoch} the training loss is {number(train_loss)} and the validation loss {number(loss)}; "
        f"the first epoch had {number(begin)}"
    )
    fall = begin - train_loss
    if fall <= 0:
        return _unclear("the training loss did not fall after the first epoch", evidence)
    lost = (loss - train_loss) / fall
    if lost > LOST:
        rule = f"more than {_percent(LOST)} of the fall of the training loss does not show in the validation loss"
        return Diagnosis(
            "overfitting", rule, f"{evidence}: {_percent(lost)} does not show", _AGAINST_OVERFITTING
        )
    rule = (
        f"at most {_percent(LOST)} of the fall of the training loss does not show in the validation loss; without "
        "the score on training rows, too small a network cannot be told from a fitting one"
    )
    return Diagnosis("about right", rule, evidence, _WHERE_IT_FITS)


def _unclear(rule: str, evidence: str) -> Diagnosis:
    return Diagnosis(
        "unclear", rule, evidence, ("train for more epochs, so that there are curves to judge by",)
    )


_AGAINST_OVERFITTING = (
    "more rows, if they can be had, or augmentation",
    "more regularisation: dropout, weight decay or an L2 penalty",
    "a smaller network: fewer layers, fewer neurons",
)

_AGAINST_UNDERFITTING = (
    "more capacity: more neurons, more layers",
    "less regularisation: smaller dropout and penalties",
    "a higher learning rate or longer training",
    "better features; if nothing of this helps, the rest is noise",
)

_WHERE_IT_FITS = ("what is left to gain lies in more rows, better features or an ensemble",)
