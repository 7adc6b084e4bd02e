"""The program of a network, traced and made ready before a trial needs it."""

from collections.abc import Sequence
from dataclasses import replace

from tuner.engines.base import FoldData
from tuner.engines.stacked_engine import StackedEngine, structure_of
from tuner.engines.stacked_program import turn_of
from tuner.model.heads import Head
from tuner.model.losses import LossPlan, plan_loss
from tuner.model.network import Network


def rehearse(network: Network, head: Head, loss: LossPlan, folds: Sequence[FoldData]) -> bool:
    """Return whether a network's program was made ready; False where another thread is at it, or has been.

    One epoch is run with it, since TensorFlow does most of its work at the first call. No result depends on that: a
    program keeps nothing of what it has computed. Layers are narrow here, as widths are arguments.

    Args:
        network: one that can be stacked.
        head: the end of the network.
        loss: what training lowers.
        folds: a few rows of the form of those that will be trained on; their values do not matter.
    """
    turn = turn_of(structure_of(network, head, plan_loss(loss), folds))
    if not turn.lock.acquire(blocking=False):
        return False
    try:
        if turn.begun:
            return False
        narrow = replace(network, layers=tuple(replace(layer, units=1) for layer in network.layers))
        for _ in StackedEngine().train(narrow, head, loss, folds, epochs=1, seed=0):
            pass
        return True
    finally:
        turn.lock.release()
