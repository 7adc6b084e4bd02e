"""A study file as a tree of keys with comments, and its text."""

from dataclasses import dataclass

from tuner.init.text import WIDTH, comment, flow, one_line, scalar


@dataclass(frozen=True, slots=True)
class Line:
    """One key with its value on one line, or an item of a list.

    Attributes:
        key: the key; "" for an item of a list.
        value: text, number, truth value, or a list or mapping of them.
        why: a comment; "" for none.
        active: whether it counts; else the whole line is a comment that a user may take up.
    """

    key: str
    value: object
    why: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Listed:
    """A key whose value is a list, one item a line.

    Attributes:
        key: the key; a comment, too, where no item is active.
        items: its items.
        more: a comment below them; "" for none.
    """

    key: str
    items: tuple[Line, ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A key with keys below it.

    Attributes:
        key: the key.
        parts: what is below it; at least one active.
        why: a comment; "" for none.
    """

    key: str
    parts: "tuple[Part, ...]"
    why: str = ""


Part = Line | Listed | Section


def render(part: Part, indent: str = "") -> list[str]:
    """Return the lines of text of a part, read back as YAML with exactly its active values."""
    if isinstance(part, Line):
        return _line(part, indent)
    if isinstance(part, Listed):
        return _listed(part, indent)
    inside = [line for each in part.parts for line in render(each, f"{indent}  ")]
    return [*_commented(f"{indent}{part.key}:", part.why, indent), *inside]


def _listed(part: Listed, indent: str) -> list[str]:
    if not part.items and not part.more:
        return []
    off = "" if any(item.active for item in part.items) else "# "
    items = [line for item in part.items for line in _line(item, f"{indent}  ")]
    more = comment(part.more, f"{indent}  ") if part.more else []
    return [f"{indent}{off}{part.key}:", *items, *more]


def _line(line: Line, indent: str) -> list[str]:
    off = "" if line.active else "# "
    key = f"{scalar(line.key)}: " if line.key else "- "
    return _commented(f"{indent}{off}{key}{flow(line.value)}", line.why, indent)


def _commented(text: str, why: str, indent: str) -> list[str]:
    """Return a line with its comment behind it, or above it where there is no room."""
    if not why:
        return [text]
    whole = f"{text}  # {one_line(why)}"
    return [whole] if len(whole) <= WIDTH else [*comment(why, indent), text]
