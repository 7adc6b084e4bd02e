"""From columns to inputs, compared with scikit-learn and with sums done by hand."""

import pickle
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from tests.data.loading import load, load_frame
from tuner.data.choices import (
    AUTO_DATE_PARTS,
    CATEGORICAL,
    DATE_PARTS,
    MISSING_CATEGORICAL,
    MISSING_NUMERIC,
    SCALERS,
)
from tuner.data.columns import Column, Kind, describe
from tuner.data.encoders import MOST_ONEHOT
from tuner.data.preprocess import TARGET_SCALES, Preprocessor, PreprocessPlan, TargetScaler
from tuner.data.sources import Source
from tuner.errors import DataError
from tuner.model.heads import OUTPUTS
from tuner.seeds import derive

RNG = np.random.default_rng(0)


def described(**values: object) -> tuple[tuple[Column, ...], pd.DataFrame]:
    """Columns and cleaned values, as a data set has them."""
    pairs = [describe(pd.Series(value, name=name)) for name, value in values.items()]
    return tuple(column for column, _ in pairs), pd.DataFrame({column.name: clean for column, clean in pairs})


def prepare(
    columns: tuple[Column, ...], train: pd.DataFrame, rows: pd.DataFrame | None = None, **plan: object
) -> np.ndarray:
    """Fit on ``train`` and transform ``rows``, by default ``train`` itself."""
    inputs = (
        Preprocessor(columns, PreprocessPlan(**plan), 3).fit(train).transform(train if rows is None else rows)
    )
    assert inputs.dtype == np.float32
    assert inputs.flags.c_contiguous
    assert np.isfinite(inputs).all()
    return inputs


NUMBERS = RNG.lognormal(size=(200, 3)) * [1, 1000, 1e-6]
SKLEARN_SCALERS = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "max": MaxAbsScaler(),
    "robust": RobustScaler(),
    "quantile": QuantileTransformer(
        n_quantiles=150, output_distribution="normal", random_state=derive(3, "quantile")
    ),
}


@pytest.mark.parametrize("name", sorted(SKLEARN_SCALERS))
def test_numbers_are_scaled_as_scikit_learn_does(name: str) -> None:
    columns, frame = described(a=NUMBERS[:, 0], b=NUMBERS[:, 1], c=NUMBERS[:, 2])
    train, rows = frame.iloc[:150], frame.iloc[150:]
    expected = SKLEARN_SCALERS[name].fit(NUMBERS[:150]).transform(NUMBERS[150:])
    np.testing.assert_allclose(prepare(columns, train, rows, numeric=name), expected, rtol=1e-6, atol=1e-6)


def test_unscaled_numbers_stay_as_they_are() -> None:
    columns, frame = described(a=NUMBERS[:, 0])
    np.testing.assert_array_equal(
        prepare(columns, frame, numeric="none")[:, 0], NUMBERS[:, 0].astype(np.float32)
    )


def test_robust_clip_is_the_formula_of_realml() -> None:
    values = np.array([0.0, 1, 2, 3, 4, 1000])
    columns, frame = described(a=values, rare=[0.0, 5, 5, 5, 5, 9])
    inputs = prepare(columns, frame, numeric="robust_clip")
    low, median, high = np.percentile(values, [25, 50, 75])
    scaled = (values - median) / (high - low)
    np.testing.assert_allclose(inputs[:, 0], scaled / np.sqrt(1 + (scaled / 3) ** 2), rtol=1e-6)
    scaled = (np.array([0.0, 5, 5, 5, 5, 9]) - 5) * 2 / 9  # the quartiles are equal: half the range instead
    np.testing.assert_allclose(inputs[:, 1], scaled / np.sqrt(1 + (scaled / 3) ** 2), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "strategy"), [("median",) * 2, ("mean",) * 2, ("most_frequent",) * 2, ("zero", "constant")]
)
def test_missing_numbers_are_filled_as_scikit_learn_does(name: str, strategy: str) -> None:
    values = np.round(NUMBERS[:, :2], 1)
    values[RNG.random(values.shape) < 0.3] = np.nan
    columns, frame = described(a=values[:, 0], b=values[:, 1])
    imputer = SimpleImputer(strategy=strategy, fill_value=0.0).fit(values[:100])
    found = prepare(columns, frame.iloc[:100], frame, numeric="none", missing_numeric=name)
    np.testing.assert_allclose(found, imputer.transform(values), rtol=1e-6)


