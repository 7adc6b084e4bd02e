"""The trials of a study as scikit-learn's searches tell of theirs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from tuner.model.goals import Objective
from tuner.records import State, TrialResult


def cv_results(results: Sequence[TrialResult], objective: Objective, n_folds: int) -> dict[str, Any]:
    """Return what ``GridSearchCV.cv_results_`` holds, for each trial that has ended.

    As everywhere in scikit-learn greater is better: a metric that is minimised is negated. A trial that was pruned or
    failed has NaN for its scores, and the last rank.

    Args:
        results: (n_trials,) in the order of their numbers.
        objective: the first of the study.
        n_folds: scores of each trial, those of repeats included.
    """
    sign = -objective.sign  # that of an objective makes less better
    scores = np.full((len(results), n_folds), np.nan)
    for place, result in enumerate(results):
        if result.state is State.COMPLETE:
            scores[place] = sign * np.array(result.fold_values[0])
    mean = scores.mean(axis=1)
    columns: dict[str, Any] = {
        "mean_fit_time": np.array([result.seconds / n_folds for result in results]),
        **{f"param_{name}": _param(results, name) for name in _names(results)},
        "params": [dict(result.params) for result in results],
        **{f"split{fold}_test_score": scores[:, fold] for fold in range(n_folds)},
        "mean_test_score": mean,
        "std_test_score": scores.std(axis=1),
        "rank_test_score": _ranks(mean),
    }
    return columns


def _names(results: Sequence[TrialResult]) -> list[str]:
    return sorted({name for result in results for name in result.params})


def _param(results: Sequence[TrialResult], name: str) -> np.ma.MaskedArray[Any, Any]:
    """Return a parameter's value in each trial, masked where a trial has none."""
    values = np.empty(len(results), dtype=object)
    values[:] = [result.params.get(name) for result in results]
    return np.ma.MaskedArray(values, mask=[name not in result.params for result in results])


def _ranks(mean: np.ndarray) -> np.ndarray:
    """Return 1 for the best and equal ranks for equal scores; NaN comes last."""
    lowest = np.nanmin(mean) - 1.0 if np.isfinite(mean).any() else 0.0
    return np.asarray(rankdata(-np.nan_to_num(mean, nan=lowest), method="min").astype(np.int32))
