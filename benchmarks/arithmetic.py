"""The floor under a trial's time: its floating-point operations over what this machine multiplies a second."""

import json
import os
import subprocess
import sys
import time
from itertools import pairwise

SIZE = 2048
"""Rows and columns of the matrices whose product is timed."""


def trial_flop(widths: list[int], folds: list[list[int]], epochs: int) -> float:
    """Return the floating-point operations of the matrix products of one trial.

    Two operations (a multiplication and an addition) for each weight of a kernel, row and epoch on the way forward,
    twice as many on the way back, for the gradients of weights and of inputs; and the way forward once more for the
    scored rows after each epoch. Left out: biases, activations, dropout, the optimizer, losses and metrics.

    Args:
        widths: inputs, units of each hidden layer, output units.
        folds: of each fold, its training rows and its scored rows.
        epochs: passes over the training rows.
    """
    weights = sum(before * after for before, after in pairwise(widths))
    rows = sum(3 * train + score for train, score in folds)
    return 2.0 * weights * rows * epochs


def matmul_rates() -> dict[str, float]:
    """Return the operations a second of a float32 product of 2048-square matrices, on one thread and on all."""
    return {name: _in_fresh_process(threads) for name, threads in (("one_thread", 1), ("all_threads", 0))}


def _in_fresh_process(threads: int) -> float:
    command = [sys.executable, "-m", "benchmarks.arithmetic", str(threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _measure(threads: int) -> float:
    """Return the best of ten products, in operations a second; 0 threads means TensorFlow's own choice."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    matrix = tf.random.stateless_normal((SIZE, SIZE), (0, 0))
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        best = min(best, time.perf_counter() - began)
    return 2.0 * SIZE**3 / best


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]))))
