"""The pruners: from the trials that were told to the bar of the next one.

Each trial is taken in once and sorted away, so that a bar costs the same after ten thousand trials.
"""

from array import array
from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Protocol

import numpy as np

from tuner.search.pruning import WARM_UP, Bar, Told
from tuner.seeds import derive

ENOUGH = 5
"""Complete trials before ``median`` and ``percentile`` judge."""
FIRST_RUNG, KEEP = 3, 3
"""``halving`` judges at epochs 3, 9, 27, ... and keeps the best third."""


@dataclass(frozen=True, slots=True)
class Trying:
    """The trial that a bar is for.

    Attributes:
        number: its number.
        epochs: the most that it may train.
    """

    number: int
    epochs: int


class Pruner(Protocol):
    """Takes in told trials in the order of their numbers, and makes bars for those that are asked next.

    Values are such that larger is better.
    """

    def see(self, trial: Told) -> None:
        """Take in the next trial that was told; failed ones are left out."""

    def bar(self, trying: Trying) -> Bar:
        """Return the bar for a trial that is asked when exactly the trials that were seen have been told."""


class Nothing:
    """Never prunes."""

    def see(self, trial: Told) -> None:
        """See ``Pruner.see``."""

    def bar(self, trying: Trying) -> Bar:
        """See ``Pruner.bar``."""
        return _bar({})


class Level:
    """Prunes what is worse than a level of the complete trials at the same epoch, once there are five.

    With the median it is the rule of Google Vizier (Golovin et al. 2017, section 3.2.2), as Optuna's ``MedianPruner``
    has it; with the upper quarter that of its ``PercentilePruner(25)``.

    Args:
        level: of values in any order.
    """

    def __init__(self, level: Callable[[np.ndarray], float]) -> None:
        self._level = level
        self._complete: list[Told] = []
        self._standing: dict[int, array[float]] = {}  # epoch -> what the complete trials stand at

    def see(self, trial: Told) -> None:
        """See ``Pruner.see``."""
        if trial.complete:
            self._complete.append(trial)
            for epoch, standing in self._standing.items():
                standing.append(_reached(trial, epoch))

    def bar(self, trying: Trying) -> Bar:
        """See ``Pruner.bar``."""
        if len(self._complete) < ENOUGH:
            return _bar({})
        return _bar({epoch: self._height(epoch) for epoch in range(WARM_UP + 1, trying.epochs + 1)})

    def _height(self, epoch: int) -> float:
        if epoch not in self._standing:
            self._standing[epoch] = array("d", (_reached(trial, epoch) for trial in self._complete))
        return float(self._level(np.frombuffer(self._standing[epoch])))


