"""Which column plays which role, checked against the columns that there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from tuner.data.columns import shorten
from tuner.data.csv_file import NO_HEADER, looks_like_row
from tuner.data.sources import Table
from tuner.errors import DataError, nearest


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that are more than features.

    Attributes:
        target: the target's columns, at least one.
        hidden: columns that no model may see: target, weight, group and dropped ones.
        time: the column that puts the rows in order, or None.
    """

    target: tuple[str, ...]
    hidden: frozenset[str]
    time: str | None


def check_roles(
    table: Table,
    *,
    target: str | Sequence[str] | None,
    drop: Sequence[str],
    weight: str | None,
    group: str | None,
    time: str | None,
) -> Roles:
    """Return the roles of columns.

    Raises:
        DataError: names that are not columns (all of them, each with the nearest that is), one column in two
            roles that exclude each other, or no target.
    """
    targets = _targets(table, target)
    alone = {"weight": weight, "group": group, "time": time}
    named = [("target", name) for name in targets]
    named += [(f"data.{role}:", name) for role, name in alone.items() if name is not None]
    named += [("data.drop:", name) for name in drop]
    problems = _unknown(table, named)
    problems += [
        f"{table.place}: target '{name}' is named twice"
        for name in dict.fromkeys(targets)
        if targets.count(name) > 1
    ]
    problems += [
        f"{table.place}: '{name}' is both target and in data.drop; choose one"
        for name in drop
        if name in targets
    ]
    problems += [
        f"{table.place}: '{name}' is both target and data.{role}; choose one"
        for role, name in alone.items()
        if name in targets
    ]
    problems += [
        f"{table.place}: '{name}' is both data.{first} and data.{second}; choose one"
        for (first, name), (second, other) in combinations(alone.items(), 2)
        if name is not None and name == other
    ]
    if problems:
        raise DataError("\n".join(problems))
    hidden = {*targets, *drop, *(name for name in (weight, group) if name is not None)}
    return Roles(targets, frozenset(hidden), time)


def _targets(table: Table, target: str | Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(target, str):
        return (target,)
    targets = tuple(target) if target is not None else table.target_columns
    if not targets:
        raise DataError(
            f"{table.place}: no target is named; set data.target to one of the columns: "
            f"{shorten(table.frame.columns, 20)}"
        )
    return targets


def _unknown(table: Table, named: Sequence[tuple[str, str]]) -> list[str]:
    """Return a problem for each name that is not a column; the last one lists the columns."""
    names = [str(name) for name in table.frame.columns]
    known = frozenset(names)
    problems = [
        f"{table.place}: {role} '{name}' is not a column{nearest(name, names)}"
        for role, name in dict.fromkeys(named)
        if name not in known
    ]
    if problems:
        problems[-1] += f"; the columns are: {shorten(names, 20)}{NO_HEADER if looks_like_row(names) else ''}"
    return problems
