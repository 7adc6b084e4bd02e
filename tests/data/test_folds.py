"""Held-out rows and folds: what they hold, and which tables cannot be split."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit

from tests.data.loading import load, load_frame
from tuner.data.dataset import Dataset
from tuner.data.folds import Fold, hold_out, make_folds, splits_sha256
from tuner.data.sources import Source
from tuner.errors import DataError

N_ROWS = 120
PLACES = np.arange(N_ROWS)


def table(folder: Path, target: object, **settings: object) -> Dataset:
    """A table with groups of 1 to 5 rows, a time in which some rows are equal, and weights."""
    frame = pd.DataFrame(
        {
            "x": np.random.default_rng(0).normal(size=N_ROWS),
            "household": np.repeat(np.arange(40), [1, 5, 3] * 13 + [3]),
            "day": np.random.default_rng(1).integers(0, 50, N_ROWS),
            "importance": np.where(PLACES < 100, 1, 0),
            "y": target,
        }
    )
    return load_frame(frame, folder, "y", **settings)


BINARY = np.where(PLACES % 4 == 0, "yes", "no")
NUMBERS = PLACES * 0.5


def folds_of(dataset: Dataset, rows: np.ndarray | None = None, **settings: object) -> tuple[Fold, ...]:
    chosen = {"n_folds": 3, "repeats": 1, "shuffle": True, "seed": 7, **settings}
    return make_folds(dataset, np.arange(N_ROWS) if rows is None else rows, **chosen)


def assert_sound(folds: tuple[Fold, ...], rows: np.ndarray) -> None:
    """Rows are sorted int64 of ``rows``, and no fold scores a row that it trains on."""
    for place, fold in enumerate(folds):
        assert fold.number == place
        assert fold.train.dtype == fold.score.dtype == np.int64
        assert (np.diff(fold.train) > 0).all()
        assert (np.diff(fold.score) > 0).all()
        assert not set(fold.train) & set(fold.score)
        assert set(fold.train) | set(fold.score) <= set(rows)


@pytest.mark.parametrize("shuffle", [True, False])
def test_folds_of_classes_are_stratified_and_score_each_row_once(shuffle: bool, tmp_path: Path) -> None:
    dataset = table(tmp_path, BINARY)
    search, _ = hold_out(dataset, 0.25, 7)
    folds = folds_of(dataset, search, n_folds=5, shuffle=shuffle)
    assert_sound(folds, search)
    np.testing.assert_array_equal(np.sort(np.concatenate([fold.score for fold in folds])), search)
    assert {int(dataset.target[fold.score].sum()) for fold in folds} <= {4, 5}


def test_unshuffled_folds_are_those_of_scikit_learn(tmp_path: Path) -> None:
    for target, splitter in ((BINARY, StratifiedKFold(3)), (NUMBERS, KFold(3))):
        dataset = table(tmp_path, target)
        expected = splitter.split(np.zeros(N_ROWS), dataset.target)
        for fold, (train, score) in zip(folds_of(dataset, shuffle=False), expected, strict=True):
            np.testing.assert_array_equal(fold.train, train)
            np.testing.assert_array_equal(fold.score, score)


def test_repeats_split_anew_and_count_on(tmp_path: Path) -> None:
    folds = folds_of(table(tmp_path, BINARY), repeats=3)
    assert [fold.number for fold in folds] == list(range(9))
    for repeat in range(3):
        scored = np.concatenate([fold.score for fold in folds[3 * repeat : 3 * repeat + 3]])
        np.testing.assert_array_equal(np.sort(scored), PLACES)
    assert len({fold.score.tobytes() for fold in folds}) == 9


def test_the_seed_alone_decides_on_the_split(tmp_path: Path) -> None:
    dataset = table(tmp_path, BINARY)

    def split(seed: int) -> str:
        search, test = hold_out(dataset, 0.2, seed)
        return splits_sha256(search, test, folds_of(dataset, search, seed=seed))

    assert split(1) == split(1)
    assert len({split(seed) for seed in range(5)}) == 5


def test_the_hash_of_splits_sees_each_row_number() -> None:
    rows = np.arange(4)
    fold = Fold(0, rows[:2], rows[2:])
    one = splits_sha256(rows, rows[:0], (fold,))
    assert one != splits_sha256(rows[:3], rows[3:], (fold,))
    assert one != splits_sha256(rows, rows[:0], (Fold(0, rows[:1], rows[1:]),))


@pytest.mark.parametrize("target", [BINARY, NUMBERS], ids=["classes", "numbers"])
def test_held_out_rows_are_a_share_and_the_rest_is_searched(target: np.ndarray, tmp_path: Path) -> None:
    dataset = table(tmp_path, target)
    search, test = hold_out(dataset, 0.2, 7)
    assert (len(search), len(test)) == (96, 24)
    np.testing.assert_array_equal(np.sort(np.concatenate([search, test])), PLACES)
    if dataset.task.has_classes:
        assert dataset.target[test].sum() == 6
    search, test = hold_out(dataset, 0.0, 7)
    assert (len(search), len(test)) == (N_ROWS, 0)


def test_rows_of_a_test_file_are_the_held_out_ones(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "b"]}).to_csv(tmp_path / "test.csv", index=False)
    frame = pd.DataFrame({"x": np.arange(9.0), "y": ["a", "b", "b"] * 3})
    dataset = load_frame(frame, tmp_path, "y", test_path="test.csv")
    search, test = hold_out(dataset, 0.5, 7)
    assert (search.tolist(), test.tolist()) == (list(range(9)), [9, 10, 11])


def test_a_class_that_only_the_test_file_has_is_told(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "c"]}).to_csv(tmp_path / "test.csv", index=False)
    frame = pd.DataFrame({"x": np.arange(9.0), "y": ["a", "b", "b"] * 3})
    dataset = load_frame(frame, tmp_path, "y", test_path="test.csv")
    with pytest.raises(DataError) as raised:
        folds_of(dataset, hold_out(dataset, 0.0, 7)[0], n_folds=2)
    assert "without the test file these classes have fewer rows: 'c' 0; " in str(raised.value)
    assert str(raised.value).endswith("or take rows of a class that it alone has out of that file")


@pytest.mark.parametrize("target", [BINARY, NUMBERS], ids=["classes", "numbers"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_groups_never_straddle(target: np.ndarray, shuffle: bool, tmp_path: Path) -> None:
    dataset = table(tmp_path, target, group="household")
    assert dataset.group is not None
    search, test = hold_out(dataset, 0.2, 7)
    assert not set(dataset.group[search]) & set(dataset.group[test])
    assert 0.1 <= len(test) / N_ROWS <= 0.3
    folds = folds_of(dataset, search, shuffle=shuffle)
    assert_sound(folds, search)
    for fold in folds:
        assert not set(dataset.group[fold.train]) & set(dataset.group[fold.score])
    np.testing.assert_array_equal(np.sort(np.concatenate([fold.score for fold in folds])), search)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.3, 0.4, 0.5, 0.7])
def test_a_share_of_whole_groups_is_met_approximately(share: float, tmp_path: Path) -> None:
    dataset = table(tmp_path, BINARY, group="household")
    _, test = hold_out(dataset, share, 7)
    assert abs(len(test) / N_ROWS - share) < 0.1


@pytest.mark.parametrize("target", [BINARY, NUMBERS], ids=["classes", "numbers"])
def test_folds_in_time_order_train_on_the_past_only(target: np.ndarray, tmp_path: Path) -> None:
    dataset = table(tmp_path, target, time="day")
    assert dataset.time is not None
    search, test = hold_out(dataset, 0.2, 7)
    assert dataset.time[search].max() < dataset.time[test].min()
    assert abs(len(test) - 24) <= 4
    folds = folds_of(dataset, search, n_folds=4)
    assert_sound(folds, search)
    for fold in folds:
        assert dataset.time[fold.train].max() < dataset.time[fold.score].min()
    for earlier, later in pairwise(folds):
        assert set(later.train) == set(earlier.train) | set(earlier.score)


def test_folds_in_time_order_are_those_of_scikit_learn_where_blocks_are_even(tmp_path: Path) -> None:
    dataset = replace(table(tmp_path, NUMBERS, time="day"), time=PLACES[::-1].astype(float))
    expected = TimeSeriesSplit(3).split(PLACES)
    for fold, (train, score) in zip(folds_of(dataset), expected, strict=True):
        np.testing.assert_array_equal(fold.train, np.sort(N_ROWS - 1 - train))
        np.testing.assert_array_equal(fold.score, np.sort(N_ROWS - 1 - score))


def test_a_time_that_most_rows_share_still_gives_a_block_to_each_fold(tmp_path: Path) -> None:
    time = np.concatenate([np.zeros(100), np.arange(1, 21)])
    dataset = replace(table(tmp_path, NUMBERS, time="day"), time=time)
    folds = folds_of(dataset, n_folds=5)
    assert len(folds[0].train) == 100
    assert all(len(fold.score) for fold in folds)
    _, test = hold_out(dataset, 0.5, 7)
    assert len(test) == 20


def refusal(dataset: Dataset, rows: np.ndarray | None = None, **settings: object) -> str:
    with pytest.raises(DataError) as caught:
        folds_of(dataset, rows, **settings)
    return str(caught.value)


def test_more_folds_than_rows_groups_or_times_are_refused(tmp_path: Path) -> None:
    dataset = table(tmp_path, NUMBERS)
    assert "121 folds, but 120 rows" in refusal(dataset, n_folds=121)
    assert "cv.folds is 1; it is at least 2" in refusal(dataset, n_folds=1)
    assert len(folds_of(dataset, n_folds=120)) == 120
    grouped = table(tmp_path, NUMBERS, group="household")
    assert "41 folds, but 40 groups" in refusal(grouped, n_folds=41)
    timed = replace(table(tmp_path, NUMBERS, time="day"), time=PLACES // 40)
    assert "3 folds in time order need 4 distinct times, but the rows have 3" in refusal(timed)
    assert len(folds_of(timed, n_folds=2)) == 2


def test_a_class_with_fewer_rows_than_folds_is_refused_with_the_ways_out(tmp_path: Path) -> None:
    labels = np.where(PLACES < 6, 3, np.where(PLACES < 60, 1, 2))
    dataset = table(tmp_path, labels)
    search, _ = hold_out(dataset, 0.4, 7)
    found = refusal(dataset, search, n_folds=5)
    assert "5 folds, but after the hold-out these classes have fewer rows: '3' 4" in found
    for way_out in ("cv.folds: 4", "merge or drop the class", "smaller share as test", "task: regression"):
        assert way_out in found
    found = refusal(table(tmp_path, np.where(PLACES < 1, "c", BINARY)), n_folds=2)
    assert "these classes have fewer rows: 'c' 1; merge or drop the class" in found
    assert "regression" not in found
    assert "hold" not in found


def test_folds_with_one_class_are_refused(tmp_path: Path) -> None:
    sorted_by_time = replace(table(tmp_path, np.where(PLACES < 100, "a", "b"), time="day"), time=PLACES)
    found = refusal(sorted_by_time)
    assert "folds in time order are of no use" in found
    assert "all 30 training rows of fold 0 are 'a'" in found
    assert "all 30 scored rows of fold 0 are 'a'" in found
    with pytest.raises(DataError, match="all 12 rows held out for the test are 'b'"):
        hold_out(sorted_by_time, 0.1, 7)
    grouped = replace(
        table(tmp_path, np.where(PLACES < 100, "a", "b"), group="household"), group=PLACES // 50
    )
    assert "of whole groups are of no use" in refusal(grouped)


def test_folds_without_weight_are_refused(tmp_path: Path) -> None:
    dataset = replace(table(tmp_path, NUMBERS, weight="importance", time="day"), time=PLACES)
    assert "all 20 scored rows of fold 4 have weight 0" in refusal(dataset, n_folds=5)


def test_settings_that_exclude_each_other_are_refused(tmp_path: Path) -> None:
    both = table(tmp_path, NUMBERS, time="day", group="household")
    assert "data.time and data.group cannot both" in refusal(both)
    assert "cv.repeats: 1, not 2" in refusal(table(tmp_path, NUMBERS, time="day"), repeats=2)
    assert "set cv.shuffle: true" in refusal(table(tmp_path, NUMBERS), repeats=2, shuffle=False)


def test_a_hold_out_that_cannot_be_is_refused(tmp_path: Path) -> None:
    def found(dataset: Dataset, share: float) -> str:
        with pytest.raises(DataError) as caught:
            hold_out(dataset, share, 7)
        return str(caught.value)

    lonely = table(tmp_path, np.where(PLACES < 1, "c", BINARY))
    assert "class 'c' has one row, and both parts need one; set another share as test, or test: 0" in found(
        lonely, 0.2
    )
    many = table(tmp_path, PLACES % 12)
    assert "6 rows and the other 114 both need one of each of 12 classes" in found(many, 0.05)
    one_group = replace(table(tmp_path, NUMBERS, group="household"), group=PLACES * 0)
    assert "there is one group only" in found(one_group, 0.2)
    one_time = replace(table(tmp_path, NUMBERS, time="day"), time=PLACES * 0)
    assert "all rows have the same time" in found(one_time, 0.2)
    assert "none would be left" in found(table(tmp_path, NUMBERS), 0.999)


def test_a_real_time_series_is_split_in_its_order(shared_data: Path) -> None:
    dataset = load(Source("path", "pollution_2010.csv"), shared_data, target="pm25", time="timestamp")
    search, test = hold_out(dataset, 0.2, 7)
    np.testing.assert_array_equal(np.concatenate([search, test]), np.arange(len(dataset.target)))
    folds = folds_of(dataset, search, n_folds=5)
    assert [len(fold.score) for fold in folds] == [1079, 1078, 1079, 1079, 1079]


def test_real_classes_are_split_alike(shared_data: Path) -> None:
    dataset = load(Source("path", "abalone19.csv"), shared_data, target="target")
    search, test = hold_out(dataset, 0.2, 7)
    assert dataset.target[test].sum() in (6, 7)
    assert {int(dataset.target[fold.score].sum()) for fold in folds_of(dataset, search, n_folds=5)} <= {5, 6}
