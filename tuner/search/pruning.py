"""Pruning as a value: the bar that a trial's cross-validated curve must reach, made from the trials told before it.

A bar is a pure function of those trials, so it is the same for any number of workers and after a restart. A trial
stands at the best value of its curve so far; one that ended early by itself stands there for the epochs after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

WARM_UP = 2
"""No trial is pruned on its first epochs: at epoch 1 the rank correlation with the end is about 0, at 3 about .7."""
SIGNIFICANT = 0.1
"""How unlikely the folds' differences must be, if there were none, before ``wilcoxon`` prunes."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a pruner sees of an ended trial.

    Attributes:
        number: the trial's number.
        complete: whether it was trained to its end rather than pruned.
        curve: (epochs,) mean over folds of the objective by epoch.
        folds: (epochs, n_folds) the objective by epoch and fold, for a pruner in ``BY_FOLD``; None for others.
        parameters: trainable weights of one of its networks.
    """

    number: int
    complete: bool
    curve: np.ndarray
    folds: np.ndarray | None = None
    parameters: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """The least that a trial must have reached at some epochs.

    Attributes:
        heights: epoch, from 1, -> the value to reach; other epochs have no bar.
        maximize: whether larger values are better.
        rival: epoch -> (n_folds,) values of a trial that this one must not be significantly worse than.
    """

    heights: Mapping[int, float]
    maximize: bool
    rival: Mapping[int, tuple[float, ...]] = field(default_factory=dict)

    def prunes(self, curve: Sequence[float], folds: Sequence[np.ndarray] = ()) -> bool:
        """Return whether a trial is to be ended at its last epoch.

        Args:
            curve: the mean over folds of the objective, one value an epoch.
            folds: (n_folds,) values of the objective, one array an epoch; looked at where there is a rival.
        """
        rival = self.rival.get(len(curve))
        if rival is not None and folds:
            best = int(np.argmax(curve) if self.maximize else np.argmin(curve))
            return self._is_worse(np.asarray(folds[best], float), np.array(rival))
        height = self.heights.get(len(curve))
        if height is None:
            return False
        reached = max(curve) if self.maximize else min(curve)
        return reached < height if self.maximize else reached > height

    def _is_worse(self, values: np.ndarray, rival: np.ndarray) -> bool:
        """Return whether the folds are worse by Wilcoxon's signed-rank test, one-sided."""
        from scipy.stats import wilcoxon  # takes a second, and only this pruner needs it

        behind = rival - values if self.maximize else values - rival
        behind = behind[np.isfinite(behind)]
        if not behind.any() or behind.mean() <= 0:
            return False
        return bool(wilcoxon(behind, alternative="greater", zero_method="zsplit").pvalue < SIGNIFICANT)
