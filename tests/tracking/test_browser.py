"""The real dashboard in a real browser."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.cluster import descendants
from tests.small import config_of
from tests.tracking.tracked import card, complete, failed, runs, track, wait_for
from tuner.places import tracking_place
from tuner.run import run_study
from tuner.tracking.notes import study_note, study_outcome

pytestmark = pytest.mark.slow

SERVE = """
import sys
from tuner.tracking.dashboard import serve_dashboard
serve_dashboard(sys.argv[1], "small", "small", lambda page: print(page, flush=True), browse=lambda page: None)
print("ended", flush=True)
"""

HOSTILE = "<img src=x onerror='document.title=1'>|`a`*b*"
WAIT_MS = 30_000
NOT_OURS = "users/current"
"""The address that MLflow's pages ask for in vain where there are no accounts."""


@dataclass(frozen=True)
class Dashboard:
    """A store that is served.

    Attributes:
        page: what ``tune ui`` opens.
        uri: the store.
        process: what serves it.
    """

    page: str
    uri: str
    process: subprocess.Popen[str]

    def run_page(self, run: Any, tab: str = "") -> str:
        """Where a run is shown."""
        return (
            f"{self.page.partition('#')[0]}#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}{tab}"
        )


def chromium() -> str | None:
    """Where a browser is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def track_hostile_names(uri: str) -> None:
    """Add a study whose names would be marks or code if they were not shown as text."""
    results = {
        0: replace(complete(0), params={HOSTILE: HOSTILE}),
        1: replace(failed(1), message=f"ValueError: {HOSTILE}"),
    }
    base = card("5c1d", "hostile")
    study = replace(
        base,
        name=HOSTILE,
        note=study_note(HOSTILE, "binary", base.data, HOSTILE, "maximize"),
        data=replace(base.data, name=HOSTILE),
    )
    track(uri, list(results.values()), study=study, outcome=study_outcome(results, results[0], HOSTILE))


@pytest.fixture(scope="module")
def dashboard(begin: Callable[[str], Path]) -> Iterator[Dashboard]:
    """The dashboard of a finished study of four trials, and of one with hostile names."""
    config = config_of(begin("browsed"), metrics=["log_loss"])
    list(run_study(config))
    uri = tracking_place(config)[0]
    track_hostile_names(uri)
    with subprocess.Popen([sys.executable, "-c", SERVE, uri], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield Dashboard(server.stdout.readline().strip(), uri, server)
        server.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if chromium() is None:
        pytest.skip("no chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def opened(browser: Any, address: str) -> Iterator[Any]:
    """Open a page; on leaving, no script has failed and nothing that the page asked for was missing."""
    page = browser.new_page(viewport={"width": 1900, "height": 1400})
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "response",
        lambda answer: (
            troubles.append(f"{answer.status} {answer.url}")
            if answer.status >= 400 and NOT_OURS not in answer.url
            else None
        ),
    )
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    yield page
    page.close()
    assert troubles == []


def column(page: Any, name: str) -> list[str]:
    """Texts of a column of the table of runs, from the top."""
    cells = page.locator(f'.ag-center-cols-container [col-id="{name}"]')
    rows = page.locator(".ag-center-cols-container [role=row]").evaluate_all(
        "rows => rows.map(row => [row.getBoundingClientRect().top, row.getAttribute('row-id')])"
    )
    order = {row: place for place, (_, row) in enumerate(sorted(rows))}
    found = cells.evaluate_all(
        "cells => cells.map(cell => [cell.closest('[role=row]').getAttribute('row-id'), cell.innerText])"
    )
    return [text.strip() for _, text in sorted((order[row], text) for row, text in found)]


def test_the_page_that_opens_lists_the_trials_by_score_with_the_studys_columns(
    dashboard: Dashboard, browser: Any
) -> None:
    scored = sorted(
        (run for run in runs(dashboard.uri, "trial", "small")),
        key=lambda run: -run.data.metrics["score"],
    )
    with opened(browser, dashboard.page) as page:
        page.get_by_role("link", name="trial-0000").wait_for()
        links = page.get_by_role("link", name="trial-").all_inner_texts()
        assert sorted(links) == [f"trial-000{number}" for number in range(4)]
        shown = [float(text) for text in column(page, "metrics.`score`") if text != "-"]
        assert shown == pytest.approx([run.data.metrics["score"] for run in scored])
        headers = page.locator("[role=columnheader]").all_inner_texts()
        for name in ("score", "tuner.state", "cv/log_loss", "best_epoch", "neurons", "learning_rate"):
            assert any(name in header for header in headers), name


def test_sorted_by_creation_the_trials_are_beneath_their_study(dashboard: Dashboard, browser: Any) -> None:
    base = dashboard.page.partition("?")[0]
    with opened(browser, f"{base}?orderByKey=attributes.start_time&orderByAsc=false") as page:
        study = page.get_by_role("gridcell").filter(has=page.get_by_role("link", name="small", exact=True))
        study.first.wait_for()
        assert page.get_by_role("link", name="trial-").count() == 0
        study.get_by_role("button").first.click()
        page.get_by_role("link", name="trial-0000").wait_for()
        assert page.get_by_role("link", name="trial-").count() == 4


def test_a_trials_page_draws_its_curves(dashboard: Dashboard, browser: Any) -> None:
    trial = runs(dashboard.uri, "trial", "small")[0]
    with opened(browser, dashboard.run_page(trial, "/model-metrics")) as page:
        page.get_by_placeholder("Search metric charts").fill("val_loss")
        page.locator(".scatterlayer path.js-line").first.wait_for(state="attached")
        assert page.get_by_text("fold0", exact=True).count() >= 1


def test_the_studys_page_shows_its_note_as_markdown(dashboard: Dashboard, browser: Any) -> None:
    (study,) = runs(dashboard.uri, "study", "small")
    best = study.data.tags["tuner.best"]
    with opened(browser, dashboard.run_page(study)) as page:
        page.get_by_role("heading", name="The best trial's parameters").wait_for()
        assert page.locator("strong", has_text="small").count() >= 1
        rows = page.locator("table tr").all_inner_texts()
        assert any(row.split() == ["layers", "1"] for row in rows)
        link = page.get_by_role("link", name=f"trial-{int(best):04d}").last
        link.click()
        page.get_by_text("best epoch").first.wait_for()


def test_hostile_names_are_shown_as_text(dashboard: Dashboard, browser: Any) -> None:
    (study,) = runs(dashboard.uri, "study", "hostile")
    for run in [study, *runs(dashboard.uri, "trial", "hostile")]:
        with opened(browser, dashboard.run_page(run)) as page:
            page.get_by_text("Description").first.wait_for()
            if run.data.tags.get("tuner.state") != "complete":
                assert HOSTILE in page.locator("body").inner_text()
            assert page.locator("img[src=x]").count() == 0
            assert page.title() != "1"


def post(address: str, body: dict[str, object]) -> Any:
    request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.skipif(os.name != "posix", reason="sends signals and lists processes")
def test_the_server_is_on_this_machine_shows_the_experiment_and_ends_with_its_children(
    dashboard: Dashboard,
) -> None:
    """The last test of this file, since nothing is served after it."""
    parts = urlsplit(dashboard.page)
    assert parts.hostname == "127.0.0.1"
    with urlopen(dashboard.page, timeout=10) as answer:
        assert "<title>MLflow</title>" in answer.read().decode()
    address = f"{parts.scheme}://{parts.netloc}/api/2.0/mlflow/runs/search"
    (study,) = runs(dashboard.uri, "study", "small")
    found = post(address, {"experiment_ids": [study.info.experiment_id]})["runs"]
    assert len(found) == 5
    servers = descendants(dashboard.process.pid)
    assert len(servers) == 2
    dashboard.process.send_signal(signal.SIGINT)
    assert dashboard.process.stdout is not None
    assert dashboard.process.stdout.read() == "ended\n"
    assert dashboard.process.wait(timeout=10) == 0
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in servers), seconds=5.0)
