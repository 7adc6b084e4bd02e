"""Pruning as a value: the bar that a trial's cross-validated curve must reach, made from the trials told before it.

A bar is a pure function of those trials, so it is the same for any number of workers and after a restart. A trial
stands at the best value of its curve so far; one that ended early by itself stands there for the epochs after.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from tuner.seeds import derive

WARM_UP = 2
"""No trial is pruned on its first epochs: at epoch 1 the rank correlation with the end is about 0, at 3 about .7."""
ENOUGH = 5
"""Complete trials before ``median`` and ``percentile`` judge."""
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


@dataclass(frozen=True, slots=True)
class Trying:
    """The trial that a bar is for.

    Attributes:
        number: its number.
        epochs: the most that it may train.
    """

    number: int
    epochs: int


Pruner = Callable[[Sequence[Told], Trying], Bar]
"""From told trials, whose values are such that larger is better, to a bar for a trial."""


def no_bar(told: Sequence[Told], trying: Trying) -> Bar:
    """Never prune."""
    return _bar({})


def median_bar(told: Sequence[Told], trying: Trying) -> Bar:
    """Prune what is worse than the median of the complete trials at the same epoch, once there are five.

    The rule of Google Vizier (Golovin et al. 2017, section 3.2.2), as Optuna's ``MedianPruner`` has it.
    """
    return _level_bar(told, trying.epochs, np.median)


def percentile_bar(told: Sequence[Told], trying: Trying) -> Bar:
    """Prune what is not in the best quarter of the complete trials at the same epoch, once there are five.

    As Optuna's ``PercentilePruner(25)`` has it.
    """
    return _level_bar(told, trying.epochs, _upper_quarter)


def halving_bar(told: Sequence[Told], trying: Trying, *, first: int = 3, keep: int = 3) -> Bar:
    """Prune what is not among the best third of the trials at epochs 3, 9, 27, ...

    Asynchronous successive halving (Li et al. 2020, algorithm 2). A rung has no bar before ``keep`` trials have
    reached it, since the rank among fewer says nothing.
    """
    heights = {}
    rung = first
    while rung < trying.epochs:
        standing = sorted(
            (
                _held(trial.curve, trying.epochs)[rung - 1]
                for trial in told
                if trial.complete or len(trial.curve) >= rung
            ),
            reverse=True,
        )
        if len(standing) >= keep:
            kept = (len(standing) + 1) // keep
            heights[rung] = float(standing[kept - 1])
        rung *= keep
    return _bar(heights)


def hyperband_bar(told: Sequence[Told], trying: Trying) -> Bar:
    """Prune by halving inside the trial's bracket; brackets begin at epochs 3, 9, 27, ... and never meet.

    Hyperband (Li et al. 2018, section 3): nobody knows how early curves can be told apart, so some trials are judged
    early and others late. The shares of the brackets are those of the paper's algorithm 1, and a hash of a trial's
    number says which bracket is its own.
    """
    bracket = bracket_of(trying.number, trying.epochs)
    own = [trial for trial in told if bracket_of(trial.number, trying.epochs) == bracket]
    return halving_bar(own, trying, first=3 ** (bracket + 1))


def bracket_of(number: int, epochs: int) -> int:
    """Return the bracket of a trial's number: 0 for the one whose first rung is epoch 3, 1 for epoch 9, and so on."""
    n_rungs = 0
    while 3 ** (n_rungs + 1) < epochs:
        n_rungs += 1
    if n_rungs < 2:
        return 0
    # Hyperband gives bracket s of s_max its (s_max + 1) / (s + 1) * 3^s trials, s counting the rungs.
    shares = np.array([n_rungs / (rungs + 1) * 3.0**rungs for rungs in range(n_rungs - 1, -1, -1)])
    place = derive("bracket", number) / 2**31
    return int(np.searchsorted(np.cumsum(shares / shares.sum()), place, side="right"))


