"""A parameter that a search space may hold: its kind, domain, default and meaning."""

import math
from dataclasses import dataclass
from enum import StrEnum

from tuner.errors import nearest, shown
from tuner.records import ParamValue


class ParameterKind(StrEnum):
    """What values a parameter takes; the names are those of Python's types."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a model, as a search space may hold it.

    Attributes:
        name: as it is written, without a layer's number.
        kind: of its values.
        default: what a space without it means; None where the chosen optimizer or the study file gives it.
        meaning: one sentence.
        low: the smallest number, itself allowed unless ``above`` is set; None for kinds without numbers.
        above: whether ``low`` itself is excluded.
        below: the number that every value stays under; None for no limit.
        options: of a choice; of another kind, the words that it may be instead.
        per_layer: whether each hidden layer may have its own value, named ``<name>.<layer>``.
    """

    name: str
    kind: ParameterKind
    default: ParamValue | None
    meaning: str
    low: float | None = None
    above: bool = False
    below: float | None = None
    options: tuple[str, ...] = ()
    per_layer: bool = False

    @property
    def domain(self) -> str:
        """The allowed values in words, such as ``a number of at least 0 and below 1``."""
        words = "".join(f", or '{word}'" for word in self.options)
        if self.kind is ParameterKind.BOOL:
            return f"true or false{words}"
        if self.kind is ParameterKind.CHOICE:
            return f"one of: {', '.join(self.options)}"
        noun = "a whole number" if self.kind is ParameterKind.INT else "a number"
        lower = "above" if self.above else "of at least"
        upper = "" if self.below is None else f" and below {self.below:g}"
        return f"{noun} {lower} {self.low:g}{upper}{words}"

    def problem(self, value: object) -> str | None:
        """Return what is wrong with a value in one phrase, or None where it is allowed."""
        if isinstance(value, str) and value in self.options:
            return None
        if self.kind is ParameterKind.BOOL:
            allowed = isinstance(value, bool)
        else:
            allowed = self.kind is not ParameterKind.CHOICE and self._is_number_inside(value)
        return None if allowed else f"{shown(value)} is not {self.domain}{nearest(value, self.options)}"

    def _is_number_inside(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind is ParameterKind.INT and not isinstance(value, int):
            return False
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.below is None else self.below
        return (low < value if self.above else low <= value) and value < high