def test_a_column_without_a_number_in_the_training_rows_becomes_zero() -> None:
    columns, frame = described(a=[np.nan, np.nan, 5.0, 6.0], b=[1.0, 2, 3, 4])
    inputs = prepare(columns, frame.iloc[:2], frame, numeric="none", indicator=True)
    np.testing.assert_array_equal(inputs, [[0, 1, 1], [0, 2, 1], [5, 3, 0], [6, 4, 0]])


@pytest.mark.parametrize("scaler", sorted(SCALERS))
def test_a_constant_column_and_extreme_values_stay_finite(scaler: str) -> None:
    columns, frame = described(
        same=[2.0, 2, 2, 9], large=[1e38, -1e38, 3e38, 0], tiny=[1e-300, 2e-300, 3e-300, 1]
    )
    inputs = prepare(columns, frame.iloc[:3], frame, numeric=scaler)
    assert inputs.shape == (4, 3)
    later = pd.DataFrame({"same": [np.inf], "large": [-np.inf], "tiny": [np.nan]})
    assert prepare(columns, frame.iloc[:3], later, numeric=scaler).shape == (1, 3)


TEXTS = np.array(["red", "green", None, "blue", "green"], dtype=object)


def test_categories_become_columns_as_scikit_learn_makes_them() -> None:
    columns, frame = described(colour=TEXTS, size=["s", "m", "s", "m", "l"])
    expected = OneHotEncoder(
        categories=[["blue", "green", "red", "none"], ["l", "m", "s"]], sparse_output=False
    ).fit_transform(
        np.column_stack([np.where(frame["colour"].isna(), "none", TEXTS), frame["size"].astype(str)])
    )
    np.testing.assert_array_equal(prepare(columns, frame), expected)


def test_ordinal_categories_are_codes_that_are_scaled() -> None:
    columns, frame = described(size=["s", "m", "s", "m", "l"])
    codes = OrdinalEncoder().fit_transform(frame[["size"]].astype(object))
    np.testing.assert_array_equal(prepare(columns, frame, categorical="ordinal", numeric="none"), codes)
    scaled = StandardScaler().fit_transform(codes)
    np.testing.assert_allclose(prepare(columns, frame, categorical="ordinal"), scaled, rtol=1e-6)


def test_a_missing_category_is_one_of_its_own_or_the_most_frequent() -> None:
    columns, frame = described(colour=TEXTS)
    assert prepare(columns, frame)[2].tolist() == [0, 0, 0, 1]
    assert prepare(columns, frame, missing_categorical="most_frequent")[2].tolist() == [0, 1, 0]
    ordinal = {"categorical": "ordinal", "numeric": "none"}
    assert prepare(columns, frame, **ordinal)[:, 0].tolist() == [2, 1, 3, 0, 1]
    filled = prepare(columns, frame, missing_categorical="most_frequent", **ordinal)
    assert filled[:, 0].tolist() == [2, 1, 1, 0, 1]


def test_an_unseen_category_is_all_zeros_and_minus_one() -> None:
    columns, frame = described(size=["s", "m", "s"])
    new = pd.DataFrame({"size": ["xl", "m", None]})
    assert prepare(columns, frame, new).tolist() == [[0, 0], [1, 0], [0, 0]]
    assert prepare(columns, frame, new, categorical="ordinal", numeric="none")[0, 0] == -1
    columns, frame = described(size=["s", "m", None])
    assert prepare(columns, frame, new).tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1]]


def test_many_categories_share_a_hundred_columns_of_the_most_frequent() -> None:
    n_categories = 10_000
    names = np.array([f"city {number:05d}" for number in range(n_categories)], dtype=object)
    values = np.concatenate([names, np.repeat(names[5000:5150], 3), [None]])
    columns, frame = described(city=values)
    preprocessor = Preprocessor(columns, PreprocessPlan(), 3).fit(frame)
    assert preprocessor.n_inputs == MOST_ONEHOT + 1
    assert preprocessor.input_names[0] == "city=city 05000"  # the first 100 of the 150 most frequent
    assert preprocessor.input_names[99:] == ("city=city 05099", "city is missing")
    inputs = preprocessor.transform(frame)
    assert inputs.sum(axis=0).tolist() == [4] * 100 + [1]
    assert inputs[:5000].sum() == 0

    few = Preprocessor(columns, PreprocessPlan(), 3).fit(frame.iloc[[7, 3, 3]])
    assert few.n_inputs == MOST_ONEHOT + 1
    assert few.input_names[:3] == ("city=city 00003", "city=city 00007", "city unused 2")
    assert few.transform(frame).sum(axis=0).tolist() == [1, 1] + [0] * 98 + [1]


