import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.tracking.tracked import (
    DATA,
    OUTCOME,
    card,
    client,
    complete,
    failed,
    pruned,
    runs,
    track,
)
from tuner.records import Final, Interval, Member
from tuner.tracking.mlflow_data import data_input
from tuner.tracking.mlflow_records import as_text
from tuner.tracking.mlflow_store import sqlite_uri
from tuner.tracking.mlflow_view import LONGEST_VIEW, view_state, view_tag
from tuner.tracking.notes import study_note, study_outcome
from tuner.tracking.publish import publish_files
from tuner.tracking.tracker import Outcome

HOSTILE = "<script>alert(1)</script>|*a*`b`[c](http://d)"


def artifact(uri: str, run: Any, name: str, folder: Path) -> str:
    """Download a file of a run and return its text."""
    return Path(client(uri).download_artifacts(run.info.run_id, name, str(folder))).read_text("utf-8")


def test_the_studys_run_has_the_best_parameters_as_tags_and_as_a_file(uri: str, tmp_path: Path) -> None:
    track(uri, [complete(0)])
    (parent,) = runs(uri, "study")
    tags = parent.data.tags
    assert (tags["tuner.best"], tags["best.layers"], tags["best.l2"]) == ("0", "2", "1e-05")
    assert json.loads(artifact(uri, parent, "best.json", tmp_path)) == {
        "trials": [0],
        "params": {"layers": 2, "l2": 1e-5},
        "numbers": {"best_score": 0.9, "trials": 1.0},
    }


def test_the_note_is_what_the_card_says_then_a_link_to_the_best_trial_then_the_outcome(uri: str) -> None:
    track(uri, [complete(0)])
    (parent,), (trial,) = runs(uri, "study"), runs(uri, "trial")
    about, link, outcome = parent.data.tags["mlflow.note.content"].rsplit("\n\n", 2)
    assert about == "# Iris\n\n150 rows"
    assert link == f"**Best: [trial-0000](#/experiments/1/runs/{trial.info.run_id})**"
    assert outcome == "It went well."


def test_when_another_trial_becomes_the_best_the_former_one_is_no_longer_marked(uri: str) -> None:
    track(uri, [complete(0), complete(1)])
    later = Outcome({"best_score": 0.95}, (1,), {"layers": 3})
    track(uri, ended=range(2), outcome=later)
    (parent,) = runs(uri, "study")
    assert [run.data.tags.get("tuner.best") for run in runs(uri, "trial")] == [None, "true"]
    assert parent.data.tags["tuner.best"] == "1"
    assert parent.data.tags["best.layers"] == "3"
    assert "best.l2" not in parent.data.tags
    assert parent.data.metrics["best_score"] == 0.95


def test_a_study_without_a_complete_trial_has_no_best(uri: str) -> None:
    track(uri, [failed(0)], outcome=study_outcome({0: failed(0)}, None, "accuracy"))
    (parent,) = runs(uri, "study")
    assert parent.data.tags["tuner.best"] == ""
    assert parent.data.metrics == {"complete": 0, "pruned": 0, "failed": 1, "trials": 1}
    assert parent.data.tags["mlflow.note.content"].endswith("No trial completed yet.")


FINAL = Final(
    kind="refit",
    members=(Member(0, {"layers": 2}, 1.0, (2,)),),
    rows=30,
    scores={"accuracy": Interval(0.9, 0.8, 1.0), "log_loss": Interval(0.3, 0.2, float("nan"))},
    looks=1,
    created="2026-11-22T00:00:00+00:00",
    train_scores={},
)


def test_the_outcome_has_the_counts_the_best_the_corrected_and_the_held_out_scores() -> None:
    results = {0: complete(0), 1: pruned(1), 2: failed(2)}
    outcome = study_outcome(results, results[0], "accuracy", final=FINAL, corrected=Interval(0.85, 0.8, 0.9))
    assert outcome.best == (0,)
    numbers = dict(outcome.numbers)
    assert np.isnan(numbers.pop("held_out_high/log_loss"))
    assert numbers == {
        "complete": 1,
        "pruned": 1,
        "failed": 1,
        "trials": 3,
        "best_score": 0.9,
        "bias_corrected_score": 0.85,
        "held_out/accuracy": 0.9,
        "held_out_low/accuracy": 0.8,
        "held_out_high/accuracy": 1.0,
        "held_out/log_loss": 0.3,
        "held_out_low/log_loss": 0.2,
    }
    note = outcome.note.replace("&emsp;", "")
    assert "| accuracy | 0.9 | 0.8 to 1 |" in note
    assert "| corrected for having chosen the best | 0.8 to 0.9 | 0.85 |" in note
    assert "| neurons.0 | 64 |" in note


def test_numbers_that_are_not_finite_are_no_metrics(uri: str) -> None:
    outcome = study_outcome({0: complete(0)}, complete(0), "accuracy", final=FINAL)
    track(uri, [complete(0)], outcome=outcome)
    (parent,) = runs(uri, "study")
    assert parent.data.metrics["held_out/log_loss"] == 0.3
    assert "held_out_high/log_loss" not in parent.data.metrics


