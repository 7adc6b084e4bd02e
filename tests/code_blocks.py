"""The code blocks of the documents, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")))

NOT_RUN = "not run by our tests: "
"""How the title of a program begins that no test runs; the reason follows, for the reader too."""
PART = "part of a study file"
"""The title of some keys that are no whole study file."""

_BLOCK = re.compile(
    r'^```(?P<language>\w*)(?: title="(?P<title>[^"]*)")?\n(?P<text>.*?)^```$', re.DOTALL | re.M
)
_VARIABLES = re.compile(r"^([A-Z_]+=\S+ )+")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        page: its file, from the root of the repository.
        line: where it begins.
        language: as it is written.
        title: as it is shown above it; empty for none.
        text: its lines.
    """

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        """Return where it is, such as ``docs/ci.md:12``."""
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> Iterator[list[str]]:
        """The words of each command in a block of a shell, without variables, comments and redirections."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if self.language == "console" and not line.startswith("$ "):
                continue
            command = _VARIABLES.sub("", line.removeprefix("$ "))
            if command.count("'") % 2:
                command += "'"  # a quoted text that goes on in the next lines
            words = shlex.split(command, comments=True)
            if words:
                yield words[: words.index(">")] if ">" in words else words


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page in their order."""
    text = (ROOT / page).read_text("utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, found.start()) + 1,
            found["language"],
            found["title"] or "",
            found["text"],
        )
        for found in _BLOCK.finditer(text)
    ]


ALL = [block for page in PAGES for block in blocks_of(page)]
