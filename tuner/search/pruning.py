"""Pruning as a value: the bar that a trial's cross-validated curve must reach, made from the trials told before it.

A bar is a pure function of those trials, so it is the same for any number of workers and after a restart. A trial
stands at the best value of its curve so far; one that ended early by itself stands there for the epochs after.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

WARM_UP = 2
"""No trial is pruned on its first epochs: at epoch 1 the rank correlation with the end is about 0, at 3 about .7."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a pruner sees of an ended trial.

    Attributes:
        complete: whether it was trained to its end rather than pruned.
        curve: (epochs,) mean over folds of the objective by epoch.
    """

    complete: bool
    curve: np.ndarray


@dataclass(frozen=True, slots=True)
class Bar:
    """The least that a trial must have reached at some epochs.

    Attributes:
        heights: epoch, from 1, -> the value to reach; other epochs have no bar.
        maximize: whether larger values are better.
    """

    heights: Mapping[int, float]
    maximize: bool

    def prunes(self, curve: Sequence[float]) -> bool:
        """Return whether a trial with these values, one an epoch, is to be ended at the last of them."""
        height = self.heights.get(len(curve))
        if height is None:
            return False
        reached = max(curve) if self.maximize else min(curve)
        return reached < height if self.maximize else reached > height


Pruner = Callable[[Sequence[Told], int], dict[int, float]]
"""From the standing of told trials, where larger is better, and the most epochs to the heights of a bar."""


def no_bar(told: Sequence[Told], epochs: int) -> dict[int, float]:
    """Never prune."""
    return {}


def median_bar(told: Sequence[Told], epochs: int) -> dict[int, float]:
    """Prune what is worse than the median of the complete trials at the same epoch, once there are five.

    The rule of Google Vizier (Golovin et al. 2017, section 3.2.2), as Optuna's ``MedianPruner`` has it.
    """
    curves = [trial.curve for trial in told if trial.complete]
    if len(curves) < 5:
        return {}
    standing = np.stack([_held(curve, epochs) for curve in curves])
    medians = np.median(standing, axis=0)
    return {epoch: float(medians[epoch - 1]) for epoch in range(WARM_UP + 1, epochs + 1)}


def halving_bar(told: Sequence[Told], epochs: int, *, first: int = 3, keep: int = 3) -> dict[int, float]:
    """Prune what is not among the best third of the trials at epochs 3, 9, 27, ...

    Asynchronous successive halving (Li et al. 2020, algorithm 2). A rung has no bar before ``keep`` trials have
    reached it, since the rank among fewer says nothing.
    """
    heights = {}
    rung = first
    while rung < epochs:
        standing = sorted(
            (
                _held(trial.curve, epochs)[rung - 1]
                for trial in told
                if trial.complete or len(trial.curve) >= rung
            ),
            reverse=True,
        )
        if len(standing) >= keep:
            kept = (len(standing) + 1) // keep
            heights[rung] = float(standing[kept - 1])
        rung *= keep
    return heights


PRUNERS: Mapping[str, Pruner] = MappingProxyType(
    {"none": no_bar, "median": median_bar, "halving": halving_bar}
)


def make_bar(pruner: str, told: Sequence[Told], *, epochs: int, maximize: bool) -> Bar:
    """Return the bar for a trial that is asked when exactly these trials have been told.

    Args:
        pruner: a name in ``PRUNERS``.
        told: the trials in the order of their numbers; failed ones are left out.
        epochs: the most epochs that a trial may train.
        maximize: whether larger values of the curves are better.
    """
    sign = 1.0 if maximize else -1.0
    larger_is_better = [Told(trial.complete, sign * trial.curve) for trial in told]
    heights = PRUNERS[pruner](larger_is_better, epochs)
    return Bar({epoch: sign * height for epoch, height in heights.items()}, maximize)


def _held(curve: np.ndarray, epochs: int) -> np.ndarray:
    """Return the best value so far at each epoch, (epochs,), the last one held on to the end."""
    best = np.maximum.accumulate(curve[:epochs])
    return np.concatenate([best, np.full(epochs - len(best), best[-1])])
