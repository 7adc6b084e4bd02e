import json
import re

import numpy as np
import pandas as pd
import pytest

from tests.command import Said, tune
from tests.small import NO_BAR, study_of
from tuner.check import check_study
from tuner.config.schema import schema
from tuner.config.study_file import load_config
from tuner.errors import TunerError
from tuner.executors.in_process import InProcess
from tuner.init.measure import measure
from tuner.init.start import study_place
from tuner.init.write import SCHEMA_FILE
from tuner.run import run_study
from tuner.trial import TrialTask, evaluate

N_ROWS = 240


@pytest.fixture(scope="module")
def begun(begin):
    """A folder in which ``tune init`` was typed, and what it said."""
    folder = begin("begun")
    random = np.random.default_rng(8)
    height = random.normal(170, 9, N_ROWS)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(N_ROWS),
            "[red]height[/red]": height,
            "with\x1b[31m colour": random.normal(size=N_ROWS),
            "bill": np.round(height * 3 + random.normal(0, 20, N_ROWS), 1),
            "left": np.where(height + random.normal(0, 5, N_ROWS) > 178, "yes", "no"),
        }
    )
    frame.to_csv(folder / "my table.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        said = tune("init", "my table.csv", "--target", "left")
        again = tune("init", "my table.csv", "--target", "left")
    return folder, said, again


def test_init_writes_a_study_file_that_passes_the_check(begun):
    folder, said, _ = begun
    assert said.code == 0
    config = load_config(folder / "studies" / "my table.yaml")
    assert (config.name, config.data.path) == ("my table", "../my table.csv")
    assert config.data.drop == ("customer_id",)
    assert (config.task, config.positive, config.objective) == ("binary", "yes", "roc_auc")
    assert config.search.trials == 50
    assert all(np.isfinite(network.loss) for network in check_study(config).networks)
    assert [path.name for path in (folder / "runs").iterdir()] == ["mlflow.db"]


def test_the_file_runs_unchanged(begun):
    config = load_config(begun[0] / "studies" / "my table.yaml")
    *_, closed = run_study(config, trials=1, executor=InProcess(config.engine.name))
    assert closed.summary.best.values[0] > 0.8  # the target follows from the height
    assert closed.summary.final is not None


def test_init_shows_the_table_and_where_the_file_is(begun):
    folder, said, _ = begun
    assert said.out.startswith(f"{folder / 'my table.csv'}: 240 rows, 4 columns: 4 numeric\n")
    assert re.search(r"^target 'left', binary: 'no' \d+ \(\d+ %\), 'yes' \d+ \(\d+ %\)$", said.out, re.M)
    assert re.search(r"^customer_id .* identifier: .*\(dropped\)", said.out, re.M)
    assert "wrote studies/my table.yaml" in said.out
    assert said.out.splitlines()[-1].startswith("next: tune check studies/my table.yaml")
    assert said.err.startswith("training the smallest and the largest network for a few epochs")


def test_names_are_shown_as_text(begun):
    _, said, _ = begun
    assert "[red]height[/red]" in said.out
    assert "\x1b" not in said.out
    assert "with\\u001b[31m colour" in said.out


def test_the_file_says_how_long_the_study_takes_and_how_that_is_known(begun):
    folder, said, _ = begun
    text = (folder / "studies" / "my table.yaml").read_text(encoding="utf-8").replace("\n# ", " ")
    told = re.search(
        r"Time: (up to about .*? on this machine, as busy as it is now.*? \(measured: .*?\)\.)", text
    )
    assert told is not None
    assert told[1] in said.out


def test_an_epoch_is_measured_as_a_trial_needs_it(tmp_path):
    study = study_of(tmp_path)
    largest = measure(study, 8).largest
    again = evaluate(TrialTask(study.problem, 0, {**study.config.space.largest(), "epochs": 16}, NO_BAR))
    assert 0.02 < largest.later / (again.seconds / again.epochs) < 50  # the machine may be busy in between
    assert largest.first > 0


def test_an_editor_finds_the_schema_beside_the_file(begun):
    folder, _, _ = begun
    first = (folder / "studies" / "my table.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE}"
    assert json.loads((folder / "studies" / SCHEMA_FILE).read_text(encoding="utf-8")) == schema()


def test_a_file_is_never_overwritten(begun):
    _, _, again = begun
    assert (again.code, again.out) == (2, "")
    assert again.err == (
        "studies/my table.yaml: exists already, and is never overwritten; name another file with -o\n"
    )


def said_in(folder, *arguments: object) -> Said:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return tune("init", *arguments)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("t.csv",), "t.csv: which column is to be predicted? Name it: --target COLUMN; likeliest: 'y'"),
        (("t.csv", "--target", "yy"), "target 'yy' is not a column"),
        (("t.csv", "--target", "y", "--target", "y"), "target 'y' is named twice"),
        (("u.csv", "--target", "y"), "u.csv: no such file; similar names there: t.csv"),
        (("t.txt", "--target", "y"), "the ending '.txt' is not known; one of: .csv"),
        (("t.csv", "--target", "y", "-o", "a.json"), "a.json: a study file ends in .yaml or .yml"),
    ],
)
def test_a_mistake_is_one_clear_error_and_leaves_nothing_behind(tmp_path, arguments, found):
    for name in ("t.csv", "t.txt"):
        (tmp_path / name).write_text("a,y\n" + "1,p\n2,q\n" * 20, encoding="utf-8")
    said = said_in(tmp_path, *arguments)
    assert (said.code, said.out) == (2, "")
    assert found in said.err
    assert len(said.err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "t.txt"]


def test_a_name_that_has_records_already_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "churn").mkdir(parents=True)
    with pytest.raises(
        TunerError, match=r"records of an earlier study named 'churn'.* -o studies/churn_2.yaml"
    ):
        study_place(tmp_path / "churn.csv.gz", None)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("churn.csv", "churn.yaml"),
        ("churn.CSV.gz", "churn.yaml"),
        ("a:b?.tsv", "a-b-.yaml"),
        (".npz", "study.yaml"),
    ],
)
def test_the_study_is_named_after_its_data(tmp_path, monkeypatch, data, place):
    monkeypatch.chdir(tmp_path)
    assert study_place(tmp_path / data, None).as_posix() == f"studies/{place}"


def test_in_the_folder_of_studies_the_file_goes_there(tmp_path, monkeypatch):
    (tmp_path / "studies").mkdir()
    monkeypatch.chdir(tmp_path / "studies")
    assert study_place(tmp_path / "churn.csv", None).as_posix() == "churn.yaml"
