"""The section on inputs that were kept."""

import re

from tests.report.recorded import record, report_of
from tests.small import SPACE, write_table
from tuner.prepared import prepare
from tuner.report.html import html_page
from tuner.report.kept_inputs import kept_inputs
from tuner.report.markdown import markdown_text
from tuner.report.sections_search import searched
from tuner.report.write import make_document


def test_a_report_says_which_inputs_the_winner_kept_and_in_how_many_folds(tmp_path):
    space = {**SPACE, "preprocess.select.k": {"type": "int", "low": 4, "high": 6}}
    study = record(
        tmp_path,
        target="yes",
        objective="roc_auc",
        search_space=space,
        preprocess={"balance": "smote", "select": {"variance": 0.01}, "augment": {"noise": 0.05}},
    )
    report = report_of(study)
    section = kept_inputs(report)
    names = [
        name
        for fold in prepare(study.problem, report.winner.params)
        for name in fold.preprocessor.input_names
    ]
    (table, _) = section.blocks
    assert dict(table.rows) == {name: f"{names.count(name)} of 3" for name in names}
    counts = [int(count.split()[0]) for _, count in table.rows]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == 3 * report.winner.params["preprocess.select.k"]
    (line,) = [
        value
        for block in searched(report).blocks
        for what, value, *_ in getattr(block, "rows", ())
        if what == "preprocessing"
    ]
    assert "inputs with a variance above 0.01, classes balanced by smote, batches with noise of 0.05" in line


def test_a_report_on_all_inputs_has_no_such_section(tmp_path):
    assert kept_inputs(report_of(record(tmp_path, n_trials=3))) is None


def test_names_of_inputs_are_shown_as_text(tmp_path):
    table = tmp_path / "table.csv"
    write_table(table)
    table.write_text(table.read_text().replace("green", "<script>|*x*").replace("blue", "青/../"))
    study = record(tmp_path, n_trials=3, target="yes", preprocess={"select": {"k": 30}})
    document = make_document(report_of(study))
    page, text = html_page(document), markdown_text(document, "files")
    assert "colour=&lt;script&gt;" in page
    assert "colour=<script>" not in page
    assert "青/../" in page
    row = next(line for line in text.splitlines() if "colour=" in line and "script" in line)
    assert re.search(r"(?<!\\\\)<script>", row) is None
    assert row.replace("\\|", "").count("|") == 3
