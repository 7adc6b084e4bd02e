"""The parameters of a search space as values: what each may be, its default, and how it is sampled."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from tuner.errors import shown
from tuner.records import ParamValue

When = Mapping[str, tuple[ParamValue, ...]]
"""A condition: each named parameter exists and has one of these values; empty: always."""


class Trial(Protocol):
    """Whoever samples; the signatures are Optuna's."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return a whole number in low .. high, both included."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number in low .. high, both included."""

    def suggest_categorical(self, name: str, choices: Sequence[ParamValue]) -> ParamValue:
        """Return one of the choices."""


@dataclass(frozen=True, slots=True)
class IntParam:
    """A whole number in a range.

    Attributes:
        low: the smallest value.
        high: the largest value, if ``step`` meets it.
        log: whether each doubling is as likely as the next; ``low`` is then at least 1.
        step: the distance between neighbouring values, counted from ``low``; 1 where ``log``.
        default: the value of the default configuration; None for the middle.
        when: the condition for the parameter to exist.
        per_layer: whether each layer has a value of its own.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1
    default: int | None = None
    when: When = field(default_factory=dict)
    per_layer: bool = False

    @property
    def listed(self) -> Sequence[int] | None:
        """All values in order; None where ``log``, whose values are not equally likely."""
        return None if self.log else range(self.low, self.high + 1, self.step)

    @property
    def largest(self) -> int:
        """The largest value that ``step`` meets."""
        return self.low + (self.high - self.low) // self.step * self.step

    @property
    def smallest(self) -> int:
        """The smallest value."""
        return self.low

    @property
    def usual(self) -> int:
        """The default, else the middle: the geometric one where ``log``; between two steps, the lower."""
        if self.default is not None:
            return self.default
        if self.log:
            return round(math.sqrt(self.low * self.high))
        return self.low + (self.largest - self.low) // (2 * self.step) * self.step

    def suggest(self, name: str, trial: Trial) -> int:
        """Return the value that ``trial`` chooses."""
        return int(trial.suggest_int(name, self.low, self.largest, step=self.step, log=self.log))

    def problem(self, value: object) -> str | None:
        """Return why the parameter cannot have this value, or None."""
        if isinstance(value, bool) or not isinstance(value, int):
            return f"{shown(value)} is not a whole number"
        if not self.low <= value <= self.high:
            return f"{value} is not in {self.low} .. {self.high}"
        if (value - self.low) % self.step:
            return f"{value} is not on the steps {self.low}, {self.low + self.step}, ... {self.largest}"
        return None

    def canonical(self) -> dict[str, Any]:
        """Return the range as plain JSON values."""
        values = {"low": self.low, "high": self.high, "log": self.log, "step": self.step}
        return {"type": "int", **values, "default": self.usual, **_conditions(self)}


@dataclass(frozen=True, slots=True)
class FloatParam:
    """A number in a range.

    Attributes:
        low: the smallest value.
        high: the largest value, if ``step`` meets it.
        log: whether each doubling is as likely as the next; ``low`` is then above 0.
        step: the distance between neighbouring values, counted from ``low``; None for any number.
        default: the value of the default configuration; None for the middle.
        when: the condition for the parameter to exist.
        per_layer: whether each layer has a value of its own.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    default: float | None = None
    when: When = field(default_factory=dict)
    per_layer: bool = False

    @property
    def listed(self) -> Sequence[float] | None:
        """All values in order; None where there are no steps."""
        if self.step is None:
            return None
        return tuple(self._after(number) for number in range(self._steps(self.high) + 1))

    @property
    def largest(self) -> float:
        """The largest value that ``step`` meets."""
        return self.high if self.step is None else self._after(self._steps(self.high))

    @property
    def smallest(self) -> float:
        """The smallest value."""
        return self.low

    @property
    def usual(self) -> float:
        """The default, else the middle: the geometric one where ``log``; between two steps, the lower."""
        if self.default is not None:
            return self.default
        if self.log:
            return min(max(math.sqrt(self.low) * math.sqrt(self.high), self.low), self.high)
        if self.step is not None:
            return self._after(self._steps(self.high) // 2)
        return self.low + (self.high - self.low) / 2

    def suggest(self, name: str, trial: Trial) -> float:
        """Return the value that ``trial`` chooses."""
        return float(trial.suggest_float(name, self.low, self.largest, step=self.step, log=self.log))

    def problem(self, value: object) -> str | None:
        """Return why the parameter cannot have this value, or None."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return f"{shown(value)} is not a number"
        if not self.low <= value <= self.high:
            return f"{value} is not in {self.low} .. {self.high}"
        if self.step is not None and not math.isclose(self._after(self._steps(value)), value, rel_tol=1e-9):
            return f"{value} is not on the steps {self.low}, {self._after(1)}, ... {self.largest}"
        return None

    def canonical(self) -> dict[str, Any]:
        """Return the range as plain JSON values."""
        values = {"low": self.low, "high": self.high, "log": self.log, "step": self.step}
        return {"type": "float", **values, "default": self.usual, **_conditions(self)}

    def _steps(self, value: float) -> int:
        """Return how many steps lead from ``low`` to ``value``; decimal, for 0.3 is three times 0.1."""
        return int((Decimal(repr(value)) - Decimal(repr(self.low))) / Decimal(repr(self.step)))

    def _after(self, steps: int) -> float:
        return float(Decimal(repr(self.low)) + steps * Decimal(repr(self.step)))


@dataclass(frozen=True, slots=True)
class ChoiceParam:
    """One of several values.

    Attributes:
        options: the values, at least one, no two equal.
        default: the value of the default configuration; None for the first option.
        when: the condition for the parameter to exist.
        per_layer: whether each layer has a value of its own.
    """

    options: tuple[ParamValue, ...]
    default: ParamValue | None = None
    when: When = field(default_factory=dict)
    per_layer: bool = False

    @property
    def log(self) -> bool:
        """Whether each doubling is as likely as the next: options are equally likely."""
        return False

    @property
    def listed(self) -> Sequence[ParamValue]:
        """The options."""
        return self.options

    @property
    def largest(self) -> ParamValue:
        """The largest option where all are numbers, else the default."""
        return max(self.options) if self._numbers else self.usual

    @property
    def smallest(self) -> ParamValue:
        """The smallest option where all are numbers, else the default."""
        return min(self.options) if self._numbers else self.usual

    @property
    def usual(self) -> ParamValue:
        """The default, else the first option."""
        return self.options[0] if self.default is None else self.default

    def suggest(self, name: str, trial: Trial) -> ParamValue:
        """Return the option that ``trial`` chooses."""
        return trial.suggest_categorical(name, self.options)

    def problem(self, value: object) -> str | None:
        """Return why the parameter cannot have this value, or None."""
        if any(same(value, option) for option in self.options):
            return None
        return f"{shown(value)} is not one of the options: {', '.join(map(shown, self.options))}"

    def canonical(self) -> dict[str, Any]:
        """Return the options as plain JSON values."""
        return {"type": "choice", "options": list(self.options), "default": self.usual, **_conditions(self)}

    @property
    def _numbers(self) -> bool:
        return all(
            isinstance(option, (int, float)) and not isinstance(option, bool) for option in self.options
        )


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that every trial has.

    Attributes:
        value: the value.
    """

    value: ParamValue
    when: When = field(default_factory=dict, init=False)
    per_layer: bool = field(default=False, init=False)

    @property
    def largest(self) -> ParamValue:
        """The value."""
        return self.value

    smallest = usual = largest

    def suggest(self, name: str, trial: Trial) -> ParamValue:
        """Return the value; nothing is asked."""
        return self.value

    def problem(self, value: object) -> str | None:
        """Return why the parameter cannot have this value, or None."""
        return (
            None
            if same(value, self.value)
            else f"{shown(value)} is not its constant value, {shown(self.value)}"
        )

    def canonical(self) -> dict[str, Any]:
        """Return the value as plain JSON."""
        return {"type": "constant", "value": self.value}


Param = IntParam | FloatParam | ChoiceParam | Constant


def same(a: object, b: object) -> bool:
    """Return whether two values are the same option; true and 1 are not, 1 and 1.0 are."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def _conditions(param: IntParam | FloatParam | ChoiceParam) -> dict[str, Any]:
    when = {name: list(allowed) for name, allowed in sorted(param.when.items())}
    return {"when": when, "per_layer": param.per_layer}
