"""Every study file, program and command in the documents is tried as it stands there."""

import ast
import json
import re
from pathlib import Path

import pytest
import typer.main
from ruamel.yaml import YAML

import tuner
from tests.code_blocks import ALL, NOT_RUN, PAGES, PART, ROOT, Block, blocks_of
from tests.command import tune
from tuner.cli import app
from tuner.config.study_file import StudyConfig, load_config
from tuner.executors.in_process import InProcess
from tuner.run import run_study
from tuner.study import open_study

RUN_BY = {"docs/python.md": "tests/api/conftest.py", "docs/own-model.md": "tests/test_own_checks.py"}
"""Pages whose programs other tests run, which look at what comes of them."""

PROGRAMS = {"tune", "make", "pip", "python", "source", "export", "createdb", "mlflow", "ray", "curl"}
LANGUAGES = {"yaml", "python", "bash", "console", "text"}
NEVER_RUN = {"ui", "verify"}
"""Commands that the first steps are tried without: the one serves until it is ended, the other has its own tests."""

runs = [page for page in PAGES if page not in RUN_BY]
each = pytest.mark.parametrize


def is_run(block: Block) -> bool:
    return block.language == "python" and not block.title.startswith(NOT_RUN)


def test_every_block_says_its_language_and_none_is_missed():
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        assert text.count("```") == 2 * len(blocks_of(page)), page
    assert {block.language for block in ALL} <= LANGUAGES


def test_programs_that_are_not_run_are_few_and_name_what_there_is():
    left = [block for block in ALL if block.language == "python" and not is_run(block)]
    assert len(left) <= 5
    for block in left:
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and node.module == "tuner":
                assert {name.name for name in node.names} <= set(tuner.__all__), str(block)


@each("page", RUN_BY)
def test_another_test_reads_the_page(page):
    source = (ROOT / RUN_BY[page]).read_text("utf-8")
    assert page in source or Path(page).name in source


def shells() -> list[tuple[str, list[str]]]:
    """Return each command of the documents, those of a workflow included, with its place."""
    found = [
        (str(block), words)
        for block in ALL
        if block.language in {"bash", "console"}
        for words in block.commands
    ]
    for block in ALL:
        if block.title.startswith(".github/"):
            steps = YAML(typ="safe").load(block.text)["jobs"]["studies"]["steps"]
            found += [(str(block), step["run"].split()) for step in steps if "run" in step]
    return found


def test_every_command_and_option_is_there():
    group = typer.main.get_command(app)
    whole = group.context_class(group, info_name="tune")
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    extras = set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE))
    asked = 0
    for place, (program, *arguments) in shells():
        assert program in PROGRAMS, place
        if program == "tune":
            command = group.commands[arguments[0]]
            command.make_context(arguments[0], arguments[1:], parent=whole)
            asked += 1
        elif program == "make":
            assert set(arguments) <= targets, place
        elif program == "pip":
            assert set(re.findall(r"tuner\[(\w+)\]", " ".join(arguments))) <= extras, place
    assert asked > 30


def test_a_wrong_option_would_be_found():
    group = typer.main.get_command(app)
    with pytest.raises(Exception, match="No such option: --worker"):
        group.commands["run"].make_context("run", ["studies/iris.yaml", "--worker", "2"])


def write_files(page: str, folder: Path) -> None:
    """Write the files that a page shows."""
    for block in blocks_of(page):
        if block.title.endswith((".py", ".yaml")):
            (folder / block.title).parent.mkdir(exist_ok=True)
            (folder / block.title).write_text(block.text, "utf-8")


def study_files(page: str) -> list[Block]:
    return [
        block
        for block in blocks_of(page)
        if block.language == "yaml" and not block.title.startswith(".github/")
    ]


def config_of(block: Block, folder: Path) -> StudyConfig:
    """Load a block as the study file, the part of one or the search space that it says it is."""
    keys = YAML(typ="safe", pure=True).load(block.text)
    path = folder / (block.title if block.title.endswith(".yaml") else f"line{block.line}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = block.text
    if "params" in keys:
        (folder / "space.yaml").write_text(text, "utf-8")
        text = "data: {sklearn: iris}\nsearch_space: space.yaml\n"
    elif block.title == PART:
        text += "" if "data" in keys else "data: {sklearn: breast_cancer}\n"
    path.write_text(text, "utf-8")
    if "path" in keys.get("data", {}):
        table = path.parent / keys["data"]["path"]
        table.parent.mkdir(exist_ok=True)
        table.touch()
    return load_config(path)


@each("page", [page for page in PAGES if page not in RUN_BY and study_files(page)])
def test_study_files_are_right(page, tmp_path):
    write_files(page, tmp_path)
    for block in study_files(page):
        config = config_of(block, tmp_path)
        if config.data.sklearn is not None:
            open_study(config)
        there = ROOT / block.title
        if block.title and there.is_file() and page == "docs/tutorial.md":
            assert config.canonical() == load_config(there).canonical()


@pytest.fixture(scope="module")
def tensorflow():
    """TensorFlow under the settings of tuner, which must come before those programs that set it up themselves."""
    from tuner.api import keras_estimators

    return keras_estimators


def programs(page: str) -> list[Block]:
    return [block for block in blocks_of(page) if is_run(block) and not block.title.endswith(".py")]


@each("page", [page for page in runs if programs(page) and page != "docs/tutorial.md"])
def test_programs_run(page, tmp_path, monkeypatch, tensorflow):
    monkeypatch.chdir(tmp_path)
    write_files(page, tmp_path)
    names = {"__name__": "page"}
    for block in programs(page):
        exec(compile(block.text, str(block), "exec"), names)
    for block in study_files(page):
        if block.title.endswith(".yaml"):
            open_study(load_config(tmp_path / block.title))


def test_the_first_steps_lead_to_predictions(tmp_path, monkeypatch, tensorflow):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "iris.yaml").write_bytes((ROOT / "studies" / "iris.yaml").read_bytes())
    names = {"__name__": "page"}
    for block in blocks_of("docs/tutorial.md"):
        if block.language == "python":
            exec(compile(block.text, str(block), "exec"), names)
        for program, command, *arguments in block.commands if block.language == "bash" else ():
            if program == "tune" and command not in NEVER_RUN:
                take(command, arguments)
    shown = json.loads(tune("show", "studies/tumours.yaml", "--json").out)
    assert shown["data"]["rows"] == 569
    predicted = names["pd"].read_csv("predicted.csv")
    assert (predicted["prediction"] == names["table"]["diagnosis"]).mean() > 0.9
    assert {"probability_benign", "probability_malignant"} <= set(predicted.columns)
    assert Path("runs/iris/report.html").stat().st_size > 10_000


def take(command: str, arguments: list[str]) -> None:
    """Do what a command of the first steps does; a search has two trials, in this process and without MLflow."""
    if command == "run":
        study = Path(arguments[0])
        study.write_text(study.read_text("utf-8") + "tracking: {uri: none}\n", "utf-8")
        config = load_config(study)
        *_, closed = run_study(config, trials=2, executor=InProcess(config.engine.name))
        assert closed.summary.final is not None
    else:
        said = tune(command, *arguments)
        assert said.code == 0, said.err
