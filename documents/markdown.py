"""Markdown for generated pages: whatever a name holds, it is shown as text."""

import re
from collections.abc import Iterable, Sequence


def text(words: object) -> str:
    """Return words as a page shows them; nothing in them is markup, and lines become one."""
    line = " ".join(str(words).split())
    return re.sub(r"[^\w\s.,;:'()/%=+-]|_", lambda found: f"&#{ord(found[0])};", line)


def code(words: object) -> str:
    """Return words in the type of code."""
    return f"<code>{text(words)}</code>"


def codes(names: Iterable[object]) -> str:
    """Return names in the type of code, one after the other."""
    return ", ".join(map(code, names))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        head: the names of its columns.
        rows: cells that are Markdown already, one line each, without pipes.
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def section(title: str, *parts: str, anchor: str = "") -> str:
    """Return a heading of the second level and what stands below it.

    Args:
        title: Markdown.
        parts: paragraphs and tables.
        anchor: the heading's address in the page; empty for one made from the title.
    """
    heading = f"## {title} {{#{anchor}}}" if anchor else f"## {title}"
    return "\n\n".join((heading, *parts))


def page(title: str, *parts: str) -> str:
    """Return a page: its title, then paragraphs, tables and sections."""
    return "\n\n".join((f"# {title}", *parts)) + "\n"
