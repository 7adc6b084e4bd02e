"""What every page of measurements has: when it was made, on which machine, and tables."""

from collections.abc import Mapping, Sequence
from typing import Any

_QUIET = 0.5  # load average of a machine that does nothing else


def when(results: Mapping[str, Any], few: str) -> str:
    """Return when and how a page's figures were measured, and what is to be thought of them.

    Args:
        results: with date, command, seconds, quick, and the machine.
        few: what a quick run has only a few of.
    """
    text = f"{results['date']}, `{results['command']}`, {results['seconds'] / 60:.0f} minutes."
    if results["quick"]:
        text += f" **A quick run, with {few}: its figures say only that everything runs.**"
    load = float(results["machine"]["load at the start"])
    if load > _QUIET:
        text += f" **The machine was busy with something else (load {load:.1f}): times are too long.**"
    return text


def facts_table(facts: Mapping[str, Any]) -> str:
    """Return facts by name as a table."""
    return as_table(["what", "which"], [[name, str(value)] for name, value in facts.items()])


def as_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
