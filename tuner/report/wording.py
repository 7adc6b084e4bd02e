"""Numbers and parameters as a person reads them."""

import math
from collections.abc import Sequence

import numpy as np

from tuner.model.goals import PARAMETERS, Objective
from tuner.records import Interval, Params, ParamValue, TrialResult
from tuner.space.space import stem


def decimals(value: float) -> int:
    """Return how many decimals show four significant digits of a number."""
    if value == 0 or not math.isfinite(value):
        return 4
    return max(0, 3 - math.floor(math.log10(abs(value))))


def number(value: float) -> str:
    """Return a number with four significant digits."""
    if math.isnan(value):
        return "undefined"
    return f"{value:.{decimals(value)}f}" if 1e-4 <= abs(value) < 1e6 else f"{value:.4g}"


def score_of(result: TrialResult) -> str:
    """Return a trial's score with the standard deviation over its folds, both with the same decimals."""
    score, spread = result.values[0], float(np.std(result.fold_values[0]))
    shown = number(score)
    places = len(shown.partition(".")[2])
    return f"{shown} ± {spread:.4g}" if "e" in shown else f"{shown} ± {spread:.{places}f}"


def objective_value(objective: Objective, value: float) -> str:
    """Return the value of an objective: weights as a whole number, all else with four significant digits."""
    return f"{value:,.0f}" if objective.name == PARAMETERS else number(value)


def param(value: ParamValue) -> str:
    """Return a parameter's value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def params(values: Params) -> str:
    """Return parameters on one line; the values of a per-layer parameter together, the first layer's first."""
    together: dict[str, list[str]] = {}
    for name, value in values.items():
        together.setdefault(stem(name), []).append(param(value))
    return "  ".join(f"{name}={','.join(shown)}" for name, shown in together.items())


def duration(seconds: float) -> str:
    """Return a time span as 45 s, 3 min 20 s or 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def with_bounds(interval: Interval) -> str:
    """Return a value with its bounds, all with the same decimals: 0.8312 [0.7640, 0.8911]."""
    return f"{number(interval.value)} {bounds(interval)}".rstrip()


def bounds(interval: Interval) -> str:
    """Return the bounds of an interval; nothing where there are none."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return ""
    shown = number(interval.value)
    places = len(shown.partition(".")[2])
    if "e" in shown:
        return f"[{interval.low:.4g}, {interval.high:.4g}]"
    return f"[{interval.low:.{places}f}, {interval.high:.{places}f}]"


def percent(share: float) -> str:
    """Return a share as 12 %, 0.4 % or under 0.1 %."""
    if 0.0 < share < 0.0005:
        return "under 0.1 %"
    whole = share >= 0.0995 or math.isclose(100 * share, round(100 * share), abs_tol=1e-9)
    return f"{100 * share:.0f} %" if whole else f"{100 * share:.1f} %"


def counted(count: int, noun: str) -> str:
    """Return ``1 row``, ``2 rows`` or ``1,000 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str], most: int) -> str:
    """Return names after commas, and how many were left out."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f", and {more:,} more" if more > 0 else "")


def sentence(text: str) -> str:
    """Return a text that begins with a capital and ends with a full stop."""
    whole = f"{text[:1].upper()}{text[1:]}"
    return whole if whole.endswith((".", "!", "?")) else f"{whole}."


def spread_of(result: TrialResult) -> str:
    """Return the standard deviation of a trial's score over its folds, with its decimals: ± 0.0220."""
    return score_of(result).partition(" ")[2]
