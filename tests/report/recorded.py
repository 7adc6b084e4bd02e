"""Studies with recorded trials whose predictions are made up, so that nothing is trained; scores are computed."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.small import study_of
from tuner.header import make_header
from tuner.model.fold_metrics import FoldScorer
from tuner.records import Reason, State, TrialResult
from tuner.report.collect import Report, collect
from tuner.search.sampling import Asked, Sampling
from tuner.search.storage import StudyStore
from tuner.study import Study
from tuner.tasks import Task

SPACE = {
    "layers": {"type": "int", "low": 1, "high": 2},
    "neurons": {"type": "int", "low": 2, "high": 64, "log": True, "per": "layer"},
    "activation": {"type": "choice", "options": ["relu", "tanh"]},
    "batch_norm": {"type": "choice", "options": [True, False]},
    "optimizer": {"type": "choice", "options": ["adam", "momentum"]},
    "momentum": {"type": "float", "low": 0.5, "high": 0.9, "when": {"optimizer": "momentum"}},
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
    "batch_size": 32,
}
N_EPOCHS = 6
TARGETS: dict[Task, Any] = {
    Task.BINARY: "yes",
    Task.MULTICLASS: "kind",
    Task.MULTILABEL: ["label0", "label1"],
    Task.REGRESSION: "amount",
}


def outputs_for(study: Study, rows: np.ndarray, skill: float, random: np.random.Generator) -> np.ndarray:
    """Return (n, n_units) outputs for rows: the truth by ``skill`` (0 to 1), noise for the rest."""
    head, target = study.problem.head, study.dataset.target[rows]
    if head.task is Task.REGRESSION:
        values = target.reshape(len(rows), -1)
        return values + (1 - skill) * values.std(axis=0) * random.normal(size=values.shape)
    if head.task is Task.MULTICLASS:
        chances = random.random((len(rows), head.units))
        chances[np.arange(len(rows)), target] += 2 * skill
        return (chances / chances.sum(axis=1, keepdims=True)).astype(np.float32)
    truth = target.reshape(len(rows), -1)
    noise = random.random(truth.shape)
    return np.clip(skill * truth + (1 - skill) * noise, 0.01, 0.99).astype(np.float32)


def complete(study: Study, asked: Asked, skill: float) -> TrialResult:
    """Return a complete trial whose predictions have a skill."""
    problem, random = study.problem, np.random.default_rng(asked.number)
    per_repeat = len(problem.folds) // problem.n_repeats
    parts = [outputs_for(study, fold.score, skill, random) for fold in problem.folds]
    shape = (problem.n_repeats, len(study.dataset.target), problem.head.units)
    oof = np.full(shape, np.nan, parts[0].dtype)
    for fold, part in zip(problem.folds, parts, strict=True):
        oof[fold.number // per_repeat, fold.score] = part
    rows = [fold.score for fold in problem.folds]
    scores = {
        name: FoldScorer(name, problem.head, study.dataset.target, rows)(np.concatenate(parts))
        for name in problem.metrics
    }
    values = scores[study.objective]
    falling = np.linspace(1.0, 1.0 - skill, N_EPOCHS)[:, None] + 0.02 * random.random((N_EPOCHS, len(rows)))
    return TrialResult(
        number=asked.number,
        state=State.COMPLETE,
        params=asked.params,
        values=(float(values.mean()),),
        fold_values=(tuple(values.tolist()),),
        best_epoch=N_EPOCHS - 1,
        epochs=N_EPOCHS,
        metrics={name: float(each.mean()) for name, each in scores.items()},
        fold_metrics={name: tuple(each.tolist()) for name, each in scores.items()},
        curve=tuple(np.linspace(0.1, float(values.mean()), N_EPOCHS).tolist()),
        curves={"train_loss": falling, "val_loss": falling + 0.05, f"val_{study.objective}": falling},
        seconds=0.5,
        parameters=100 + asked.number,
        oof=oof,
    )


def pruned(asked: Asked, score: float) -> TrialResult:
    """Return a pruned trial."""
    return TrialResult(
        asked.number, State.PRUNED, asked.params, (score,), ((score, score),), 1, 2, {}, {}, (score,) * 2, {}
    )


def failed(asked: Asked, message: str = "the loss was no longer finite in epoch 2") -> TrialResult:
    """Return a failed trial."""
    return TrialResult(
        asked.number,
        State.FAILED,
        asked.params,
        epochs=1,
        curves={},
        reason=Reason.DIVERGED,
        message=message,
    )


def record(
    folder: Path, *, n_trials: int = 12, message: str = "the loss was no longer finite", **keys: Any
) -> Study:
    """Write a study and its records: trial 3 of each five is pruned, trial 4 of each five failed.

    The later trials are the more skilful, so that the last complete one wins.
    """
    study = study_of(folder, **{"search_space": SPACE, "cv": {"folds": 3}, **keys})
    config = study.config
    store = StudyStore(config.runs_folder, config.name)
    store.create(make_header(study), maximize=study.direction == "maximize")
    sampling = Sampling(config.space, "random", seed=7, window=10_000, maximize=True)
    for number in range(n_trials):
        asked = sampling.ask({})
        store.asked(asked)
        if number % 5 == 3:
            store.ended(pruned(asked, 0.4))
        elif number % 5 == 4:
            store.ended(failed(asked, message))
        else:
            store.ended(complete(study, asked, 0.1 + 0.3 * number / n_trials))
    store.close()
    return study


def report_of(study: Study) -> Report:
    """Return the report on a study's records."""
    store = StudyStore(study.config.runs_folder, study.config.name)
    try:
        return collect(study, store)
    finally:
        store.close()
