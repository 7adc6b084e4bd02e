"""Learning rates that change while a network trains: the rate of every step, as numbers for the engines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from tuner.records import Params

Settings = tuple[tuple[str, float], ...]
"""Pairs of a setting, without ``schedule_``, and its value."""

Share = Callable[[Mapping[str, float], np.ndarray, float], np.ndarray]
"""From settings, time in epochs (0 at the first step) and all epochs to the share of the learning rate."""

PLATEAU_DELTA = 1e-4
"""How much lower a loss must be to count as an improvement; that of ``keras.callbacks.ReduceLROnPlateau``."""

_CYCLE_START, _CYCLE_END, _CYCLE_TAIL = 0.1, 1e-4, 0.1
"""Of ``one_cycle``: the shares of the rate at the start and at the very end, and the last part of the time, in which
the rate falls from the one to the other (Smith 2018, A disciplined approach, section 4.1)."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A way in which the rate changes.

    Attributes:
        settings: what it reads, with defaults.
        by_step: whether the rate changes with every step, or stays for an epoch.
        share: its formula.
    """

    settings: Settings
    by_step: bool
    share: Share


def _constant(settings: Mapping[str, float], time: np.ndarray, total: float) -> np.ndarray:
    return np.ones_like(time)


def _time(settings: Mapping[str, float], time: np.ndarray, total: float) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + settings["decay"] * time))


def _step(settings: Mapping[str, float], time: np.ndarray, total: float) -> np.ndarray:
    return np.asarray(settings["drop"] ** np.floor((1.0 + time) / settings["every"]))


def _exponential(settings: Mapping[str, float], time: np.ndarray, total: float) -> np.ndarray:
    return np.exp(-settings["decay"] * time)


def _cosine(settings: Mapping[str, float], time: np.ndarray, total: float) -> np.ndarray:
    return np.asarray(0.5 * (1.0 + np.cos(np.pi * time / total)))


def _cosine_restarts(settings: Mapping[str, float], time: np.ndarray, total: float) -> np.ndarray:
    cycles = time / settings["every"]
    # Cycles of 1, 2, 4, ...: the n-th begins at 2^n - 1. What lies less than rounding before a restart is one.
    number = np.floor(np.log2(cycles + 1.0) + 1e-9)
    part = (cycles - (2.0**number - 1.0)) / 2.0**number
    return np.asarray(0.5 * (1.0 + np.cos(np.pi * np.maximum(part, 0.0))))


def _one_cycle(settings: Mapping[str, float], time: np.ndarray, total: float) -> np.ndarray:
    turn = (1.0 - _CYCLE_TAIL) / 2.0
    places = np.array([0.0, turn, 2.0 * turn, 1.0]) * total
    return np.asarray(np.interp(time, places, [_CYCLE_START, 1.0, _CYCLE_START, _CYCLE_END]))


SCHEDULES: Mapping[str, Schedule] = MappingProxyType(
    {
        "constant": Schedule((), False, _constant),
        "time": Schedule((("decay", 0.05),), False, _time),
        "step": Schedule((("drop", 0.5), ("every", 10.0)), False, _step),
        "exponential": Schedule((("decay", 0.05),), False, _exponential),
        # Loshchilov and Hutter 2017, equation 5; each cycle is twice as long as the one before.
        "cosine": Schedule((), True, _cosine),
        "cosine_restarts": Schedule((("every", 10.0),), True, _cosine_restarts),
        "one_cycle": Schedule((), True, _one_cycle),
        "plateau": Schedule((("factor", 0.5), ("patience", 5.0)), False, _constant),
    }
)
"""The schedules by name; ``plateau`` multiplies by what its losses ask for."""


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """A schedule with a value for all that it reads.

    Attributes:
        name: a name in ``SCHEDULES``.
        settings: every setting of the schedule's row, in the row's order.
        warmup: the epochs in which the rate rises from 0, before the schedule begins; 0 for none.
        momentum: of ``one_cycle``, the optimizer's momentum where the rate is highest; None where it does not change.
        reductions: of ``plateau``, how often the rate was reduced before each epoch, where that is known in advance;
            empty where the losses of the training itself decide.
    """

    name: str = "constant"
    settings: Settings = ()
    warmup: int = 0
    momentum: float | None = None
    reductions: tuple[int, ...] = ()

    @property
    def judges(self) -> bool:
        """Whether a rate depends on the losses of the epochs before."""
        return self.name == "plateau" and not self.reductions


CONSTANT = SchedulePlan()
"""The rate stays as it is."""


def plan_schedule(name: str, warmup: int, params: Params) -> SchedulePlan:
    """Return the plan of a schedule.

    Args:
        name: a name in ``SCHEDULES``.
        warmup: epochs, at least 0.
        params: a trial's parameters; those that this schedule does not read are left aside.
    """
    settings = SCHEDULES[name].settings
    lowest = params.get("schedule_momentum", "none")
    return SchedulePlan(
        name,
        tuple((key, float(params.get(f"schedule_{key}", default))) for key, default in settings),
        warmup,
        float(lowest) if name == "one_cycle" and lowest != "none" else None,
    )


def following(plan: SchedulePlan, losses: np.ndarray) -> SchedulePlan:
    """Return a plan that reduces the rate when the folds of an earlier training did, by their median.

    Args:
        plan: of that training; any but ``plateau`` is returned as it is.
        losses: (n_epochs, n_folds) validation losses of that training.
    """
    if not plan.judges:
        return plan
    plateaus, before = _Plateaus(dict(plan.settings), losses.shape[1]), []
    for each in losses:
        before.append(round(float(np.median(plateaus.reduced))))
        plateaus.see(each)
    return replace(plan, reductions=tuple(before))


class Rates:
    """The learning rates of a training, epoch after epoch; each fold has its own.

    Args:
        plan: how they change.
        rate: the learning rate that they are shares of, above 0.
        epochs: the most epochs of the training.
        batches: (n_folds,) steps of each fold in an epoch.
    """

    def __init__(self, plan: SchedulePlan, rate: float, epochs: int, batches: np.ndarray) -> None:
        self._plan = plan
        self._rate = rate
        self._epochs = epochs
        self._batches = np.asarray(batches)
        self._plateaus = _Plateaus(dict(plan.settings), len(batches)) if plan.judges else None

    def of_epoch(self, epoch: int) -> np.ndarray:
        """Return the rates of an epoch's steps.

        Args:
            epoch: 1, 2, ...; where the schedule judges losses, those of the epoch before have been seen.

        Returns:
            (n_steps, n_folds) float64, as many steps as the longest fold has; what lies after a fold's last step means
            nothing.
        """
        warmup = self._plan.warmup
        shares = self._scheduled(epoch)
        if warmup:
            risen = (self._time(epoch) + 1.0 / self._batches) / warmup
            shares = shares * np.minimum(risen, 1.0)
        return self._rate * shares * self._reduced(epoch)

    def momenta_of_epoch(self, epoch: int, own: float) -> np.ndarray:
        """Return the momenta of an epoch's steps, which mirror the rates of a cycle.

        They fall from the optimizer's own to ``SchedulePlan.momentum`` while the rate rises, rise back while it falls,
        and stay there for the rest (Smith 2018, section 4.3; ``cycle_momentum`` of PyTorch's ``OneCycleLR``).

        Args:
            epoch: 1, 2, ...
            own: the optimizer's momentum, in (0, 1).

        Returns:
            (n_steps, n_folds) float64, as for ``of_epoch``.

        Raises:
            ValueError: the schedule does not change the momentum.
        """
        if self._plan.momentum is None:
            raise ValueError(f"'{self._plan.name}' leaves the momentum as it is")
        high = np.clip((self._scheduled(epoch) - _CYCLE_START) / (1.0 - _CYCLE_START), 0.0, 1.0)
        return own + (self._plan.momentum - own) * high

    def see(self, losses: np.ndarray) -> None:
        """Take in the (n_folds,) validation losses of the epoch that was trained last."""
        if self._plateaus is not None:
            self._plateaus.see(losses)

    def _time(self, epoch: int) -> np.ndarray:
        """Return how many epochs have passed before each step."""
        return np.asarray((epoch - 1) + np.arange(int(self._batches.max()))[:, None] / self._batches)

    def _scheduled(self, epoch: int) -> np.ndarray:
        """Return the shares of an epoch's steps, which the schedule gives after its warm-up."""
        warmup = self._plan.warmup
        time, total = np.maximum(self._time(epoch) - warmup, 0.0), max(self._epochs - warmup, 1)
        schedule = SCHEDULES[self._plan.name]
        moments = time if schedule.by_step else np.floor(time)
        return schedule.share(dict(self._plan.settings), moments, total)

    def _reduced(self, epoch: int) -> np.ndarray | float:
        if self._plateaus is not None:
            return np.asarray(self._plateaus.factor**self._plateaus.reduced)
        if self._plan.reductions:
            known = self._plan.reductions[min(epoch, len(self._plan.reductions)) - 1]
            return float(dict(self._plan.settings)["factor"] ** known)
        return 1.0


class _Plateaus:
    """What ``keras.callbacks.ReduceLROnPlateau`` does to the rate of each fold, by the fold's own losses.

    Attributes:
        factor: what a reduction multiplies the rate by.
        reduced: (n_folds,) how often the rate was reduced.
    """

    def __init__(self, settings: Mapping[str, float], n_folds: int) -> None:
        self.factor = settings["factor"]
        self.reduced = np.zeros(n_folds, np.int64)
        self._patience = settings["patience"]
        self._best = np.full(n_folds, np.inf)
        self._waited = np.zeros(n_folds, np.int64)

    def see(self, losses: np.ndarray) -> None:
        better = losses < self._best - PLATEAU_DELTA
        self._best = np.where(better, losses, self._best)
        self._waited = np.where(better, 0, self._waited + 1)
        spent = self._waited >= self._patience
        self.reduced += spent
        self._waited[spent] = 0
