"""Which parameters trial n tries: a pure function of the seed, n, and the trials that n may know of.

The sampler works on a study in memory that is brought, before each ask, to what trial n may see: the trials
0 .. n - window told, those between running. The database of the study is only written, so neither a restart nor
the pace of workers changes what is sampled.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState, create_trial

from tuner.records import Params, State
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


def _tpe(seed: int) -> BaseSampler:
    """Tree-structured Parzen estimator over joint groups of parameters that occur together (Watanabe 2023)."""
    with warnings.catch_warnings():
        # Optuna may change the experimental `group`; conditional parameters leave the joint model without it.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)


SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = MappingProxyType(
    {"tpe": _tpe, "random": RandomSampler}
)


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
        self._make_sampler = SAMPLERS[sampler]
        self._seed = seed
        self._window = window
        self._given = (space.default(), *first)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize")
        self._places: list[int] = []  # of each asked trial in the study in memory
        self._n_told = 0

    def restore(self, asked: Asked) -> None:
        """Take in a trial that was asked before a restart; in the order of the numbers."""
        self._take(asked, len(self._study.get_trials(deepcopy=False)))

    def ask(self, outcomes: Mapping[int, Outcome]) -> Asked:
        """Return the next trial.

        Args:
            outcomes: of ended trials; those of 0 .. n - window must be there, later ones are not looked at.
        """
        number = len(self._places)
        while self._n_told <= number - self._window:
            self._tell(self._n_told, outcomes[self._n_told])
            self._n_told += 1
        self._study.sampler = self._make_sampler(derive(self._seed, "sampler", number))
        if number < len(self._given):
            self._study.enqueue_trial(dict(self._given[number]))
        trial = self._study.ask()
        params = self._space.suggest(trial)  # type: ignore[arg-type]  # Optuna overloads suggest_categorical
        asked = Asked(number, params, dict(trial.params), dict(trial.distributions))
        # TPE also keeps what it drew for parameters that turned out not to exist in the trial, and learns from it while
        # the trial runs. A restart knows nothing of that, so the trial is put back as it is recorded.
        self._study.tell(trial, state=TrialState.FAIL)
        self._take(asked, trial.number + 1)
        return asked

    def _take(self, asked: Asked, place: int) -> None:
        """Add a running trial to the study in memory, where it is the trial of number ``place``."""
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=dict(asked.sampled),
                distributions=dict(asked.distributions),
            )
        )
        self._places.append(place)

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
