import itertools
import math
from collections.abc import Callable, Mapping
from importlib.util import find_spec

import numpy as np
import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial
from scipy.stats import qmc

from tuner.records import Params, State, key_of
from tuner.search.grid import Grid, grid_problems
from tuner.search.samplers import SAMPLERS, numbers_of
from tuner.search.sampling import Asked, Outcome, Sampling
from tuner.search.sobol import Sobol, value_at
from tuner.seeds import derive, generator
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
LISTED = SearchSpace(
    LAYERED.description,
    {
        **LAYERED.params,
        "neurons": IntParam(4, 64, step=12, per_layer=True),
        "learning_rate": ChoiceParam((1e-4, 1e-3, 1e-2, 1e-1)),
        "momentum": FloatParam(0.5, 0.9, step=0.1, when={"optimizer": ("momentum",)}),
    },
)
"""The same without log ranges."""
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


NEEDS = {"cmaes": "cmaes", "gp": "torch"}
"""The packages that some samplers need and that are not always there."""


def samplers() -> list[object]:
    """Return all samplers but gp, which takes seconds a trial; those are skipped whose package is not installed."""
    missing = {name for name, package in NEEDS.items() if find_spec(package) is None}
    skip = pytest.mark.skipif(True, reason="its package is not installed")
    names = sorted(set(SAMPLERS) - {"gp"})
    return [pytest.param(name, marks=[skip] if name in missing else []) for name in names]


def space_of(sampler: str) -> SearchSpace:
    return LISTED if sampler == "grid" else LAYERED


def sampling_of(
    sampler: str,
    space: SearchSpace | None = None,
    *,
    window: int = 4,
    seed: int = 7,
    first: tuple[Params, ...] = (),
) -> Sampling:
    space = space or space_of(sampler)
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
        following = sampling.ask({trial.number: judge(trial) for trial in known})
        assert following is not None
        asked.append(following)
    return tuple(asked)


N_TRIALS = 50
"""So many that evolution has reached its third generation."""


@pytest.fixture(scope="module", params=samplers())
def sampler(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=[1, 4])
def reference(request: pytest.FixtureRequest, sampler: str) -> tuple[str, int, tuple[Asked, ...]]:
    """A sampler, a window and the trials that they ask for."""
    return (
        sampler,
        request.param,
        just_in_time(sampling_of(sampler, window=request.param), N_TRIALS, window=request.param),
    )


def test_outcomes_that_are_known_early_do_not_change_what_is_asked(reference):
    sampler, window, expected = reference
    everything = {trial.number: judged(trial) for trial in expected}
    sampling = sampling_of(sampler, window=window)
    assert tuple(sampling.ask(everything) for _ in expected) == expected


def test_a_search_restored_at_any_trial_goes_on_as_if_it_had_not_been_interrupted(reference):
    sampler, window, expected = reference
    for n_before in (0, 1, 7, 26, 47):
        sampling = sampling_of(sampler, window=window)
        for trial in expected[:n_before]:
            sampling.restore(trial)
        until = min(n_before + 2, len(expected))  # the next two; the rest follow from them
        assert just_in_time(sampling, until, window=window, before=expected[:n_before]) == expected[:until]


def test_a_finished_search_is_extended_by_the_trials_that_a_longer_one_has(reference):
    sampler, window, expected = reference
    sampling = sampling_of(sampler, window=window)
    for trial in expected[:40]:
        sampling.restore(trial)
    outcomes = {trial.number: judged(trial) for trial in expected[:40]}
    asked = list(expected[:40])
    while len(asked) < len(expected):
        asked.append(sampling.ask(outcomes))
        outcomes[len(asked) - 1] = judged(asked[-1])
    assert tuple(asked) == expected


def test_trials_are_numbered_in_the_order_of_asking(reference):
    assert [trial.number for trial in reference[2]] == list(range(N_TRIALS))


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


