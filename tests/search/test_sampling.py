import math
from collections.abc import Callable, Mapping

import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial

from tuner.records import Params, State
from tuner.search.sampling import SAMPLERS, Asked, Outcome, Sampling
from tuner.seeds import derive
from tuner.space.ranges import ChoiceParam, Constant, FloatParam, IntParam
from tuner.space.space import SearchSpace

LAYERED = SearchSpace(
    "conditions, layers and a constant",
    {
        "layers": IntParam(1, 3, default=2),
        "neurons": IntParam(4, 64, log=True, per_layer=True),
        "optimizer": ChoiceParam(("sgd", "momentum", "adam")),
        "momentum": FloatParam(0.5, 0.99, when={"optimizer": ("momentum",)}),
        "batch_norm": ChoiceParam((False, True)),
        "learning_rate": FloatParam(1e-4, 1e-1, log=True),
        "dropout": FloatParam(0.0, 0.4, step=0.1, per_layer=True),
        "epochs": Constant(30),
    },
)
LINE = SearchSpace("one number", {"x": FloatParam(0.0, 1.0)})

Judge = Callable[[Asked], Outcome]


def judged(asked: Asked) -> Outcome:
    """Return an outcome that depends on the parameters; some trials fail, some are pruned."""
    if asked.number % 7 == 3:
        return Outcome(State.FAILED, None, 0)
    value = math.log10(float(asked.params["learning_rate"])) * -0.1 + int(asked.params["layers"]) * 0.05
    if asked.number % 5 == 2:
        return Outcome(State.PRUNED, value - 0.2, 3 + asked.number % 3)
    return Outcome(State.COMPLETE, value, 30)


def sampling_of(
    sampler: str,
    space: SearchSpace = LAYERED,
    *,
    window: int = 4,
    seed: int = 7,
    first: tuple[Params, ...] = (),
) -> Sampling:
    return Sampling(space, sampler, seed=seed, window=window, maximize=True, first=first)


def just_in_time(
    sampling: Sampling,
    n_trials: int,
    *,
    window: int = 4,
    judge: Judge = judged,
    before: tuple[Asked, ...] = (),
) -> tuple[Asked, ...]:
    """Ask until there are ``n_trials``; trial n finds the outcomes of 0 .. n - window and no others."""
    asked = list(before)
    for number in range(len(before), n_trials):
        known = asked[: max(0, number - window + 1)]
        asked.append(sampling.ask({trial.number: judge(trial) for trial in known}))
    return tuple(asked)


@pytest.fixture(scope="module", params=[("tpe", 1), ("tpe", 4), ("random", 4)], ids=str)
def reference(request: pytest.FixtureRequest) -> tuple[str, int, tuple[Asked, ...]]:
    """A sampler, a window and the 26 trials that they ask for."""
    sampler, window = request.param
    return sampler, window, just_in_time(sampling_of(sampler, window=window), 26, window=window)


def test_outcomes_that_are_known_early_do_not_change_what_is_asked(reference):
    sampler, window, expected = reference
    everything = {trial.number: judged(trial) for trial in expected}
    sampling = sampling_of(sampler, window=window)
    assert tuple(sampling.ask(everything) for _ in expected) == expected


def test_a_search_restored_at_any_trial_goes_on_as_if_it_had_not_been_interrupted(reference):
    sampler, window, expected = reference
    for n_before in range(len(expected)):
        sampling = sampling_of(sampler, window=window)
        for trial in expected[:n_before]:
            sampling.restore(trial)
        until = min(n_before + 2, len(expected))  # the next two; the rest follow from them
        assert just_in_time(sampling, until, window=window, before=expected[:n_before]) == expected[:until]


def test_a_finished_search_is_extended_by_the_trials_that_a_longer_one_has(reference):
    sampler, window, expected = reference
    sampling = sampling_of(sampler, window=window)
    for trial in expected[:20]:
        sampling.restore(trial)
    outcomes = {trial.number: judged(trial) for trial in expected[:20]}
    asked = list(expected[:20])
    while len(asked) < len(expected):
        asked.append(sampling.ask(outcomes))
        outcomes[len(asked) - 1] = judged(asked[-1])
    assert tuple(asked) == expected


