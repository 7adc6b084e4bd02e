"""What a network costs, known before it is trained: how many weights it has, and how long it takes for a row."""

import math
import time
from dataclasses import replace

import numpy as np

from tuner.engines.runtime import use_backend
from tuner.export.own_file import OwnNetwork, own_network
from tuner.export.plain_images import POOLING, AsImages, Convolve, flat
from tuner.export.plain_network import Activate, Dense, LookUp, PlainNetwork, Step, chunk_rows, normalise
from tuner.model.cnn import entering, pools
from tuner.model.goals import LATENCY, PARAMETERS, Goals
from tuner.model.heads import Head
from tuner.model.mlp_parameters import BEFORE
from tuner.model.network import Kernel, Network, count_parameters, kernels
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
    """Return how many trainable weights a network has; one of the user's is built for that, which loads Keras.

    Raises:
        TunerError: the user's function fails.
    """
    if network.own is None:
        return count_parameters(network, n_inputs, head)
    use_backend(network.own.backend)
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


def with_any_weights(network: Network, n_inputs: int, head: Head) -> PlainNetwork | OwnNetwork:
    """Return a network as an exported model computes it, with weights that mean nothing."""
    if network.own is not None:
        use_backend(network.own.backend)
        from tuner.engines.own_model import build_own

        return own_network(build_own(network.own, head, n_inputs, seed=0).model, head)
    random = np.random.default_rng(0)
    steps: list[Step] = []
    if network.embeddings:
        steps.append(LookUp([np.zeros((table.rows, table.size), np.float32) for table in network.embeddings]))
    widest = 0

    def weights(kernel: Kernel) -> tuple[np.ndarray, np.ndarray | None]:
        bias = None if kernel.batch_norm == BEFORE else np.zeros(kernel.shape[-1], np.float32)
        return random.uniform(-0.1, 0.1, kernel.shape).astype(np.float32), bias

    def finish(units: int, activation: str, batch_norm: str | None) -> None:
        steps.append(Activate(activation))
        if batch_norm is not None:
            ones, zeros = np.ones(units, np.float32), np.zeros(units, np.float32)
            steps.insert(
                -1 if batch_norm == BEFORE else len(steps), normalise(ones, zeros, zeros, ones, 1e-3)
            )

    *hidden, last = kernels(network, n_inputs, head)
    if network.image is not None:
        steps.append(AsImages(network.image))
        sizes = entering(network.blocks, network.image)
        for block, kernel, size in zip(network.blocks, hidden, sizes, strict=False):
            steps.append(Convolve(*weights(kernel)))
            widest = max(widest, math.prod(size) * block.kernel_size**2)
            finish(block.filters, block.activation, block.batch_norm)
            if pools(size):
                steps.append(POOLING[block.pooling])
        steps.append(flat)
    for layer, kernel in zip(network.layers, hidden[len(network.blocks) :], strict=True):
        steps.append(Dense(*weights(kernel)))
        finish(layer.units, layer.activation, layer.batch_norm)
    return PlainNetwork((*steps, Dense(*weights(last)), Activate(head.activation)), chunk_rows(widest))
