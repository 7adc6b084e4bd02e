"""Mistakes of a user: each is one clear error with exit status 2, before any training, and leaves nothing behind."""

import gzip
import json
from pathlib import Path

import pytest

from tests.command import tune
from tests.small import write_study

ROWS = "a,b,y\n" + "".join(f"{row}.5,{row % 7},{'pq'[row % 2]}\n" for row in range(40))
RARE = ROWS.replace("39.5,4,q", "39.5,4,r").replace("37.5,2,q", "37.5,2,r")
ALIKE = "a,b,y\n" + "".join(f"1,,{'pq'[row % 2]}\n" for row in range(40))

TABLES: dict[str, tuple[str | bytes, str, list[str]]] = {
    "empty file": ("", "y", ["table.csv: the file is empty", "it needs a header line"]),
    "header and no rows": ("a,b,y\n", "y", ["table.csv: ", "no rows"]),
    "not UTF-8": (
        ROWS.replace("7.5", "7,5\xfc", 1).encode("latin-1"),
        "y",
        ["table.csv:9: ", "not UTF-8", "save the file as UTF-8"],
    ),
    "a target that is no column": (ROWS, "why", ["table.csv: target 'why' is not a column", "a, b, y"]),
    "a target with one value": (
        ROWS.replace("q", "p"),
        "y",
        ["table.csv: target 'y' is 'p' in each of 40 rows", "another column"],
    ),
    "a class with fewer rows than folds": (
        RARE,
        "y",
        ["table.csv: 3 folds", "'r' 2", "set cv.folds: 2", "merge or drop the class", "add rows"],
    ),
    "infinite values": (
        ROWS.replace("20.5", "inf"),
        "y",
        ["table.csv", "'a'", "line 22", "infinite", "data.drop"],
    ),
    "no usable column left": (ALIKE, "y", ["table.csv: no column is left", "'a'", "'b'"]),
    "rows of unequal length": (
        ROWS.replace("7.5,0,q", "7.5,0,q,1"),
        "y",
        ["table.csv:9: 4 cells, but the header has 3"],
    ),
    "two columns of one name": (
        "a,a,y" + ROWS[5:],
        "y",
        ["table.csv: columns 1, 2 are all named 'a'", "its own name"],
    ),
    "more folds than rows": ("a,b,y\n1,2,0.5\n3,4,1.5\n", "y", ["table.csv: 3 folds", "2 rows"]),
}
"""The table, its target, and what the message must hold."""

GOOD = """\
data:
  path: ../table.csv
  target: y
cv: {folds: 3}
test: 0
search_space:
  layers: {type: int, low: 1, high: 3}
  learning_rate: {type: float, low: 1.0e-4, high: 1.0e-1, log: true}
  optimizer: {type: choice, options: [adam, momentum]}
  momentum: {type: float, low: 0.5, high: 0.9, when: {optimizer: momentum}}
objective: accuracy
training: {epochs: 3}
search: {trials: 2}
"""