def test_names_are_text_in_a_note() -> None:
    results = {0: replace(complete(0), params={HOSTILE: HOSTILE})}
    notes = [
        study_outcome(results, results[0], HOSTILE).note,
        study_note(HOSTILE, "binary", replace(DATA, place=HOSTILE), "accuracy", "maximize"),
    ]
    for note in notes:
        assert "<script" not in note
        assert "*a*" not in note
        assert "](http" not in note
    assert as_text("a|b <i> `c` [d] x_y") == "a&#124;b &#60;i&#62; &#96;c&#96; &#91;d&#93; x&#95;y"


def test_a_trials_note_says_how_good_it_was(uri: str) -> None:
    track(uri, [complete(0), pruned(1)])
    notes = [run.data.tags["mlflow.note.content"] for run in runs(uri, "trial")]
    assert notes == ["0.9 ± 0.08165 over 3 folds, best epoch 2 of 2", "0.4, best epoch 1 of 1"]


def test_every_run_names_the_table_and_the_studys_run_describes_it(uri: str) -> None:
    track(uri, [complete(0), failed(1)])
    for run in [*runs(uri, "study"), *runs(uri, "trial")]:
        (entry,) = run.inputs.dataset_inputs
        assert (entry.dataset.name, entry.dataset.digest) == ("iris.csv", "5f2ec5e85f2ec5e8")
        assert {tag.key: tag.value for tag in entry.tags} == {"mlflow.data.context": "training"}
        assert json.loads(entry.dataset.profile) == {"rows": 150, "held_out_rows": 30, "columns": 2}
        columns = json.loads(entry.dataset.schema)["mlflow_colspec"]
        assert [(column["name"], column["type"]) for column in columns] == [
            ("petal <b>", "double"),
            ("colour", "string"),
            ("species (target)", "string"),
        ]


def test_a_table_with_more_columns_than_mlflow_holds_is_named_without_them() -> None:
    wide = replace(DATA, columns={f"{'x' * 200}{number}": "numeric" for number in range(10_000)})
    assert data_input(wide).dataset.schema is None
    assert '"columns": 10000' in data_input(wide).dataset.profile


def view_of(uri: str) -> dict[str, Any]:
    experiment = client(uri).get_experiment_by_name("iris")
    return dict(json.loads(experiment.tags[view_tag("iris")]))


def test_the_dashboard_first_shows_a_studys_runs_by_score_with_the_columns_that_matter(uri: str) -> None:
    track(uri, [complete(0)])
    view = view_of(uri)
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`score`", False)
    assert view["selectedColumns"] == [
        "metrics.`score`",
        "tags.`tuner.state`",
        "tags.`tuner.best`",
        "metrics.`cv/f1_macro`",
        "metrics.`best_epoch`",
        "params.`layers`",
        "params.`neurons.0`",
        "params.`l2`",
    ]
    found = client(uri).search_runs(["1"], view["searchFilter"], order_by=["metrics.`score` DESC"])
    assert [run.info.run_name for run in found] == ["trial-0000", "iris"]


def test_a_score_to_minimise_is_shown_the_smallest_first() -> None:
    assert json.loads(view_state(replace(card(), direction="minimize")))["orderByAsc"] is True


def test_a_view_of_long_and_many_names_is_short_enough() -> None:
    long = replace(card(), searched=tuple(f"{'ä' * 240}{number}" for number in range(500)))
    assert len(view_state(long)) <= LONGEST_VIEW


def test_a_trial_of_an_earlier_version_joins_its_studys_view(uri: str) -> None:
    track(uri, [complete(0)])
    (trial,) = runs(uri, "trial")
    client(uri).delete_tag(trial.info.run_id, "tuner.study_id")
    track(uri, ended=[0])
    assert runs(uri, "trial")[0].data.tags["tuner.study_id"] == "3f2a"


def test_files_are_published_on_the_studys_run_under_their_names(uri: str, tmp_path: Path) -> None:
    track(uri, [complete(0)])
    page = tmp_path / "anything.html"
    page.write_text("<p>one</p>")
    assert publish_files(uri, "iris", "3f2a", {"report/report.html": page}) is None
    page.write_text("<p>two</p>")
    assert publish_files(uri, "iris", "3f2a", {"report/report.html": page, "report/a/b.txt": page}) is None
    (parent,) = runs(uri, "study")
    assert artifact(uri, parent, "report/report.html", tmp_path) == "<p>two</p>"
    assert artifact(uri, parent, "report/a/b.txt", tmp_path) == "<p>two</p>"


def test_where_files_cannot_be_published_one_sentence_says_why(uri: str, tmp_path: Path) -> None:
    nowhere = sqlite_uri(tmp_path / "none.db")
    assert publish_files(nowhere, "iris", "3f2a", {}) == f"{nowhere} has no runs yet"
    assert not (tmp_path / "none.db").exists()
    assert publish_files(uri, "iris", "3f2a", {}) == f"{uri} has no run of this study yet"
    track(uri, outcome=OUTCOME)
    assert "has no run of this study yet" in str(publish_files(uri, "iris", "other", {}))
    why = publish_files(uri, "iris", "3f2a", {"a.txt": tmp_path / "gone.txt"})
    assert why is not None
    assert "No such file" in why
    away = publish_files("http://127.0.0.1:9", "iris", "3f2a", {})
    assert away is not None
    assert "no connection" in away
