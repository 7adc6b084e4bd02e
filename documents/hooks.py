"""What MkDocs calls while it builds the site: generated pages are added, and links to the repository's files mended."""

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from documents.commands import commands_page
from documents.keys import keys_page
from documents.names import names_page, parameters_page

ROOT = Path(__file__).parents[1]

GENERATED: Mapping[str, Callable[[], str]] = {
    "keys.md": keys_page,
    "parameters.md": parameters_page,
    "names.md": names_page,
    "commands.md": commands_page,
}
"""Pages that are made from the program: address, what makes it."""

BROUGHT: Mapping[str, str] = {
    "tuner/engines/README.md": "engines.md",
    "benchmarks/results/bench.md": "bench.md",
    "benchmarks/results/equality.md": "equality.md",
    "benchmarks/results/scaling.md": "scaling.md",
    "examples/wide_and_deep.py": "examples/wide_and_deep.py",
    "examples/wide_and_deep.yaml": "examples/wide_and_deep.yaml",
    "examples/breast_cancer.ipynb": "examples/breast_cancer.ipynb",
}
"""Files of the repository that the site shows too: path, address."""

BESIDE = 'class="beside"'
"""Marks two programs that need the width of the table of contents, too."""

LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in ``docs``."""
    for address, make in GENERATED.items():
        files.append(File.generated(config, address, content=make()))
    for path, address in BROUGHT.items():
        files.append(File.generated(config, address, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Mend the links of a page that is, or leads, outside ``docs``, and give room to what stands side by side."""
    if BESIDE in markdown:
        page.meta["hide"] = ["toc"]
    return mended(markdown, page.file.src_uri)


def mended(markdown: str, address: str) -> str:
    """Return a page with links that lead to where the site has what the repository has there.

    Args:
        markdown: the page.
        address: of the page in the site, such as ``own-model.md``.
    """
    home = next((path for path, brought in BROUGHT.items() if brought == address), f"docs/{address}")

    def mend(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(home), link[2]))
        there = BROUGHT.get(path, path.removeprefix("docs/"))
        return f"{link[1]}{posixpath.relpath(there, posixpath.dirname(address) or '.')}{link[3]}"

    return LINK.sub(mend, markdown)
