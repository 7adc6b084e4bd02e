"""What ``tune init`` prints: the table as it is, and the study file that was written."""

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuner.init.choices import choose_task
from tuner.init.facts import ColumnFacts, TableFacts
from tuner.init.start import Started
from tuner.init.text import one_line
from tuner.init.write import SCHEMA_FILE, time_sentence
from tuner.report.wording import counted, number, percent
from tuner.tasks import Task

MOST_COLUMNS = 40
SOME_COLUMNS = 10
MOST_LABELS = 12


def show_looked(facts: TableFacts) -> None:
    """Print what a table holds, and on standard error what is waited for next."""
    out = _out()
    for line in (_first(facts), _target(facts), *_rows(facts)):
        _say(out, line)
    if facts.row_shape is None:
        _show_columns(facts.columns, out)
    messages = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    messages.print(
        "training the smallest and the largest network for a few epochs, to say how long a study takes"
    )


def _first(facts: TableFacts) -> str:
    if facts.pixels is not None:
        return f"{facts.path}: {counted(facts.n_rows, 'image')} of {facts.pixels}"
    kinds = Counter(column.kind.value if column.kind else "not usable" for column in facts.columns)
    listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    columns = counted(len(facts.columns), "column")
    return f"{facts.path}: {counted(facts.n_rows, 'row')}, {columns}: {listed}"


def show_started(started: Started) -> None:
    """Print where the study file is, what it chose, and how long it will take."""
    out, config = _out(), started.config
    held_out = f"{percent(float(config.test))} of the rows held out" if config.test else "no rows held out"
    repeats = f" x {config.cv.repeats} repeats" if config.cv.repeats > 1 else ""
    tried = f"{config.search.trials} trials of up to {config.training.epochs} epochs"
    limit = " No trial starts after an hour." if started.budget.hour else ""
    lines = (
        f"{config.task}, objective {config.objective}, {config.cv.folds} folds{repeats}, {held_out}",
        f"{tried}: {time_sentence(started.budget)}{limit}",
        f"wrote {started.path}, with a comment for each choice, and {SCHEMA_FILE} beside it, for editors",
        f"next: tune check {started.path}   tune run {started.path}",
    )
    for line in lines:
        _say(out, line)


def _out() -> Console:
    """Return standard output; a table that goes to a file or a pipe is not folded to a terminal's width."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=240)


def _say(out: Console, line: str) -> None:
    out.print(Text(one_line(line)), soft_wrap=True)


def _show_columns(columns: tuple[ColumnFacts, ...], out: Console) -> None:
    """Print a line a column; of many, those that have something to know, or else a few."""
    shown = columns
    if len(columns) > MOST_COLUMNS:
        noted = tuple(column for column in columns if column.concerns)
        shown = noted[:MOST_COLUMNS] or columns[:SOME_COLUMNS]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("column", "kind", "missing", "distinct", "to know"):
        right = heading in ("missing", "distinct")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for column in shown:
        table.add_row(*(Text(one_line(cell)) for cell in _cells(column)))
    out.print(table)
    if len(shown) < len(columns):
        _say(out, f"and {counted(len(columns) - len(shown), 'more column')}")


def _target(facts: TableFacts) -> str:
    target = facts.target
    names = f"target '{target.names[0]}'" if len(target.names) == 1 else f"{len(target.names)} targets"
    if target.labels:
        places = sorted(range(len(target.labels)), key=lambda place: -target.counts[place])
        shares = [
            f"'{target.labels[place]}' {target.counts[place]:,} ({percent(target.counts[place] / facts.n_rows)})"
            for place in places[:MOST_LABELS]
        ]
        more = f", and {len(places) - MOST_LABELS} more" if len(places) > MOST_LABELS else ""
        return f"{names}, {choose_task(facts).value}: {', '.join(shares)}{more}"
    assert target.task is Task.REGRESSION
    ranges = [
        f"{name} {number(low)} to {number(high)}, median {number(median)}"
        for name, (low, median, high) in zip(target.names, target.ranges, strict=True)
    ]
    return f"{names}, {target.task}: {'; '.join(ranges[:MOST_LABELS])}"


def _rows(facts: TableFacts) -> list[str]:
    lines = list(facts.notes)
    if facts.row_shape is not None and facts.pixels is None:
        shape = " x ".join(map(str, facts.row_shape))
        lines.append(f"each row is an array of {shape}; its values are the columns")
    if facts.no_header:
        lines.append(
            "the columns' names look like a row's values: if the file has no header, put a line of names above"
        )
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
