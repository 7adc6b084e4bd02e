"""Reading tables: every source, and what is refused."""

import gzip
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tuner.data.sources import FILES, SKLEARN, Source, Table, read_source
from tuner.errors import DataError

FRAME = pd.DataFrame({"n": [1, 2, 3], "x": [0.1, np.nan, 1e-300], "text": ["a", "é,\nz", None]})


def read(folder: Path, name: str) -> Table:
    return read_source(Source("path", name), folder)


def read_text(folder: Path, text: str | bytes, name: str = "t.csv") -> pd.DataFrame:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(folder, name).frame


def refusal(folder: Path, text: str | bytes, name: str = "t.csv") -> str:
    with pytest.raises(DataError) as caught:
        read_text(folder, text, name)
    return str(caught.value)


WRITERS = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".tsv.gz": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".parquet": lambda frame, path: frame.to_parquet(path),
    ".feather": lambda frame, path: frame.to_feather(path),
}


@pytest.mark.parametrize("ending", sorted(WRITERS))
def test_each_file_format_gives_the_same_table(ending: str, tmp_path: Path) -> None:
    WRITERS[ending](FRAME, tmp_path / f"t{ending}")
    table = read(tmp_path, f"t{ending}")
    pd.testing.assert_frame_equal(table.frame, FRAME, check_dtype=False)
    assert table.target_columns is None


def test_every_ending_is_tried_here() -> None:
    assert set(WRITERS) | {".npz"} == set(FILES)


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.arange(-100, 100, 0.2)
    pd.DataFrame({"x": values}).to_csv(tmp_path / "t.csv", index=False)
    np.testing.assert_array_equal(read(tmp_path, "t.csv").frame["x"], values)


def test_a_semicolon_a_tab_or_a_bar_separates_where_the_header_has_no_comma(tmp_path: Path) -> None:
    assert read_text(tmp_path, "a;b\n1;x\n").to_dict("list") == {"a": [1], "b": ["x"]}
    assert read_text(tmp_path, "a\tb\n1\tx\n").to_dict("list") == {"a": [1], "b": ["x"]}
    assert read_text(tmp_path, "a|b\n1|x\n").to_dict("list") == {"a": [1], "b": ["x"]}
    assert read_text(tmp_path, '"a;b",c\n1,x\n').columns.tolist() == ["a;b", "c"]


def test_a_decimal_comma_is_read_where_semicolons_separate(tmp_path: Path) -> None:
    frame = read_text(tmp_path, "a;b;c\n1,5;x,y;2.5\n-2;3,5;3.5\n")
    assert frame["a"].tolist() == [1.5, -2.0]
    assert frame["b"].tolist() == ["x,y", "3,5"]
    assert frame["c"].tolist() == [2.5, 3.5]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read_text(tmp_path, b"\xef\xbb\xbfage,b\n1,2\n").columns.tolist() == ["age", "b"]


def test_quotes_may_hold_commas_line_breaks_and_quotes(tmp_path: Path) -> None:
    frame = read_text(tmp_path, 'a,b\n"x, ""y""\nz",1\nq,2\n')
    assert frame["a"].tolist() == ['x, "y"\nz', "q"]


def test_question_marks_and_empty_cells_are_missing_with_blanks_round_them(tmp_path: Path) -> None:
    frame = read_text(tmp_path, "a,b,c\n1, ?, red \n ?,NA,red\n3,2,\n")
    assert frame["a"].tolist()[::2] == [1.0, 3.0]
    assert frame["a"].isna().tolist() == [False, True, False]
    assert frame["b"].isna().tolist() == [True, True, False]
    assert frame["c"].tolist()[:2] == ["red", "red"]


def test_blank_lines_and_windows_line_ends_do_not_count(tmp_path: Path) -> None:
    assert read_text(tmp_path, "\n\na,b\r\n1,2\r\n\r\n   \n3,4\r\n\n").to_numpy().tolist() == [[1, 2], [3, 4]]


def test_names_may_be_in_any_script(tmp_path: Path) -> None:
    assert read_text(tmp_path, "年齢,größe\n1,ж\n").to_dict("list") == {"年齢": [1], "größe": ["ж"]}


def test_short_and_long_rows_are_refused_with_their_lines(tmp_path: Path) -> None:
    message = refusal(tmp_path, 'a,b\n1,2\n"x\ny",2\n3\n\n4,5,6\n')
    path = tmp_path / "t.csv"
    assert message.splitlines() == [
        f"{path}:5: 1 cell, but the header has 2 cells",
        f"{path}:7: 3 cells, but the header has 2 cells",
    ]


def test_many_faulty_rows_are_counted_not_listed(tmp_path: Path) -> None:
    message = refusal(tmp_path, "a,b\n" + "1\n" * 100)
    assert len(message.splitlines()) == 6
    assert "95 more rows" in message


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"a,b\n", "a header and no rows"),
        (b"a,b,a\n1,2,3\n", "columns 1, 3 are all named 'a'"),
        (b"a,,c\n1,2,3\n", "column 2 of 3 has no name"),
        (b"a,b\n1,2\n3,caf\xe9\n", "t.csv:3: byte 6 of the line, 0xe9, is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), "zero bytes"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "cannot be read as CSV"),
    ],
)
def test_a_faulty_csv_file_is_refused(text: bytes, found: str, tmp_path: Path) -> None:
    assert found in refusal(tmp_path, text)


