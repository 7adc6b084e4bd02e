import json
import re
import shutil
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.command import tune
from tests.report.page import Page, page_of
from tests.report.recorded import record, report_of
from tuner.config.study_file import load_config
from tuner.errors import TunerError
from tuner.report.markdown import escape, markdown_text
from tuner.report.write import Written, make_document, report_study, write_report
from tuner.study import Study

EVIL = "<script>alert(1)</script>"
PIPE = "a|b*c_`d`"


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return record(
        tmp_path_factory.mktemp("pages"), target="kind", metrics=["f1_macro", "log_loss"], message=EVIL
    )


@pytest.fixture(scope="module")
def page(study) -> Page:
    return page_of(study)


@pytest.fixture(scope="module")
def written(study) -> Written:
    return report_study(study.config)


def test_a_report_lies_beside_the_records_with_its_pictures(study, written) -> None:
    folder = study.config.runs_folder
    assert written.page == folder / "report.html"
    assert written.text == folder / "report.md"
    assert {path.parent for path in written.pictures} == {folder / "report_files"}
    assert written.page.stat().st_size < 8e6


def test_the_same_study_gives_the_same_bytes(study, written, tmp_path: Path) -> None:
    again = report_study(study.config, tmp_path / "report.html")
    for one, two in zip(
        (written.page, written.text, *written.pictures),
        (again.page, again.text, *again.pictures),
        strict=True,
    ):
        assert one.read_bytes() == two.read_bytes(), one.name


def test_nothing_in_a_page_points_outside_it(page) -> None:
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert not page.all("link")


def test_the_pages_policy_forbids_connections_and_knows_its_scripts_by_their_hashes(page) -> None:
    (policy,) = [
        each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")
    assert "connect-src" not in policy
    assert "unsafe-eval" not in policy
    script_source = policy.split("script-src")[1].split(";")[0]
    assert "unsafe-inline" not in script_source
    programs = [
        text
        for text, attributes in zip(page.scripts, page.all("script"), strict=True)
        if "type" not in attributes
    ]
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in programs]
    assert script_source.split() == [f"'sha256-{each}'" for each in hashes]


def test_headings_come_in_order_and_every_chart_is_described(page) -> None:
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    plots = [each for each in page.all("div") if each.get("class") == "plot"]
    assert len(plots) > 10
    assert all(each["role"] == "img" and len(each["aria-label"]) > 20 for each in plots)
    assert len({each["id"] for each in plots}) == len(plots)


def test_a_page_says_what_a_reader_in_a_hurry_needs(study, page) -> None:
    report = report_of(study)
    assert f"trial {report.winner.number}" in page.shown
    assert "accuracy, bias-corrected" in page.shown
    assert "within noise" in page.shown or "more than noise" in page.shown
    assert "not looked at yet" in page.shown
    assert "the default, trial 0" in page.shown
    assert "of 12 trials: 8 complete, 2 pruned, 2 failed" in page.shown


def test_markdown_says_the_same_and_shows_its_pictures(study, written, page) -> None:
    text = written.text.read_text()
    document = make_document(report_of(study))
    for section in document.sections:
        assert f"## {section.title}" in text
        assert section.title in page.shown
    shown = re.findall(r"^!\[.+\]\((report_files/\S+\.png)\)$", text, re.M)
    assert [written.text.parent / path for path in shown] == list(written.pictures)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written.pictures)


def test_every_row_of_a_markdown_table_has_as_many_cells_as_its_head(written) -> None:
    heads = 0
    for line in written.text.read_text().splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert cells in (0, heads) or heads == 0, line
        heads = cells


def test_a_failed_trials_message_is_text(page, written) -> None:
    assert EVIL in page.shown
    assert EVIL not in written.text.read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in written.text.read_text()


def hostile_table(path: Path) -> None:
    random = np.random.default_rng(0)
    n = 120
    kinds = np.array([f"{EVIL}{PIPE}", "猫 & 犬", "../../etc/passwd"])
    frame = pd.DataFrame(
        {EVIL: random.normal(size=n), PIPE: random.normal(size=n), "列の名前": kinds[np.arange(n) % 3]}
    )
    frame["many"] = [f"value {k}" for k in range(n)]
    frame["</title><img src=x onerror=alert(2)>"] = kinds[random.integers(0, 3, n)]
    frame.to_csv(path, index=False)


