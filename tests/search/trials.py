"""Trials of every state as records, and how they are compared."""

import math
from dataclasses import fields

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tuner.records import Reason, State, TrialResult
from tuner.search.sampling import Asked
from tuner.search.storage import Header

NAN = float("nan")
HEADER = Header(
    id="3f2a",
    created="2026-01-31T12:00:00+01:00",
    config={"cv": {"folds": 3}, "params": {"layers": {"low": 1}}},
    data={"sha256": "ab", "rows": 7},
    splits="cd",
    versions={"keras": "3.15.1"},
    about={"study": "s", "objective": [{"metric": "f1", "direction": "maximize"}], "seed": 7},
)
DISTRIBUTIONS = {
    "layers": IntDistribution(1, 4),
    "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
    "batch_norm": CategoricalDistribution([False, True]),
    "optimizer": CategoricalDistribution(["sgd", "adam"]),
}


def asked(number: int) -> Asked:
    sampled = {"layers": 2, "learning_rate": 0.1 / (3 + number), "batch_norm": True, "optimizer": "adam"}
    return Asked(number, {"epochs": 30, **sampled}, sampled, DISTRIBUTIONS)


def complete(number: int) -> TrialResult:
    random = np.random.default_rng(number)
    outputs = random.normal(size=(2, 7, 3)).astype(np.float32)
    outputs[:, 5:] = np.nan  # rows that are held out
    return TrialResult(
        number=number,
        state=State.COMPLETE,
        params=asked(number).params,
        values=(0.1 + 0.2 * number,),
        fold_values=((0.1, 1 / 3, 0.7),),
        best_epoch=3,
        epochs=4,
        metrics={"f1": 0.1 + 0.2 * number, "roc_auc": NAN},
        fold_metrics={"f1": (0.1, 1 / 3, 0.7), "roc_auc": (NAN, NAN, 0.5)},
        curve=(0.1, 0.2, 0.30000000000000004, 0.25),
        curves={"train_loss": random.normal(size=(4, 3)), "val_loss": random.normal(size=(4, 3))},
        seconds=1.25,
        parameters=131,
        oof=outputs,
    )


def pruned(number: int) -> TrialResult:
    return TrialResult(
        number=number,
        state=State.PRUNED,
        params=asked(number).params,
        values=(0.05,),
        fold_values=((0.0, 0.05, 0.1),),
        best_epoch=1,
        epochs=3,
        metrics={"f1": 0.05},
        fold_metrics={"f1": (0.0, 0.05, 0.1)},
        curve=(0.05, 0.01, 0.02),
        curves={"val_f1": np.full((3, 3), 0.05)},
        parameters=131,
    )


def diverged(number: int) -> TrialResult:
    return TrialResult(
        number=number,
        state=State.FAILED,
        params=asked(number).params,
        curves={},
        reason=Reason.DIVERGED,
        message="the loss was no longer finite in epoch 1 (folds: 0)",
    )


def same(one: object, other: object) -> bool:
    """Return whether two values are equal to the bit, with NaN equal to itself, and of one type."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return one == other


def differences(one: TrialResult, other: TrialResult) -> list[str]:
    names = [field.name for field in fields(TrialResult)]
    return [name for name in names if not same(getattr(one, name), getattr(other, name))]
