"""Which parameters trial n tries: a pure function of the seed, n, and the trials that n may know of.

The sampler works on a study in memory that is brought, before each ask, to what trial n may see: the trials
0 .. n - window told, those between running. The database of the study is only written, so neither a restart nor
the pace of workers changes what is sampled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
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
        value: the score; None for a failed trial.
        epochs: how many epochs were trained.
    """

    state: State
    value: float | None
    epochs: int


class Sampling:
    """Asks for the parameters of trial after trial.

    Args:
        space: what may be tried.
        sampler: a name in ``SAMPLERS``.
        seed: the study's seed.
        window: trials in flight; trial n knows the outcomes of 0 .. n - window.
        maximize: whether larger scores are better.
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
        first: Sequence[Params] = (),
    ) -> None:
        self._space = space
        self._sampler = SAMPLERS[sampler]
        self._proposer = None if self._sampler.proposer is None else self._sampler.proposer(space, seed)
        self._seed = seed
        self._window = window
        self._given = (space.default(), *first)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize")
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
        """Tell the sampler; a failed trial counts among the worst, so that its neighbourhood is avoided."""
        place = self._places[number]
        if outcome.state is State.COMPLETE:
            self._study.tell(place, outcome.value)
            return
        if outcome.state is State.PRUNED and outcome.value is not None:
            # The only study of a storage in memory: a trial's id there is its number.
            Trial(self._study, place).report(outcome.value, step=outcome.epochs)
        self._study.tell(place, state=TrialState.PRUNED)
