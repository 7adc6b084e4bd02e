import pytest
import yaml

from tuner.init.layout import Line, Listed, Section, render
from tuner.init.text import flow, one_line, scalar
from tuner.yaml_lines import read_yaml

NAMES = [
    "plain",
    "yes",
    "No",
    "null",
    "~",
    "1e3",
    "0x1f",
    "007",
    "12:30",
    "2026-01-31",
    "a: b",
    "a #b",
    "#",
    "- a",
    "it's",
    'say "so"',
    " padded ",
    "{a}",
    "[a, b]",
    "*star",
    "&anchor",
    "!tag",
    "%",
    "@",
    "`",
    "back\\slash",
    "two\nlines",
    "tab\there",
    "\x1b[31mred",
    "\x85\u2028\ufeff",
    "größe",
    "体重",
    "😀 face",
    "<script>alert(1)</script>",
    "a | b",
    "---",
    "...",
    "<<",
    "=",
    "?",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_text_is_read_back_as_the_same_text(name, tmp_path):
    path = tmp_path / "study.yaml"
    written = {"key": name, "list": [name, {"a": name}]}
    path.write_text(f"key: {scalar(name)}\nlist: {flow(written['list'])}\n", encoding="utf-8", newline="\n")
    assert read_yaml(path).data == written
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == written


@pytest.mark.parametrize("value", [True, False, 0, -3, 10**12, 0.2, 1e-7, 2.5e-7, 1e300, 3.0])
def test_numbers_and_truth_values_keep_their_type(value, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(f"key: {scalar(value)}\n", encoding="utf-8")
    (read,) = read_yaml(path).data.values()
    assert (read, type(read)) == (value, type(value))
    assert yaml.safe_load(path.read_text()) == {"key": value}  # YAML 1.1 reads it alike


@pytest.mark.parametrize("name", NAMES)
def test_no_comment_reaches_beyond_its_line(name, tmp_path):
    section = Section(
        "data",
        (
            Line("path", "a.csv", f"why {name} {name * 60}"),
            Listed("drop", (Line("", name, name), Line("", name, name, active=False)), more=name),
        ),
        why=name,
    )
    path = tmp_path / "study.yaml"
    path.write_text("\n".join(render(section)), encoding="utf-8")
    assert read_yaml(path).data == {"data": {"path": "a.csv", "drop": [name]}}


def test_a_list_without_an_active_item_is_a_comment():
    lines = render(Listed("drop", (Line("", "a", "a reason", active=False),)))
    assert lines == ["# drop:", "  # - a  # a reason"]
    assert render(Listed("drop", ())) == []


def test_a_long_comment_stands_above_its_line_and_within_the_width():
    *above, line = render(Line("task", "binary", "word " * 60), "  ")
    assert line == "  task: binary"
    assert len(above) == 3
    assert all(each.startswith("  # word") and len(each) <= 110 for each in above)


def test_what_a_terminal_would_obey_is_written_out():
    assert one_line("a\x1b[2Jb\nc") == "a\\u001b[2Jb\\u000ac"