FILES: dict[str, tuple[str, str, list[str]]] = {
    "no such data file": (
        "../table.csv",
        "../tabel.csv",
        ["s.yaml:2: data.path: '../tabel.csv' does not exist", "'table.csv'"],
    ),
    "an unknown key": (
        "epochs: 3",
        "epoch: 3",
        ["s.yaml:12: training.epoch: unknown key; did you mean 'epochs'?"],
    ),
    "a wrong type": ("folds: 3", "folds: three", ["s.yaml:4: cv.folds: 'three' is not a whole number"]),
    "a repeated key": ("test: 0", "test: 0\ntest: 0.1", ["s.yaml:6: test: a repeated key", "line 5"]),
    "low above high": ("low: 1, high: 3", "low: 4, high: 3", ["s.yaml:7: ", "layers", "4", "above", "3"]),
    "a log range that includes 0": (
        "low: 1.0e-4",
        "low: 0.0",
        ["s.yaml:8: ", "learning_rate", "log", "above 0"],
    ),
    "a when on an unknown parameter": (
        "when: {optimizer: momentum}",
        "when: {optimiser: momentum}",
        ["s.yaml:10: ", "when.optimiser: not a parameter of this space", "did you mean 'optimizer'?"],
    ),
    "a when in a circle": (
        "options: [adam, momentum]",
        "options: [adam, momentum], when: {momentum: 0.5}",
        ["s.yaml:", "circle", "optimizer", "momentum"],
    ),
    "an unknown metric": (
        "objective: accuracy",
        "objective: acuracy",
        ["s.yaml:11: objective: 'acuracy'", "'accuracy'"],
    ),
    "a metric of another task": (
        "objective: accuracy",
        "objective: rmse",
        ["s.yaml:11: objective: 'rmse' is not a metric for binary", "roc_auc"],
    ),
    "a parameter that the model does not know": (
        "  layers:",
        "  layer_size: 3\n  layers:",
        ["s.yaml:7: ", "'layer_size' is not a parameter", "layers"],
    ),
    "not YAML": ("test: 0", "test: [0", ["s.yaml:"]),
    "a backend that Keras does not have": (
        "training: {epochs: 3}",
        "training: {epochs: 3, backend: pytorch}",
        [
            "s.yaml:12: training.backend: 'pytorch' is not a backend; one of: tensorflow, torch, jax",
            "did you mean 'torch'",
        ],
    ),
    "bounds that no network keeps": (
        "test: 0",
        "test: 0\nconstraints: {parameters: 2}",
        [
            "s.yaml:6: constraints.parameters: nothing in the search space keeps it",
            "more than 2",
            "allow more",
        ],
    ),
    "a cost without a metric": (
        "objective: accuracy",
        "objective: parameters",
        ["s.yaml:11: objective: 'parameters' is what a network costs", "[auto, parameters]"],
    ),
}
"""What is replaced in a good file, by what, and what the message must hold."""


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(place.relative_to(folder)): place.read_bytes() if place.is_file() else b""
        for place in folder.rglob("*")
    }


