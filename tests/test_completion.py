import pytest
from typer.testing import CliRunner

from tuner.cli import app
from tuner.completion import study_files


@pytest.fixture
def house(tmp_path, monkeypatch):
    for name in (
        "top.yaml",
        "notes.txt",
        "studies/iris.yaml",
        "studies/churn.yml",
        "studies/old/far.yaml",
        ".x/y.yaml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["studies/churn.yml", "studies/iris.yaml", "top.yaml"]),
        ("stud", ["studies/churn.yml", "studies/iris.yaml"]),
        ("studies/i", ["studies/iris.yaml"]),
        ("studies/", ["studies/churn.yml", "studies/iris.yaml", "studies/old/far.yaml"]),
        (".", [".x/y.yaml"]),
        ("nowhere/", []),
        ("notes", []),
    ],
)
def test_a_shell_is_offered_study_files(house, typed, offered):
    assert study_files(typed) == offered


def test_an_absolute_path_is_completed_too(house):
    assert study_files(f"{house}/to") == [f"{house}/top.yaml"]


def test_the_command_line_offers_them_to_bash(house):
    answer = CliRunner().invoke(
        app,
        [],
        prog_name="tune",
        env={"_TUNE_COMPLETE": "complete_bash", "COMP_WORDS": "tune run stud", "COMP_CWORD": "2"},
    )
    assert answer.stdout.split() == ["studies/churn.yml", "studies/iris.yaml"]
