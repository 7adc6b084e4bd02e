"""The samplers: what proposes the next configuration.

Those of Optuna are made anew for each trial, from a seed of its own. What one of them keeps from trial to trial, such
as the generation of an evolution strategy, lies in the study in memory; a restart repeats the trials there.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from optuna import Study
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    RandomSampler,
)
from optuna.trial import FrozenTrial

from tuner.records import Params
from tuner.search.grid import Grid
from tuner.search.sobol import Sobol
from tuner.search.tpe import Tpe
from tuner.space.ranges import Constant, FloatParam, IntParam, Param
from tuner.space.space import SearchSpace, always_there

POPULATION = 20
"""Trials of one generation of ``nsga2`` and ``nsga3``; Optuna's 50 would leave a search of 50 trials to chance."""


class Proposer(Protocol):
    """Chooses whole configurations by a rule of its own."""

    def propose(self, past: Sequence[Params]) -> Params | None:
        """Return the next configuration after those of all trials so far; None where there is none left."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """A row of ``SAMPLERS``.

    Attributes:
        make: Optuna's sampler for one trial, from the trial's own seed and the space.
        proposer: chooses instead of Optuna's sampler, made from the space and the study's seed; or None.
        remembers: whether Optuna's sampler leaves notes at trials, so that a restart has to repeat them.
    """

    make: Callable[[int, SearchSpace], BaseSampler]
    proposer: Callable[[SearchSpace, int], Proposer] | None = None
    remembers: bool = False


def distribution_of(param: Param) -> BaseDistribution | None:
    """Return what Optuna draws a parameter from; None for a constant."""
    if isinstance(param, Constant):
        return None
    if isinstance(param, IntParam):
        return IntDistribution(param.low, param.largest, log=param.log, step=param.step)
    if isinstance(param, FloatParam):
        return FloatDistribution(param.low, param.largest, log=param.log, step=param.step)
    return CategoricalDistribution(param.options)


def numbers_of(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return the numbers that every configuration has, by name."""
    numbers: dict[str, BaseDistribution] = {}
    for name in always_there(space):
        param = space.parameter(name)
        if isinstance(param, (IntParam, FloatParam)) and param.low < param.largest:
            numbers[name] = distribution_of(param)  # type: ignore[assignment]
    return numbers


def _tpe(seed: int, space: SearchSpace) -> BaseSampler:
    """Tree-structured Parzen estimator over joint groups of parameters that occur together (Watanabe 2023)."""
    return Tpe(seed)


def _random(seed: int, space: SearchSpace) -> BaseSampler:
    """Each parameter at random, whatever was seen before (Bergstra and Bengio 2012)."""
    return RandomSampler(seed=seed)


def _gp(seed: int, space: SearchSpace) -> BaseSampler:
    """Gaussian process with expected improvement; conditional parameters are drawn at random."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return GPSampler(seed=seed, warn_independent_sampling=False)


def _nsga2(seed: int, space: SearchSpace) -> BaseSampler:
    """Non-dominated sorting (Deb et al. 2002); with one objective, a genetic algorithm that keeps the best."""
    return NSGAIISampler(population_size=POPULATION, seed=seed)


def _nsga3(seed: int, space: SearchSpace) -> BaseSampler:
    """Non-dominated sorting by reference points (Deb and Jain 2014)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return NSGAIIISampler(population_size=POPULATION, seed=seed)


class CmaEs(BaseSampler):
    """CMA-ES (Hansen 2016) over the numbers that every configuration has; all else is drawn at random.

    Optuna's own takes the numbers that all trials so far had, and gives up once that set changes.

    Args:
        seed: of the trial.
        space: what may be tried.
    """

    def __init__(self, seed: int, space: SearchSpace) -> None:
        self._numbers = numbers_of(space)
        with warnings.catch_warnings():
            # A pruned trial counts with what it had reached: it is among the worst of its generation.
            warnings.simplefilter("ignore", ExperimentalWarning)
            self._inner = CmaEsSampler(
                seed=seed, consider_pruned_trials=True, warn_independent_sampling=False
            )

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the numbers."""
        return self._numbers

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return their values."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value of another parameter."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


SAMPLERS: Mapping[str, Sampler] = MappingProxyType(
    {
        "tpe": Sampler(_tpe),
        "random": Sampler(_random),
        "grid": Sampler(_random, proposer=Grid),
        "qmc": Sampler(_random, proposer=Sobol),
        "cmaes": Sampler(CmaEs, remembers=True),
        "gp": Sampler(_gp),
        "nsga2": Sampler(_nsga2, remembers=True),
        "nsga3": Sampler(_nsga3, remembers=True),
    }
)
