"""Errors that a user can mend; they are printed without a traceback."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class TunerError(Exception):
    """A mistake in what a user wrote or gave; the message says what is wrong, where, and what to do."""


class StudyFileError(TunerError):
    """All the problems of a study file or a search-space file.

    Attributes:
        problems: one line each, ``file:line: key: what was found, what is allowed``.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class DataError(TunerError):
    """A table that cannot be used as it is."""


def nearest(name: object, allowed: Iterable[object]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest allowed name, or an empty string.

    Args:
        name: what was found.
        allowed: the names that exist.
    """
    names = [str(option) for option in allowed]
    alike = [option for option in names if option.casefold() == str(name).casefold()]
    close = alike or get_close_matches(str(name), names, n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def shown(value: object) -> str:
    """Return a value as a file would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f"'{value}'" if isinstance(value, str) else str(value)
