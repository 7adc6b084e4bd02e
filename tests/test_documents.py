import json
import re
from pathlib import Path

import pytest

from benchmarks.honesty import Outcome, page
from documents.hooks import GENERATED
from tests.code_blocks import PAGES
from tuner.config.sections import StudySections
from tuner.config.sentences import section_at
from tuner.config.study_file import load_config
from tuner.model.network import MODELS
from tuner.model.schedules import SCHEDULES

ROOT = Path(__file__).parents[1]


def blocks(name: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


def test_the_reference_is_a_study_file_with_every_section(tmp_path):
    (block,) = blocks("docs/study-file.md")
    study = tmp_path / "reference.yaml"
    study.write_text(block, encoding="utf-8")
    config = load_config(study)
    assert config.name == "churn"
    named = set(re.findall(r"^#? ?(\w+):", block, re.MULTILINE))
    assert set(StudySections.model_fields) <= named


def test_the_values_of_the_reference_are_the_defaults(tmp_path):
    (block,) = blocks("docs/study-file.md")
    short, whole = tmp_path / "churn.yaml", tmp_path / "whole.yaml"
    short.write_text("data: {sklearn: breast_cancer}\n", encoding="utf-8")
    whole.write_text(block, encoding="utf-8")
    differences = load_config(whole).differences(
        load_config(short).canonical(), load_config(whole).canonical()
    )
    assert {line.partition(":")[0] for line in differences} == {"metrics", "search.first"}


def test_the_reference_names_every_parameter_of_a_network_and_all_that_it_may_be():
    text = (ROOT / "docs/study-file.md").read_text(encoding="utf-8")
    table = text[text.index("| parameter |") :]
    rows = {cells[1]: cells[2] for line in table.splitlines() if len(cells := line.split("|")) == 6}
    told = {name: values for names, values in rows.items() for name in re.findall(r"`(\w+)`", names)}
    settings = {f"schedule_{name}" for schedule in SCHEDULES.values() for name, _ in schedule.settings}
    parameters = MODELS["cnn"].parameters  # those of the perceptron are among them
    assert parameters.keys() >= MODELS["mlp"].parameters.keys()
    assert told.keys() == parameters.keys() - settings
    for name, parameter in parameters.items():
        assert name in text
        assert set(parameter.options) <= set(re.findall(r"\w+", told.get(name, "")))
    for schedule in SCHEDULES.values():
        assert all(f"`schedule_{name}` {default:g}" in text for name, default in schedule.settings)


@pytest.mark.parametrize("file", [*PAGES, "tuner/engines/README.md"])
def test_every_file_that_a_document_links_to_is_there(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
        if file.startswith("docs/") and target in GENERATED:
            continue
        assert ((ROOT / file).parent / target).exists(), target


def test_the_study_of_the_front_page_fits_its_table(tmp_path, shared_data):
    study = next(block for block in blocks("README.md") if block.startswith("data:"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "churn.csv").write_bytes((shared_data / "churn.csv").read_bytes())
    (tmp_path / "studies").mkdir()
    path = tmp_path / "studies" / "churn.yaml"
    path.write_text(study, encoding="utf-8")
    assert load_config(path).objective == "roc_auc"


def test_the_search_space_of_the_front_page_is_one(tmp_path):
    space = next(block for block in blocks("README.md") if block.startswith("params:"))
    (tmp_path / "space.yaml").write_text(space, encoding="utf-8")
    study = tmp_path / "study.yaml"
    study.write_text("data: {sklearn: iris}\nsearch_space: space.yaml\n", encoding="utf-8")
    assert "neurons" in load_config(study).space.canonical()["params"]


def test_the_table_of_honesty_is_that_of_the_recorded_studies():
    recorded = json.loads((ROOT / "benchmarks/results/honesty.json").read_text(encoding="utf-8"))
    table = page([Outcome(**each) for each in recorded])
    document = (ROOT / "docs/honesty.md").read_text(encoding="utf-8")
    assert table in document
    assert len(recorded) >= 20


def test_every_row_of_the_course_names_keys_that_there_are_and_a_test_that_is_there():
    text = (ROOT / "docs/course.md").read_text(encoding="utf-8")
    rows = [cells for line in text.splitlines() if len(cells := line.split(" | ")) == 4 and "`" in line]
    assert len(rows) > 30
    keys = {key for section in StudySections.model_fields for key in keys_of(section)}
    for _, named, _, test in rows:
        assert (ROOT / test.strip(" |`")).is_file(), test
        for key in re.findall(r"`([^`]+)`", named):
            assert key in keys | {"embedding_scale"} | MODELS["mlp"].parameters.keys(), key


def keys_of(section: str) -> set[str]:
    """Return a section's key, and those inside it."""
    inside = section_at(StudySections, (section,))
    return {section, *(f"{section}.{key}" for key in (inside.model_fields if inside else ()))}