def test_truth_values_are_filled_and_not_scaled() -> None:
    columns, frame = described(truth=[True, None, False, True], bit=[0, 1, 1, 0])
    assert prepare(columns, frame).tolist() == [[1, 0], [1, 1], [0, 1], [1, 0]]


def test_dates_become_their_parts_that_vary() -> None:
    days = pd.to_datetime(["2023-03-01", "2024-06-15", None, "2025-09-30"])
    columns, frame = described(day=days)
    preprocessor = Preprocessor(columns, PreprocessPlan(), 3).fit(frame)
    waves = [f"day {part} {wave}" for part in ("month", "day", "dayofweek") for wave in ("sine", "cosine")]
    assert preprocessor.input_names == ("day year", *waves)
    inputs = preprocessor.transform(frame)
    np.testing.assert_allclose(
        inputs[[0, 1, 3], 0], StandardScaler().fit_transform([[2023], [2024], [2025]])[:, 0]
    )
    np.testing.assert_allclose(inputs[0, 1:3], [1, 0], atol=1e-6)  # March: a quarter of the year
    np.testing.assert_allclose(inputs[1, 1:3], [0, -1], atol=1e-6)  # June: half
    assert inputs[2].tolist() == [0] * 7


def test_times_of_day_count_where_there_are_any() -> None:
    hours = pd.date_range("2024-01-01", periods=100, freq="h")
    columns, frame = described(moment=hours)
    assert columns[0].parts == ("day", "dayofweek", "hour")
    inputs = prepare(columns, frame)
    np.testing.assert_allclose(inputs[:, 4], np.sin(2 * np.pi * hours.hour / 24), atol=1e-6)
    columns, frame = described(moment=pd.date_range("2024-01-01", periods=100, freq="37s"))
    assert columns[0].parts == ("hour", "minute", "second")


@pytest.mark.parametrize("part", sorted(DATE_PARTS))
def test_each_part_of_a_date_is_as_wide_as_its_names_and_a_missing_one_is_zero(part: str) -> None:
    columns, frame = described(day=pd.to_datetime(["2024-02-29 12:30:15", None, "2025-07-01 23:59:59"]))
    preprocessor = Preprocessor(columns, PreprocessPlan(datetime=(part,)), 3).fit(frame)
    inputs = preprocessor.transform(frame)
    width = {"year": 1, "partofday": 4}.get(part, 2)
    assert inputs.shape[1] == len(preprocessor.input_names) == width
    assert np.abs(inputs[0] - inputs[2]).max() > 0
    assert not inputs[1].any()


def test_the_part_of_the_day_is_one_of_four() -> None:
    hours = pd.date_range("2024-01-01", periods=24, freq="h")
    columns, frame = described(moment=hours)
    preprocessor = Preprocessor(columns, PreprocessPlan(datetime=("partofday",)), 3).fit(frame)
    names = ("night", "morning", "afternoon", "evening")
    assert preprocessor.input_names == tuple(f"moment partofday={name}" for name in names)
    np.testing.assert_array_equal(preprocessor.transform(frame).argmax(axis=1), np.repeat(range(4), 6))
    np.testing.assert_array_equal(preprocessor.transform(frame).sum(axis=1), 1)
    np.testing.assert_array_equal(preprocessor.groups(), [0, 0, 0, 0])


def test_parts_of_dates_may_be_numbers_rather_than_waves() -> None:
    days = pd.date_range("2023-01-05", periods=60, freq="9D")
    columns, frame = described(day=days)
    plan = PreprocessPlan(datetime=("month", "dayofweek", "year", "partofday"), cyclic=False)
    preprocessor = Preprocessor(columns, plan, 3).fit(frame.iloc[:40])
    assert preprocessor.input_names[:4] == ("day month", "day dayofweek", "day year", "day partofday=night")
    numbers = np.column_stack([days.month, days.day_of_week, days.year])
    expected = StandardScaler().fit(numbers[:40]).transform(numbers)
    np.testing.assert_allclose(preprocessor.transform(frame)[:, :3], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "moments",
    [
        pd.Series(pd.date_range("2024-03-30 20:00", periods=30, freq="h", tz="Europe/Berlin")),
        pd.Series(pd.date_range("2024-03-30 20:00", periods=30, freq="h", tz="Europe/Berlin")).map(str),
    ],
    ids=["zone", "texts with offsets on both sides of summer time"],
)
def test_moments_with_a_zone_are_read_in_utc(moments: pd.Series) -> None:
    column, clean = describe(moments.rename("moment"))
    assert column.kind is Kind.DATETIME
    inputs = prepare((column,), clean.to_frame(), datetime=("hour",))
    hours = (19 + np.arange(30)) % 24  # Berlin is an hour ahead in winter
    np.testing.assert_allclose(inputs[:, 0], np.sin(2 * np.pi * hours / 24), atol=1e-6)


