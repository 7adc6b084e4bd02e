"""What ``tune init`` prints: the table as it is, and the study file that was written."""

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuner.init.facts import ColumnFacts, TableFacts
from tuner.init.start import Started
from tuner.init.text import one_line
from tuner.init.write import SCHEMA_FILE, time_sentence
from tuner.report.wording import counted, number, percent
from tuner.tasks import Task

MOST_COLUMNS = 40
MOST_LABELS = 12


def show_card(facts: TableFacts) -> None:
    """Print what a table holds: rows, target, columns, and what a person should look at twice."""
    out = _out()
    kinds = Counter(column.kind.value if column.kind else "not usable" for column in facts.columns)
    listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    out.print(
        _text(
            f"{facts.path}: {counted(facts.n_rows, 'row')}, {counted(len(facts.columns), 'column')}: {listed}"
        )
    )
    for line in [_target(facts), *_rows(facts)]:
        out.print(_text(line))
    if facts.row_shape is not None:
        shape = " x ".join(map(str, facts.row_shape))
        out.print(_text(f"each row is an array of {shape}; its values are the columns"))
        return
    shown = list(facts.columns)
    if len(shown) > MOST_COLUMNS:
        noted = [column for column in shown if column.concerns]
        shown = (noted or shown)[:MOST_COLUMNS]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("column", "kind", "missing", "distinct", "to know"):
        right = heading in ("missing", "distinct")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for column in shown:
        table.add_row(*map(_text, _cells(column)))
    out.print(table)
    if len(shown) < len(facts.columns):
        out.print(_text(f"and {counted(len(facts.columns) - len(shown), 'more column')}"))


def show_started(started: Started) -> None:
    """Print where the study file is, what it chose, and how long it will take."""
    out, config = _out(), started.config
    for note in started.notes:
        out.print(_text(note))
    held_out = f", {percent(float(config.test))} of the rows held out" if config.test else ", none held out"
    repeats = f" x {config.cv.repeats} repeats" if config.cv.repeats > 1 else ""
    out.print(
        _text(f"{config.task}, objective {config.objective}, {config.cv.folds} folds{repeats}{held_out}")
    )
    out.print(_text(f"{config.search.trials} trials of up to {config.training.epochs} epochs: "
                    f"{time_sentence(started.budget)}"))  # fmt: skip
    out.print(
        _text(
            f"wrote {started.path}, with a comment for each choice, and {SCHEMA_FILE} beside it, for editors"
        )
    )
    out.print(_text(f"next: tune check {started.path}   tune run {started.path}"))


def _out() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=240)


def _text(text: str) -> Text:
    return Text(one_line(text))


def _target(facts: TableFacts) -> str:
    target = facts.target
    names = f"target '{target.names[0]}'" if len(target.names) == 1 else f"{len(target.names)} targets"
    if target.labels:
        places = sorted(range(len(target.labels)), key=lambda place: -target.counts[place])
        shares = [
            f"{target.labels[place]} {target.counts[place]:,} ({percent(target.counts[place] / facts.n_rows)})"
            for place in places[:MOST_LABELS]
        ]
        more = f", and {len(places) - MOST_LABELS} more" if len(places) > MOST_LABELS else ""
        return f"{names}, {target.task}: {', '.join(shares)}{more}"
    assert target.task is Task.REGRESSION
    ranges = [
        f"{name} {number(low)} to {number(high)}, median {number(median)}"
        for name, (low, median, high) in zip(target.names, target.ranges, strict=True)
    ]
    return f"{names}, {target.task}: {'; '.join(ranges[:MOST_LABELS])}"


def _rows(facts: TableFacts) -> list[str]:
    lines = []
    if facts.n_unlabelled:
        lines.append(f"{counted(facts.n_unlabelled, 'row')} without a target are left out")
    if facts.n_copies:
        lines.append(f"{counted(facts.n_copies, 'row')} are copies of other rows")
    return lines


def _cells(column: ColumnFacts) -> tuple[str, str, str, str, str]:
    to_know = "; ".join(
        f"{concern.what}: {concern.reason}" if concern.what not in concern.reason else concern.reason
        for concern in column.concerns
    )
    dropped = " (dropped)" if column.dropped is not None else ""
    return (
        column.name,
        column.kind.value if column.kind else "-",
        percent(column.missing) if column.missing else "",
        f"{column.distinct:,}",
        f"{to_know}{dropped}",
    )
