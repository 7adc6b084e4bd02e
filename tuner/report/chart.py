"""Charts as values: axes and marks, which know neither Plotly nor Matplotlib.

A browser and a PNG file so show the same numbers. A place on an axis is always a number; categories are ticks.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from tuner.report.wording import number, param

MOST_DATA_ROWS = 100
"""A chart's table lists so many points; of more it lists some, evenly spread."""


class Tone(StrEnum):
    """A colour by its meaning."""

    MAIN = "main"
    SECOND = "second"
    THIRD = "third"
    FOURTH = "fourth"
    QUIET = "quiet"
    ALARM = "alarm"


COLOURS: Mapping[Tone, str] = MappingProxyType(
    {
        Tone.MAIN: "#2f7ed8",
        Tone.SECOND: "#d9622b",
        Tone.THIRD: "#1f9384",
        Tone.FOURTH: "#8e6bd0",
        Tone.QUIET: "#858d98",
        Tone.ALARM: "#d8455a",
    }
)
"""What tones look like; each has a contrast of at least 3 : 1 on white and on near-black (WCAG 2.2, 1.4.11)."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a chart.

    Attributes:
        title: what it measures, with its unit.
        log: whether each decade is as long as the next.
        ticks: (place, text) where the axis shows texts; () where it shows numbers.
        low: the least place that is shown; None to fit the marks.
        high: the greatest one; None to fit the marks.
        hidden: whether it has no numbers and no grid lines.
    """

    title: str
    log: bool = False
    ticks: tuple[tuple[float, str], ...] = ()
    low: float | None = None
    high: float | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Points:
    """Unconnected points.

    Attributes:
        name: for the legend; "" to stay out of it.
        x: (n,) places.
        y: (n,) places.
        labels: (n,) what each point is, shown when it is pointed at; () for its coordinates.
        tone: the colour.
        symbol: the shape.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    labels: tuple[str, ...] = ()
    tone: Tone = Tone.MAIN
    symbol: Literal["circle", "open", "cross", "star", "dot"] = "circle"


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; NaN interrupts it.

    Attributes:
        name: for the legend; "" to stay out of it.
        x: (n,) places.
        y: (n,) places.
        labels: (n,) what each point is; () for its coordinates.
        tone: the colour.
        dashed: whether it is broken.
        width: in pixels.
        opacity: from 0 to 1.
        steps: whether it keeps its height until the next point.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    labels: tuple[str, ...] = ()
    tone: Tone = Tone.MAIN
    dashed: bool = False
    width: float = 2.0
    opacity: float = 1.0
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """The area between two lines.

    Attributes:
        name: for the legend; "" to stay out of it.
        x: (n,) places.
        low: (n,) lower bounds.
        high: (n,) upper bounds.
        tone: the colour.
    """

    name: str
    x: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    tone: Tone = Tone.MAIN


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars from 0 to the right, one a row; the y axis has a tick for each.

    Attributes:
        name: for the legend; "" to stay out of it.
        y: (n,) places of the rows.
        values: (n,) lengths.
        labels: (n,) texts at their ends.
        tone: the colour.
    """

    name: str
    y: tuple[float, ...]
    values: tuple[float, ...]
    labels: tuple[str, ...]
    tone: Tone = Tone.MAIN


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Tinted cells with texts; row i lies at y = i, column j at x = j.

    Attributes:
        name: what the cells hold.
        values: (n_rows, n_columns) from 0, no tint, to 1, the full one.
        texts: (n_rows, n_columns) what the cells say.
        labels: (n_rows, n_columns) what each cell is, shown when it is pointed at.
    """

    name: str
    values: tuple[tuple[float, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    labels: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line across the chart.

    Attributes:
        name: for the legend; "" to stay out of it.
        at: its place.
        along: the axis that ``at`` lies on.
        tone: the colour.
        dashed: whether it is broken.
    """

    name: str
    at: float
    along: Literal["x", "y"]
    tone: Tone = Tone.QUIET
    dashed: bool = True


