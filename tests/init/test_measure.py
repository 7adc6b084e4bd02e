import numpy as np
import pytest

from tests.small import study_of
from tuner.init import measure as measuring
from tuner.init.budget import Pace
from tuner.init.measure import FEWEST_OF_A_CLASS, measure, scaled_up, thinned


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return study_of(tmp_path_factory.mktemp("measured"))


def test_a_thinned_fold_has_a_share_of_its_own_rows(study):
    for whole, thin in zip(study.problem.folds, thinned(study.problem, 0.5).folds, strict=True):
        for rows, kept in ((whole.train, thin.train), (whole.score, thin.score)):
            assert set(kept) <= set(rows)
            assert len(kept) == len(set(kept))
            classes = study.dataset.target[rows]
            fewest = np.minimum(np.bincount(classes), FEWEST_OF_A_CLASS)
            expected = np.maximum(np.round(0.5 * np.bincount(classes)), fewest)
            np.testing.assert_array_equal(np.bincount(study.dataset.target[kept]), expected)


def test_the_same_rows_are_kept_each_time(study):
    first, second = (thinned(study.problem, 0.6).folds for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.train, other.train)


def test_an_epoch_on_all_rows_takes_longer_and_compilation_does_not():
    # 0.5 s on a quarter of the rows are 2 s; 2.5 s of the first trial went before its epoch.
    assert scaled_up(first=3.0, later=0.5, share=0.25) == Pace(first=2.5 + 2.0, later=2.0)
    assert scaled_up(first=3.0, later=0.5, share=1.0) == Pace(first=3.0, later=0.5)


def test_of_many_rows_some_are_trained_on(study, monkeypatch):
    monkeypatch.setattr(measuring, "MOST_NUMBERS", 40 * measuring.FEWEST_INPUTS)
    monkeypatch.setattr(measuring, "FEWEST_ROWS", 1)
    paces = measure(study, 1)
    assert paces.share == pytest.approx(40 / len(study.search_rows))
    assert 0 < paces.smallest.later <= paces.smallest.first
