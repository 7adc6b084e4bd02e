import json
import re

import pytest

from tests.export.made import model_of
from tuner.export.card import model_card, plain
from tuner.export.manifest import Manifest


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Manifest:
    _, trained, _ = model_of(tmp_path_factory.mktemp("card"), target="yes")
    return Manifest.model_validate_json(trained.files["manifest.json"])


def changed(manifest: Manifest, **keys: object) -> Manifest:
    return Manifest.model_validate_json(json.dumps({**json.loads(manifest.model_dump_json()), **keys}))


def test_a_card_says_what_is_predicted_from_what_how_well_and_how_to_use_it(manifest):
    held_out = {
        "rows": 18,
        "looks": 1,
        "scores": {"roc_auc": {"value": 0.81234, "low": 0.7, "high": 0.9, "level": 0.95}},
        "note": "",
    }
    card = model_card(changed(manifest, held_out=held_out))
    assert "It predicts **yes**: which of two classes a row belongs to." in card
    assert "Classes: n, y; a probability is that of y." in card
    assert "| roc\\_auc | 0.8123 | 0.7 to 0.9 (95%) |" in card
    assert "On 18 held-out rows" in card
    assert "| colour | category | 3: blue, green, red | yes |" in card
    assert 'load_model("THIS_FOLDER")' in card
    assert "tune predict THIS_FOLDER rows.csv" in card
    assert re.search(r"data: table.csv, 72 rows to learn from; SHA-256 [0-9a-f]{64}", card)


def test_further_looks_at_the_held_out_rows_are_told(manifest):
    held_out = {"rows": 18, "looks": 3, "scores": {}, "note": ""}
    assert "They were looked at 3 times, for different models." in model_card(
        changed(manifest, held_out=held_out)
    )


def test_an_undefined_score_is_said_to_be(manifest):
    scores = {"roc_auc": {"value": None, "low": None, "high": None, "level": 0.95}}
    held_out = {"rows": 1, "looks": 1, "scores": scores, "note": ""}
    assert "| roc\\_auc | undefined | none |" in model_card(changed(manifest, held_out=held_out))


HOSTILE = "<script>alert(1)</script>|`x`*b*[a](http://b)\n# c"


def test_names_are_shown_as_text(manifest):
    columns = [{"name": HOSTILE, "kind": "category", "categories": [HOSTILE + "!", "b"], "has_missing": True}]
    study = {**json.loads(manifest.study.model_dump_json()), "name": HOSTILE}
    card = model_card(
        changed(manifest, columns=columns, classes=["n", HOSTILE], target_names=[HOSTILE], study=study)
    )
    for raw in ("<script", "[a](http", "\n# c", "`x`*b*"):
        assert raw not in card
    rows = [line for line in card.splitlines() if line.startswith("| &lt;script")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [5]


def test_many_columns_and_classes_are_shortened(manifest):
    columns = [{"name": f"x{number}", "kind": "numeric"} for number in range(500)]
    classes = [f"c{number}" for number in range(300)]
    card = model_card(changed(manifest, columns=columns, classes=classes, task="multiclass"))
    assert "and 460 more, in `manifest.json`." in card
    assert "c39, and 260 more" in card
    assert len(card) < 10_000


def test_a_long_text_is_cut(manifest):
    assert plain("a" * 1000) == "a" * 80 + "…"