def test_inputs_that_tell_of_one_category_have_one_group() -> None:
    columns, frame = described(
        x=[1.5, None, 3.0], truth=[True, False, True], size=["s", "m", None], city=["a", "b", "c"]
    )
    preprocessor = Preprocessor(columns, PreprocessPlan(indicator=True), 3).fit(frame)
    assert preprocessor.input_names[0] == "x"
    assert preprocessor.groups().tolist() == [-1, 0, 1, 1, 1, 2, 2, 2, 3]
    assert preprocessor.keeping(np.array([8, 3, -1, 0])).groups().tolist() == [3, 1, -1, -1]
    ordinal = Preprocessor(columns, PreprocessPlan(categorical="ordinal"), 3).fit(frame)
    assert ordinal.groups().tolist() == [-1, 0, 1, 2]


def test_a_preprocessor_may_keep_some_of_its_inputs() -> None:
    columns, frame = described(a=NUMBERS[:, 0], b=NUMBERS[:, 1], c=NUMBERS[:, 2])
    whole = Preprocessor(columns, PreprocessPlan(), 3).fit(frame)
    some = whole.keeping(np.array([2, -1, 0]))
    assert some.input_names == ("c", "unused 1", "a")
    assert (some.n_inputs, whole.n_inputs) == (3, 3)
    inputs = whole.transform(frame)
    np.testing.assert_array_equal(
        some.transform(frame), np.column_stack([inputs[:, 2], 0 * inputs[:, 1], inputs[:, 0]])
    )


def test_dates_may_be_left_out_but_not_everything() -> None:
    days = pd.to_datetime(["2023-03-01", "2024-06-15"])
    columns, frame = described(day=days, x=[1.0, 3.0])
    assert prepare(columns, frame, datetime="none").shape == (2, 1)
    with pytest.raises(DataError, match="no inputs are left"):
        prepare(columns[:1], frame, datetime="none")


def nasty_columns(n_rows: int) -> dict[str, object]:
    """A column of each kind, with missing values."""
    holes = RNG.random(n_rows) < 0.2
    return {
        "number": np.where(holes, np.nan, RNG.normal(size=n_rows)),
        "truth": np.where(holes, None, RNG.random(n_rows) < 0.5),
        "city": np.where(
            holes, None, np.char.add("c", RNG.integers(0, 300, n_rows).astype(str)).astype(object)
        ),
        "day": pd.Series(pd.date_range("2020-01-01", periods=n_rows, freq="7h")).where(~holes),
    }


@pytest.mark.parametrize("categorical", sorted(CATEGORICAL))
@pytest.mark.parametrize("scaler", sorted(SCALERS))
def test_scored_rows_have_no_part_in_what_is_learned(scaler: str, categorical: str) -> None:
    columns, frame = described(**nasty_columns(400))
    plan = PreprocessPlan(scaler, categorical, indicator=True)
    train = np.arange(0, 400, 2)
    before = Preprocessor(columns, plan, 3).fit(frame.iloc[train])
    inputs = before.transform(frame.iloc[train])
    changed = frame.astype({"city": object})
    scored = np.arange(1, 400, 2)
    changed.iloc[scored, 0] = np.inf
    changed.iloc[scored, 1] = np.nan
    changed.iloc[scored, 2] = "never seen"
    changed.iloc[scored, 3] = pd.Timestamp("1950-01-01")
    after = Preprocessor(columns, plan, 3).fit(changed.iloc[train])
    np.testing.assert_array_equal(after.transform(changed.iloc[train]), inputs)
    for old, new in zip(
        (*before.scaled_, *before.unscaled_), (*after.scaled_, *after.unscaled_), strict=True
    ):
        learned = [
            {name: value for name, value in vars(block).items() if name.endswith("_")} for block in (old, new)
        ]
        np.testing.assert_equal(learned[1], learned[0])
    assert np.isfinite(after.transform(changed)).all()