@dataclass(frozen=True, slots=True)
class Labels:
    """Texts beside places.

    Attributes:
        x: (n,) places.
        y: (n,) places.
        texts: (n,) short texts.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    texts: tuple[str, ...]


Mark = Points | Line | Band | Bars | Heatmap | Rule | Labels


@dataclass(frozen=True, slots=True)
class Chart:
    """One coordinate system.

    Attributes:
        title: above it where a picture has several charts; "" otherwise.
        x: the horizontal axis.
        y: the vertical axis.
        marks: what is drawn, the lowest first.
        height: in pixels.
        least_width: in pixels; a narrower page scrolls the chart. It is as wide as the page otherwise,
        most_width: but not wider than this, in pixels.
    """

    title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    height: int = 340
    least_width: int = 0
    most_width: int = 10_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A captioned picture of one chart or of several small ones.

    Attributes:
        key: names its file and its place on a page.
        title: the caption.
        description: what it shows, for whoever cannot see it.
        note: how to read it, or how its numbers were computed.
        charts: at least one.
    """

    key: str
    title: str
    description: str
    note: str
    charts: tuple[Chart, ...]


def whole_axis(title: str, low: int, high: int) -> Axis:
    """Return an axis of whole numbers with at most ten labels, at steps of 1, 2 or 5 times a power of ten."""
    step = _step(max(1, high - low) / 9, least=1)
    first = math.ceil(low / step) * step
    return Axis(title, ticks=tuple((float(place), str(place)) for place in range(first, high + 1, step)))


def log_axis(title: str, low: float, high: float) -> Axis:
    """Return a logarithmic axis for numbers above 0; its labels are decades, or 1, 2 and 5 times those if few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1,) if last - first > 3 else (1, 2, 5)
    places = [float(f"{factor}e{decade}") for decade in range(first, last + 1) for factor in factors]
    inside = [place for place in places if low * 0.8 <= place <= high * 1.25] or [low]
    steps = math.ceil(len(inside) / 6)
    return Axis(title, log=True, ticks=tuple((place, param(place)) for place in inside[::steps]))


def _step(size: float, *, least: int) -> int:
    decade = int(10 ** max(0, math.floor(math.log10(size))))
    return max(least, next(factor * decade for factor in (1, 2, 5, 10) if factor * decade >= size))


def data_rows(chart: Chart) -> list[tuple[str, str, str, str]]:
    """Return a chart's numbers as rows of a table: what it is, which one, x, and y."""
    rows: list[tuple[str, str, str, str]] = []
    for mark in chart.marks:
        if isinstance(mark, (Points, Line)):
            labels = mark.labels or ("",) * len(mark.x)
            rows += [
                (mark.name, label.replace("\n", "; "), _tick(chart.x, x), _tick(chart.y, y))
                for x, y, label in zip(mark.x, mark.y, labels, strict=True)
                if not math.isnan(y)
            ]
        elif isinstance(mark, Bars):
            rows += [
                (mark.name, _tick(chart.y, y), label, "")
                for y, label in zip(mark.y, mark.labels, strict=True)
            ]
        elif isinstance(mark, Heatmap):
            rows += [(mark.name, label, "", "") for line in mark.labels for label in line]
        elif isinstance(mark, Band):
            rows += [
                (mark.name, "", _tick(chart.x, x), f"{number(low)} to {number(high)}")
                for x, low, high in zip(mark.x, mark.low, mark.high, strict=True)
            ]
    if len(rows) <= MOST_DATA_ROWS:
        return rows
    return [rows[round(place * (len(rows) - 1) / (MOST_DATA_ROWS - 1))] for place in range(MOST_DATA_ROWS)]


def _tick(axis: Axis, place: float) -> str:
    for at, text in axis.ticks:
        if at == place:
            return text
    return str(int(place)) if float(place).is_integer() and abs(place) < 1e9 else number(place)
