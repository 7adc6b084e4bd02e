import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tuner.api.written import MARK, merged, space_given, study_text, write_study
from tuner.errors import TunerError
from tuner.yaml_lines import read_yaml

TABLE = pd.DataFrame(
    {"x": [1.5, np.nan, 3.0], "colour": ["red", None, "blue"], "when": pd.to_datetime(["2024-01-01"] * 3)}
)


def written(folder, table=TABLE, **settings):
    return write_study(folder, "small", table, settings, fresh=False)


def test_a_study_file_holds_what_python_gave(tmp_path):
    given = {
        "data": {
            "target": ("a", "b"),
            "drop": ["yes", "1e-4", "<script>", "naïve ☃ 🎈", "\u0085\u2028|#: -"],
        },
        "training": {"early_stopping": None},
        "search_space": {
            "learning_rate": np.float64(1e-5),
            "layers": np.int64(2),
            "batch_norm": np.bool_(True),
        },
    }
    path = tmp_path / "study.yaml"
    path.write_text(study_text(given), "utf-8", newline="\n")
    read = read_yaml(path, "study.yaml")
    assert not read.problems
    assert read.data == {
        "data": {"target": ["a", "b"], "drop": given["data"]["drop"]},
        "training": {"early_stopping": "none"},
        "search_space": {"learning_rate": 1e-5, "layers": 2, "batch_norm": True},
    }


def test_a_value_that_no_study_file_can_hold_is_told_with_its_key():
    with pytest.raises(TunerError, match=r"training\.loss: a function is nothing that a study file can hold"):
        study_text({"training": {"loss": lambda target, outputs: 0.0}})


def test_sections_are_merged_and_a_key_given_twice_is_told():
    assert merged({"search": {"trials": 3}, "cv": {"folds": 2}}, {"search": {"window": 1}, "test": 0}) == {
        "search": {"trials": 3, "window": 1},
        "cv": {"folds": 2},
        "test": 0,
    }
    with pytest.raises(TunerError, match=r"settings: search\.trials is given by an argument too"):
        merged({"search": {"trials": 3}}, {"search": {"trials": 4}})


def test_the_path_of_a_space_is_one_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (
        space_given("spaces/own.yaml")
        == space_given(Path("spaces/own.yaml"))
        == f"{tmp_path}/spaces/own.yaml"
    )
    assert space_given("mlp") == "mlp"
    assert space_given({"layers": 1}) == {"layers": 1}


def test_the_table_lies_beside_the_study_file_as_it_was(tmp_path):
    path = written(tmp_path, TABLE.set_index(pd.Index([7, 8, 9])), test=0)
    lines = path.read_text("utf-8").splitlines()
    assert lines[0] == MARK
    assert json.loads("\n".join(lines[1:])) == {"data": {"path": "small.feather"}, "test": 0}
    pd.testing.assert_frame_equal(pd.read_feather(path.with_suffix(".feather")), TABLE)


def test_the_table_of_a_study_with_records_stays(tmp_path):
    path = written(tmp_path)
    table = path.with_suffix(".feather")
    written(tmp_path, TABLE.head(2))
    assert len(pd.read_feather(table)) == 2
    (tmp_path / "runs" / "small").mkdir(parents=True)
    written(tmp_path, TABLE.head(2))
    with pytest.raises(TunerError, match="are of another table; give another name; or start anew with"):
        written(tmp_path)
    assert len(pd.read_feather(table)) == 2
    write_study(tmp_path, "small", TABLE, {}, fresh=True)
    assert len(pd.read_feather(table)) == 3
    assert [entry.name for entry in table.parent.iterdir() if entry.name.startswith(".")] == []


def test_a_study_file_of_the_user_is_not_touched(tmp_path):
    (tmp_path / "studies").mkdir()
    own = tmp_path / "studies" / "small.yaml"
    own.write_text("data: {sklearn: iris}\n")
    with pytest.raises(TunerError, match="is a study file of your own"):
        written(tmp_path)
    assert own.read_text() == "data: {sklearn: iris}\n"


@pytest.mark.parametrize("name", ["", "../up", "a/b", "<script>", "con:"])
def test_a_name_that_cannot_be_a_folder_is_refused(tmp_path, name):
    with pytest.raises(TunerError, match="cannot be the name of a folder"):
        write_study(tmp_path, name, TABLE, {}, fresh=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (pd.DataFrame({"mixed": [1, "one", 2.5]}), "the table: cannot be saved: .*mixed"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns are named 'a'"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "several columns are named '1'"),
    ],
)
def test_a_table_that_cannot_be_kept_is_told(tmp_path, table, told):
    with pytest.raises(TunerError, match=told):
        written(tmp_path, table)
    assert not list((tmp_path / "studies").iterdir())
