import numpy as np
import pytest

from tuner.engines.keras_model import build_keras_model
from tuner.export.costs import costs_of, latency_ms, with_any_weights
from tuner.export.plain_network import Dense, LookUp
from tuner.model.goals import Bound, Goals
from tuner.model.heads import make_head
from tuner.model.network import embed, plan_network
from tuner.tasks import Task

HEAD = make_head(Task.MULTICLASS, 1, 3)


@pytest.mark.parametrize(
    "params",
    [
        {"layers": 0},
        {"layers": 2, "neurons.0": 9, "neurons.1": 4, "activation.0": "gelu", "dropout": 0.2},
        {"layers": 3, "neurons": 6, "batch_norm": True},
    ],
)
def test_what_is_measured_is_the_network_that_keras_builds_but_for_its_weights(params):
    network = plan_network(params)
    plain, built = with_any_weights(network, 5, HEAD), build_keras_model(network, HEAD, 5)
    kernels = [step.kernel.shape for step in plain.steps if isinstance(step, Dense)]
    assert kernels == [tuple(weight.shape) for weight in built.weights if len(weight.shape) == 2]
    assert plain.outputs(np.ones((1, 5), np.float32)).shape == (1, 3)
    weights = sum(int(np.prod(weight.shape)) for weight in built.trainable_weights)
    assert costs_of(Goals(), network, 5, HEAD) == {"parameters": weights}


def test_embedded_categories_count_with_their_tables():
    network = embed(plan_network({"layers": 1, "neurons": 4}), {}, (3, 30))
    plain, built = with_any_weights(network, 5, HEAD), build_keras_model(network, HEAD, 5)
    look_up = plain.steps[0]
    assert isinstance(look_up, LookUp)
    shapes = [table.shape for table in look_up.tables]
    assert shapes == [tuple(weight.shape) for weight in built.weights[:2]] == [(3, 2), (30, 11)]
    assert plain.outputs(np.ones((1, 5), np.float32)).shape == (1, 3)
    weights = 3 * 2 + 30 * 11 + (3 + 2 + 11 + 1) * 4 + (4 + 1) * 3
    assert costs_of(Goals(), network, 5, HEAD) == {"parameters": weights}


def test_a_network_of_many_more_weights_takes_longer_and_is_measured_only_where_that_counts():
    small, large = (plan_network({"layers": 2, "neurons": units}) for units in (4, 1024))
    assert 0 < latency_ms(small, 5, HEAD) < latency_ms(large, 5, HEAD)
    goals = Goals(bounds=(Bound("latency_ms", 1.0),))
    assert costs_of(goals, small, 5, HEAD).keys() == {"parameters", "latency_ms"}