def test_hostile_columns_classes_and_targets_are_text(tmp_path: Path) -> None:
    hostile_table(tmp_path / "table.csv")
    target = "</title><img src=x onerror=alert(2)>"
    study = record(
        tmp_path, n_trials=3, data={"path": "../table.csv", "target": target, "drop": []}, target=target
    )
    report = report_of(study)
    page = page_of(study)
    assert not page.all("img")
    programs = [each for each in page.all("script") if "type" not in each]
    assert len(programs) == 2
    for name in (EVIL, PIPE, "列の名前", target, f"{EVIL}{PIPE}"):
        assert name in " ".join(page.text)
    text = markdown_text(make_document(report), "report_files")
    outside_code = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.S | re.M)
    assert "<img" not in outside_code
    assert "<script" not in outside_code


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("learning_rate", "learning_rate"),
        ("_x_", r"\_x\_"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("[x](y)", r"\[x\](y)"),
        ("# no heading", "&#35; no heading"),
        ("- no item", r"\- no item"),
        ("1. no item", r"1\. no item"),
        ("0.5 is a number", "0.5 is a number"),
        ("two\nlines", "two lines"),
        ("@someone", "@<!-- -->someone"),
    ],
)
def test_markdown_shows_a_name_as_it_is(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_a_report_has_all_that_repeats_the_study(study, page) -> None:
    for text in (
        study.dataset.fingerprint.sha256,
        study.splits,
        f"tune run {study.config.path}",
        "tensorflow",
    ):
        assert text in page.shown
    recorded = json.loads(study.config.path.read_text())
    assert json.dumps(recorded["data"]["target"]) in page.shown


def test_a_study_that_was_not_run_is_an_error_with_the_way_out(study, tmp_path: Path) -> None:
    shutil.copytree(study.config.folder, tmp_path / "studies")
    shutil.copy(study.config.folder.parent / "table.csv", tmp_path)
    said = tune("report", tmp_path / "studies" / "small.yaml")
    assert said.code == 2
    assert "no trials yet in" in said.err
    assert "type: tune run" in said.err
    assert not (tmp_path / "runs").exists()


def test_a_study_whose_data_have_changed_is_refused(tmp_path: Path) -> None:
    study = record(tmp_path, n_trials=2, target="yes")
    table = pd.read_csv(tmp_path / "table.csv")
    table.loc[3, "income"] += 1
    table.to_csv(tmp_path / "table.csv", index=False)
    said = tune("report", study.config.path)
    assert said.code == 2
    assert "column 'income' changed" in said.err


def test_the_command_says_where_the_report_lies(study, tmp_path: Path) -> None:
    said = tune("report", study.config.path, "-o", tmp_path / "sub" / "mine.html")
    assert said.code == 0
    assert "MLflow has not got it: " in said.err
    assert "mine.html" in said.out
    assert "mine.md" in said.out
    assert (tmp_path / "sub" / "mine_files" / "history.png").is_file()
    assert "(mine_files/history.png)" in (tmp_path / "sub" / "mine.md").read_text()


@pytest.mark.parametrize(
    ("name", "message"), [("report.pdf", "name it report.html"), ("folder.html", "a folder")]
)
def test_a_file_that_no_report_should_be_written_to_is_refused(study, tmp_path, name, message) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(TunerError, match=message):
        report_study(load_config(study.config.path), tmp_path / name)


def test_pictures_of_an_earlier_report_go(study, tmp_path: Path) -> None:
    report = replace(report_of(study), rivalries=(), predictions=None, importance=None)
    first = {number: report.summary.results[number] for number in (0, 1)}
    few = replace(report, summary=replace(report.summary, results=first), shown=report.shown[-1:])
    write_report(few, tmp_path / "report.html")
    assert (tmp_path / "report_files" / "losses.png").is_file()
    write_report(replace(few, shown=()), tmp_path / "report.html")
    assert not (tmp_path / "report_files" / "losses.png").exists()
    assert (tmp_path / "report_files" / "history.png").is_file()
