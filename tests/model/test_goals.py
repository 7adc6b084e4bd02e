import numpy as np
import pytest

from tuner.model.goals import Bound, Goals, objective_of
from tuner.model.pareto import on_front


def beats(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one <= other).all() and (one < other).any())


@pytest.mark.parametrize("n_objectives", [1, 2, 3])
def test_the_front_is_what_no_point_beats_in_everything(n_objectives):
    # Whole numbers, so that there are equal points and ties.
    points = np.random.default_rng(n_objectives).integers(0, 7, (80, n_objectives)).astype(float)
    by_hand = [not any(beats(other, point) for other in points) for point in points]
    assert on_front(points).tolist() == by_hand
    assert on_front(points[:0]).tolist() == []


def test_costs_are_lowered_and_metrics_go_their_own_way():
    assert [objective_of(name).direction for name in ("roc_auc", "log_loss", "parameters", "latency_ms")] == [
        "maximize",
        "minimize",
        "minimize",
        "minimize",
    ]


GOALS = Goals(("log_loss", "parameters"), (Bound("parameters", 200.0), Bound("latency_ms", 2.0)))


def test_a_bound_is_kept_up_to_itself_and_broken_beyond():
    assert GOALS.excess({"parameters": 200.0, "latency_ms": 1.0}) == {"parameters": 0.0, "latency_ms": -0.5}
    assert GOALS.obstacle({"parameters": 200.0, "latency_ms": 2.0}) is None
    assert GOALS.obstacle({"parameters": 61234.0, "latency_ms": 2.375}) == (
        "61,234 parameters, more than 200 (constraints.parameters); "
        "2.375 ms a row, more than 2 (constraints.latency_ms)"
    )


def test_each_objective_has_a_value_and_a_cost_is_the_same_in_all_folds():
    by_fold = {"roc_auc": np.array([0.5, 0.75]), "log_loss": np.array([1.0, 3.0])}
    scores = GOALS.scores("roc_auc", by_fold, {"parameters": 131.0, "latency_ms": None}, 2)
    assert scores == ((0.625, (0.5, 0.75)), (2.0, (1.0, 3.0)), (131.0, (131.0, 131.0)))


def test_what_cannot_be_measured_twice_alike_is_left_out_of_what_repeats():
    goals = Goals(("latency_ms", "parameters"), GOALS.bounds)
    assert goals.needs_latency
    assert goals.repeatable == Goals(("parameters",), GOALS.bounds[:1])
    assert not goals.repeatable.needs_latency
