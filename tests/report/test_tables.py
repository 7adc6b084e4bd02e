import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

from tuner.report.tables import (
    MAX_POINTS,
    calibration,
    class_table,
    confusion,
    label_table,
    pr_points,
    residual_summary,
    roc_points,
)


@pytest.fixture(scope="module")
def classes():
    """True and predicted codes of 4 classes; class 2 is never predicted, class 3 never true."""
    random = np.random.default_rng(0)
    target = random.integers(0, 3, 200)
    labels = np.where(random.random(200) < 0.6, target, random.choice([0, 1, 3], 200))
    return target, np.where(labels == 2, 0, labels)


@pytest.fixture(scope="module")
def binary():
    """Truth and probabilities, some of them equal."""
    random = np.random.default_rng(1)
    positive = random.random(500) < 0.3
    chances = 1 / (1 + np.exp(-(random.normal(size=500) + 2 * positive - 1)))
    return positive, np.round(chances, 2)


def test_the_confusion_matrix_is_that_of_scikit_learn(classes):
    expected = metrics.confusion_matrix(*classes, labels=range(4))
    np.testing.assert_array_equal(confusion(*classes, 4), expected)


def test_the_table_of_classes_is_that_of_scikit_learn(classes):
    names = ("<script>", "b|c", "東京", "never true")
    rows = class_table(*classes, names)
    expected = metrics.precision_recall_fscore_support(*classes, labels=range(4), zero_division=0)
    assert tuple(row.name for row in rows) == names
    for k, name in enumerate(("precision", "recall", "f1", "support")):
        np.testing.assert_allclose([getattr(row, name) for row in rows], expected[k])
    assert [row.predicted for row in rows] == np.bincount(classes[1], minlength=4).tolist()


def test_the_table_of_labels_is_that_of_scikit_learn():
    random = np.random.default_rng(2)
    target = (random.random((120, 3)) < [0.3, 0.5, 0.0]).astype(int)
    outputs = np.clip(0.4 * target + 0.6 * random.random((120, 3)), 0, 1)
    rows = label_table(target, outputs, ("a", "b", "none"))
    expected = metrics.precision_recall_fscore_support(target, outputs > 0.5, zero_division=0)
    for k, name in enumerate(("precision", "recall", "f1", "support")):
        np.testing.assert_allclose([getattr(row.given, name) for row in rows], expected[k])
    for k in range(2):
        assert rows[k].roc_auc == pytest.approx(metrics.roc_auc_score(target[:, k], outputs[:, k]))
        precision = metrics.average_precision_score(target[:, k], outputs[:, k])
        assert rows[k].average_precision == pytest.approx(precision)
    assert math.isnan(rows[2].roc_auc)
    assert math.isnan(rows[2].average_precision)


def test_the_roc_curve_has_the_points_and_the_area_of_scikit_learn(binary):
    curve = roc_points(*binary)
    false, true, _ = metrics.roc_curve(*binary, drop_intermediate=False)
    np.testing.assert_allclose(curve.x, false)
    np.testing.assert_allclose(curve.y, true)
    assert curve.area == pytest.approx(metrics.roc_auc_score(*binary))


def test_the_precision_recall_curve_has_the_points_and_the_area_of_scikit_learn(binary):
    curve = pr_points(*binary)
    precision, recall, _ = metrics.precision_recall_curve(*binary)
    # Ours goes on to the smallest score; scikit-learn's order is the other way round.
    np.testing.assert_allclose(curve.x, recall[::-1])
    np.testing.assert_allclose(curve.y, precision[::-1])
    assert curve.area == pytest.approx(metrics.average_precision_score(*binary))


@pytest.mark.parametrize("points", [roc_points, pr_points])
def test_a_long_curve_is_thinned_to_its_shape_and_keeps_its_exact_area(points):
    random = np.random.default_rng(3)
    positive = random.random(30_000) < 0.02
    chances = random.normal(size=30_000) + positive
    curve = points(positive, chances)
    assert len(curve.x) <= MAX_POINTS
    assert curve.x[0] == 0.0
    assert curve.x[-1] == 1.0
    exact = metrics.roc_auc_score if points is roc_points else metrics.average_precision_score
    assert curve.area == pytest.approx(exact(positive, chances))
    assert metrics.auc(curve.x, curve.y) == pytest.approx(curve.area, abs=0.01)


def test_rows_of_one_kind_have_no_curve():
    for positive in (np.zeros(5, bool), np.ones(5, bool)):
        curve = roc_points(positive, np.arange(5.0))
        assert len(curve.x) == 0
        assert math.isnan(curve.area)
    assert math.isnan(pr_points(np.zeros(5, bool), np.arange(5.0)).area)
    assert pr_points(np.ones(5, bool), np.arange(5.0)).area == 1.0


def test_calibration_is_that_of_scikit_learn_with_quantile_bins():
    random = np.random.default_rng(4)
    chances = random.random(1000)
    positive = random.random(1000) < chances**2
    table = calibration(positive, chances)
    observed, predicted = calibration_curve(positive, chances, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(table.predicted, predicted)
    np.testing.assert_allclose(table.observed, observed)
    assert table.counts.tolist() == [100] * 10
    assert table.brier == pytest.approx(metrics.brier_score_loss(positive, chances))
    assert table.expected_error == pytest.approx(np.abs(observed - predicted).mean())


def test_equal_probabilities_stay_in_one_bin():
    table = calibration([0, 1, 1, 0, 1, 1], [0.2, 0.2, 0.2, 0.2, 0.9, 0.9], n_bins=5)
    assert table.counts.tolist() == [4, 2]
    assert table.observed.tolist() == [0.5, 1.0]
    assert table.expected_error == pytest.approx((4 * 0.3 + 2 * 0.1) / 6)
    assert calibration([1], [0.3]).counts.tolist() == [1]


def test_residuals_are_summed_up_as_scikit_learn_and_scipy_do():
    random = np.random.default_rng(5)
    target = random.normal(size=(80, 2)) * [1.0, 50.0]
    outputs = target + random.exponential(size=(80, 2)) - 0.5
    for k, row in enumerate(residual_summary(target, outputs, ("price (€)", "b"))):
        residuals = outputs[:, k] - target[:, k]
        assert row.name == ("price (€)", "b")[k]
        assert row.bias == pytest.approx(residuals.mean())
        assert row.mae == pytest.approx(metrics.mean_absolute_error(target[:, k], outputs[:, k]))
        assert row.rmse == pytest.approx(metrics.root_mean_squared_error(target[:, k], outputs[:, k]))
        assert row.r2 == pytest.approx(metrics.r2_score(target[:, k], outputs[:, k]))
        assert row.skew == pytest.approx(stats.skew(residuals))
        assert row.quantiles[0.95] == pytest.approx(np.quantile(residuals, 0.95))


def test_a_target_that_does_not_vary_has_no_r2_and_equal_residuals_no_skew():
    row = residual_summary(np.full(4, 2.0), np.full((4, 1), 2.5), ("y",))[0]
    assert row.bias == row.mae == row.rmse == 0.5
    assert math.isnan(row.r2)
    assert math.isnan(row.skew)
