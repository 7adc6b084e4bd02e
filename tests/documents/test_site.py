import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from documents.hooks import BROUGHT, mended
from tests.code_blocks import ROOT

LOADED = re.compile(r"""<(?:script|img|source|iframe|link)\b[^>]*?\b(?:src|href)=["']?([^"'\s>]+)""")
"""What a page loads by itself; a link that a reader may follow is none of it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The documents, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    quiet = {"NO_MKDOCS_2_WARNING": "1"}  # of the theme, on its successor
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, env=os.environ | quiet, capture_output=True, text=True, check=False
    )
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    return folder


def test_every_page_is_built_and_in_the_menu(site):
    menu = (site / "index.html").read_text("utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f'href="{page.stem}.html"' in menu, page
    for address in BROUGHT.values():
        assert (
            (site / address)
            .with_suffix(".html" if address.endswith(".md") else Path(address).suffix)
            .is_file()
        )


def test_a_page_loads_nothing_from_elsewhere(site):
    for page in site.glob("**/*.html"):
        for address in LOADED.findall(page.read_text("utf-8")):
            assert not re.match(r"(\w+:)?//", address) or address.startswith("data:"), (page.name, address)
            home = site if address.startswith("/") else page.parent
            assert (home / re.sub(r"^/|[?#].*", "", address)).exists(), (page.name, address)
    for style in site.glob("**/*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.read_text("utf-8")), style


def test_docstrings_are_part_of_it(site):
    api = (site / "api.html").read_text("utf-8")
    assert "Search for the best network for a table in memory." in api
    assert "trials that have ended" not in api
    assert 'id="tuner.api.tuned_study.TunedStudy.plot_history"' in api


def test_links_lead_to_where_the_site_has_a_file():
    own, engines = "[e](../examples/wide_and_deep.py)", "[m](../../benchmarks/results/equality.md#calm)"
    assert mended(own, "own-model.md") == "[e](examples/wide_and_deep.py)"
    assert mended(engines, "engines.md") == "[m](equality.md#calm)"
    assert mended("[k](study-file.md) [w](https://example.org/a.md)", "python.md").endswith(
        "(https://example.org/a.md)"
    )


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.mark.slow
def test_a_browser_asks_for_nothing_outside_and_finds_what_is_searched(site):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium is installed")
    with (
        http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Silent, directory=site)
        ) as server,
        playwright.sync_playwright() as driver,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}/"
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for name in ("keys", "from-optuna", "api", "study-file", "index"):
            page.goto(f"{here}{name}.html")
            width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert width[0] <= width[1], name
        assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
        page.locator("label[for=__search]").first.click()
        page.locator("input.md-search__input").press_sequentially("min_delta")
        page.locator(".md-search-result__item a[href*='keys.html']").first.wait_for()
        assert all(url.startswith((here, "data:", "blob:")) for url in asked)
        assert complaints == []
        browser.close()
        server.shutdown()