@pytest.mark.parametrize("missing", sorted(MISSING_CATEGORICAL))
@pytest.mark.parametrize("categorical", sorted(CATEGORICAL))
def test_folds_agree_in_their_width_and_do_not_depend_on_their_order(categorical: str, missing: str) -> None:
    columns, frame = described(**nasty_columns(400))
    plan = PreprocessPlan(categorical=categorical, missing_categorical=missing, indicator=True)
    widths = set()
    for rows in (slice(0, 10), slice(10, 400), slice(0, 1)):
        preprocessor = Preprocessor(columns, plan, 3).fit(frame.iloc[rows])
        inputs = preprocessor.transform(frame)
        assert inputs.shape[1] == preprocessor.n_inputs == len(set(preprocessor.input_names))
        np.testing.assert_array_equal(preprocessor.transform(frame.iloc[::-1]), inputs[::-1])
        widths.add(inputs.shape[1])
    assert len(widths) == 1


def test_a_fitted_preprocessor_can_be_stored() -> None:
    columns, frame = described(**nasty_columns(100))
    preprocessor = Preprocessor(columns, PreprocessPlan("quantile"), 3).fit(frame)
    copy = pickle.loads(pickle.dumps(preprocessor))
    np.testing.assert_array_equal(copy.transform(frame), preprocessor.transform(frame))
    assert hash(PreprocessPlan(datetime=("year",))) == hash(PreprocessPlan(datetime=("year",)))


def test_each_name_stands_for_something_that_works() -> None:
    columns, frame = described(**nasty_columns(100))
    for scaler in SCALERS:
        for fill in MISSING_NUMERIC:
            prepare(columns, frame, numeric=scaler, missing_numeric=fill, datetime=tuple(DATE_PARTS))
    assert set(AUTO_DATE_PARTS) < set(DATE_PARTS)


def test_a_table_of_any_script_keeps_its_names(tmp_path: Path) -> None:
    frame = pd.DataFrame({"größe": ["ж", "日本", "ж"], "y": [1.5, 2.5, 3.5]})
    dataset = load_frame(frame, tmp_path, "y")
    assert dataset.columns == (Column("größe", Kind.CATEGORY, ("ж", "日本")),)
    names = Preprocessor(dataset.columns, PreprocessPlan(), 3).fit(dataset.features).input_names
    assert names == ("größe=ж", "größe=日本")


def test_targets_are_standardised_and_back() -> None:
    target = np.column_stack([NUMBERS[:, 0], np.full(200, 0.1), NUMBERS[:, 1]])
    scaler = TargetScaler().fit(target[:150])
    expected = StandardScaler().fit(target[:150]).transform(target)
    np.testing.assert_allclose(scaler.transform(target), expected, atol=1e-12)
    np.testing.assert_array_equal(scaler.scale_[1], 1)
    np.testing.assert_allclose(scaler.inverse(scaler.transform(target)), target)


@pytest.mark.parametrize(("output", "low", "high"), [("sigmoid", 0.0, 1.0), ("tanh", -1.0, 1.0)])
def test_targets_fill_the_range_of_a_bounded_output_by_the_extremes_of_the_training_rows(output, low, high):
    target = np.column_stack([NUMBERS[:, 0], np.full(200, 7.0), -NUMBERS[:, 1]])
    scaler = TargetScaler(output).fit(target[:150])
    expected = MinMaxScaler((low, high)).fit(target[:150]).transform(target)
    np.testing.assert_allclose(scaler.transform(target)[:, [0, 2]], expected[:, [0, 2]], atol=1e-12)
    np.testing.assert_array_equal(scaler.transform(target)[:, 1], 0.0)
    np.testing.assert_allclose(scaler.inverse(scaler.transform(target)), target)


@pytest.mark.parametrize("output", ["softplus", "relu"])
def test_targets_of_a_positive_output_are_divided_by_their_deviation_so_that_zero_stays_zero(output):
    target = np.abs(NUMBERS[:, :1])
    scaler = TargetScaler(output).fit(target[:150])
    np.testing.assert_allclose(scaler.transform(target), target / target[:150].std())
    assert scaler.inverse(np.zeros((1, 1))) == 0.0
    assert TargetScaler(output).fit(np.full((5, 1), 3.0)).transform(np.full((1, 1), 3.0)) == 3.0


def test_there_is_a_way_to_scale_targets_for_every_output():
    assert set(TARGET_SCALES) == set(OUTPUTS)


def test_a_large_table_is_prepared_well_within_a_second(shared_data: Path) -> None:
    dataset = load(Source("path", "adult.csv.gz"), shared_data, target="income")
    train = dataset.features.iloc[:40_000]
    started = time.process_time()
    inputs = prepare(dataset.columns, train)
    assert time.process_time() - started < 1.0
    assert inputs.shape == (40_000, 108)