def test_trials_are_numbered_in_the_order_of_asking(reference):
    assert [trial.number for trial in reference[2]] == list(range(26))


def ask_optuna(asked: tuple[Asked, ...], number: int, window: int) -> Mapping[str, object]:
    """Return the parameters that Optuna's own TPE proposes as trial ``number``, in a study written by hand."""
    study = optuna.create_study(direction="maximize")
    for trial in asked[:number]:
        outcome = judged(trial)
        told = trial.number <= number - window
        fields: dict[str, object] = {"state": TrialState.RUNNING}
        if told and outcome.state is State.COMPLETE:
            fields = {"state": TrialState.COMPLETE, "value": outcome.value}
        elif told and outcome.state is State.PRUNED:
            fields = {
                "state": TrialState.PRUNED,
                "value": outcome.value,
                "intermediate_values": {outcome.epochs: outcome.value},
            }
        elif told:
            fields = {"state": TrialState.PRUNED}
        study.add_trial(
            create_trial(params=dict(trial.sampled), distributions=dict(trial.distributions), **fields)
        )
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        study.sampler = TPESampler(
            seed=derive(7, "sampler", number), multivariate=True, group=True, constant_liar=True
        )
    return LAYERED.suggest(study.ask())


@pytest.mark.parametrize("window", [1, 4])
def test_tpe_proposes_what_optuna_proposes_in_a_study_that_holds_what_a_trial_may_see(window):
    asked = just_in_time(sampling_of("tpe", window=window), 26, window=window)
    for number in range(1, 26):
        assert asked[number].params == ask_optuna(asked, number, window)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_trial_0_is_the_default_configuration_and_the_given_ones_follow(sampler):
    first = tuple(
        LAYERED.complete(given) for given in ({"layers": 1, "neurons": 8}, {"optimizer": "momentum"})
    )
    asked = just_in_time(sampling_of(sampler, first=first), 6)
    assert [trial.params for trial in asked[:3]] == [LAYERED.default(), *first]
    assert asked[0].params["epochs"] == 30
    assert "epochs" not in asked[0].sampled


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_every_configuration_is_whole_and_inside_the_space(sampler):
    for trial in just_in_time(sampling_of(sampler), 40):
        assert LAYERED.problems({**trial.sampled}) == []
        assert LAYERED.complete(trial.params) == trial.params
        assert ("momentum" in trial.params) == (trial.params["optimizer"] == "momentum")
        assert ("neurons.2" in trial.params) == (trial.params["layers"] == 3)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_another_seed_asks_for_other_trials(sampler):
    def asked(seed: int) -> list[Params]:
        return [trial.params for trial in just_in_time(sampling_of(sampler, seed=seed), 12)][1:]

    assert asked(7) == asked(7)
    assert all(one != other for one, other in zip(asked(7), asked(8), strict=True))


def share_below_half(judge: Judge) -> float:
    asked = just_in_time(sampling_of("tpe", LINE), 60, judge=judge)
    return sum(trial.params["x"] < 0.5 for trial in asked[20:]) / 40


def test_trials_that_fail_repel_the_search():
    def fails_below_half(trial: Asked) -> Outcome:
        if trial.params["x"] < 0.5:
            return Outcome(State.FAILED, None, 0)
        return Outcome(State.COMPLETE, math.sin(50 * trial.params["x"]), 9)

    def scores_alike(trial: Asked) -> Outcome:
        return Outcome(State.COMPLETE, math.sin(50 * trial.params["x"]), 9)

    assert share_below_half(fails_below_half) < 0.15 < share_below_half(scores_alike)


def test_the_search_finds_the_better_side():
    assert share_below_half(lambda trial: Outcome(State.COMPLETE, -abs(trial.params["x"] - 0.2), 9)) > 0.8


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_sampling_says_nothing(sampler, capfd):
    first = (LAYERED.complete({"layers": 3}),)
    just_in_time(sampling_of(sampler, first=first), 20)
    assert capfd.readouterr() == ("", "")