class Halving:
    """Prunes what is not among the best third of the trials at epochs 3, 9, 27, ...

    Asynchronous successive halving (Li et al. 2020, algorithm 2). A rung has no bar before three trials have reached
    it, since the rank among fewer says nothing.

    Args:
        first: the epoch of the first rung.
    """

    def __init__(self, first: int = FIRST_RUNG) -> None:
        self._first = first
        self._told: list[Told] = []
        self._rungs: dict[int, list[float]] = {}  # epoch -> what those that reached it stand at, ascending

    def see(self, trial: Told) -> None:
        """See ``Pruner.see``."""
        self._told.append(trial)
        for rung, standing in self._rungs.items():
            if _reaches(trial, rung):
                insort(standing, _reached(trial, rung))

    def bar(self, trying: Trying) -> Bar:
        """See ``Pruner.bar``."""
        heights = {}
        rung = self._first
        while rung < trying.epochs:
            standing = self._standing(rung)
            if len(standing) >= KEEP:
                heights[rung] = standing[-((len(standing) + 1) // KEEP)]
            rung *= KEEP
        return _bar(heights)

    def _standing(self, rung: int) -> list[float]:
        if rung not in self._rungs:
            reached = (_reached(trial, rung) for trial in self._told if _reaches(trial, rung))
            self._rungs[rung] = sorted(reached)
        return self._rungs[rung]


class Hyperband:
    """Prunes by halving inside the trial's bracket; brackets begin at epochs 3, 9, 27, ... and never meet.

    Hyperband (Li et al. 2018, section 3): nobody knows how early curves can be told apart, so some trials are judged
    early and others late. The shares of the brackets are those of the paper's algorithm 1, and a hash of a trial's
    number says which bracket is its own.
    """

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._brackets: dict[int, list[Halving]] = {}  # by the number of rungs, which the trial's epochs give

    def see(self, trial: Told) -> None:
        """See ``Pruner.see``."""
        self._told.append(trial)
        for n_rungs, brackets in self._brackets.items():
            brackets[_bracket(trial.number, n_rungs)].see(trial)

    def bar(self, trying: Trying) -> Bar:
        """See ``Pruner.bar``."""
        n_rungs = _rungs_before(trying.epochs)
        if n_rungs not in self._brackets:
            brackets = [Halving(FIRST_RUNG * KEEP**bracket) for bracket in range(max(1, n_rungs))]
            for trial in self._told:
                brackets[_bracket(trial.number, n_rungs)].see(trial)
            self._brackets[n_rungs] = brackets
        return self._brackets[n_rungs][_bracket(trying.number, n_rungs)].bar(trying)


class Threshold:
    """Prunes what, at epoch 3 or later, is below what the default configuration had reached at epoch 3.

    A level that does not rise with the search: it ends networks that do not learn, and no others. The default
    configuration is trial 0; where it failed or was pruned, the first trial that completed stands for it.
    """

    def __init__(self) -> None:
        self._level: float | None = None

    def see(self, trial: Told) -> None:
        """See ``Pruner.see``."""
        if self._level is None and trial.complete:
            self._level = _reached(trial, WARM_UP + 1)

    def bar(self, trying: Trying) -> Bar:
        """See ``Pruner.bar``."""
        if self._level is None:
            return _bar({})
        return _bar(dict.fromkeys(range(WARM_UP + 1, trying.epochs + 1), self._level))


class Wilcoxon:
    """Prunes what is significantly worse, fold by fold, than the best complete trial at the same epoch.

    Wilcoxon's signed-rank test over the folds, one-sided, at 0.1, as Optuna's ``WilcoxonPruner`` has it between trials'
    steps. With n folds the smallest p is 2^-n: three folds or fewer never prune.
    """

    def __init__(self) -> None:
        self._best: Told | None = None

    def see(self, trial: Told) -> None:
        """See ``Pruner.see``."""
        if trial.complete and trial.folds is not None:
            best = self._best
            if best is None or float(np.max(trial.curve)) > float(np.max(best.curve)):
                self._best = trial

    def bar(self, trying: Trying) -> Bar:
        """See ``Pruner.bar``."""
        best = self._best
        if best is None or best.folds is None:
            return _bar({})
        rival = {}
        for epoch in range(WARM_UP + 1, trying.epochs + 1):
            standing = int(np.argmax(best.curve[:epoch]))
            rival[epoch] = tuple(map(float, best.folds[standing]))
        return Bar({}, maximize=True, rival=rival)


def bracket_of(number: int, epochs: int) -> int:
    """Return the bracket of a trial's number: 0 for the one whose first rung is epoch 3, 1 for epoch 9, and so on."""
    return _bracket(number, _rungs_before(epochs))


def _rungs_before(epochs: int) -> int:
    n_rungs = 0
    while FIRST_RUNG * KEEP**n_rungs < epochs:
        n_rungs += 1
    return n_rungs


def _bracket(number: int, n_rungs: int) -> int:
    if n_rungs < 2:
        return 0
    # Hyperband gives bracket s of s_max its (s_max + 1) / (s + 1) * 3^s trials, s counting the rungs.
    shares = np.array([n_rungs / (rungs + 1) * 3.0**rungs for rungs in range(n_rungs - 1, -1, -1)])
    place = derive("bracket", number) / 2**31
    return int(np.searchsorted(np.cumsum(shares / shares.sum()), place, side="right"))


def _upper_quarter(values: np.ndarray) -> float:
    return float(np.quantile(values, 0.75))


PRUNERS: Mapping[str, Callable[[], Pruner]] = MappingProxyType(
    {
        "none": Nothing,
        "median": partial(Level, np.median),
        "halving": Halving,
        "hyperband": Hyperband,
        "percentile": partial(Level, _upper_quarter),
        "threshold": Threshold,
        "wilcoxon": Wilcoxon,
    }
)
BY_FOLD = frozenset({"wilcoxon"})
"""The pruners that look at single folds."""


class StudyBars(Protocol):
    """Makes the bars of a study's trials, one after the other."""

    def see(self, trials: Iterable[Told | None]) -> None:
        """Take in the next trials that were told, in the order of their numbers; None for one that failed."""

    def bar(self, number: int, epochs: int, weigh: Callable[[], float]) -> Bar:
        """Return the bar for a trial that is asked when exactly the trials that were seen have been told.

        Args:
            number: the trial's own number.
            epochs: the most epochs that the trial may train.
            weigh: returns how many weights its network has, which takes a while.
        """


class Bars:
    """``StudyBars`` that judge a trial against all that were told.

    Args:
        pruner: a name in ``PRUNERS``.
        maximize: whether larger values of the curves are better.
    """

    def __init__(self, pruner: str, *, maximize: bool) -> None:
        self._pruner = PRUNERS[pruner]()
        self._maximize = maximize

    def see(self, trials: Iterable[Told | None]) -> None:
        """See ``StudyBars.see``."""
        for trial in trials:
            if trial is not None:
                self._pruner.see(trial if self._maximize else _mirrored(trial))

    def bar(self, number: int, epochs: int, weigh: Callable[[], float]) -> Bar:
        """See ``StudyBars.bar``; nothing is weighed."""
        bar = self._pruner.bar(Trying(number, epochs))
        if self._maximize:
            return bar
        rival = {epoch: tuple(-value for value in values) for epoch, values in bar.rival.items()}
        return Bar({epoch: -height for epoch, height in bar.heights.items()}, maximize=False, rival=rival)


class BarsBySize:
    """``StudyBars`` of a study in which a smaller network is better.

    A trial is judged against those with at most as many weights, since a small network need not keep up with all
    others. So a bar costs as much as there are trials.

    Args:
        pruner: a name in ``PRUNERS``.
        maximize: whether larger values of the curves are better.
    """

    def __init__(self, pruner: str, *, maximize: bool) -> None:
        self._pruner = pruner
        self._maximize = maximize
        self._told: list[Told] = []

    def see(self, trials: Iterable[Told | None]) -> None:
        """See ``StudyBars.see``."""
        self._told += [trial for trial in trials if trial is not None]

    def bar(self, number: int, epochs: int, weigh: Callable[[], float]) -> Bar:
        """See ``StudyBars.bar``."""
        weights = weigh()
        bars = Bars(self._pruner, maximize=self._maximize)
        bars.see(trial for trial in self._told if trial.parameters <= weights)
        return bars.bar(number, epochs, weigh)


def _mirrored(trial: Told) -> Told:
    folds = None if trial.folds is None else -trial.folds
    return replace(trial, curve=-trial.curve, folds=folds)


def _bar(heights: Mapping[int, float]) -> Bar:
    return Bar(heights, maximize=True)


def _reaches(trial: Told, epoch: int) -> bool:
    """Return whether a trial stands somewhere at an epoch: it was trained so far, or ended before by itself."""
    return trial.complete or len(trial.curve) >= epoch


def _reached(trial: Told, epoch: int) -> float:
    """Return what a trial stands at in an epoch, from 1."""
    return float(trial.curve[:epoch].max())
