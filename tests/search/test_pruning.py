import math

import numpy as np
import optuna
import pytest
from optuna.pruners import MedianPruner
from optuna.trial import TrialState, create_trial

from tuner.search.pruning import PRUNERS, WARM_UP, Bar, Told, make_bar

EPOCHS = 12


def told(*curves: list[float], complete: bool = True) -> list[Told]:
    return [Told(complete, np.array(curve, float)) for curve in curves]


def running_best(seed: int, n_trials: int, *, maximize: bool) -> np.ndarray:
    """Return (n_trials, EPOCHS) curves in eighths that only get better."""
    values = np.round(np.random.default_rng(seed).normal(0, 1, (n_trials, EPOCHS)) * 8) / 8
    return np.maximum.accumulate(values, axis=1) if maximize else np.minimum.accumulate(values, axis=1)


def optuna_prunes(curves: np.ndarray, curve: np.ndarray, *, maximize: bool) -> bool:
    """Return what Optuna's MedianPruner says of a curve after complete trials with these curves."""
    study = optuna.create_study(
        direction="maximize" if maximize else "minimize",
        pruner=MedianPruner(n_startup_trials=5, n_warmup_steps=WARM_UP + 1),
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
def test_the_median_bar_decides_as_optunas_median_pruner(n_trials, maximize):
    decisions = []
    for seed in range(6):
        curves = running_best(seed, n_trials + 1, maximize=maximize)
        bar = make_bar("median", told(*curves[1:]), epochs=EPOCHS, maximize=maximize)
        for epoch in range(1, EPOCHS + 1):
            curve = curves[0, :epoch]
            decisions.append(bar.prunes(curve.tolist()))
            assert decisions[-1] == optuna_prunes(curves[1:], curve, maximize=maximize)
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
    assert not bar.prunes([worst])
    assert not bar.prunes([worst, worst])
    assert bar.prunes([worst] * 3) == (pruner != "none")


@pytest.mark.parametrize("pruner", sorted(PRUNERS))
@pytest.mark.parametrize("maximize", [False, True])
def test_trials_with_equal_curves_never_prune_each_other(pruner, maximize):
    curve = running_best(2, 1, maximize=maximize)[0]
    bar = make_bar(pruner, told(*[curve] * 30), epochs=EPOCHS, maximize=maximize)
    assert not any(bar.prunes(curve[:epoch].tolist()) for epoch in range(1, EPOCHS + 1))


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
    assert make_bar(pruner, [], epochs=50, maximize=True).heights == {}


def test_a_trial_is_judged_by_its_best_epoch_so_far():
    bar = Bar({3: 0.5}, maximize=True)
    assert not bar.prunes([0.6, 0.1, 0.1])
    assert bar.prunes([0.4, math.nextafter(0.5, 0), 0.1])
    assert not bar.prunes([0.0, 0.0, 0.0, 0.0])
