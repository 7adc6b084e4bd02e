"""A loss or a metric as a study file writes it: a name, a name with arguments, or a function of the user's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.errors import nearest
from tuner.hooks import Argument


@dataclass(frozen=True, slots=True)
class Setting:
    """A number that a loss or a metric takes as an argument.

    Attributes:
        low: the smallest value.
        high: the largest.
        bounds: how the interval is written: ``[]`` holds both ends, ``()`` neither, and so on.
        whole: whether it is a whole number.
    """

    low: float
    high: float
    bounds: str = "[]"
    whole: bool = False

    def problem(self, value: object) -> str | None:
        """Return what is wrong with a value in one phrase, or None."""
        number = not isinstance(value, bool) and isinstance(value, int if self.whole else (int, float))
        if number and self._holds(float(value)):  # type: ignore[arg-type]
            return None
        return f"{value!r} is not {self}"

    def _holds(self, value: float) -> bool:
        above = value >= self.low if self.bounds[0] == "[" else value > self.low
        return above and (value <= self.high if self.bounds[1] == "]" else value < self.high)

    def __str__(self) -> str:
        """Return the phrase for a value of it, such as ``a number above 0 and below 1``."""
        low = f"{'at least' if self.bounds[0] == '[' else 'above'} {self.low:g}"
        if self.high == float("inf"):
            high = ""
        else:
            high = f" and {'at most' if self.bounds[1] == ']' else 'below'} {self.high:g}"
        return f"a {'whole ' if self.whole else ''}number {low}{high}"


@dataclass(frozen=True, slots=True)
class Written:
    """What a study file gives for a loss or a metric.

    Attributes:
        name: one of ours; empty for a function of the user's.
        python: ``module:function``; empty for one of ours.
        arguments: names and values.
    """

    name: str
    python: str
    arguments: Mapping[str, Argument]


def read_written(value: object, what: str) -> Written:
    """Take apart what a study file gives.

    Args:
        value: ``NAME``, ``module:function``, ``{name: NAME, ...}`` or ``{python: module:function, ...}``.
        what: the noun, such as ``a loss``.

    Raises:
        ValueError: it has another form; the message is a sentence for the user.
    """
    if isinstance(value, str) and value:
        return Written("", value, {}) if ":" in value else Written(value, "", {})
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is not {what}; write its name, or {{name: NAME, ARGUMENT: VALUE}}")
    keys = sorted({"name", "python"} & value.keys())
    if len(keys) != 1:
        found = "both name and python" if keys else "neither name nor python"
        raise ValueError(f"{found}; {what} is {{name: NAME, ...}} or {{python: 'module:function', ...}}")
    named = value[keys[0]]
    if not isinstance(named, str) or not named:
        raise ValueError(f"{keys[0]}: {named!r} is not text")
    arguments = {str(key): each for key, each in value.items() if key not in ("name", "python")}
    for key, each in arguments.items():
        if not isinstance(each, (int, float, str, bool)):
            raise ValueError(f"{key}: {each!r} is neither a number nor text, true or false")
    return Written(named, "", arguments) if keys == ["name"] else Written("", named, arguments)


def check_arguments(name: str, arguments: Mapping[str, Any], settings: Mapping[str, Setting]) -> None:
    """Refuse arguments that something does not take, or values that they cannot have.

    Raises:
        ValueError: the message is a sentence for the user.
    """
    for key, value in arguments.items():
        if key not in settings:
            takes = f"it takes: {', '.join(settings)}" if settings else "it takes none"
            raise ValueError(f"'{name}' has no argument '{key}'{nearest(key, settings)}; {takes}")
        if (problem := settings[key].problem(value)) is not None:
            raise ValueError(f"{key}: {problem}")
