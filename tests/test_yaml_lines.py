"""YAML with lines: what values mean, where they stand, and what is refused."""

from pathlib import Path

import pytest

from tuner.errors import StudyFileError
from tuner.yaml_lines import YamlFile, read_yaml


def read(folder: Path, content: str | bytes) -> YamlFile:
    path = folder / "x.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yaml(path, "x.yaml")


# Expected values are those of the YAML 1.2 specification, section 10.3.2.
@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1.", 1.0),
        ("+12", 12),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("-.inf", float("-inf")),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("2024-01-31", "2024-01-31"),
        ("12:30:00", "12:30:00"),
        ("1_000", "1_000"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("abc def", "abc def"),
        ("1" * 400, float("inf")),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(tmp_path, scalar, value):
    found = read(tmp_path, f"key: {scalar}\n").data["key"]
    assert (found, type(found)) == (value, type(value))


def test_every_key_and_list_item_has_its_line(tmp_path):
    file = read(tmp_path, "a: 1   # comment\n\nb:\n  - x\n  - y: 2\nc: {d: 3,\n  e: 4}\n")
    assert file.lines == {
        ("a",): 1,
        ("b",): 3,
        ("b", 0): 4,
        ("b", 1): 5,
        ("b", 1, "y"): 5,
        ("c",): 6,
        ("c", "d"): 6,
        ("c", "e"): 7,
    }


def test_an_alias_stands_for_its_value_and_points_at_where_that_is_written(tmp_path):
    file = read(tmp_path, "a: &x\n  p: 1\n  q: [2]\nb: *x\n")
    assert file.data["b"] == {"p": 1, "q": [2]}
    assert file.lines["b",] == 4
    assert file.lines["b", "p"] == 2


def test_a_problem_at_a_missing_key_points_at_what_it_belongs_to(tmp_path):
    file = read(tmp_path, "a: 1\nb:\n  c: 2\n")
    assert file.problem(("b", "d", 0), "missing") == "x.yaml:2: b.d[0]: missing"
    assert file.problem((), "empty") == "x.yaml:1: empty"


@pytest.mark.parametrize("content", ["a: 1\r\nb: 2\r\n", "\ufeffa: 1\nb: 2", "---\na: 1\nb: 2\n...\n"])
def test_line_ends_byte_order_marks_and_document_marks_do_not_matter(tmp_path, content):
    assert read(tmp_path, content).data == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3: a: a repeated key; it stands in line 1 already"),
        ("a:\n  b: 1\n  b: {c: [1]}\n", "x.yaml:3: a.b: a repeated key; it stands in line 2 already"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "x.yaml:3: c: merge keys (<<) are not allowed; write the keys out"),
        ("a: !foo 3\n", "x.yaml:1: a: the tag !foo is not allowed; write the value alone"),
        ("a: !!int 3\n", "x.yaml:1: a: the tag !!int is not allowed; write the value alone"),
    ],
)
def test_what_yaml_allows_and_a_study_file_does_not_is_a_problem(tmp_path, content, line):
    assert read(tmp_path, content).problems == (line,)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "x.yaml:1: the file is empty"),
        ("# nothing\n", "x.yaml:1: the file is empty"),
        ("---\n", "x.yaml:1: the file is empty"),
        ("- 1\n", "x.yaml:1: expected keys and values ('key: value'), found a list"),
        ("word\n", "x.yaml:1: expected keys and values ('key: value'), found 'word'"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2: a second document starts here; a file holds one"),
        ("a:\n\tb: 1\n", "x.yaml:2: not valid YAML: a tab where YAML wants spaces"),
        ("a: [1,\nb: 2\n", "x.yaml:1: not valid YAML: a comma or a closing ] is missing"),
        ("a: 1\nb: 'x\n\n", "x.yaml:2: not valid YAML: a quote that is never closed"),
        ("a: @x\n", "x.yaml:1: not valid YAML: a text that starts with @ needs quotes"),
        ("a: 1\nb\nc: 2\n", "x.yaml:2: not valid YAML: a line without 'key: value'"),
        (
            "a:\n  - 1\n - 2\n",
            "x.yaml:3: not valid YAML: a line that is indented differently from the lines around it",
        ),
        (
            "a: b: c\n",
            "x.yaml:1: not valid YAML: a ':' that does not fit; the line is indented too far, "
            "or a text with ': ' in it lacks quotes",
        ),
        (b"a: 1\nb: caf\xe9\n", "x.yaml:2: not UTF-8 text; save the file as UTF-8"),
        ("a: 1\nb: \x00\n", "x.yaml:2: a control character that YAML does not allow"),
        (
            "a: *.csv\n",
            "x.yaml:1: *.csv: there is no &.csv above; a text that starts with * needs quotes",
        ),
        ("a: &x [1, *x]\n", "x.yaml:1: *x: stands inside its own value"),
        (
            "a: {{ name }}\n",
            "x.yaml:1: a: a key is plain text, found a mapping; a value with braces needs quotes",
        ),
        ("a: " + "[" * 60 + "]" * 60, "x.yaml:1: nested deeper than 50 levels"),
        ("a: " + "1" * 1_000_001, "x.yaml: larger than 1,000,000 bytes; this is not a file of settings"),
    ],
)
def test_an_unreadable_file_is_one_clear_line(tmp_path, content, line):
    with pytest.raises(StudyFileError) as raised:
        read(tmp_path, content)
    assert raised.value.problems == (line,)


def test_aliases_that_multiply_one_another_are_stopped(tmp_path):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(StudyFileError, match=r"x\.yaml:4: more than 10,000 values, with aliases written out"):
        read(tmp_path, "\n".join(lines))


def test_a_missing_file_names_the_nearest_one(tmp_path):
    (tmp_path / "churn.yaml").write_text("a: 1")
    with pytest.raises(StudyFileError, match=r"chrun\.yaml: no such file; did you mean 'churn\.yaml'\?"):
        read_yaml(tmp_path / "chrun.yaml")
    with pytest.raises(StudyFileError, match="a folder, not a file"):
        read_yaml(tmp_path)
