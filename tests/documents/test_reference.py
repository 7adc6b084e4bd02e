import html
import json
import re
from xml.etree import ElementTree

import markdown
import pytest
import typer.main

from documents.commands import commands_page
from documents.keys import keys_page, sections, values
from documents.markdown import code, table, text
from documents.names import first_sentence, names_page, parameters_page
from tests.code_blocks import ROOT
from tuner import __all__ as public
from tuner.cli import app
from tuner.config.names import NAMES
from tuner.config.schema import schema
from tuner.config.sections import StudySections
from tuner.config.sentences import section_at
from tuner.model.initializers import INITIALIZERS
from tuner.model.network import MODELS
from tuner.model.optimizers import OPTIMIZERS
from tuner.search.pruners import PRUNERS
from tuner.search.samplers import SAMPLERS

HOSTILE = "<script>x</script> a|b *c* _d_ `e` [f](g) ![h](i) {#j} &amp; 名前 | --- \\"


def rendered(page: str) -> ElementTree.Element:
    made = markdown.markdown(page, extensions=["tables", "attr_list", "toc"], output_format="xhtml")
    return ElementTree.fromstring(f"<page>{made}</page>")


def rows(page: str) -> list[list[str]]:
    """Return the text of each row of a page's tables, as a reader sees it."""
    return [["".join(cell.itertext()) for cell in row] for row in rendered(page).iter("tr")]


def below(page: str) -> dict[str, list[list[str]]]:
    """Return the rows below each heading; those before the first one belong to the empty heading."""
    parts = re.split(r"^## ", page, flags=re.MULTILINE)
    return {"": rows(parts[0])} | {
        html.unescape(re.sub(r"</?code>| {#.*", "", part.splitlines()[0])): rows(f"## {part}")
        for part in parts[1:]
    }


def test_whatever_a_cell_holds_is_shown_as_text():
    (_, *cells) = rows(table(("a", "b"), [[text(HOSTILE), code(HOSTILE)]]))
    assert cells == [[HOSTILE, HOSTILE]]


@pytest.fixture(scope="module")
def keys() -> dict[str, list[list[str]]]:
    return below(keys_page())


def test_every_key_of_every_section_has_a_row(keys):
    for name in ["", *(name for name, _ in sections(schema()))]:
        model = section_at(StudySections, tuple(name.split("."))) if name else StudySections
        assert [row[0] for row in keys[name][1:]] == list(model.model_fields)


def test_defaults_are_those_of_the_sections(keys):
    for name, _ in sections(schema()):
        model = section_at(StudySections, tuple(name.split(".")))
        told = {key: default for key, _, default, _ in keys[name][1:]}
        for key, field in model.model_fields.items():
            if isinstance(field.default, (bool, int, float)):
                assert json.loads(told[key]) == field.default, f"{name}.{key}"
            elif isinstance(field.default, str):
                assert told[key] == field.default


def test_ranges_and_names_are_told_in_words(keys):
    told = {f"{name}.{row[0]}".removeprefix("."): row[1] for name, table in keys.items() for row in table}
    assert told["cv.folds"] == "a whole number of at least 2"
    assert told["test"] == "a number of at least 0 and below 1; or text"
    assert told["resources.gpus"] == "a number of at least 0 and at most 1"
    assert told["constraints.latency_ms"] == "a number above 0"
    assert told["search.timeout"] == "none; or a time such as 90s, 10m, 2h, 1d"
    assert told["data.image"] == "a list of 2 to 3, each: a whole number of at least 1"
    assert told["objective"].startswith("auto, or one of the metrics; or a mapping")
    assert told["training.loss"].startswith(
        "auto, or one of the losses; or a function of yours, module:function;"
    )
    assert told["training.early_stopping"] == "keys or none"
    for key in ("search.sampler", "search.pruner", "preprocess.balance", "export", "task"):
        assert told[key] == ", ".join(str(name) for name in NAMES[key].now)


def test_a_kind_of_value_that_the_page_does_not_know_is_an_error():
    with pytest.raises(KeyError):
        values({"type": "decimal"})


def test_every_name_has_a_row():
    named = {title: {row[0] for row in table[1:]} for title, table in below(names_page()).items()}
    written = {re.sub(r"^\{name: (\w+),.*", r"\1", name) for name in named["Metrics"]}
    assert written >= set(NAMES["metrics"].now)
    assert named["Losses"] | {"auto"} == set(NAMES["training.loss"].now)
    assert named["Optimizers"] == set(OPTIMIZERS)
    assert named["Initializers"] == set(INITIALIZERS)
    assert named["Samplers"] == set(NAMES["search.sampler"].now)
    assert named["Pruners"] == set(NAMES["search.pruner"].now)


def test_samplers_and_pruners_say_what_they_are():
    assert all(first_sentence(row.proposer or row.make) for row in SAMPLERS.values())
    assert all(first_sentence(row) for row in PRUNERS.values())


def test_every_parameter_has_a_row_with_its_range():
    told = {row[0]: row[1:] for table in below(parameters_page()).values() for row in table}
    assert set(MODELS["cnn"].parameters) <= set(told)
    assert told["dropout"][:3] == ["a number of at least 0 and below 1", "0", "layer"]
    assert told["filters"][2] == "block"
    assert told["batch_norm"][:2] == ["true or false, or 'before', or 'after'", "false"]


def test_every_option_of_every_command_has_a_row():
    told = below(commands_page())
    for name, command in typer.main.get_command(app).commands.items():
        forms = " ".join(row[0] for row in told[f"tune {name}"])
        for parameter in command.params:
            assert parameter.param_type_name == "argument" or parameter.opts[-1] in forms


def test_the_python_api_has_every_public_name():
    listed = re.findall(r"^::: tuner\.[\w.]*?(\w+)$", (ROOT / "docs/api.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(public)
