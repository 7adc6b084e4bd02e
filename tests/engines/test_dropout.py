"""The masks that all engines share."""

import numpy as np
import pytest

from tuner.engines.base import drop_threshold
from tuner.engines.dropout import dropout_mask, mask_size


def mask(shape, rate, seed=(1, 2)):
    return dropout_mask(mask_size(shape), np.uint16(drop_threshold(rate)), np.array(seed, np.int32)).numpy()


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_the_dropped_share_is_the_rate(rate):
    n_units = 1_000_000
    dropped = (mask((10, 100, 1000), rate) == 0.0).sum()
    assert abs(dropped - rate * n_units) < 5 * np.sqrt(n_units * rate * (1 - rate))


def test_a_rate_of_0_drops_nothing_and_one_just_below_1_nearly_all():
    assert mask((1, 256, 256), 0.0).all()
    assert mask((1, 256, 256), 0.9999999).mean() < 0.001


def test_units_are_dropped_apart_from_their_neighbours_rows_and_folds():
    kept = mask((2, 300, 500), 0.5) - 0.5
    for axis in range(3):
        one, other = np.moveaxis(kept, axis, 0)[:-1], np.moveaxis(kept, axis, 0)[1:]
        assert abs((one * other).mean() * 4) < 5 / np.sqrt(one.size)


def test_masks_repeat_by_seed_for_an_odd_number_of_units_too():
    first = mask((1, 3, 7), 0.5)
    assert set(np.unique(first)) == {0.0, 1.0}
    assert np.array_equal(mask((1, 3, 7), 0.5), first)
    assert not np.array_equal(mask((1, 3, 7), 0.5, seed=(1, 3)), first)
    assert not np.array_equal(mask((1, 3, 7), 0.5, seed=(2, 2)), first)
