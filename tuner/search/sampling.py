"""Which parameters trial n tries: a pure function of the seed, n, and the trials that n may know of.

The sampler works on a study in memory that is brought, before each ask, to what trial n may see: the trials
0 .. n - window told, those between running. The database of the study is only written, so neither a restart nor
the pace of workers changes what is sampled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState, create_trial

from tuner.records import Params, State
from tuner.search.samplers import SAMPLERS, distribution_of
from tuner.seeds import derive
from tuner.space.space import SearchSpace

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial's parameters as they were asked.

    Attributes:
        number: the trial's number.
        params: all of its parameters, constants too.
        sampled: the parameters that the sampler knows, as the search space names them.
        distributions: what each of ``sampled`` was drawn from.
    """

    number: int
    params: Params
    sampled: Params
    distributions: Mapping[str, BaseDistribution]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sampler is told of an ended trial.

    Attributes:
        state: complete, pruned or failed.
        value: the first objective; None for a trial that failed or was not trained.
        epochs: how many epochs were trained.
        others: the objectives after the first; empty where there is no value.
        constraints: bound -> by which share of it the trial is above it; at most 0 where it is not.
    """

    state: State
    value: float | None
    epochs: int
    others: tuple[float, ...] = ()
    constraints: Mapping[str, float] = field(default_factory=dict)

    @property
    def barred(self) -> bool:
        """Whether the trial was not trained, since it breaks a bound."""
        return self.state is State.PRUNED and self.value is None


def constraint_notes(constraints: Mapping[str, float]) -> Mapping[str, Any]:
    """Return what Optuna notes at a trial of its constraints, of which those above 0 are broken."""
    return create_trial(state=TrialState.FAIL, constraints=dict(constraints)).system_attrs


def directions_of(maximize: bool, others: Sequence[str]) -> list[StudyDirection]:
    """Return the directions of a study's objectives: of the first, and of the others by their names."""
    first = StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE
    return [first, *(StudyDirection[name.upper()] for name in others)]


def _worse(direction: StudyDirection, one: float, other: float) -> float:
    return min(one, other) if direction is StudyDirection.MAXIMIZE else max(one, other)


class Sampling:
    """Asks for the parameters of trial after trial.

    Args:
        space: what may be tried.
        sampler: a name in ``SAMPLERS``.
        seed: the study's seed.
        window: trials in flight; trial n knows the outcomes of 0 .. n - window.
        maximize: whether larger scores are better.
        others: ``maximize`` or ``minimize`` for each objective after the first.
        first: configurations for the trials 1, 2, ...; trial 0 is the space's default.
    """

    def __init__(
        self,
        space: SearchSpace,
        sampler: str,
        *,
        seed: int,
        window: int,
        maximize: bool,
        others: Sequence[str] = (),
        first: Sequence[Params] = (),
    ) -> None:
        self._space = space
        self._sampler = SAMPLERS[sampler]
        self._proposer = None if self._sampler.proposer is None else self._sampler.proposer(space, seed)
        self._seed = seed
        self._window = window
        self._given = (space.default(), *first)
        self._directions = directions_of(maximize, others)
        self._study = optuna.create_study(directions=self._directions)
        self._worst: list[float] | None = None  # of each objective, among the complete trials
        self._past: list[Params] = []  # of each asked trial
        self._places: list[int] = []  # of each of them in the study in memory, as far as it holds them
        self._n_told = 0

    def restore(self, asked: Asked) -> None:
        """Take in a trial that was asked before a restart; in the order of the numbers."""
        self._past.append(asked.params)

    def ask(self, outcomes: Mapping[int, Outcome]) -> Asked | None:
        """Return the next trial; None where the sampler has proposed all there is.

        Args:
            outcomes: of ended trials; those of 0 .. n - window must be there, later ones are not looked at.
        """
        for number in range(len(self._places), len(self._past)):
            self._take(self._past[number], self._notes(number, outcomes))
        number = len(self._past)
        params = self._given[number] if number < len(self._given) else None
        if params is None and self._proposer is not None:
            params = self._proposer.propose(self._past)
            if params is None:
                return None
        if params is None:
            params, notes = self._draw(number, outcomes)
        else:
            notes = self._notes(number, outcomes)
        drawn = self._take(params, notes)
        self._past.append(params)
        return Asked(number, params, {name: params[name] for name in drawn}, drawn)

    def _notes(self, number: int, outcomes: Mapping[int, Outcome]) -> Mapping[str, Any]:
        """Return what the sampler notes at a trial whose parameters are known already."""
        return self._draw(number, outcomes)[1] if self._sampler.remembers else {}

    def _draw(self, number: int, outcomes: Mapping[int, Outcome]) -> tuple[Params, Mapping[str, Any]]:
        """Ask the sampler for a trial that knows the outcomes of 0 .. number - window, and take it back.

        TPE also keeps what it drew for parameters that turned out not to exist in the trial, and learns from it while
        the trial runs. A restart knows nothing of that, so the trial is put back as it is recorded.

        Returns:
            The parameters, and the notes that the sampler has to find at the trial later on.
        """
        while self._n_told <= number - self._window:
            self._tell(self._n_told, outcomes[self._n_told])
            self._n_told += 1
        self._study.sampler = self._sampler.make(derive(self._seed, "sampler", number), self._space)
        trial = self._study.ask()
        params = self._space.suggest(trial)  # type: ignore[arg-type]  # Optuna overloads suggest_categorical
        self._study.tell(trial, state=TrialState.FAIL)
        if not self._sampler.remembers:
            return params, {}
        return params, self._study.get_trials(deepcopy=False)[trial.number].system_attrs

    def _take(self, params: Params, notes: Mapping[str, Any]) -> dict[str, BaseDistribution]:
        """Add a running trial to the study in memory; returns what the space draws its parameters from."""
        drawn = {
            name: distribution
            for name in params
            if (param := self._space.parameter(name)) is not None
            and (distribution := distribution_of(param)) is not None
        }
        self._places.append(len(self._study.get_trials(deepcopy=False)))
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params={name: params[name] for name in drawn},
                distributions=drawn,
                system_attrs=dict(notes),
            )
        )
        return drawn

    def _tell(self, number: int, outcome: Outcome) -> None:
        """Tell the sampler; a failed trial counts among the worst, so that its neighbourhood is avoided.

        What breaks a bound is told as complete, with how much it is above it: so the samplers of evolution, which look
        at no others, learn of bounds, and those that do not know bounds see the worst score there was.
        """
        # The only study of a storage in memory: a trial's id there is its number.
        place = self._places[number]
        if outcome.constraints:
            for name, excess in constraint_notes(outcome.constraints).items():
                self._study._storage.set_trial_system_attr(place, name, excess)
        if outcome.state is State.COMPLETE and outcome.value is not None:
            values = [outcome.value, *outcome.others]
            self._worst = (
                values if self._worst is None else list(map(_worse, self._directions, self._worst, values))
            )
            self._study.tell(place, values)
            return
        if outcome.barred:
            self._study.tell(place, self._worst or [0.0] * len(self._directions))
            return
        # With several objectives Optuna has no place for what a pruned trial had reached: it counts among the worst.
        if outcome.state is State.PRUNED and outcome.value is not None and len(self._directions) == 1:
            Trial(self._study, place).report(outcome.value, step=outcome.epochs)
        self._study.tell(place, state=TrialState.PRUNED)
