import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import Said, tune
from tests.small import write_study

HEAVY = ("tensorflow", "keras", "mlflow", "sklearn", "pandas", "optuna", "scipy")


@pytest.fixture(scope="module")
def ran(begin) -> tuple[Path, Said]:
    """A study file that was run, and what that said."""
    path = write_study(
        begin("ran"),
        objective="accuracy",
        metrics=["log_loss"],
        search={"trials": 4, "pruner": "none"},
    )
    return path, tune("run", path)


@pytest.fixture(scope="module")
def shown(ran) -> dict:
    """The machine's view of that study."""
    return json.loads(tune("show", ran[0], "--json").out)


def test_run_tells_of_the_study_and_each_trial_on_standard_error(ran, shown):
    path, said = ran
    assert said.code == 0
    lines = said.err.splitlines()
    assert lines[0].startswith(
        f"small: multiclass on {path.parent.parent / 'table.csv'}: 90 rows (18 held out), "
    )
    assert "2 numeric, 1 boolean, 1 category, 1 datetime" in lines[0]
    assert lines[1].startswith("objective accuracy (maximize), 2 stratified folds")
    assert any(line.startswith("classes of kind: ") for line in lines)
    trials = [line for line in lines if line.startswith("trial ")]
    assert len(trials) == 4
    for number, line in enumerate(trials):
        value = shown["trials"][number]["values"][0]
        assert line.startswith(f"trial {number} complete ({number + 1}/4, ")
        assert f"accuracy {value:.4f} ± " in line
    assert trials[0].endswith(" left")
    assert trials[3].endswith(" | done")


def test_run_prints_the_result_on_standard_output(ran, shown):
    path, said = ran
    out = said.out
    best = shown["trials"][shown["best"][0]]
    assert out.startswith("small: 4 trials: 4 complete\n")
    assert f"best: trial {best['number']}, accuracy {best['values'][0]:.4f} ± " in out
    for name, value in best["params"].items():
        assert re.search(
            rf"^  {re.escape(name)}: {f'{value:.4g}' if isinstance(value, float) else value}$", out, re.M
        )
    assert "default configuration (trial 0" in out
    assert "optimistic" in out or best["number"] == 0
    corrected = shown["corrected"]
    bounds = f"{corrected['value']:.4f} [{corrected['low']:.4f}, {corrected['high']:.4f}]"
    assert f"to be expected of new rows: accuracy {bounds}, the best score corrected " in out
    assert f"accuracy {bounds}, the best score corrected " in tune("show", path).out
    assert f"next: tune report {path}   tune ui {path}" in out
    assert "experiment 'small'" in out
    final = shown["final"]
    assert (final["kind"], final["trials"]) == ("refit", [{"number": best["number"], "weight": 1.0}])
    score = final["scores"]["accuracy"]
    bounds = f"accuracy {score['value']:.4f} [{score['low']:.4f}, {score['high']:.4f}]"
    assert f"held-out rows (18): {bounds}, of the refit model (trial {best['number']}) in " in out
    ranked = [int(line.split()[0]) for line in out.splitlines() if re.match(r" *\d+ +0\.\d{4} ± ", line)]
    scores = [shown["trials"][number]["values"][0] for number in ranked]
    assert len(ranked) == 4
    assert scores == sorted(scores, reverse=True)


def test_show_gives_machines_what_the_contract_names(shown):
    keys = ["study", "task", "objective", "data", "seed", "trials", "best", "corrected", "final"]
    assert list(shown) == keys
    assert (shown["study"], shown["task"], shown["seed"]) == ("small", "multiclass", 7)
    assert shown["objective"] == [{"metric": "accuracy", "direction": "maximize"}]
    assert (shown["data"]["rows"], shown["data"]["columns"]) == (90, 5)
    assert re.fullmatch(r"[0-9a-f]{64}", shown["data"]["sha256"])
    for number, trial in enumerate(shown["trials"]):
        assert trial["number"] == number
        assert trial["state"] == "complete"
        assert trial["values"] == [sum(trial["fold_values"][0]) / 2]
        assert set(trial["metrics"]) == {"accuracy", "log_loss"}
        assert 1 <= trial["best_epoch"] <= trial["epochs"] == 4
        assert trial["seconds"] > 0
        assert trial["reason"] is None
    assert shown["trials"][0]["params"] == {
        "layers": 1,
        "neurons": 4,
        "learning_rate": 0.03,
        "batch_size": 32,
    }


def test_show_prints_a_table_for_people(ran, shown):
    said = tune("show", ran[0])
    assert (said.code, said.err) == (0, "")
    rows = [line for line in said.out.splitlines() if re.match(r" *\d+ +complete ", line)]
    assert len(rows) == 4
    for trial, row in zip(shown["trials"], rows, strict=True):
        assert f"{trial['values'][0]:.4f} ± " in row
        assert f"neurons={trial['params']['neurons']}" in row


def test_show_of_a_study_that_was_not_run_says_how_to_run_it(tmp_path):
    path = write_study(tmp_path)
    said = tune("show", path)
    assert said.code == 2
    assert said.err == f"{path}: no trials yet in {tmp_path / 'runs' / 'small'}; type: tune run {path}\n"
    assert not (tmp_path / "runs").exists()