def threshold_bar(told: Sequence[Told], trying: Trying) -> Bar:
    """Prune what, at epoch 3 or later, is below what the default configuration had reached at epoch 3.

    A level that does not rise with the search: it ends networks that do not learn, and no others. The default
    configuration is trial 0; where it failed, the first trial that completed stands for it.
    """
    complete = [trial for trial in told if trial.complete]
    if not complete:
        return _bar({})
    first = min(complete, key=lambda trial: trial.number)
    level = float(np.max(first.curve[: WARM_UP + 1]))
    return _bar(dict.fromkeys(range(WARM_UP + 1, trying.epochs + 1), level))


def wilcoxon_bar(told: Sequence[Told], trying: Trying) -> Bar:
    """Prune what is significantly worse, fold by fold, than the best complete trial at the same epoch.

    Wilcoxon's signed-rank test over the folds, one-sided, at 0.1, as Optuna's ``WilcoxonPruner`` has it between trials'
    steps. With n folds the smallest p is 2^-n: three folds or fewer never prune.
    """
    complete = [trial for trial in told if trial.complete and trial.folds is not None]
    if not complete:
        return _bar({})
    best = max(complete, key=lambda trial: (float(np.max(trial.curve)), -trial.number))
    assert best.folds is not None, "those without are left out"
    rival = {}
    for epoch in range(WARM_UP + 1, trying.epochs + 1):
        standing = int(np.argmax(best.curve[:epoch]))
        rival[epoch] = tuple(map(float, best.folds[standing]))
    return Bar({}, maximize=True, rival=rival)


PRUNERS: Mapping[str, Pruner] = MappingProxyType(
    {
        "none": no_bar,
        "median": median_bar,
        "halving": halving_bar,
        "hyperband": hyperband_bar,
        "percentile": percentile_bar,
        "threshold": threshold_bar,
        "wilcoxon": wilcoxon_bar,
    }
)
BY_FOLD = frozenset({"wilcoxon"})
"""The pruners that look at single folds."""


def make_bar(pruner: str, told: Sequence[Told], *, number: int, epochs: int, maximize: bool) -> Bar:
    """Return the bar for a trial that is asked when exactly these trials have been told.

    Args:
        pruner: a name in ``PRUNERS``.
        told: the trials in the order of their numbers; failed ones are left out.
        number: the trial's own number.
        epochs: the most epochs that the trial may train.
        maximize: whether larger values of the curves are better.
    """
    if maximize:
        return PRUNERS[pruner](told, Trying(number, epochs))
    mirrored = [
        Told(trial.number, trial.complete, -trial.curve, None if trial.folds is None else -trial.folds)
        for trial in told
    ]
    bar = PRUNERS[pruner](mirrored, Trying(number, epochs))
    rival = {epoch: tuple(-value for value in values) for epoch, values in bar.rival.items()}
    return Bar({epoch: -height for epoch, height in bar.heights.items()}, maximize=False, rival=rival)


def _bar(heights: Mapping[int, float]) -> Bar:
    return Bar(heights, maximize=True)


def _upper_quarter(values: np.ndarray) -> float:
    return float(np.quantile(values, 0.75))


def _level_bar(told: Sequence[Told], epochs: int, level: Callable[[np.ndarray], float]) -> Bar:
    """Return the bar at a level of what the complete trials stand at in each epoch."""
    curves = [trial.curve for trial in told if trial.complete]
    if len(curves) < ENOUGH:
        return _bar({})
    standing = np.stack([_held(curve, epochs) for curve in curves])
    return _bar({epoch: float(level(standing[:, epoch - 1])) for epoch in range(WARM_UP + 1, epochs + 1)})


def _held(curve: np.ndarray, epochs: int) -> np.ndarray:
    """Return the best value so far at each epoch, (epochs,), the last one held on to the end."""
    best = np.maximum.accumulate(curve[:epochs])
    return np.concatenate([best, np.full(epochs - len(best), best[-1])])
