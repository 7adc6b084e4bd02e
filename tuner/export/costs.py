"""What a network costs, known before it is trained: how many weights it has, and how long it takes for a row."""

import time
from dataclasses import replace

import numpy as np

from tuner.export.own_file import KerasNetwork
from tuner.export.plain_network import Activate, Dense, LookUp, PlainNetwork, Step, normalise
from tuner.model.goals import LATENCY, PARAMETERS, Goals
from tuner.model.heads import Head
from tuner.model.network import Network, count_parameters
from tuner.records import TrialResult

WARM_UP = 10
"""Predictions before the first that counts: until memory and caches are as they will be."""
MOST_RUNS = 301
FEWEST_RUNS = 11
MOST_SECONDS = 0.1
"""After so long no run begins any more, once there were the fewest."""


def weighed(blank: TrialResult, goals: Goals, network: Network, n_inputs: int, head: Head) -> TrialResult:
    """Return a result with what the trial's network costs, and which bounds that breaks."""
    costs = costs_of(goals, network, n_inputs, head)
    return replace(
        blank,
        parameters=int(costs[PARAMETERS]),
        latency_ms=costs.get(LATENCY),
        constraints=goals.excess(costs),
        message=goals.obstacle(costs),
    )


def costs_of(goals: Goals, network: Network, n_inputs: int, head: Head) -> dict[str, float]:
    """Return what a network costs, by the names in ``COSTS``; its latency only where the goals ask for it."""
    costs = {PARAMETERS: float(count_weights(network, n_inputs, head))}
    if goals.needs_latency:
        costs[LATENCY] = latency_ms(network, n_inputs, head)
    return costs


def count_weights(network: Network, n_inputs: int, head: Head) -> int:
    """Return how many trainable weights a network has; one of the user's is built for that, which loads TensorFlow.

    Raises:
        TunerError: the user's function fails.
    """
    if network.own is None:
        return count_parameters(network, n_inputs, head)
    from tuner.engines.own_model import count_own

    return count_own(network.own, head, n_inputs)


def latency_ms(network: Network, n_inputs: int, head: Head) -> float:
    """Return the median milliseconds in which a network predicts one row.

    What is measured is the network alone, as an exported model computes it (NumPy, no TensorFlow; Keras for a model of
    the user's), without the preparation of the row. Two measurements differ by some percent, and by more on a busy
    machine.

    Args:
        network: its plan.
        n_inputs: columns that enter it.
        head: its end.
    """
    plain = with_any_weights(network, n_inputs, head)
    row = np.full((1, n_inputs), 0.5, np.float32)
    for _ in range(WARM_UP):
        plain.outputs(row)
    seconds: list[float] = []
    started = time.perf_counter()
    while len(seconds) < MOST_RUNS:
        begin = time.perf_counter()
        if len(seconds) >= FEWEST_RUNS and begin - started > MOST_SECONDS:
            break
        plain.outputs(row)
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds)) * 1000


def with_any_weights(network: Network, n_inputs: int, head: Head) -> PlainNetwork | KerasNetwork:
    """Return a network as an exported model computes it, with weights that mean nothing."""
    if network.own is not None:
        from tuner.engines.own_model import build_own

        return KerasNetwork(build_own(network.own, head, n_inputs, seed=0).model)
    random = np.random.default_rng(0)
    steps: list[Step] = []
    width = network.width(n_inputs)
    if network.embeddings:
        steps.append(LookUp([np.zeros((table.rows, table.size), np.float32) for table in network.embeddings]))

    def dense(units: int, *, bias: bool) -> Dense:
        kernel = random.uniform(-0.1, 0.1, (width, units)).astype(np.float32)
        return Dense(kernel, np.zeros(units, np.float32) if bias else None)

    for layer in network.layers:
        steps.append(dense(layer.units, bias=not layer.batch_norm))
        width = layer.units
        if layer.batch_norm:
            ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
            steps.append(normalise(ones, zeros, zeros, ones, 1e-3))
        steps.append(Activate(layer.activation))
    return PlainNetwork((*steps, dense(head.units, bias=True), Activate(head.activation)))