def test_trial_0_is_the_default_configuration_and_the_given_ones_follow(sampler):
    space = space_of(sampler)
    first = tuple(
        space.complete(given) for given in ({"layers": 1, "neurons": 16}, {"optimizer": "momentum"})
    )
    asked = just_in_time(sampling_of(sampler, first=first), 6)
    assert [trial.params for trial in asked[:3]] == [space.default(), *first]
    assert asked[0].params["epochs"] == 30
    assert "epochs" not in asked[0].sampled


def test_every_configuration_is_whole_and_inside_the_space(sampler):
    space = space_of(sampler)
    for trial in just_in_time(sampling_of(sampler), 40):
        assert space.problems({**trial.sampled}) == []
        assert space.complete(trial.params) == trial.params
        assert ("momentum" in trial.params) == (trial.params["optimizer"] == "momentum")
        assert ("neurons.2" in trial.params) == (trial.params["layers"] == 3)


def test_another_seed_asks_for_other_trials(sampler):
    def asked(seed: int) -> list[Params]:
        return [trial.params for trial in just_in_time(sampling_of(sampler, seed=seed), 12)][1:]

    assert asked(7) == asked(7)
    assert all(one != other for one, other in zip(asked(7), asked(8), strict=True))


@pytest.mark.skipif(find_spec("torch") is None, reason="its package is not installed")
@pytest.mark.filterwarnings("ignore:CUDA initialization:UserWarning")
def test_gp_asks_for_the_same_trials_after_a_restart_and_says_nothing(capfd):
    import torch

    torch.cuda.is_available()  # where torch looks for a GPU and there is none, it says so once
    capfd.readouterr()
    n_random, n_trials = 10, 13
    expected = just_in_time(sampling_of("gp"), n_trials)
    again = sampling_of("gp")
    for trial in expected[: n_random + 1]:
        again.restore(trial)
    assert just_in_time(again, n_trials, before=expected[: n_random + 1]) == expected
    assert all(LAYERED.problems({**trial.sampled}) == [] for trial in expected)
    assert expected[n_random:] != just_in_time(sampling_of("gp", seed=8), n_trials)[n_random:]
    assert capfd.readouterr() == ("", "")


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


def test_sampling_says_nothing(sampler, capfd):
    first = (space_of(sampler).complete({"layers": 3}),)
    just_in_time(sampling_of(sampler, first=first), 20)
    assert capfd.readouterr() == ("", "")


SMALL = SearchSpace(
    "conditions",
    {
        "layers": IntParam(1, 2),
        "neurons": ChoiceParam((4, 8), per_layer=True),
        "momentum": FloatParam(0.5, 0.7, step=0.1, when={"optimizer": ("momentum",)}),
        "optimizer": ChoiceParam(("sgd", "momentum")),
    },
)


def test_the_grid_has_every_combination_that_exists_and_none_twice():
    grid = Grid(SMALL, 7)
    by_hand = {
        (neurons, optimizer, momentum)
        for layers in (1, 2)
        for neurons in itertools.product((4, 8), repeat=layers)
        for optimizer, momentum in [("sgd", None), *(("momentum", each) for each in (0.5, 0.6, 0.7))]
    }
    found = []
    for place in range(grid.size):
        each = grid.at(place)
        assert SMALL.complete(each) == each
        neurons = tuple(each[f"neurons.{layer}"] for layer in range(int(each["layers"])))
        found.append((neurons, each["optimizer"], each.get("momentum")))
    assert len(found) == len(by_hand) == 24
    assert set(found) == by_hand


def test_a_large_grid_is_counted_without_listing_it():
    # 6 widths and 5 dropouts a layer; 2 optimizers without a momentum and 1 with 5; 2 x 4 of the rest.
    assert Grid(LISTED, 7).size == (30 + 30**2 + 30**3) * (2 + 5) * 8
    deep = {**LISTED.params, "layers": IntParam(1, 60)}
    assert Grid(SearchSpace("", deep), 7).size == sum(30**layers for layers in range(1, 61)) * 7 * 8


