import itertools
import math
import pickle
from collections.abc import Sequence

import numpy as np
import optuna
import pytest
from optuna.pruners import MedianPruner, PercentilePruner
from optuna.trial import TrialState, create_trial

from tuner.search.pruners import PRUNERS, Bars, bracket_of
from tuner.search.pruning import WARM_UP, Bar, Told

EPOCHS = 12


N_FOLDS = 6
NUMBER = next(number for number in range(99) if bracket_of(number, EPOCHS) == 0)
"""Of a trial that ``hyperband`` judges from epoch 3 on."""


def told(*curves: list[float], complete: bool = True) -> list[Told]:
    """Return trials whose folds are all alike, numbered from 0."""
    arrays = [np.array(curve, float) for curve in curves]
    return [
        Told(number, complete, curve, np.repeat(curve[:, None], N_FOLDS, axis=1))
        for number, curve in enumerate(arrays)
    ]


def weigh_nothing() -> float:
    raise AssertionError("these bars do not depend on weights")


def make_bar(pruner: str, told: Sequence[Told], *, epochs: int, maximize: bool, number: int = NUMBER) -> Bar:
    bars = Bars(pruner, maximize=maximize)
    bars.see(told)
    return bars.bar(number, epochs, weigh_nothing)


def prunes(bar: Bar, curve: Sequence[float]) -> bool:
    """Return what a bar says of a trial whose folds are all alike."""
    return bar.prunes(curve, [np.full(N_FOLDS, value) for value in curve])


def running_best(seed: int, n_trials: int, *, maximize: bool) -> np.ndarray:
    """Return (n_trials, EPOCHS) curves in eighths that only get better."""
    values = np.round(np.random.default_rng(seed).normal(0, 1, (n_trials, EPOCHS)) * 8) / 8
    return np.maximum.accumulate(values, axis=1) if maximize else np.minimum.accumulate(values, axis=1)


OPTUNAS = {
    "median": MedianPruner(n_startup_trials=5, n_warmup_steps=WARM_UP + 1),
    "percentile": PercentilePruner(25.0, n_startup_trials=5, n_warmup_steps=WARM_UP + 1),
}


def optuna_prunes(pruner: str, curves: np.ndarray, curve: np.ndarray, *, maximize: bool) -> bool:
    """Return what Optuna's pruner says of a curve after complete trials with these curves."""
    study = optuna.create_study(
        direction="maximize" if maximize else "minimize",
        pruner=OPTUNAS[pruner],
    )
    study.add_trials(
        create_trial(
            state=TrialState.COMPLETE, value=values[-1], intermediate_values=dict(enumerate(values, 1))
        )
        for values in curves
    )
    trial = study.ask()
    for epoch, value in enumerate(curve, start=1):
        trial.report(float(value), epoch)
    return trial.should_prune()


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("n_trials", [4, 5, 6, 9])
@pytest.mark.parametrize("pruner", OPTUNAS)
def test_the_bars_at_a_level_decide_as_optunas_pruners(pruner, n_trials, maximize):
    decisions = []
    for seed in range(6):
        curves = running_best(seed, n_trials + 1, maximize=maximize)
        bar = make_bar(pruner, told(*curves[1:]), epochs=EPOCHS, maximize=maximize)
        for epoch in range(1, EPOCHS + 1):
            curve = curves[0, :epoch]
            decisions.append(bar.prunes(curve.tolist()))
            assert decisions[-1] == optuna_prunes(pruner, curves[1:], curve, maximize=maximize)
    assert any(decisions) == (n_trials >= 5)
    assert not all(decisions)


def test_the_median_bar_looks_at_complete_trials_only():
    pruned = told(*[[9.0] * 3] * 20, complete=False)
    complete = told(*[[float(level)] * EPOCHS for level in range(5)])
    bar = make_bar("median", pruned + complete, epochs=EPOCHS, maximize=True)
    assert set(bar.heights.values()) == {2.0}


@pytest.mark.parametrize(
    ("n_told", "kept"),
    [
        (3, 1),
        (4, 1),
        (5, 2),
        (8, 3),
        (20, 7),
    ],  # the trial itself is one more: 4 / 3, 5 / 3, 6 / 3, 9 / 3, 21 / 3
)
def test_halving_keeps_the_best_third_of_those_told_and_the_trial_itself(n_told, kept):
    curves = [[0.0, 0.0, float(level), 99.0] for level in range(n_told)]
    bar = make_bar("halving", told(*curves), epochs=20, maximize=True)
    survivors = [level + 0.5 for level in range(-1, n_told) if not bar.prunes([0.0, 0.0, level + 0.5])]
    better_than_it = [sum(level > survivor for level in range(n_told)) for survivor in survivors]
    assert sorted(better_than_it) == list(range(kept))


