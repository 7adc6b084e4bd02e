import numpy as np
import pytest
from sklearn.metrics import log_loss

from tuner.model.heads import make_head
from tuner.report.ensemble import greedy_ensemble
from tuner.tasks import Task

HEAD = make_head(Task.BINARY, 1, 2)


def made(n_rows, noises, seed=0):
    """A target and trials that see it through noise of their own, with the folds and what all calls share."""
    random = np.random.default_rng(seed)
    target = np.arange(n_rows) % 2
    outputs = {
        k: (1 / (1 + np.exp(-(target - 0.5 + noise * random.normal(size=n_rows))))).astype(np.float32)
        for k, noise in enumerate(noises)
    }
    folds = np.array_split(random.permutation(n_rows), 5)
    return target, {k: each.reshape(1, -1, 1) for k, each in outputs.items()}, folds


def test_trials_with_errors_of_their_own_are_mixed_and_predict_better_together():
    target, outputs, folds = made(600, [1.0, 1.0, 1.05, 1.1])
    weights = greedy_ensemble(outputs.items(), target, folds, metric="log_loss", head=HEAD)
    assert len(weights) >= 3
    assert sum(weights.values()) == pytest.approx(1)
    assert list(weights.values()) == sorted(weights.values(), reverse=True)
    mixture = sum(weight * outputs[k][0, :, 0].astype(float) for k, weight in weights.items())
    assert (
        log_loss(target, mixture) < min(log_loss(target, each[0, :, 0]) for each in outputs.values()) - 0.03
    )


def test_a_trial_that_only_adds_noise_is_left_out():
    target, outputs, folds = made(600, [0.1, 8.0, 8.0])
    assert greedy_ensemble(outputs.items(), target, folds, metric="log_loss", head=HEAD) == {0: 1.0}


def test_the_heavier_weight_goes_to_the_better_trial():
    target, outputs, folds = made(2000, [1.0, 1.6])
    weights = greedy_ensemble(outputs.items(), target, folds, metric="log_loss", head=HEAD)
    assert weights[0] > weights[1] > 0


def test_mixtures_that_shine_by_luck_only_do_not_hold_up_on_folds_that_did_not_choose_them():
    # On labels that mean nothing, what is chosen on four folds says nothing of the fifth.
    sizes, gains = [], []
    for seed in range(10):
        random = np.random.default_rng(seed)
        target, folds = np.arange(100) % 2, np.array_split(random.permutation(100), 5)
        outputs = [(k, random.random((1, 100, 1)).astype(np.float32)) for k in range(15)]
        weights = greedy_ensemble(outputs, target, folds, metric="accuracy", head=HEAD)
        sizes.append(len(weights))
        mixture = sum(weights.get(k, 0.0) * each[0, :, 0] for k, each in outputs)
        best = max(np.mean((each[0, :, 0] > 0.5) == target) for _, each in outputs)
        gains.append(np.mean((mixture > 0.5) == target) - best)
    assert np.median(sizes) <= 8
    assert np.mean(gains) < 0.1


def test_the_choice_is_the_greedy_one_by_hand():
    # Residuals of 1, -1 and 0.4: the best trial is 2; with 0 or 1 added it is worse than alone, whatever the weight.
    target = np.zeros((6, 1))
    head = make_head(Task.REGRESSION, 1, 0)
    folds = [np.arange(3), np.arange(3, 6)]
    apart = [(0, np.full((1, 6, 1), 1.0)), (1, np.full((1, 6, 1), -1.0))]
    weights = greedy_ensemble(apart, target, folds, metric="rmse", head=head)
    assert weights == {0: 0.5, 1: 0.5}
    # 0.4 alone is off by 0.4; five of it and two of -1 are off by 0: 2, 2, ..., until nothing is left.
    three = [*apart, (2, np.full((1, 6, 1), 0.4))]
    weights = greedy_ensemble(three, target, folds, metric="rmse", head=head)
    mixture = weights.get(0, 0) - weights.get(1, 0) + 0.4 * weights[2]
    assert mixture == pytest.approx(0, abs=1e-9)


def test_the_same_trials_give_the_same_weights_in_any_order():
    target, outputs, folds = made(200, [1.0, 1.0, 1.2, 1.3])
    known = {"metric": "roc_auc", "head": HEAD}
    first = greedy_ensemble(outputs.items(), target, folds, **known)
    backwards = ((k, outputs[k]) for k in reversed(outputs))
    assert greedy_ensemble(backwards, target, folds, **known) == first


def test_of_equal_trials_the_first_stands_alone():
    target, outputs, folds = made(100, [1.0])
    twins = [(8, outputs[0]), (3, outputs[0])]
    assert greedy_ensemble(twins, target, folds, metric="roc_auc", head=HEAD) == {3: 1.0}


def test_only_the_best_trials_are_chosen_among():
    target, outputs, folds = made(300, [3.0, 1.0, 1.1, 3.0])
    weights = greedy_ensemble(outputs.items(), target, folds, metric="log_loss", head=HEAD, n_candidates=2)
    assert set(weights) == {1, 2}


def test_one_fold_leaves_nothing_to_check_a_mixture_by():
    target, outputs, _ = made(100, [1.1, 1.0])
    assert greedy_ensemble(outputs.items(), target, [np.arange(100)], metric="log_loss", head=HEAD) == {
        1: 1.0
    }


def test_no_trial_with_a_score_is_refused():
    with pytest.raises(ValueError, match="no trial"):
        greedy_ensemble([], np.ones(4), [np.arange(4)], metric="roc_auc", head=HEAD)
