"""A small table for a notebook, with every text escaped."""

from collections.abc import Sequence
from html import escape


def html_rows(rows: Sequence[tuple[str, str]]) -> str:
    """Return a table of two columns, the first of them headings; texts are shown as they are."""
    lines = "".join(
        f'<tr><th style="text-align:left">{escape(head)}</th><td style="text-align:left">{escape(cell)}</td></tr>'
        for head, cell in rows
    )
    return f"<table>{lines}</table>"
