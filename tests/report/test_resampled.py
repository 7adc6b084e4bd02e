from dataclasses import dataclass

import numpy as np
import pytest

from tests.model.predictions import make_predictions
from tuner.model.metrics import METRICS, metrics_for, score
from tuner.report.resampled import SPREAD_KEPT, resampled
from tuner.tasks import Task

ALL = [(task, name) for task in Task for name in metrics_for(task)]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Rows, the outputs of two trials for them, and resamples of them."""

    made: object
    target: np.ndarray
    outputs: np.ndarray
    draws: np.ndarray


def make_case(task, seed):
    made = make_predictions(task, seed)
    rows, n_rows = np.concatenate(made.folds)[:30], 30
    random = np.random.default_rng(seed)
    numbers = random.integers(0, n_rows, (10, n_rows))
    bootstrap = np.stack([np.bincount(each, minlength=n_rows) for each in numbers], axis=1)
    few = (random.random((n_rows, 20)) < 0.08).astype(int)  # resamples of 0, 1, 2, ... rows
    draws = np.concatenate([np.ones((n_rows, 1), int), bootstrap, bootstrap == 0, few], axis=1)
    outputs = np.stack([made.outputs[:30], made.outputs[30:60]])
    return Case(made, made.target[rows], outputs, draws)


def the_obvious_way(name, case, outputs, draws):
    values = []
    for draw in draws.T:
        rows = np.repeat(np.arange(len(draw)), draw)
        values.append(score(name, case.made.head, case.target[rows], outputs[rows]) if len(rows) else np.nan)
    return np.array(values)


def keeps_spread(case, draws):
    """Which resamples keep a share of each target's variance."""
    full = case.target.var(axis=0)
    kept = [np.repeat(case.target, draw, axis=0).var(axis=0) if draw.any() else 0 * full for draw in draws.T]
    return (np.array(kept) >= SPREAD_KEPT * full).all(axis=1)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_a_metric_of_all_resamples_at_once_is_that_of_the_drawn_rows_one_resample_after_the_other(task, name):
    case = make_case(task, seed=0)
    values = resampled(name, case.made.head, case.target, case.draws)(case.outputs)
    for of_trial, outputs, shown in zip(values, case.outputs, (slice(None), slice(8)), strict=True):
        expected = the_obvious_way(name, case, outputs, case.draws[:, shown])
        if name in {"r2", "explained_variance"}:
            expected[~keeps_spread(case, case.draws[:, shown])] = np.nan
        assert np.isfinite(expected[:8]).all()
        np.testing.assert_allclose(of_trial[shown], expected, rtol=1e-9, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", ["r2", "explained_variance"])
def test_a_constant_target_is_explained_where_the_outputs_are_exact(name):
    target = np.full((6, 1), 0.5)
    outputs = np.stack([target, target + np.arange(6.0)[:, None]])
    case = make_case(Task.REGRESSION, 0)
    draws = np.ones((6, 3), int)
    head = type(case.made.head)(Task.REGRESSION, 1, "linear")
    values = resampled(name, head, target, draws)(outputs)
    assert values.tolist() == [[1.0] * 3, [0.0] * 3]
    assert [score(name, head, target, each) for each in outputs] == [1.0, 0.0]


def test_every_metric_has_a_form():
    for name, metric in METRICS.items():
        case = make_case(sorted(metric.tasks)[0], 0)
        assert resampled(name, case.made.head, case.target, case.draws)(case.outputs).shape == (2, 41)
