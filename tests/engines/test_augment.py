"""Noise and mixtures that all engines share."""

import numpy as np
import pytest
from scipy import integrate, stats

from tuner.engines.augment import mixed, noisy, shares

SEED = np.array([3, 4], np.int32)


def drawn(alpha, shape=(2, 10_000), seed=SEED):
    return shares(np.array(shape, np.int32), np.float32(alpha), np.array(seed, np.int32)).numpy()


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 3.0])
def test_shares_are_drawn_from_a_beta_distribution(alpha):
    found = drawn(alpha).ravel().astype(float)
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1
    mean, variance = stats.beta(alpha + 1, alpha).stats("mv")
    assert abs(found.mean() - mean) < 5 * np.sqrt(variance / len(found))
    assert found.var() == pytest.approx(variance, rel=0.05)
    inner = found[(found > 0.01) & (found < 0.95)]  # float32 rounds what is nearest to 1
    below = stats.beta(alpha + 1, alpha).cdf([0.01, 0.5, 0.95])
    expected = (below[1] - below[0]) / (below[2] - below[0])
    assert abs((inner < 0.5).mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / len(inner))


def test_a_row_with_its_own_target_has_the_loss_of_mixed_targets_in_expectation():
    alpha, rows, targets = 0.4, np.array([-1.0, 0.5, 2.0]), np.array([0.0, 1.0, 3.0])

    def loss(value, target):  # of a network that is no straight line
        return abs(np.tanh(value) + 0.3 * value**2 - target)

    def mean_over_pairs(one):
        return np.mean([one(i, j) for i in range(3) for j in range(3)])

    def of_mixed_targets(share):
        def pair(i, j):
            value = share * rows[i] + (1 - share) * rows[j]
            return share * loss(value, targets[i]) + (1 - share) * loss(value, targets[j])

        return mean_over_pairs(pair) * stats.beta(alpha, alpha).pdf(share)

    def of_own_targets(share):
        return mean_over_pairs(
            lambda i, j: loss(share * rows[i] + (1 - share) * rows[j], targets[i])
        ) * stats.beta(alpha + 1, alpha).pdf(share)

    published, here = (
        integrate.quad(each, 0, 1, limit=50, epsabs=1e-4)[0] for each in (of_mixed_targets, of_own_targets)
    )
    assert here == pytest.approx(published, rel=1e-4)


def test_each_row_is_mixed_with_the_next_real_one_of_its_fold():
    inputs = np.arange(2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)
    found = mixed(inputs, np.array([4.0, 2.0], np.float32), np.float32(0.4), SEED, 0).numpy()
    share = drawn(0.4, (2, 4))[:, :, None]
    partner = np.stack([inputs[0][[1, 2, 3, 0]], inputs[1][[1, 0, 0, 0]]])
    np.testing.assert_allclose(found, share * inputs + (1 - share) * partner, rtol=1e-6)
    assert len(np.unique(share)) == 8


def test_noise_has_the_deviation_and_repeats_by_seed():
    inputs = np.ones((2, 1000, 50), np.float32)
    found = noisy(inputs, np.float32(0.05), SEED, 0).numpy() - 1
    assert abs(found.mean()) < 5 * 0.05 / np.sqrt(found.size)
    assert found.std() == pytest.approx(0.05, rel=0.01)
    assert not np.array_equal(found[0], found[1])
    assert np.array_equal(noisy(inputs, np.float32(0.05), SEED, 0).numpy() - 1, found)
    assert not np.array_equal(noisy(inputs, np.float32(0.05), SEED + 1, 0).numpy() - 1, found)


def test_codes_are_neither_moved_nor_mixed_but_taken_from_the_row_with_the_larger_share():
    random = np.random.default_rng(1)
    numbers = random.normal(size=(1, 200, 1)).astype(np.float32)
    codes = np.arange(200, dtype=np.float32).reshape(1, 200, 1)
    inputs, count, alpha = np.concatenate([numbers, codes], 2), np.array([200.0], np.float32), np.float32(2.0)
    found = mixed(inputs, count, alpha, SEED, 1).numpy()
    following = np.roll(inputs, -1, axis=1)
    share = drawn(alpha, (1, 200))
    expected = np.where(share >= 0.5, inputs[:, :, 1], following[:, :, 1])
    assert np.array_equal(found[:, :, 1], expected)
    assert 0 < (share < 0.5).mean() < 0.5
    between = share * numbers[:, :, 0] + (1 - share) * following[:, :, 0]
    np.testing.assert_allclose(found[:, :, 0], between, rtol=1e-4, atol=1e-6)
    moved = noisy(inputs, np.float32(3.0), SEED, 1).numpy()
    assert np.array_equal(moved[:, :, 1], inputs[:, :, 1])
    assert not np.array_equal(moved[:, :, 0], inputs[:, :, 0])