def refuses(folder: Path, *arguments: object, words: list[str]) -> str:
    """Run ``tune``, see that it refuses in a few lines and writes nothing to disk, and return the message."""
    before = tree(folder)
    said = tune(*arguments)
    assert said.code == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    assert 'File "' not in said.err
    assert said.err.count("\n") <= 2
    assert [word for word in words if word not in said.err] == [], said.err
    assert tree(folder) == before
    return said.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table and a good study file, ``studies/s.yaml``."""
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "s.yaml").write_text(GOOD)
    (tmp_path / "table.csv").write_text(ROWS)
    return tmp_path


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("mistake", sorted(TABLES))
def test_a_table_that_cannot_be_used_is_refused(folder, mistake, command):
    content, target, words = TABLES[mistake]
    (folder / "table.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    study = GOOD.replace("target: y", f"target: {target}").replace("objective: accuracy\n", "")
    (folder / "studies" / "s.yaml").write_text(study)
    refuses(folder, command, folder / "studies" / "s.yaml", words=words)


def test_a_table_that_was_cut_off_in_its_packing_is_refused(folder):
    (folder / "table.csv.gz").write_bytes(gzip.compress(ROWS.encode())[:-40])
    (folder / "studies" / "s.yaml").write_text(GOOD.replace("table.csv", "table.csv.gz"))
    refuses(folder, "run", folder / "studies" / "s.yaml", words=["table.csv.gz: cannot be unpacked"])


@pytest.mark.parametrize("mistake", sorted(FILES))
def test_a_mistake_in_a_study_file_is_refused(folder, mistake):
    good, bad, words = FILES[mistake]
    assert good in GOOD
    (folder / "studies" / "s.yaml").write_text(GOOD.replace(good, bad))
    refuses(folder, "run", folder / "studies" / "s.yaml", words=words)


def test_all_mistakes_of_a_study_file_are_told_at_once(folder):
    (folder / "studies" / "s.yaml").write_text(
        GOOD.replace("epochs", "epoch").replace("trials: 2", "trials: none")
    )
    said = refuses(folder, "run", folder / "studies" / "s.yaml", words=["s.yaml:12: ", "s.yaml:13: "])
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize("command", ["run", "check", "show", "ui"])
def test_a_study_file_that_does_not_exist_is_refused(folder, command):
    refuses(
        folder,
        command,
        folder / "studies" / "t.yaml",
        words=[str(folder / "studies" / "t.yaml"), "s.yaml"],
    )


def test_an_empty_study_file_is_refused(folder):
    (folder / "studies" / "s.yaml").write_text("# nothing yet\n")
    refuses(folder, "run", folder / "studies" / "s.yaml", words=["s.yaml:1: the file is empty"])


@pytest.mark.parametrize("blocked", ["runs", "runs/s"])
def test_an_output_folder_that_cannot_be_made_is_refused(folder, blocked):
    place = folder / blocked
    place.parent.mkdir(exist_ok=True)
    place.write_text("a file where a folder should be")
    refuses(
        folder,
        "run",
        folder / "studies" / "s.yaml",
        words=[str(folder / "runs" / "s"), "the study keeps its records"],
    )


def test_an_output_folder_that_cannot_be_written_is_refused(folder):
    place = folder / "runs" / "s"
    (place / "driver.lock").mkdir(parents=True)  # nobody can write this file, root neither
    refuses(folder, "run", folder / "studies" / "s.yaml", words=[str(place), "cannot be written"])


def test_a_damaged_database_is_refused_and_left_alone(folder):
    (folder / "runs" / "s").mkdir(parents=True)
    (folder / "runs" / "s" / "study.db").write_bytes(b"not a database, but long enough to be one" * 100)
    words = ["study.db: not a study's database, or damaged"]
    refuses(folder, "run", folder / "studies" / "s.yaml", words=words)
    refuses(folder, "show", folder / "studies" / "s.yaml", words=words)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "sqlite:////proc/nowhere/mlflow.db"])
def test_a_tracking_store_that_cannot_be_reached_is_refused(tmp_path, uri):
    path = write_study(tmp_path, tracking={"uri": uri})
    refuses(tmp_path, "run", path, words=["tracking: ", uri.removeprefix("sqlite:///")])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--timeout", "soon"], ["--timeout", "soon", "10m"]),
    ],
)
def test_an_option_that_does_not_fit_is_refused(folder, options, words):
    refuses(folder, "run", folder / "studies" / "s.yaml", *options, words=words)


@pytest.mark.parametrize("arguments", [["run", "--trials", "0"], ["run", "--trails", "3"], ["runn"], []])
def test_a_command_line_that_is_wrong_ends_with_2_and_how_it_is_used(folder, arguments):
    said = tune(*arguments, *([folder / "studies" / "s.yaml"] if arguments else []))
    assert said.code == 2
    assert "Usage: tune" in said.err + said.out
    assert "Traceback" not in said.err


def test_an_objective_that_some_fold_leaves_undefined_is_refused(folder):
    (folder / "table.csv").write_text("a,b,y\n" + "".join(f"{row},{row % 3},{row}.25\n" for row in range(8)))
    study = GOOD.replace("folds: 3", "folds: 5").replace("objective: accuracy", "objective: r2")
    (folder / "studies" / "s.yaml").write_text(study)
    words = ["s.yaml:11: objective: 'r2' is undefined for the scored rows of fold 3, 4", "fewer folds"]
    refuses(folder, "run", folder / "studies" / "s.yaml", words=words)


@pytest.mark.parametrize("command", ["run", "check"])
def test_what_would_fail_in_every_trial_is_refused_before_the_first(tmp_path, command):
    features = ["height", "income", "flag", "colour", "weight", "household"]
    path = write_study(tmp_path, preprocess={"datetime": "none"})
    study = json.loads(path.read_text())
    study["data"]["drop"] += [name for name in features if name not in study["data"]["drop"]]
    path.write_text(json.dumps(study))
    refuses(tmp_path, command, path, words=["small.yaml: ", "no inputs are left", "preprocess.datetime"])


def test_with_debug_a_mistake_also_shows_where_it_was_found(folder):
    (folder / "studies" / "s.yaml").write_text("data: 3\n")
    said = tune("--debug", "run", folder / "studies" / "s.yaml")
    assert said.code == 2
    assert "Traceback" in said.err