def test_a_file_that_is_not_what_its_ending_says_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 10000)
    assert "cannot be unpacked" in refusal(tmp_path, whole[: len(whole) // 2], "t.csv.gz")
    assert "cannot be unpacked" in refusal(tmp_path, b"a,b\n1,2\n", "t.csv.gz")
    FRAME.to_parquet(tmp_path / "whole.parquet")
    half = (tmp_path / "whole.parquet").read_bytes()[:-100]
    assert "cannot be read as Parquet" in refusal(tmp_path, half, "t.parquet")
    assert "cannot be read as Feather" in refusal(tmp_path, half, "t.feather")
    assert "cannot be read as NPZ" in refusal(tmp_path, half, "t.npz")


def test_a_path_that_is_no_file_is_refused_with_similar_names(tmp_path: Path) -> None:
    (tmp_path / "churn.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"chrun.csv: no such file; similar names there: churn.csv"):
        read(tmp_path, "chrun.csv")
    with pytest.raises(DataError, match=r"is a folder, not a file; data files there: churn.csv"):
        read(tmp_path.parent, tmp_path.name)
    with pytest.raises(DataError, match="there is no folder"):
        read(tmp_path, "nowhere/churn.csv")
    (tmp_path / "t.xls").write_text("")
    with pytest.raises(DataError, match=r"the ending '.xls' is not known; one of: .csv, .csv.gz"):
        read(tmp_path, "t.xls")


def test_arrays_become_columns_and_say_which_are_the_target(tmp_path: Path) -> None:
    images = np.arange(24).reshape(2, 3, 4)
    np.savez(tmp_path / "t.npz", X=images, y=np.array([5, 6]))
    table = read(tmp_path, "t.npz")
    np.testing.assert_array_equal(table.frame.drop(columns="y"), images.reshape(2, 12))
    assert (table.target_columns, table.row_shape) == (("y",), (3, 4))
    np.savez_compressed(tmp_path / "t.npz", X=np.zeros((2, 2)), y=np.ones((2, 2)))
    table = read(tmp_path, "t.npz")
    assert table.frame.columns.tolist() == ["x0", "x1", "y0", "y1"]
    assert (table.target_columns, table.row_shape) == (("y0", "y1"), None)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"data": np.zeros(2)}, "has no array 'X'; the arrays are: data"),
        ({"X": np.zeros((3, 2)), "y": np.zeros(2)}, "X has 3 rows, y has 2"),
        ({"X": np.array([object()])}, "not of Python objects"),
        ({"X": np.zeros(2, complex)}, "complex128"),
        ({"X": np.zeros((0, 2))}, "has no rows"),
        ({"X": np.float64(3)}, "single value"),
    ],
)
def test_arrays_that_are_no_table_are_refused(
    arrays: dict[str, np.ndarray], found: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(DataError, match=found):
        read(tmp_path, "t.npz")


@pytest.mark.parametrize(
    ("name", "n_targets"), [*((name, 1) for name in SKLEARN if name != "linnerud"), ("linnerud", 3)]
)
def test_each_data_set_of_scikit_learn_knows_its_target(name: str, n_targets: int, tmp_path: Path) -> None:
    table = read_source(Source("sklearn", name), tmp_path)
    assert table.target_columns is not None
    assert len(table.target_columns) == n_targets
    assert set(table.target_columns) < set(table.frame.columns)


def test_labels_of_scikit_learn_are_names(tmp_path: Path) -> None:
    iris = read_source(Source("sklearn", "iris"), tmp_path).frame
    assert iris["target"].drop_duplicates().tolist() == ["setosa", "versicolor", "virginica"]
    digits = read_source(Source("sklearn", "digits"), tmp_path)
    assert sorted(digits.frame["target"].unique()) == list(range(10))
    assert digits.row_shape == (8, 8)
    with pytest.raises(DataError, match="did you mean 'iris'"):
        read_source(Source("sklearn", "irsi"), tmp_path)


HOOKS = """
import numpy as np, pandas as pd
def arrays(): return [[1, 2], [3, 4]], ["a", "b"]
def frame(): return pd.DataFrame({"x": [1, 2], 7: [0, 1]}, index=[5, 9])
def series(): return pd.DataFrame({"x": [1, 2]}), pd.Series([1.0, 2.0], name="price", index=[8, 9])
def clash(): return pd.DataFrame({"y": [1, 2]}), [1, 2]
def fails(): raise ValueError("no such year")
def number(): return 3
"""


@pytest.fixture
def hooks(tmp_path: Path) -> Path:
    (tmp_path / "tables_for_tests.py").write_text(HOOKS)
    sys.modules.pop("tables_for_tests", None)
    return tmp_path


def test_a_function_may_return_arrays_a_frame_or_frames(hooks: Path) -> None:
    def call(name: str) -> Table:
        return read_source(Source("python", f"tables_for_tests:{name}"), hooks)

    assert call("arrays").frame.to_dict("list") == {"x0": [1, 3], "x1": [2, 4], "y": ["a", "b"]}
    assert call("arrays").target_columns == ("y",)
    assert call("frame").frame.to_dict("list") == {"x": [1, 2], "7": [0, 1]}
    assert call("frame").frame.index.tolist() == [0, 1]
    assert call("frame").target_columns is None
    assert call("series").frame.to_dict("list") == {"x": [1, 2], "price": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("clash", "2 columns are named 'y'"),
        ("fails", "fails: ValueError: no such year"),
        ("number", "returns int; it should return a DataFrame or a tuple"),
        ("nothing", "has no function 'nothing'"),
    ],
)
def test_a_function_that_gives_no_table_is_refused(name: str, found: str, hooks: Path) -> None:
    with pytest.raises(DataError, match=found):
        read_source(Source("python", f"tables_for_tests:{name}"), hooks)


def test_the_names_of_sources_are_known_without_heavy_imports() -> None:
    import subprocess

    code = (
        "import sys, tuner.data.sources, tuner.data.choices;"
        "print(sorted({'pandas', 'sklearn', 'tensorflow', 'numpy'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
