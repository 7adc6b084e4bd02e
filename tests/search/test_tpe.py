"""Our TPE draws what Optuna's own draws, to the bit, from studies with trials of every kind."""

import json
import warnings

import numpy as np
import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import Trial, TrialState, create_trial

from tuner.search.tpe import Tpe

ACTIVATIONS = ("relu", "tanh", None, True, 2)


def suggest(trial: Trial) -> None:
    """Ask for conditional numbers of every kind, and for options of every type."""
    for layer in range(trial.suggest_int("layers", 1, 3)):
        trial.suggest_int(f"neurons.{layer}", 4, 256, log=True)
        trial.suggest_float(f"dropout.{layer}", 0.0, 0.4, step=0.1)
    trial.suggest_categorical("activation", ACTIVATIONS)
    trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    if trial.suggest_categorical("optimizer", ("sgd", "momentum", "adam")) == "momentum":
        trial.suggest_float("momentum", 0.5, 0.99)
    trial.suggest_int("only", 7, 7)


def studied(n_trials: int, n_objectives: int, keeps_bound: float) -> optuna.Study:
    """A study whose trials are complete, pruned, failed, over a bound, or running; the last one shares its draws."""
    study = optuna.create_study(
        directions=["maximize", "minimize"][:n_objectives],
        sampler=optuna.samplers.RandomSampler(seed=n_trials),
    )
    random = np.random.default_rng(5)
    for number in range(n_trials):
        trial = study.ask()
        suggest(trial)
        values = random.integers(0, 12, n_objectives) / 8  # some are equal
        if number % 7 == 3 and n_objectives == 1:
            trial.report(float(values[0]), step=1 + number % 5)
        if number % 7 in (3, 4):
            study.tell(trial, state=TrialState.PRUNED)
        elif number % 11 == 5:
            study.tell(trial, state=TrialState.FAIL)
        elif number % 13 != 12 and number < n_trials - 2:
            trial.set_constraint("size", float(random.random() - keeps_bound))
            study.tell(trial, list(map(float, values)))
    last = study.trials[-1]
    shared = {"tpe:relative_params:0": json.dumps({"rate": 1e-2, "momentum": 0.75})}
    study.add_trial(
        create_trial(
            state=TrialState.RUNNING,
            params=last.params,
            distributions=last.distributions,
            system_attrs=shared,
        )
    )
    return study


def drawn(study: optuna.Study, sampler: TPESampler) -> dict[str, object]:
    study.sampler = sampler
    trial = study.ask()
    suggest(trial)
    study.tell(trial, state=TrialState.FAIL)
    return trial.params


@pytest.mark.parametrize(
    ("n_trials", "n_objectives", "keeps_bound"),
    [(9, 1, 1.0), (40, 1, 0.1), (150, 1, 0.9), (40, 2, 0.8)],
)
def test_it_draws_what_optunas_own_draws(n_trials: int, n_objectives: int, keeps_bound: float) -> None:
    study = studied(n_trials, n_objectives, keeps_bound)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        for seed in range(4):
            plain = TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
            assert drawn(study, Tpe(seed)) == drawn(study, plain)
