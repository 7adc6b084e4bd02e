"""A report as Markdown for a pull request: GitHub's flavour, every name as text, pictures as files."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from tuner.report.chart import Picture
from tuner.report.document import Block, Callout, Code, Document, Note, Paragraph, Table, Tiles

_CALLOUTS = {"plain": "NOTE", "good": "TIP", "caution": "WARNING"}
_SPECIAL = re.compile(r"[\\`*\[\]{}|~$]|(?<![^\W_])_|_(?![^\W_])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@<!-- -->", "#": "&#35;"}
_LIST_START = re.compile(r"^(\s*)([-+]|\d+[.)])(?=\s|$)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def markdown_text(document: Document, folder: str) -> str:
    """Return a document as Markdown.

    Args:
        document: what to write.
        folder: where its pictures lie, relative to the Markdown file; each is named after its key.
    """
    lines = [f"# {escape(document.title)}", "", escape(document.subtitle), ""]
    for section in document.sections:
        lines += [f"## {escape(section.title)}", ""]
        for block in section.blocks:
            lines += [*_block(block, folder), ""]
    return "\n".join(lines).rstrip() + "\n"


def escape(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line, also inside a table's cell."""
    plain = _CONTROL.sub(" ", text).strip()
    shown = "".join(_ENTITIES.get(letter, letter) for letter in _SPECIAL.sub(r"\\\g<0>", plain))
    return _LIST_START.sub(r"\1\\\2", shown) if not _LIST_START.match(shown) else _escaped_start(shown)


def _escaped_start(text: str) -> str:
    """Return a text that begins like an item of a list, and does not any more."""
    return re.sub(r"^(\s*\d*)([-+.)])", r"\1\\\2", text, count=1)


def _block(block: Block, folder: str) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield escape(block.text)
    elif isinstance(block, Note):
        yield f"<sub>{escape(block.text)}</sub>"
    elif isinstance(block, Callout):
        yield f"> [!{_CALLOUTS[block.tone]}]"
        yield f"> {escape(block.text)}"
    elif isinstance(block, Tiles):
        tiles = block.tiles
        yield from _table(
            ("", "value", ""),
            [(f"**{escape(t.label)}**", escape(t.value), escape(t.note)) for t in tiles],
            {1},
        )
    elif isinstance(block, Table):
        yield from _folded(block.title, block.folded, _rows(block))
    elif isinstance(block, Code):
        yield from _folded(block.title, block.folded, _code(block))
    else:
        yield from _picture(block, folder)


def _rows(table: Table) -> Iterator[str]:
    rows = [tuple(map(escape, row)) for row in table.rows]
    return _table(tuple(map(escape, table.columns)), rows, table.numeric)


def _table(
    heads: tuple[str, ...], rows: list[tuple[str, ...]], numeric: frozenset[int] | set[int]
) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join('---:' if place in numeric else '---' for place in range(len(heads)))}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _folded(title: str, folded: bool, lines: Iterator[str]) -> Iterator[str]:
    if folded:
        yield f"<details><summary>{escape(title)}</summary>"
        yield ""
        yield from lines
        yield ""
        yield "</details>"
    else:
        yield f"**{escape(title)}**"
        yield ""
        yield from lines


def _code(code: Code) -> Iterator[str]:
    longest = max((len(run) for run in re.findall(r"`+", code.text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{code.language}"
    yield from code.text.rstrip("\n").split("\n")
    yield fence


def _picture(picture: Picture, folder: str) -> Iterator[str]:
    yield f"**{escape(picture.title)}**"
    yield ""
    yield f"![{escape(picture.description)}]({quote(folder)}/{quote(picture.key)}.png)"
    if picture.note:
        yield ""
        yield f"<sub>{escape(picture.note)}</sub>"