def test_halving_has_rungs_at_3_9_27_epochs_before_the_last():
    def rungs(epochs: int) -> list[int]:
        return sorted(make_bar("halving", told(*[[1.0] * 90] * 5), epochs=epochs, maximize=True).heights)

    assert rungs(100) == [3, 9, 27, 81]
    assert rungs(28) == [3, 9, 27]
    assert rungs(27) == [3, 9]
    assert rungs(3) == []


def test_halving_has_no_bar_at_a_rung_that_fewer_than_three_trials_have_reached():
    pruned_at_3 = told([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], complete=False)
    bar = make_bar("halving", pruned_at_3 + told([5.0] * 9), epochs=30, maximize=True)
    assert bar.heights == {3: 5.0}


def test_halving_by_hand_where_smaller_is_better():
    curves = [
        [9.0, 8.0, 7.0],  # pruned at its first rung
        [5.0, 6.0, 6.5, 4.0, 4.0, 4.0, 4.0, 4.0, 3.0],  # stands at 5 in epoch 3, at 3 in epoch 9
        [6.0, 4.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0],  # 4 and 4
        [7.0, 7.0, 3.0, 2.0],  # ended early by itself: 3 and 2
        [8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0],  # 8 and 8
    ]
    history = told(curves[0], complete=False) + told(*curves[1:])
    bar = make_bar("halving", history, epochs=12, maximize=False)
    assert bar.heights == {3: 4.0, 9: 2.0}  # epoch 3: 2nd of 3 4 5 7 8, epoch 9: best of 2 3 4 8
    assert not bar.prunes([9.0, 9.0, 4.0])
    assert bar.prunes([9.0, 9.0, 4.1])
    assert not bar.prunes([1.0, 9.0, 9.0])


@pytest.mark.parametrize("pruner", sorted(PRUNERS))
@pytest.mark.parametrize("maximize", [False, True])
def test_no_pruner_has_a_bar_in_the_first_two_epochs(pruner, maximize):
    curves = running_best(1, 40, maximize=maximize)
    bar = make_bar(pruner, told(*curves), epochs=EPOCHS, maximize=maximize)
    worst = -1e9 if maximize else 1e9
    assert not prunes(bar, [worst])
    assert not prunes(bar, [worst, worst])
    assert prunes(bar, [worst] * 3) == (pruner != "none")


@pytest.mark.parametrize("pruner", sorted(PRUNERS))
@pytest.mark.parametrize("maximize", [False, True])
def test_trials_with_equal_curves_never_prune_each_other(pruner, maximize):
    curve = running_best(2, 1, maximize=maximize)[0]
    bar = make_bar(pruner, told(*[curve] * 30), epochs=EPOCHS, maximize=maximize)
    assert not any(prunes(bar, curve[:epoch].tolist()) for epoch in range(1, EPOCHS + 1))


@pytest.mark.parametrize("maximize", [False, True])
def test_a_trial_that_ended_early_stands_at_its_best_for_the_epochs_after(maximize):
    sign = 1.0 if maximize else -1.0
    curves = [[sign * 1.0, sign * level, sign * 0.5] for level in (2.0, 3.0, 4.0, 5.0, 6.0)]
    bar = make_bar("median", told(*curves), epochs=EPOCHS, maximize=maximize)
    assert bar.heights == dict.fromkeys(range(3, EPOCHS + 1), sign * 4.0)


def test_a_longer_curve_than_a_trial_may_train_counts_up_to_there():
    bar = make_bar("median", told(*[[1.0] * 5 + [9.0]] * 5), epochs=5, maximize=True)
    assert bar.heights == {3: 1.0, 4: 1.0, 5: 1.0}


@pytest.mark.parametrize("pruner", sorted(PRUNERS))
def test_without_trials_nothing_is_pruned(pruner):
    bar = make_bar(pruner, [], epochs=50, maximize=True)
    assert (bar.heights, bar.rival) == ({}, {})


@pytest.mark.parametrize("pruner", sorted(PRUNERS))
@pytest.mark.parametrize("maximize", [False, True])
def test_bars_made_along_the_way_are_those_made_anew_from_all_that_was_told(pruner, maximize):
    random = np.random.default_rng(5)
    bars, trials = Bars(pruner, maximize=maximize), []
    for number in range(40):
        epochs = int(random.integers(3, 40))
        anew = make_bar(pruner, trials, epochs=epochs, maximize=maximize, number=number)
        assert bars.bar(number, epochs, weigh_nothing) == anew
        if number % 9 != 4:  # those failed
            curve = np.round(random.normal(0, 1, random.integers(1, epochs + 1)), 1)
            trials.append(
                Told(number, bool(random.random() < 0.6), curve, random.normal(0, 1, (len(curve), 4)))
            )
            bars.see(trials[-1:])
    assert pruner == "none" or anew.heights or anew.rival


