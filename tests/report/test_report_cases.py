"""Reports on studies of every task, and on unfinished, tiny and huge ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.report.page import Page, page_of
from tests.report.recorded import TARGETS, record, report_of
from tuner.data.columns import Column, Kind
from tuner.export.final_record import write_final
from tuner.records import Final, Interval, Member, State, Verification
from tuner.report.data_card import _values
from tuner.report.document import Table
from tuner.report.html import html_page
from tuner.report.write import make_document
from tuner.search.verification import write_verification
from tuner.tasks import Task


@pytest.mark.parametrize("task", TARGETS)
def test_every_task_has_its_pictures(tmp_path: Path, task: Task) -> None:
    study = record(tmp_path, n_trials=4, target=TARGETS[task])
    document = make_document(report_of(study))
    keys = {picture.key for picture in document.pictures}
    expected = {
        Task.BINARY: {"confusion", "roc", "calibration"},
        Task.MULTICLASS: {"confusion", "roc", "calibration"},
        Task.MULTILABEL: {"roc", "calibration"},
        Task.REGRESSION: {"residuals"},
    }[task]
    assert expected <= keys
    assert {"history", "losses", "epochs", "folds", "slices"} <= keys


def test_several_targets_each_have_their_residuals(tmp_path: Path) -> None:
    drop = {"drop": ["yes", "kind", "label0", "label1", "household"]}
    study = record(tmp_path, n_trials=3, target=["amount", "weight"], data=drop)
    (picture,) = [each for each in make_document(report_of(study)).pictures if each.key == "residuals"]
    assert [chart.title.partition(":")[0] for chart in picture.charts] == ["amount"] * 2 + ["weight"] * 2


def test_a_hundred_classes_are_told_by_their_largest_confusions(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=1200), "y": [f"class {k % 100}" for k in range(1200)]})
    frame.to_csv(tmp_path / "table.csv", index=False)
    study = record(
        tmp_path, n_trials=2, data={"path": "../table.csv", "target": "y", "drop": []}, target="y", test=0
    )
    document = make_document(report_of(study))
    assert "confusion" not in {picture.key for picture in document.pictures}
    assert "The most frequent confusions of 100 classes" in html_page(document)


def test_five_hundred_columns_are_shortened(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(60, 500)), columns=[f"c{k}" for k in range(500)])
    frame["y"] = random.integers(0, 2, 60)
    frame.to_csv(tmp_path / "table.csv", index=False)
    study = record(
        tmp_path, n_trials=1, data={"path": "../table.csv", "target": "y", "drop": []}, target="y", test=0
    )
    page = page_of(study)
    assert "The first 200 of 500 columns." in page.shown
    assert "c199" in page.shown
    assert "c200 " not in page.shown
    assert "No rows were held out" in page.shown


@pytest.mark.parametrize("n_trials", [1, 2])
def test_one_or_two_trials_make_a_report(tmp_path: Path, n_trials: int) -> None:
    page = page_of(record(tmp_path, n_trials=n_trials, target="yes"))
    assert "Too few trials to tell" in page.shown
    assert "unfinished" in page.shown


def test_without_a_complete_trial_the_report_says_so(tmp_path: Path) -> None:
    study = record(tmp_path, n_trials=5, target="yes")
    report = report_of(study)
    ended = {n: each for n, each in report.summary.results.items() if each.state is not State.COMPLETE}
    bare = replace(
        report,
        summary=replace(report.summary, results=ended, running={7: {"layers": 1}}),
        shown=(),
        estimate=None,
        corrected=None,
        rivalries=(),
        importance=None,
        diagnosis=None,
        predictions=None,
    )
    page = Page(html_page(make_document(bare)))
    assert "No trial is complete yet (1 pruned, 1 failed, 1 running), so there is no winner." in page.shown
    assert "1 unfinished trial" in page.shown
    empty = replace(bare, summary=replace(bare.summary, results={}, running={}))
    assert "No trial has ended yet." in Page(html_page(make_document(empty))).shown


@pytest.mark.parametrize(
    ("pruner", "told"),
    [
        ("median", "worse than the median"),
        ("halving", "third of the earlier trials"),
        ("none", "ended early."),
    ],
)
def test_what_ended_a_pruned_trial_is_said(tmp_path: Path, pruner: str, told: str) -> None:
    report = report_of(record(tmp_path, n_trials=4, target="yes"))
    config = report.study.config
    config = config.model_copy(update={"search": config.search.model_copy(update={"pruner": pruner})})
    pruned = replace(report, study=replace(report.study, config=config))
    assert told in Page(html_page(make_document(pruned))).shown


def test_an_interval_beyond_the_best_value_is_explained(tmp_path: Path) -> None:
    report = report_of(record(tmp_path, n_trials=4, target="yes"))
    for high, told in ((1.02, True), (0.98, False)):
        near = replace(report, estimate=replace(report.estimate, mean=0.9, low=0.8, high=high))
        shown = Page(html_page(make_document(near))).shown
        assert ("may pass the best possible value, 1, as it does here" in shown) == told


def test_classes_have_their_auc_where_they_are_several(tmp_path: Path) -> None:
    for target, expected in (("kind", True), ("yes", False)):
        (tmp_path / target).mkdir()
        document = make_document(report_of(record(tmp_path / target, n_trials=2, target=target)))
        (table,) = [
            block
            for section in document.sections
            for block in section.blocks
            if isinstance(block, Table) and block.title == "Scores by class"
        ]
        assert ("ROC AUC" in table.columns) == expected
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_categories_are_those_of_the_rows_that_the_search_saw() -> None:
    seen = pd.Series(pd.Categorical(["b", "a", "a"], categories=["a", "b", "only held out"]))
    column = Column("x", Kind.CATEGORY, ("a", "b", "only held out"))
    assert _values(column, seen) == "2 categories: a, b"
    assert _values(column, seen[1:]) == "1 category: a"
    many = pd.Series(pd.Categorical(list("aabcdefg")))
    assert _values(column, many) == "7 categories: a, b, c, d, e, and 2 more"


def test_held_out_scores_and_the_final_model_are_shown_once_recorded(tmp_path: Path) -> None:
    study = record(tmp_path, n_trials=3, target="yes")
    rows = len(study.test_rows)
    outputs = np.linspace(0.1, 0.9, rows, dtype=np.float32)[:, None]
    winner = report_of(study).winner
    member = Member(winner.number, winner.params, 1.0, (7,))
    scores, created = {"roc_auc": Interval(0.7654, 0.7, 0.8)}, "2026-01-02T03:04:05+00:00"
    final = Final("refit", (member,), rows, scores, 2, created, {"roc_auc": 0.9}, outputs)
    write_final(study.config.runs_folder, final)
    verification = Verification(winner.number, "2026-05-06", "same", "all 120 numbers agree")
    write_verification(study.config.runs_folder, verification)
    shown = page_of(study).shown
    assert "Predictions for held-out rows" in shown
    assert "0.7654 [0.7000, 0.8000]" in shown
    assert "looked at 2 times" in shown
    assert "refit" in shown
    assert f"Trial {winner.number} was trained again on 2026-05-06: same. All 120 numbers agree." in shown


def test_a_thousand_trials_make_a_page_of_a_few_megabytes(tmp_path: Path) -> None:
    report = report_of(record(tmp_path, n_trials=12, target="yes"))
    some = list(report.summary.results.values())
    many = {number: replace(some[number % len(some)], number=number) for number in range(1000)}
    page = html_page(make_document(replace(report, summary=replace(report.summary, results=many))))
    assert len(page.encode()) < 8e6
    assert page.count("<script") == page.count("</script>")
