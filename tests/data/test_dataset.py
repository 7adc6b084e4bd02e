"""From a table to a data set: roles, kinds of columns, notes, and what is refused."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data.loading import load, load_csv, load_frame
from tuner.data.columns import Column, Kind
from tuner.data.dataset import Dataset
from tuner.data.sources import SKLEARN, Source
from tuner.errors import DataError
from tuner.tasks import Task

YEAST = [f"Class{number}" for number in range(1, 15)]
SHARED = {
    "pima.csv": ("diabetes", Task.BINARY, (768, 8), {Kind.NUMERIC: 8}),
    "sonar.csv": ("object", Task.BINARY, (208, 60), {Kind.NUMERIC: 60}),
    "german.csv": ("target", Task.BINARY, (1000, 20), {Kind.NUMERIC: 7, Kind.CATEGORY: 13}),
    "horse_colic.csv": ("x23", Task.BINARY, (300, 27), {Kind.NUMERIC: 27}),
    "credit_data.csv": ("Status", Task.BINARY, (4454, 13), {Kind.NUMERIC: 9, Kind.CATEGORY: 4}),
    "churn.csv": ("churn", Task.BINARY, (5000, 19), {Kind.NUMERIC: 15, Kind.CATEGORY: 4}),
    "adult.csv.gz": ("income", Task.BINARY, (48842, 14), {Kind.NUMERIC: 6, Kind.CATEGORY: 8}),
    "abalone19.csv": ("target", Task.BINARY, (4174, 8), {Kind.NUMERIC: 7, Kind.CATEGORY: 1}),
    "concrete.csv": ("strength_mpa", Task.REGRESSION, (1030, 8), {Kind.NUMERIC: 8}),
    "wine_quality.csv": ("quality", Task.MULTICLASS, (6497, 12), {Kind.NUMERIC: 11, Kind.CATEGORY: 1}),
    "california.csv.gz": ("MedHouseVal", Task.REGRESSION, (20640, 8), {Kind.NUMERIC: 8}),
    "pollution_2010.csv": (
        "pm25",
        Task.REGRESSION,
        (8091, 8),
        {Kind.NUMERIC: 6, Kind.CATEGORY: 1, Kind.DATETIME: 1},
    ),
    "yeast.csv.gz": (YEAST, Task.MULTILABEL, (2417, 103), {Kind.NUMERIC: 103}),
    "fashion_mnist_10k.npz": (None, Task.MULTICLASS, (10000, 784), {Kind.NUMERIC: 784}),
}
SKLEARN_TASKS = {
    "iris": (Task.MULTICLASS, (150, 4)),
    "wine": (Task.MULTICLASS, (178, 13)),
    "breast_cancer": (Task.BINARY, (569, 30)),
    "digits": (Task.MULTICLASS, (1797, 64)),
    "diabetes": (Task.REGRESSION, (442, 10)),
    "linnerud": (Task.REGRESSION, (20, 3)),
}


def kinds(dataset: Dataset) -> dict[str, Kind]:
    return {column.name: column.kind for column in dataset.columns}


def refusal(text: str, folder: Path, target: str | list[str] = "y", **settings: object) -> str:
    with pytest.raises(DataError) as caught:
        load_csv(text, folder, target, **settings)
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(SHARED))
def test_each_shared_data_set_loads_with_its_task_and_kinds(name: str, shared_data: Path) -> None:
    target, task, shape, counts = SHARED[name]
    dataset = load(Source("path", name), shared_data, target=target)
    assert (dataset.task, dataset.features.shape) == (task, shape)
    found = [column.kind for column in dataset.columns]
    assert {kind: found.count(kind) for kind in set(found)} == counts
    assert len(dataset.target) == shape[0]
    assert sum(dataset.features.memory_usage(deep=True)) < 100e6


def test_the_shared_data_sets_are_all_tried(shared_data: Path) -> None:
    assert {path.name for path in shared_data.iterdir()} - {"README.md"} == set(SHARED)


@pytest.mark.parametrize("name", sorted(SKLEARN))
def test_each_data_set_of_scikit_learn_loads_with_its_own_target(name: str, tmp_path: Path) -> None:
    dataset = load(Source("sklearn", name), tmp_path)
    assert (dataset.task, dataset.features.shape) == SKLEARN_TASKS[name]


def test_rows_without_a_target_are_dropped_and_counted(shared_data: Path) -> None:
    dataset = load(Source("path", "pollution_2010.csv"), shared_data, target="pm25", time="timestamp")
    assert dataset.notes == ("dropped 669 of 8760 rows, which have no value of the target ('pm25')",)
    assert dataset.fingerprint.rows == 8760
    times = pd.Series(dataset.features["timestamp"])
    np.testing.assert_array_equal(dataset.time, times.to_numpy().astype("datetime64[us]").astype(np.int64))
    assert (np.diff(dataset.time) > 0).all()


def test_a_list_of_one_target_is_that_target(tmp_path: Path) -> None:
    dataset = load_csv("x,y\n1,a\n2,b\n3,a\n", tmp_path, ["y"])
    assert (dataset.task, dataset.target_names, dataset.target.shape) == (Task.BINARY, ("y",), (3,))


def test_columns_are_cleaned_to_one_type_a_kind(tmp_path: Path) -> None:
    text = (
        "number,zero_one,truth,text,mixed,day,moment,y\n"
        "1.5,0,True,red,1,2024-01-01,2024-01-01 10:00:00,1\n"
        ",1,,blue,a,2024-02-01,,2\n"
        "2,,False,red,1,2024-01-03,2024-01-01T11:30:00,4\n"
    )
    dataset = load_csv(text, tmp_path, "y", task=Task.REGRESSION)
    assert dataset.columns == (
        Column("number", Kind.NUMERIC, has_missing=True),
        Column("zero_one", Kind.BOOLEAN, has_missing=True),
        Column("truth", Kind.BOOLEAN, has_missing=True),
        Column("text", Kind.CATEGORY, ("blue", "red")),
        Column("mixed", Kind.CATEGORY, ("1", "a")),
        Column("day", Kind.DATETIME, parts=("month", "day", "dayofweek"), form="ISO8601"),
        Column("moment", Kind.DATETIME, has_missing=True, parts=("hour", "minute"), form="ISO8601"),
    )
    features = dataset.features
    np.testing.assert_array_equal(features["number"], [1.5, np.nan, 2])
    np.testing.assert_array_equal(features["truth"], [1, np.nan, 0])
    assert features["text"].tolist() == ["red", "blue", "red"]
    assert features["day"].dtype == "datetime64[us]"
    assert features["moment"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("31.12.2023", "01.02.2024", "2024-02-01"),
        ("12/31/2023", "02/01/2024", "2024-02-01"),
        ("31/12/2023", "01/02/2024", "2024-02-01"),
        ("2023/12/31", "2024/02/01", "2024-02-01"),
        ("31 Dec 2023", "1 Feb 2024", "2024-02-01"),
        ("31.12.2023 23:59", "01.02.2024 00:00", "2024-02-01"),
        ("2023-12-31T23:59:00+01:00", "2024-02-01T01:00:00+01:00", "2024-02-01"),
    ],
)
def test_dates_are_known_in_the_common_forms(first: str, second: str, expected: str, tmp_path: Path) -> None:
    dataset = load_csv(f"d,y\n{first},1\n{second},2\n", tmp_path, "y")
    assert kinds(dataset) == {"d": Kind.DATETIME}
    assert dataset.features["d"].iloc[1] == pd.Timestamp(expected)


def test_dates_that_could_be_read_in_two_ways_are_noted(tmp_path: Path) -> None:
    either = load_csv("d,y\n01/02/2024,1\n03/04/2024,2\n,3\n", tmp_path, "y")
    assert either.features["d"].iloc[0] == pd.Timestamp("2024-01-02")
    assert either.notes == (
        "column 'd' was read as month/day/year: write 2026-01-31 if it is day/month/year",
    )
    assert load_csv("d,y\n01/02/2024,1\n03/14/2024,2\n", tmp_path, "y").notes == ()
    assert load_csv("d,y\n01/02/2024,1\n14/03/2024,2\n", tmp_path, "y").notes == ()


def test_a_few_texts_among_numbers_are_noted(tmp_path: Path) -> None:
    dataset = load_csv("x,z,y\n1,1a,0\n2,2,1\nabout 3,3b,1\n", tmp_path, "y")
    assert kinds(dataset) == {"x": Kind.CATEGORY, "z": Kind.CATEGORY}
    assert dataset.notes == (
        "column 'x' holds texts because of 'about 3': correct or empty them if it is numbers",
    )


def test_a_few_texts_among_dates_are_noted(tmp_path: Path) -> None:
    rows = "2024-01-02,03.01.2024,1-2-3\n2024-01-03,04.01.2024,1-2-4\nsoon,2024-01-05,1-2-5\n"
    dataset = load_csv(
        "d,e,f,y\n" + "".join(f"{row},{n}\n" for n, row in enumerate(rows.split())), tmp_path, "y"
    )
    assert kinds(dataset) == dict.fromkeys("def", Kind.CATEGORY)
    assert dataset.notes == (
        "column 'd' holds texts because of 'soon': correct or empty them if it is dates of one form",
        "column 'e' holds texts because of '2024-01-05': correct or empty them if it is dates of one form",
    )


def test_numbers_and_texts_that_only_look_like_dates_are_none(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"year": ["2010", "2011"], "code": ["2024-01-01", "2024-13-01"], "n": [20240101, 20240102]}
    )
    dataset = load_frame(frame.assign(y=["a", "b"]), tmp_path, "y")
    assert kinds(dataset) == {"year": Kind.CATEGORY, "code": Kind.CATEGORY, "n": Kind.NUMERIC}


def test_parquet_types_are_understood(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "nullable": pd.array([1, None, 3], "Int64"),
            "truth": pd.array([True, None, False], "boolean"),
            "category": pd.Categorical(["b", "a", "b"], categories=["b", "a", "unused"]),
            "zone": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]).tz_localize("Europe/Berlin"),
            "length": pd.to_timedelta([1, 2, 4], "s"),
            "y": [1.5, 2.5, 3.5],
        }
    )
    dataset = load_frame(frame, tmp_path, "y")
    assert list(kinds(dataset).values()) == [
        Kind.NUMERIC,
        Kind.BOOLEAN,
        Kind.CATEGORY,
        Kind.DATETIME,
        Kind.NUMERIC,
    ]
    assert dataset.columns[2].categories == ("a", "b")
    assert dataset.features["length"].tolist() == [1, 2, 4]
    assert dataset.features["zone"].iloc[0] == pd.Timestamp("2023-12-31 23:00")


def test_constant_and_empty_columns_are_dropped_and_named(tmp_path: Path) -> None:
    dataset = load_csv("same,none,partly,x,y\n3,,3,1,a\n3,,,2,b\n3,,3,3,b\n", tmp_path, "y")
    assert list(kinds(dataset)) == ["partly", "x"]
    assert dataset.notes == (
        "dropped column 'same': the same value in every row",
        "dropped column 'none': no values",
    )
    assert [name for name, _ in dataset.fingerprint.columns] == ["same", "none", "partly", "x", "y"]
    assert "no column is left" in refusal("same,none,y\n3,,a\n3,,b\n", tmp_path)


def test_places_of_an_array_are_kept_and_scaled_alike(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.array([[[0, 5]], [[0, 1]], [[0, 0]]]), y=[0, 1, 1])
    dataset = load(Source("path", "t.npz"), tmp_path)
    assert kinds(dataset) == {"x0": Kind.NUMERIC, "x1": Kind.NUMERIC}
    assert (dataset.row_shape, dataset.notes) == ((1, 2), ())


def test_columns_like_identifiers_are_kept_with_a_warning(tmp_path: Path) -> None:
    n_rows = 60
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": np.arange(n_rows) + 100,
            "customer_id": rng.permutation(10_000)[:n_rows],
            "name": [f"person {number}" for number in range(n_rows)],
            "valid": rng.permutation(10_000)[:n_rows],
            "day": pd.date_range("2024-01-01", periods=n_rows).astype(str),
            "amount": rng.normal(size=n_rows),
            "y": np.arange(n_rows) % 2,
        }
    )
    dataset = load_frame(frame, tmp_path, "y")
    assert len(dataset.columns) == 6
    warned = [note.split("'")[1] for note in dataset.notes]
    assert warned == ["number", "customer_id", "name"]
    assert all("data.drop" in note for note in dataset.notes)
    assert load_frame(frame, tmp_path, "y", time="number", drop=["customer_id", "name"]).notes == ()


def test_weight_and_group_are_no_features_and_time_is_unless_dropped(tmp_path: Path) -> None:
    text = "w,g,t,x,y\n1,a,3,1,0\n2.5,b,1,2,1\n0,a,2,3,1\n"
    dataset = load_csv(text, tmp_path, "y", weight="w", group="g", time="t")
    assert list(kinds(dataset)) == ["t", "x"]
    np.testing.assert_array_equal(dataset.weight, [1, 2.5, 0])
    np.testing.assert_array_equal(dataset.group, [0, 1, 0])
    np.testing.assert_array_equal(dataset.time, [3, 1, 2])
    assert list(kinds(load_csv(text, tmp_path, "y", time="t", drop=["t", "w"]))) == ["g", "x"]


@pytest.mark.parametrize(
    ("column", "role", "found"),
    [
        ("1,-1,2", "weight", "weight 'z' is negative in 1 rows, first in line 3"),
        ("0,0,0", "weight", "weight 'z' is 0 in every row"),
        ("1,,2", "weight", "weight 'z' is missing in 1 rows, first in line 3"),
        ("a,b,c", "weight", "weight 'z' holds texts or dates, for example 'a'"),
        ("1,2,inf", "weight", "weight 'z' is infinite in line 4"),
        ("a,,b", "group", "group 'z' is missing in 1 rows, first in line 3"),
        ("1,2,", "time", "time 'z' is missing in 1 rows, first in line 4"),
        ("a,b,c", "time", "time 'z' holds texts that are not all dates, for example 'a'"),
        ("1,2,1e999", "time", "column 'z' is infinite in line 4"),
    ],
)
def test_a_faulty_weight_group_or_time_is_refused(column: str, role: str, found: str, tmp_path: Path) -> None:
    rows = [f"{place},{cell},{place % 2}" for place, cell in enumerate(column.split(","))]
    assert found in refusal("\n".join(["x,z,y", *rows]), tmp_path, **{role: "z"})


def test_an_infinite_or_huge_feature_is_refused_with_its_line(tmp_path: Path) -> None:
    message = refusal("a,b,y\n1,2,0\ninf,3,1\n-inf,1e39,1\n", tmp_path)
    first, second = message.splitlines()
    assert "column 'a' is infinite in line 3 (2 such rows)" in first
    assert "column 'b' is 1e+39, more than a 32-bit float holds" in second
    assert "line 4" in second
    assert "data.drop" in first
    assert "'a' is infinite in row 2" in refusal('a,t,y\n1,"p\nq",0\ninf,r,1\n', tmp_path)
    assert len(load_csv("a,b,y\n1,2,0\ninf,3,1\n", tmp_path, "y", drop=["a"]).columns) == 1


def test_a_column_of_lists_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [[1, 2], [3]], "z": [1, 2], "y": [0, 1]})
    with pytest.raises(DataError, match="columns 'x' hold lists or mappings"):
        load_frame(frame, tmp_path, "y")
    assert kinds(load_frame(frame, tmp_path, "y", drop=["x"])) == {"z": Kind.NUMERIC}


def test_all_unknown_column_names_are_listed_with_the_nearest(tmp_path: Path) -> None:
    message = refusal("tenure,churn\n1,a\n2,b\n", tmp_path, "churned", drop=["tenor"], weight="w")
    lines = message.splitlines()
    assert "target 'churned' is not a column; did you mean 'churn'?" in lines[0]
    assert "data.weight: 'w' is not a column" in lines[1]
    assert lines[2].endswith("did you mean 'tenure'?; the columns are: tenure, churn")


def test_a_column_has_one_role(tmp_path: Path) -> None:
    text = "a,b,y\n1,2,0\n3,4,1\n"
    assert "'y' is both target and in data.drop" in refusal(text, tmp_path, drop=["y"])
    assert "'y' is both target and data.weight" in refusal(text, tmp_path, weight="y")
    assert "'a' is both data.group and data.time" in refusal(text, tmp_path, group="a", time="a")
    assert "target 'y' is named twice" in refusal(text, tmp_path, ["y", "y"])
    assert "no target is named" in refusal(text, tmp_path, [])


def test_a_test_file_is_put_below_in_the_order_of_the_columns(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("y,x\n1,7\n,8\n0,9\n")
    dataset = load_csv("x,y\n1,0\n2,\n3,1\n", tmp_path, "y", test_path="test.csv")
    assert dataset.features["x"].tolist() == [1, 3, 7, 9]
    assert dataset.target.tolist() == [0, 1, 1, 0]
    np.testing.assert_array_equal(dataset.test_rows, [2, 3])
    assert dataset.fingerprint.rows == 6


def test_a_test_file_with_other_columns_or_a_faulty_cell_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("y,z\n1,7\n")
    found = refusal("x,y\n1,0\n3,1\n", tmp_path, test_path="test.csv")
    assert "the test file lacks 'x' and has 'z', which the other does not" in found
    (tmp_path / "test.csv").write_text("y,x\n1,7\n0,inf\n")
    found = refusal("x,y\n1,0\n3,1\n", tmp_path, test_path="test.csv")
    assert f"column 'x' is infinite in line 3 of {tmp_path / 'test.csv'}" in found


def test_no_row_with_a_target_is_refused(tmp_path: Path) -> None:
    assert "no row has a value of the target ('y')" in refusal("x,y\n1,\n2,?\n", tmp_path)


def test_a_data_set_can_be_sent_to_another_process(shared_data: Path) -> None:
    dataset = load(Source("path", "credit_data.csv"), shared_data, target="Status")
    copy = pickle.loads(pickle.dumps(dataset))
    pd.testing.assert_frame_equal(copy.features, dataset.features)
    np.testing.assert_array_equal(copy.target, dataset.target)
    assert copy.fingerprint == dataset.fingerprint
