"""Which parameters mattered: the share that each one has in what sets good trials apart."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.importance import get_param_importances
from optuna.trial import TrialState, create_trial

from tuner.records import State, TrialResult
from tuner.search.sampling import Asked

FEWEST = 10
"""With fewer complete trials nothing is said."""
STEADY = 50
"""With fewer complete trials the shares are rough: the best tenth, which they describe, has under five trials."""


@dataclass(frozen=True, slots=True)
class Importance:
    """How much each searched parameter decided whether a trial was among the best.

    Attributes:
        names: the parameters, the most important first.
        shares: of each, from 0 to 1; they add up to 1.
        n_trials: complete trials that they were computed from.
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]
    n_trials: int


def importance_of(
    asked_trials: Sequence[Asked], results: Mapping[int, TrialResult], *, maximize: bool
) -> Importance | None:
    """Return the importance of the searched parameters, or None where there are too few complete trials to tell.

    It is Optuna's PED-ANOVA (Watanabe et al., IJCAI 2023) for spaces with conditions: how differently a parameter's
    values are spread among the best tenth of the trials and among all, in the trials that have it.
    """
    study = optuna.create_study(direction="maximize" if maximize else "minimize")
    for asked in asked_trials:
        result = results.get(asked.number)
        if result is None or result.state is not State.COMPLETE:
            continue
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                value=result.values[0],
                params=dict(asked.sampled),
                distributions=dict(asked.distributions),
            )
        )
    trials = study.get_trials(deepcopy=False)
    if len(trials) < FEWEST or len({trial.value for trial in trials}) < 2:
        return None
    shares = _shares(study)
    if not shares:
        return None
    names = sorted(shares, key=lambda name: (-shares[name], name))
    return Importance(tuple(names), tuple(shares[name] for name in names), len(trials))


def _shares(study: optuna.Study) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # Parameters that few trials have; that shares are rough is said beside them.
        warnings.filterwarnings("ignore", message="Some regimes for parameter")
        return dict(get_param_importances(study))


def most_important(importance: Importance | None, names: Sequence[str]) -> list[str]:
    """Return searched parameters, the most important first; in their own order where nothing is known of them."""
    known = () if importance is None else importance.names
    rank = {name: place for place, name in enumerate(known)}
    return sorted(names, key=lambda name: rank.get(name, len(rank)))