def test_a_search_of_the_grid_ends_when_all_was_tried():
    sampling = Sampling(SMALL, "grid", seed=7, window=4, maximize=True, first=({**SMALL.default()},))
    outcomes = {number: Outcome(State.COMPLETE, 0.5, 3) for number in range(40)}
    asked = [sampling.ask(outcomes) for _ in range(25)]
    assert None not in asked
    assert sampling.ask(outcomes) is None
    tried = [key_of(trial.params) for trial in asked if trial is not None]
    assert tried[0] == tried[1]  # both were given
    assert len(set(tried)) == 24


def test_the_first_trials_of_a_grid_are_spread_over_it():
    line = SearchSpace("", {"x": IntParam(0, 999)})
    sampling = Sampling(line, "grid", seed=3, window=1, maximize=True)
    outcomes = {number: Outcome(State.COMPLETE, 0.5, 3) for number in range(20)}
    places = sorted(
        int(trial.params["x"]) for _ in range(20) if (trial := sampling.ask(outcomes)) is not None
    )
    assert max(b - a for a, b in itertools.pairwise(places)) < 110


def test_a_grid_needs_lists_of_values():
    assert [name for name, _ in grid_problems(LAYERED)] == ["neurons", "momentum", "learning_rate"]
    assert list(grid_problems(LISTED)) == []


def test_the_points_of_qmc_are_those_of_scipy_and_fill_every_interval():
    space = SearchSpace("", {"x": FloatParam(0.0, 1.0), "y": FloatParam(1.0, 100.0, log=True)})
    points = Sobol(space, 5)
    tried = [points.propose([{}] * number) for number in range(64)]
    expected = qmc.Sobol(2, rng=generator(5, "sobol")).random(64)
    np.testing.assert_allclose([float(each["x"]) for each in tried], expected[:, 0])
    np.testing.assert_allclose([math.log10(float(each["y"])) / 2 for each in tried], expected[:, 1])
    assert sorted(int(float(each["x"]) * 64) for each in tried) == list(range(64))


def test_a_share_of_a_range_is_a_value_by_hand():
    assert [value_at(IntParam(1, 3), share) for share in (0.0, 0.34, 0.99)] == [1, 2, 3]
    assert [value_at(IntParam(1, 100, log=True), share) for share in (0.0, 0.999999)] == [1, 100]
    assert value_at(FloatParam(1e-4, 1e-2, log=True), 0.5) == pytest.approx(1e-3)
    assert [value_at(FloatParam(0.0, 0.3, step=0.1), share) for share in (0.2, 0.76)] == [0.0, 0.3]
    assert [value_at(ChoiceParam((False, "a")), share) for share in (0.49, 0.5)] == [False, "a"]


@pytest.mark.skipif(find_spec("cmaes") is None, reason="cmaes is not installed")
def test_cmaes_closes_in_on_the_best_numbers():
    def judge(trial: Asked) -> Outcome:
        rate, layers = math.log10(float(trial.params["learning_rate"])), int(trial.params["layers"])
        return Outcome(State.COMPLETE, -abs(rate + 2.5) - 0.1 * layers, 9)

    asked = just_in_time(sampling_of("cmaes"), 80, judge=judge)
    rates = [math.log10(float(trial.params["learning_rate"])) for trial in asked]
    assert np.mean(np.abs(np.array(rates[60:]) + 2.5)) < 0.25


@pytest.mark.parametrize("sampler", ["nsga2", "nsga3"])
def test_evolution_improves_over_its_first_generation(sampler):
    plane = SearchSpace("", {name: FloatParam(0.0, 1.0) for name in "abcdef"})

    def error(trial: Asked) -> float:
        return sum((float(value) - 0.2) ** 2 for value in trial.params.values())

    def judge(trial: Asked) -> Outcome:
        return Outcome(State.COMPLETE, -error(trial), 9)

    asked = just_in_time(sampling_of(sampler, plane), 120, judge=judge)
    errors = [error(trial) for trial in asked]
    assert np.mean(errors[100:]) < 0.5 * np.mean(errors[:20])


def test_the_numbers_that_every_configuration_has():
    assert list(numbers_of(LAYERED)) == ["layers", "neurons.0", "learning_rate", "dropout.0"]