def test_a_finished_study_says_so_and_how_to_get_more(ran):
    said = tune("run", ran[0])
    assert said.code == 0
    assert "the study has its 4 trials already; more with: --trials N" in said.err
    assert said.out.startswith("small: 4 trials: 4 complete\n")


def test_quiet_prints_the_result_alone(ran):
    said = tune("run", ran[0], "--quiet")
    assert (said.code, said.err) == (0, "")
    assert "best: trial" in said.out


def copy_of(ran: tuple[Path, Said], folder: Path) -> Path:
    shutil.copytree(ran[0].parent.parent, folder / "copy")
    return folder / "copy" / "studies" / "small.yaml"


def test_more_trials_continue_the_study(ran, tmp_path):
    path = copy_of(ran, tmp_path)
    said = tune("run", path, "--trials", 6)
    assert said.code == 0
    assert "continues after 4 of 6 trials" in said.err
    assert "trial 5 complete (6/6, " in said.err
    assert said.out.startswith("small: 6 trials: 6 complete\n")


def test_a_changed_study_says_what_changed_and_runs_with_fresh(ran, tmp_path):
    path = copy_of(ran, tmp_path)
    path.write_text(
        path.read_text().replace('"epochs": 4', '"epochs": 2').replace('"trials": 4', '"trials": 1')
    )
    said = tune("run", path)
    assert said.code == 2
    assert f"{path}: training.epochs: 4 -> 2\n" in said.err
    assert f"tune run {path} --fresh" in said.err
    assert "Traceback" not in said.err
    fresh = tune("run", path, "--fresh")
    assert fresh.code == 0
    assert re.search(
        rf"the earlier study was moved to {re.escape(str(tmp_path))}/copy/runs/small_20\d\d-", fresh.err
    )
    assert fresh.out.startswith("small: 1 trials: 1 complete\n")
    assert len(json.loads(tune("show", path, "--json").out)["trials"]) == 1


def test_a_study_in_which_no_trial_completed_ends_with_1_and_says_why(ran, tmp_path):
    path = copy_of(ran, tmp_path)
    shutil.rmtree(path.parent.parent / "runs" / "small")
    study = json.loads(path.read_text())
    path.write_text(json.dumps({**study, "search_space": {"learning_rate": 1e30}, "search": {"trials": 1}}))
    said = tune("run", path)
    assert said.code == 1
    assert (
        "no trial completed; trial 0 failed, diverged: the loss was no longer finite in epoch 1" in said.out
    )
    assert "trial 0 failed (1/1, " in said.err


def test_check_says_what_was_found_and_writes_nothing(tmp_path):
    path = write_study(tmp_path, target="amount")
    said = tune("check", path)
    assert (said.code, said.err) == (0, "")
    assert "small: regression on " in said.out
    assert re.search(r"^smallest network: \d+ inputs, \d+ weights, loss ", said.out, re.M)
    assert re.search(r"^largest network: \d+ inputs, \d+ weights, loss ", said.out, re.M)
    assert said.out.endswith(f"{path} can be run: tune run {path}\n")
    assert not (tmp_path / "runs").exists()


def test_schema_prints_json(tmp_path):
    said = tune("schema")
    assert said.code == 0
    assert "search_space" in json.loads(said.out)["properties"]


FRESH = """
import sys
from unittest.mock import patch
from tuner.cli import main
with patch.object(sys, "argv", ["tune", *sys.argv[1:]]):
    try:
        main()
    except SystemExit as ended:
        code = ended.code
heavy = {name.partition(".")[0] for name in sys.modules} & set(%r)
print(f"\\nCODE {code} HEAVY {sorted(heavy)}")
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["run", "--help"], 0),
        (["run", "no.yaml"], 2),
        (["run", "bad.yaml"], 2),
        (["schema"], 0),
    ],
    ids=["help", "help of run", "no study file", "a mistake in one", "schema"],
)
def test_help_and_a_mistake_in_a_study_file_load_nothing_heavy_and_answer_quickly(tmp_path, arguments, code):
    write_study(tmp_path, name="bad", objective="acuracy").rename(tmp_path / "bad.yaml")
    before = children_seconds()
    done = subprocess.run(
        [sys.executable, "-c", FRESH % (HEAVY,), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith(f"\nCODE {code} HEAVY []\n"), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert children_seconds() - before < 1.5  # 0.5 on an idle machine


def children_seconds() -> float:
    """Return the processor's seconds that ended child processes have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_check_refuses_what_run_would_refuse(ran, tmp_path):
    path = tmp_path / "studies" / "small.yaml"
    shutil.copytree(ran[0].parent.parent, tmp_path, dirs_exist_ok=True)
    path.write_text(path.read_text().replace('"accuracy"', '"f1_macro"', 1))
    checked, run = tune("check", path), tune("run", path)
    assert (checked.code, run.code) == (2, 2)
    assert checked.err == run.err
    assert "objective: accuracy -> f1_macro" in checked.err


def test_check_refuses_an_mlflow_server_that_does_not_answer(begin):
    path = write_study(begin("unanswered"), tracking={"uri": "http://127.0.0.1:9"})
    said = tune("check", path)
    assert said.code == 2
    assert said.err.startswith("tracking: http://127.0.0.1:9: no connection")


def test_version_is_told():
    assert re.fullmatch(r"tuner \d+\.\d+\.\d+\n", tune("--version").out)
