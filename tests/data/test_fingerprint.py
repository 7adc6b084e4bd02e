"""The hash of a table's content, and what is said to have changed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data.loading import load
from tuner.data.fingerprint import Fingerprint, changed, take_fingerprint
from tuner.data.sources import Source, read_source

FRAME = pd.DataFrame(
    {
        "age": [31, 25, 47, 25],
        "x": [0.1, np.nan, -0.0, 1e-300],
        "text": ["a", "bc", None, "a"],
        "truth": [True, False, True, True],
        "partly": pd.array([True, None, False, True], "boolean"),
        "none": [np.nan] * 4,
        "day": pd.to_datetime(["2024-01-01", None, "2024-02-01", "2024-01-01"]),
        "moment": pd.to_datetime(
            ["2024-01-01 10:00", "2024-01-01 10:00:01", None, "2024-01-02"], format="ISO8601"
        ),
        "large": [2**53 + 1, 2**60, 1, 2],
    }
)


def fingerprint_of(frame: pd.DataFrame, n_test: int = 0) -> Fingerprint:
    return take_fingerprint(frame, n_test)


def test_csv_and_parquet_of_one_table_have_one_fingerprint(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    FRAME.to_csv(tmp_path / "b.tsv.gz", index=False, sep="\t")
    FRAME.to_parquet(tmp_path / "c.parquet")
    FRAME.to_feather(tmp_path / "d.feather")
    names = ["a.csv", "b.tsv.gz", "c.parquet", "d.feather"]
    prints = [fingerprint_of(read_source(Source("path", name), tmp_path).frame) for name in names]
    assert prints[0] == prints[1] == prints[2] == prints[3] == fingerprint_of(FRAME)


def test_bytes_and_numbers_have_one_fingerprint() -> None:
    pixels = pd.DataFrame({"x0": [0, 7, 255], "x1": [1, 1, 1]})
    assert fingerprint_of(pixels.astype(np.uint8)) == fingerprint_of(pixels)
    assert fingerprint_of(pixels.astype(np.uint8)) == fingerprint_of(pixels.astype("UInt8"))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("age", [31, 25, 47, 26]),
        ("x", [0.1, 0.0, 0.0, 1e-300]),
        ("x", [np.nextafter(0.1, 1), np.nan, 0.0, 1e-300]),
        ("text", ["ab", "c", None, "ab"]),
        ("text", ["a", "bc", "", "a"]),
        ("text", ["a", "bc", "nan", "a"]),
        ("large", [2**53, 2**60, 1, 2]),
        ("none", ["nan"] * 4),
    ],
)
def test_any_other_value_gives_another_fingerprint_and_names_its_column(
    column: str, values: list[object]
) -> None:
    other = FRAME.assign(**{column: values})
    assert changed(fingerprint_of(FRAME), fingerprint_of(other)) == [f"column '{column}' changed"]


def test_the_order_of_rows_counts() -> None:
    swapped = FRAME.iloc[[1, 0, 2, 3]].reset_index(drop=True)
    assert fingerprint_of(swapped).sha256 != fingerprint_of(FRAME).sha256


def test_changes_are_told_in_sentences() -> None:
    old = fingerprint_of(FRAME)
    assert changed(old, old) == []
    assert changed(old, fingerprint_of(FRAME.iloc[:3])) == ["rows 4 -> 3"]
    assert changed(old, fingerprint_of(FRAME.rename(columns={"x": "z"}))) == [
        "column 'z' is new",
        "column 'x' is gone",
    ]
    assert changed(old, fingerprint_of(FRAME[FRAME.columns[::-1]])) == ["the columns are in another order"]
    assert changed(old, fingerprint_of(FRAME.assign(age=1, x=2.0))) == ["columns 'age', 'x' changed (2 of 9)"]
    assert changed(old, fingerprint_of(FRAME, 1)) == ["other rows belong to the test file"]


def test_a_fingerprint_survives_json() -> None:
    old = fingerprint_of(FRAME)
    assert Fingerprint.from_dict(json.loads(json.dumps(old.to_dict()))) == old


def test_a_test_file_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,0\n2,1\n3,1\n")
    (tmp_path / "b.csv").write_text("x,y\n4,0\n5,1\n")
    alone = load(Source("path", "a.csv"), tmp_path, target="y").fingerprint
    both = load(Source("path", "a.csv"), tmp_path, target="y", test_path="b.csv").fingerprint
    assert changed(alone, both) == ["rows 3 -> 5"]
    (tmp_path / "b.csv").write_text("x,y\n4,0\n6,1\n")
    other = load(Source("path", "a.csv"), tmp_path, target="y", test_path="b.csv").fingerprint
    assert changed(both, other) == ["column 'x' changed"]