def test_a_trial_is_judged_by_its_best_epoch_so_far():
    bar = Bar({3: 0.5}, maximize=True)
    assert not bar.prunes([0.6, 0.1, 0.1])
    assert bar.prunes([0.4, math.nextafter(0.5, 0), 0.1])
    assert not bar.prunes([0.0, 0.0, 0.0, 0.0])


def test_hyperband_gives_each_bracket_its_share_of_the_trials():
    # Rungs at 3, 9, 27 and 81 of 100 epochs: 27 * 4/4, 9 * 4/3, 3 * 4/2 and 1 * 4/1 in 49.
    brackets = [bracket_of(number, 100) for number in range(4000)]
    shares = np.bincount(brackets) / 4000
    np.testing.assert_allclose(shares, np.array([27, 12, 6, 4]) / 49, atol=0.02)
    assert {bracket_of(number, 9) for number in range(50)} == {0}


def test_hyperband_compares_within_a_bracket_from_its_first_rung_on():
    numbers = range(60)
    trials = [Told(number, True, np.full(30, float(number % 7))) for number in numbers]
    for number in (60, 61, 62, 63, 64, 65):
        bracket = bracket_of(number, 30)
        own = [trial for trial in trials if bracket_of(trial.number, 30) == bracket]
        best_third = sorted((float(trial.curve[0]) for trial in own), reverse=True)[(len(own) + 1) // 3 - 1]
        bar = make_bar("hyperband", trials, epochs=30, maximize=True, number=number)
        assert bar.heights == dict.fromkeys((3, 9, 27)[bracket:], best_third)


def test_the_threshold_is_what_the_default_configuration_had_reached_at_epoch_3():
    default, better = [0.1, 0.5, 0.4, 0.9, 0.9], [0.8] * 5
    bar = make_bar("threshold", told(default, better), epochs=9, maximize=True)
    assert bar.heights == dict.fromkeys(range(3, 10), 0.5)


def sign_test(behind: Sequence[float]) -> float:
    """Return the exact one-sided p of Wilcoxon's signed-rank test without ties, over all signs."""
    ranks = np.argsort(np.argsort(np.abs(behind))) + 1
    observed = ranks[np.array(behind) > 0].sum()
    sums = [np.dot(signs, ranks) for signs in itertools.product((0, 1), repeat=len(behind))]
    return float(np.mean(np.array(sums) >= observed))


@pytest.mark.parametrize("maximize", [False, True])
def test_wilcoxon_prunes_what_is_significantly_worse_over_the_folds_than_the_best_trial(maximize):
    sign = 1.0 if maximize else -1.0
    random = np.random.default_rng(4)
    decisions = []
    for _ in range(40):
        best, other = random.normal(0, 1, (4, 5)), random.normal(-0.5, 1, (3, 5))
        trials = [
            Told(0, True, sign * np.full(4, -50.0), sign * np.full((4, 5), -50.0)),
            Told(1, True, sign * best.mean(axis=1), sign * best),
            Told(2, False, sign * np.full(4, 50.0), sign * np.full((4, 5), 50.0)),
        ]
        bar = make_bar("wilcoxon", trials, epochs=9, maximize=maximize)
        behind = best[best[:3].mean(axis=1).argmax()] - other[other.mean(axis=1).argmax()]
        decisions.append(bar.prunes((sign * other.mean(axis=1)).tolist(), list(sign * other)))
        assert decisions[-1] == (sign_test(behind) < 0.1)
    assert len(set(decisions)) == 2


def test_wilcoxon_never_prunes_with_three_folds():
    trials = [Told(0, True, np.ones(4), np.ones((4, 3)))]
    bar = make_bar("wilcoxon", trials, epochs=4, maximize=True)
    assert not bar.prunes([0.0] * 3, [np.array([0.0, 0.1, 0.2])] * 3)


@pytest.mark.parametrize("pruner", sorted(PRUNERS))
def test_a_bar_survives_the_way_to_a_worker(pruner):
    bar = make_bar(pruner, told(*running_best(3, 9, maximize=True)), epochs=EPOCHS, maximize=True)
    assert pickle.loads(pickle.dumps(bar)) == bar
