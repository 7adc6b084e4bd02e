"""A report as a person opens it: in a real browser, from a file, without a network."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.report.recorded import record
from tests.small import write_table
from tuner.report.write import report_study

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = "<img src=x onerror=window.hacked=true>"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    """The report on a study with a hostile column, class and failure."""
    folder = tmp_path_factory.mktemp("browser")
    write_table(folder / "table.csv")
    table = pd.read_csv(folder / "table.csv").rename(columns={"income": EVIL})
    table["kind"] = table["kind"].replace("top", f"{EVIL}</script>")
    table.to_csv(folder / "table.csv", index=False)
    study = record(folder, n_trials=15, message=EVIL)
    return report_study(study.config).page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        try:
            opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no browser here: {error}")
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: Any, page_file: Path) -> Iterator[Callable[..., Any]]:
    """Opens the report and collects what its page asks for and complains of."""
    contexts = []

    def show(width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-drawn]")
        return page

    yield show
    for context in contexts:
        context.close()


def test_the_page_draws_its_charts_without_a_request_or_a_complaint(opened, page_file: Path) -> None:
    page = opened()
    assert [url for url in page.asked if not url.startswith("data:")] == [page_file.as_uri()]
    assert page.complaints == []
    marks = page.eval_on_selector_all(
        "div.plot",
        "all => all.map(plot => plot.querySelectorAll('.trace, .hm').length)",
    )
    assert len(marks) > 10
    assert min(marks) > 0
    assert page.locator("h1").inner_text() == "small"
    for heading in (
        "Result",
        "Which parameters mattered",
        "Learning curves",
        "Trials",
        "Data",
        "To repeat it",
    ):
        assert page.get_by_role("heading", name=heading, exact=True).is_visible()


def test_hostile_names_are_shown_and_do_nothing(opened) -> None:
    page = opened()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert EVIL in page.locator("#data").inner_text()
    assert "onerror" in page.locator("#confusion-0 svg").first.text_content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways_and_texts_stand_out(opened, width: int, scheme: str) -> None:
    page = opened(width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink = page.evaluate("getComputedStyle(document.querySelector('#history-0 svg text')).fill")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert contrast(ink, paper) >= 4.5
    for selector in (".note", ".tile dt", "nav a", ".callout", "summary"):
        colour = page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).color")
        behind = page.evaluate(
            f"""(element => {{
              while (element && getComputedStyle(element).backgroundColor === 'rgba(0, 0, 0, 0)')
                element = element.parentElement;
              return getComputedStyle(element ?? document.body).backgroundColor;
            }})(document.querySelector('{selector}'))"""
        )
        assert contrast(colour, behind) >= 4.5, selector


def test_on_paper_charts_fit_and_what_is_folded_is_open(opened) -> None:
    page = opened()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    widths = page.eval_on_selector_all(".plot svg.main-svg", "all => all.map(svg => svg.clientWidth)")
    assert max(widths) <= 680
    assert page.locator("details:not(.numbers):not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not(.numbers):not([open])").count() > 0
    assert page.pdf().startswith(b"%PDF")


def test_pointing_at_a_trial_tells_its_number_and_parameters(opened) -> None:
    page = opened()
    chart = page.locator("#history-0")
    chart.scroll_into_view_if_needed()
    box = chart.locator(".points path").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    told = chart.locator(".hovertext").first
    told.wait_for()
    text = told.text_content()
    assert "trial " in text
    assert "learning_rate = " in text


def contrast(one: str, two: str) -> float:
    """Return the contrast of two colours written as rgb(...), by WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
