"""Which trials a final model is made of, and what a worker is told of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from tuner.export.manifest import StudyPart
from tuner.export.tables import finite_or_none
from tuner.final import FinalPlan, now
from tuner.model.thresholds import choose_thresholds
from tuner.prepared import network_of
from tuner.records import Member, TrialResult
from tuner.report.ensemble import greedy_ensemble
from tuner.search.storage import StudyStore
from tuner.study import Study
from tuner.summary import StudySummary

MOST_CANDIDATES = 15
"""How many of the best trials an ensemble is chosen from."""


def choose_members(study: Study, store: StudyStore, summary: StudySummary) -> tuple[Member, ...]:
    """Return the trials that the study's final model is made of, the heaviest first; () where none completed."""
    if summary.best is None:
        return ()
    weights = {summary.best.number: 1.0}
    if study.config.export == "ensemble":
        weights = _weights(study, store, summary)
    return tuple(
        member_of(study, summary.results[number], study.config.export, weight)
        for number, weight in weights.items()
    )


def member_of(study: Study, result: TrialResult, kind: str, weight: float = 1.0) -> Member:
    """Return a complete trial as a part of a final model; the epochs of ``folds`` are those that are expected."""
    assert result.best_epoch is not None, "a complete trial has a best epoch"
    n_networks = len(study.problem.folds) if kind == "folds" else 1
    return Member(result.number, result.params, weight, (result.best_epoch,) * n_networks)


def plan_final(
    study: Study,
    results: Mapping[int, TrialResult],
    members: tuple[Member, ...],
    kind: str,
    held_out: np.ndarray,
    thresholds: tuple[float, ...] | None = None,
) -> FinalPlan:
    """Return what a worker is to train.

    Args:
        study: the study.
        results: its ended trials by number, as ``results_of`` gives them.
        members: the trials of the model, the heaviest first.
        kind: ``refit``, ``folds`` or ``ensemble``.
        held_out: (n_test,) row numbers to predict.
        thresholds: those of ``choose_final_thresholds``; None for the study's.
    """
    dataset = study.dataset
    cross_validated = results[members[0].trial].metrics or {}
    about = StudyPart(
        name=study.config.name,
        data=Path(dataset.place).name,
        data_sha256=dataset.fingerprint.sha256,
        objective=study.objective,
        direction=study.direction,
        seed=study.problem.seed,
        trials=len(results),
        rows=len(study.search_rows),
        cross_validated={name: finite_or_none(value) for name, value in cross_validated.items()},
    )
    curves = {member.trial: results[member.trial].curves or {} for member in members}
    losses = {trial: each["val_loss"] for trial, each in curves.items() if "val_loss" in each}
    thresholds = thresholds or study.problem.head.thresholds
    return FinalPlan(kind, members, study.search_rows, held_out, about, now(), losses, thresholds)


def results_of(study: Study, store: StudyStore, members: tuple[Member, ...]) -> dict[int, TrialResult]:
    """Return a study's ended trials by number; members whose learning rate followed their losses with curves."""
    results = store.results()
    for member in members:
        if network_of(study.problem, member.params).schedule.judges:
            results[member.trial] = replace(results[member.trial], curves=store.curves(member.trial))
    return results


def choose_final_thresholds(
    study: Study, store: StudyStore, members: tuple[Member, ...]
) -> tuple[float, ...]:
    """Return the thresholds of a model; chosen ones are the best on all out-of-fold outputs of its trials."""
    problem = study.problem
    metric = problem.threshold_metric
    if metric is None:
        return problem.head.thresholds
    outputs = np.sum([each.weight * _outputs(store, each.trial) for each in members], axis=0)
    seen = ~np.isnan(outputs).any(axis=2)  # (n_repeats, n_rows)
    rows = np.nonzero(seen)[1]
    weight = None if problem.score_weight is None else problem.score_weight[rows]
    return choose_thresholds(metric, problem.head, problem.dataset.target[rows], outputs[seen], weight)


def _weights(study: Study, store: StudyStore, summary: StudySummary) -> dict[int, float]:
    """Return trial -> weight of the ensemble of the best trials."""
    trained = [result.number for result in summary.ranked() if result.same_as is None]
    candidates = trained[:MOST_CANDIDATES]
    problem, metric = study.problem, study.problem.metric(study.objective)
    return greedy_ensemble(
        ((number, _outputs(store, number)) for number in candidates),
        problem.dataset.target,
        [fold.score for fold in problem.folds],
        metric=metric,
        head=problem.head,
        weight=problem.score_weight,
        decide=problem.decide(metric),
        n_candidates=MOST_CANDIDATES,
    )


def _outputs(store: StudyStore, number: int) -> np.ndarray:
    outputs = store.load(number).oof
    assert outputs is not None, "a complete trial has out-of-fold outputs"
    return outputs
