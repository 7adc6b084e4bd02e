import math

import numpy as np
import pytest
from scipy import stats

from tests.model.predictions import make_predictions
from tuner.model.metrics import METRICS, score
from tuner.report.statistics import in_words, nadeau_bengio, paired_comparison, perfect
from tuner.tasks import Task

NAN = math.nan
TOLD = {"n_train": 80, "n_score": 20}


def test_the_standard_error_of_five_folds_is_that_of_nadeau_and_bengio_by_hand():
    values = [0.80, 0.82, 0.78, 0.81, 0.79]  # mean 0.8, variance 0.00025
    estimate = nadeau_bengio(values, 80, 20)
    error = math.sqrt((1 / 5 + 20 / 80) * 0.00025)
    reach = stats.t.ppf(0.975, 4) * error
    assert estimate.mean == pytest.approx(0.8)
    assert estimate.standard_error == pytest.approx(error)
    assert (estimate.low, estimate.high) == pytest.approx((0.8 - reach, 0.8 + reach))
    assert (estimate.n_values, estimate.n_undefined) == (5, 0)
    assert estimate.interval.low == estimate.low


def test_without_shared_training_rows_the_interval_is_students():
    values = np.random.default_rng(0).normal(size=8)
    estimate = nadeau_bengio(values, 1e15, 1, level=0.9)
    expected = stats.t.interval(0.9, 7, loc=values.mean(), scale=stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx(expected)


def test_folds_of_unequal_size_enter_with_the_mean_of_their_ratios():
    values, n_train, n_score = [0.1, 0.4, 0.3], [20, 40, 80], [20, 20, 20]
    estimate = nadeau_bengio(values, n_train, n_score)
    ratio = (1 + 0.5 + 0.25) / 3
    assert estimate.standard_error == pytest.approx(math.sqrt((1 / 3 + ratio) * np.var(values, ddof=1)))


def test_one_fold_has_a_mean_and_no_interval():
    estimate = nadeau_bengio([0.7], 80, 20)
    assert estimate.mean == 0.7
    assert math.isnan(estimate.standard_error)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_equal_values_have_no_spread_and_no_interval():
    estimate = nadeau_bengio([0.7, 0.7, 0.7], 80, 20)
    assert estimate.standard_error == 0.0
    assert math.isnan(estimate.low)


def test_undefined_folds_are_left_out_and_counted():
    estimate = nadeau_bengio([0.8, NAN, 0.9, 0.7], 80, 20)
    assert estimate.mean == pytest.approx(0.8)
    assert (estimate.n_values, estimate.n_undefined) == (3, 1)
    nothing = nadeau_bengio([NAN, NAN], 80, 20)
    assert math.isnan(nothing.mean)
    assert nothing.n_undefined == 2


def test_the_interval_covers_the_mean_of_correlated_folds_at_its_level():
    # Fold values with the correlation n_score / (n_score + n_train) that Nadeau and Bengio assume.
    random, rho, covered = np.random.default_rng(1), 0.2, 0
    for _ in range(2000):
        values = math.sqrt(rho) * random.normal() + math.sqrt(1 - rho) * random.normal(size=5)
        estimate = nadeau_bengio(values, 80, 20)
        covered += estimate.low <= 0.0 <= estimate.high
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


def test_two_configurations_are_compared_by_the_corrected_test_on_their_differences():
    a, b = np.array([0.90, 0.92, 0.88, 0.91, 0.93]), np.array([0.87, 0.90, 0.87, 0.88, 0.90])
    comparison = paired_comparison(a, b, **TOLD, maximize=True)
    differences = a - b
    error = math.sqrt((1 / 5 + 1 / 4) * differences.var(ddof=1))
    assert comparison.difference == pytest.approx(differences.mean())
    assert comparison.p_value == pytest.approx(2 * stats.t.sf(differences.mean() / error, 4))
    assert (comparison.folds_better, comparison.folds_equal, comparison.n_folds) == (5, 0, 5)
    assert comparison.beyond_noise
    assert comparison.p_value < 0.05


def test_for_an_error_the_smaller_is_better():
    comparison = paired_comparison([1.0, 1.2, 0.9], [2.0, 2.1, 2.2], **TOLD, maximize=False)
    assert comparison.difference == pytest.approx(3.2 / 3)
    assert comparison.folds_better == 3


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_leaves_out_zero_just_where_the_test_rejects(seed):
    random = np.random.default_rng(seed)
    for shift in (0.0, 0.5, 1.0, 2.0):
        comparison = paired_comparison(random.normal(size=5) + shift, np.zeros(5), **TOLD, maximize=True)
        assert comparison.beyond_noise == (comparison.p_value < 0.05)


def test_scores_that_differ_by_rounding_are_equal():
    comparison = paired_comparison([0.1 + 0.2, 0.5], [0.3, 0.5], **TOLD, maximize=True)
    assert comparison.folds_equal == 2
    assert comparison.p_value == 1.0
    assert not comparison.beyond_noise
    assert in_words(comparison, "trial 3", "the default", "r2") == (
        "trial 3 and the default have the same r2 in 2 of 2 folds"
    )


def test_the_same_difference_in_every_fold_is_no_proof():
    comparison = paired_comparison([0.9, 0.8], [0.8, 0.7], **TOLD, maximize=True)
    assert math.isnan(comparison.p_value)
    assert not comparison.beyond_noise
    assert in_words(comparison, "trial 3", "the default", "r2") == (
        "trial 3 was better than the default in 2 of 2 folds, by 0.10 r2 on average: "
        "the same in every fold, which leaves nothing to judge noise by"
    )


def told(a, b, **more):
    return in_words(
        paired_comparison(a, b, **TOLD, maximize=True), "trial 12", "the default", "roc_auc", **more
    )


def test_a_difference_is_told_with_its_folds_its_bounds_and_whether_it_is_more_than_noise():
    a, b = [0.90, 0.92, 0.88, 0.91, 0.93], [0.87, 0.90, 0.87, 0.88, 0.90]
    assert told(a, b) == (
        "trial 12 was better than the default in 5 of 5 folds, by 0.024 roc_auc on average "
        "[0.007, 0.041]: more than noise"
    )
    assert told(b, a) == (
        "trial 12 was worse than the default in 5 of 5 folds, by 0.024 roc_auc on average "
        "[0.007, 0.041]: more than noise"
    )
    assert told(a, [0.91, 0.90, 0.89, 0.90, 0.90]) == (
        "trial 12 was better than the default in 3 of 5 folds, by 0.008 roc_auc on average "
        "[-0.025, 0.041]: within noise"
    )


def test_the_best_of_many_is_said_to_have_been_chosen_by_the_same_folds():
    a, b = [0.90, 0.92, 0.88], [0.87, 0.90, 0.87]
    assert told(a, b, chosen_from=50).endswith(
        "; trial 12 was chosen out of 50 trials by these same folds, which flatters it"
    )
    assert told(a, b, chosen_from=1) == told(a, b)


def test_one_fold_cannot_tell_and_no_fold_cannot_compare():
    assert told([0.9], [0.8]).endswith(
        "in 1 of 1 fold, by 0.10 roc_auc on average: one fold cannot tell this from noise"
    )
    assert (
        told([NAN], [0.8]) == "trial 12 and the default cannot be compared: no fold defines roc_auc for both"
    )


def test_large_and_tiny_differences_are_shown_with_the_digits_that_count():
    large = paired_comparison([90100.0, 91200.0, 90300.0], [1e5, 1e5, 1e5], **TOLD, maximize=False)
    assert "by 9467 rmse on average [7541, 11392]" in in_words(large, "a", "b", "rmse")
    tiny = paired_comparison([1e-9, 3e-9, 2e-9], [0, 0, 0], **TOLD, maximize=True)
    assert "by 2e-09 r2 on average" in in_words(tiny, "a", "b", "r2")


@pytest.mark.parametrize("metric", [name for name in METRICS if np.isfinite(perfect(name))])
def test_exact_predictions_have_the_perfect_score(metric):
    task = sorted(METRICS[metric].tasks)[0]
    made = make_predictions(task, seed=0)
    rows = np.concatenate(made.folds[:3])
    target = made.target[rows]
    exact = np.eye(made.head.units)[target] if task is Task.MULTICLASS else target.reshape(len(rows), -1)
    found = score(metric, made.head, target, exact.astype(float))
    assert found == pytest.approx(perfect(metric), abs=1e-6)
