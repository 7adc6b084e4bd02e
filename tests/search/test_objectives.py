"""Several objectives and bounds, as samplers see them; the objectives are formulas of the parameters."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import optuna
import pytest

from tests.search.test_sampling import LISTED, just_in_time, samplers
from tests.search.trials import HEADER, asked, complete, pruned
from tuner.config.names import ONE_OBJECTIVE
from tuner.records import Params, State
from tuner.search.samplers import SAMPLERS
from tuner.search.sampling import Asked, Outcome, Sampling
from tuner.search.storage import StudyStore
from tuner.space.ranges import FloatParam
from tuner.space.space import SearchSpace

N_TRIALS = 45
MOST = 90


def weights(params: Params) -> int:
    return sum(int(value) for name, value in params.items() if name.startswith("neurons"))


def judged(trial: Asked) -> Outcome:
    """Return an outcome of two objectives; larger networks than ``MOST`` break a bound, and some trials are pruned."""
    size = weights(trial.params)
    broken = {"parameters": size / MOST - 1}
    if size > MOST:
        return Outcome(State.PRUNED, None, 0, (), broken)
    score = float(np.log10(float(trial.params["learning_rate"]))) * -0.1 + size / 100
    if trial.number % 7 == 3:
        return Outcome(State.FAILED, None, 0)
    state = State.PRUNED if trial.number % 5 == 2 else State.COMPLETE
    return Outcome(state, score, 30, (float(size),), broken)


def sampling_of(sampler: str) -> Sampling:
    return Sampling(LISTED, sampler, seed=7, window=4, maximize=True, others=["minimize"])


@pytest.mark.parametrize("sampler", [each for each in samplers() if "cmaes" not in str(each)])
def test_every_sampler_that_is_allowed_takes_two_objectives_and_repeats_after_a_restart(sampler):
    reference = just_in_time(sampling_of(sampler), N_TRIALS, judge=judged)
    restarted = sampling_of(sampler)
    for trial in reference[:31]:
        restarted.restore(trial)
    assert just_in_time(restarted, N_TRIALS, judge=judged, before=reference[:31]) == reference
    assert len({str(trial.params) for trial in reference}) > N_TRIALS / 2


def test_only_the_samplers_of_several_objectives_are_let_through():
    assert {"cmaes"} == ONE_OBJECTIVE
    assert set(SAMPLERS) > ONE_OBJECTIVE


PLANE = SearchSpace("a number", {"x": FloatParam(0.0, 1.0), "y": FloatParam(0.0, 1.0)})


def share_kept(sampler: str) -> float:
    """Return the share of the last 60 of 120 trials that keep x at most .3, where the score rises with x."""

    def judge(trial: Asked) -> Outcome:
        x = float(trial.params["x"])
        broken = {"parameters": x / 0.3 - 1}
        if x > 0.3:
            return Outcome(State.PRUNED, None, 0, (), broken)
        return Outcome(State.COMPLETE, x, 9, (float(trial.params["y"]),), broken)

    sampling = Sampling(PLANE, sampler, seed=3, window=4, maximize=True, others=["minimize"])
    trials = just_in_time(sampling, 120, judge=judge)
    return float(np.mean([float(trial.params["x"]) <= 0.3 for trial in trials[60:]]))


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "nsga3"])
def test_a_sampler_learns_of_a_bound_from_trials_that_were_not_trained(sampler):
    assert share_kept("random") < 0.4
    assert share_kept(sampler) > 0.5


def test_optuna_sees_several_objectives_and_which_trials_keep_the_bounds(tmp_path):
    values = [(0.9, 5.0), (0.8, 3.0), (0.7, 4.0), (0.95, 1.0)]
    with closing(StudyStore(tmp_path, "s")) as store:
        store.create(HEADER, maximize=True, others=["minimize"])
        for number, pair in enumerate(values):
            store.asked(asked(number))
            excess = {"parameters": 0.5 if number == 3 else -0.5}
            folds = tuple((value,) * 3 for value in pair)
            result = replace(complete(number), values=pair, fold_values=folds, constraints=excess)
            store.ended(result)
        store.asked(asked(4))
        barred = replace(
            pruned(4), values=(), fold_values=(), latency_ms=2.5, constraints={"parameters": 3.0}
        )
        store.ended(barred)
        recorded = store.results()
    assert recorded[4].latency_ms == 2.5
    assert not recorded[4].feasible
    assert recorded[0].feasible
    study = optuna.load_study(storage=f"sqlite:///{tmp_path / 'study.db'}", study_name="s")
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert [trial.values for trial in study.trials] == [*map(list, values), None]
    assert {trial.number for trial in study.best_trials} == {0, 1}
    assert study.trials[4].constraints == {"parameters": 3.0}
