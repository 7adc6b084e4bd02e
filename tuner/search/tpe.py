"""Optuna's TPE without the work that it repeats; what it draws is the same to the bit.

Optuna's sampler draws one group of parameters after the other, and for each of them it splits all trials anew into the
better ones and the others, and turns their values anew into numbers. Nothing changes between two groups of a trial.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import _split_trials, default_gamma, default_gamma_multiobjective
from optuna.search_space.group_decomposed import _SearchSpaceGroup
from optuna.trial import FrozenTrial, TrialState

_SEEN = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


class Tpe(TPESampler):
    """``TPESampler``, multivariate and by groups of parameters that occur together.

    For one trial: it takes the study to stay as it is from its first look on.

    Args:
        seed: of the trial.
    """

    def __init__(self, seed: int) -> None:
        with warnings.catch_warnings():
            # Optuna may change the experimental `group`; conditional parameters leave the joint model without it.
            warnings.simplefilter("ignore", ExperimentalWarning)
            super().__init__(seed=seed, multivariate=True, group=True, constant_liar=True)
        self._group_decomposed_search_space = _Groups()  # type: ignore[assignment]
        self._halves: tuple[list[FrozenTrial], list[FrozenTrial]] | None = None
        self._params: dict[int, Mapping[str, Any]] = {}  # of each trial that was looked at, by its number

    def _sample(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw a group of parameters, as ``TPESampler`` does."""
        if self._halves is None:
            self._halves = self._split(study, trial)
        below, above = self._halves
        better = self._build_parzen_estimator(study, search_space, below, handle_below=True)
        others = self._build_parzen_estimator(study, search_space, above, handle_below=False)
        drawn = better.sample(self._rng.rng, self._n_ei_candidates)
        best = self._compare(drawn, self._compute_acquisition_func(drawn, better, others))
        return {name: each.to_external_repr(best[name]) for name, each in search_space.items()}

    def _get_internal_repr(
        self, trials: list[FrozenTrial], search_space: dict[str, BaseDistribution], study: Study
    ) -> dict[str, np.ndarray]:
        """Return (n,) numbers for each of a group's parameters, of the trials that have all of them."""
        names, every = search_space.keys(), self._params
        rows = [params for trial in trials if names <= (params := every[trial.number]).keys()]
        return {name: _numbers(each, [row[name] for row in rows]) for name, each in search_space.items()}

    def _split(self, study: Study, trial: FrozenTrial) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
        """Return the better ones of the trials but this one, and the others, each in the order of their numbers."""
        trials = [
            each for each in study.get_trials(deepcopy=False, states=_SEEN) if each.number != trial.number
        ]
        self._params = {each.number: self._get_params(each, study) for each in trials}
        n_ended = sum(each.state is not TrialState.RUNNING for each in trials)
        gamma = default_gamma if len(study.directions) == 1 else default_gamma_multiobjective
        return _split_trials(study, trials, gamma(n_ended))


def _numbers(distribution: BaseDistribution, values: list[Any]) -> np.ndarray:
    """Return values as Optuna computes with them."""
    if isinstance(distribution, CategoricalDistribution):
        return np.asarray([distribution.to_internal_repr(value) for value in values])
    return np.asarray(values, float)


class _Groups:
    """Optuna's decomposition of a space, to which a trial adds nothing that has the parameters of one before."""

    def calculate(self, study: Study, use_cache: bool = False) -> _SearchSpaceGroup:
        """See ``_GroupDecomposedSearchSpace.calculate``."""
        groups, known = _SearchSpaceGroup(), set()
        for trial in study.get_trials(deepcopy=False, states=_SEEN[:2]):
            names = frozenset(trial.distributions)
            if names not in known:
                known.add(names)
                groups.add_distributions(trial.distributions)
        return groups
