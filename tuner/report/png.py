"""Pictures as PNG files, by Matplotlib; the same picture gives the same bytes."""

import io
import math
import textwrap
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.patheffects import withStroke

from tuner.report.chart import (
    COLOURS,
    Band,
    Bars,
    Chart,
    Heatmap,
    Line,
    Mark,
    Picture,
    Points,
    Rule,
    Tone,
)

_DPI = 110
_WIDTH = 8.4  # inches, about what a pull request shows unscaled
_PANEL_HEIGHTS = (3.6, 2.7, 2.1)  # of one or two charts, of two lines, and of more lines
_LEGEND_LETTERS = 130
_INK, _FAINT = "#3b4048", "#e3e6ea"
_WIDEST_TICK = 24

_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "Noto Sans", "Unifont")
"""Tried letter by letter, in this order, as far as they are installed; Matplotlib brings the first."""

_MARKERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "circle": {"marker": "o", "markersize": 4.5},
        "open": {"marker": "o", "markersize": 4.5, "fillstyle": "none"},
        "cross": {"marker": "x", "markersize": 5},
        "star": {"marker": "*", "markersize": 11},
        "dot": {"marker": "o", "markersize": 1.8},
    }
)


def png(picture: Picture) -> bytes:
    """Return a picture as a PNG file: its charts on white, without its title and its note."""
    installed = {font.name for font in fontManager.ttflist}
    settings: dict[Any, Any] = {
        "font.family": [name for name in _FONTS if name in installed],
        "font.size": 9,
        "text.parse_math": False,  # a dollar sign in a name is a dollar sign
        "axes.unicode_minus": False,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "axes.edgecolor": _FAINT,
        "xtick.color": _INK,
        "ytick.color": _INK,
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        # A letter that no installed font has becomes a box; the text stands in the report beside the picture.
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support")
        figure = _figure(picture)
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _figure(picture: Picture) -> Figure:
    charts = picture.charts
    columns = min(len(charts), 3 if len(charts) > 4 else 2)
    lines = math.ceil(len(charts) / columns)
    height = charts[0].height / 100 if columns == 1 else _PANEL_HEIGHTS[min(lines, 3) - 1]
    width = min(_WIDTH, charts[0].most_width / 100) if columns == 1 else _WIDTH
    figure = Figure(figsize=(width, height * lines), dpi=_DPI, layout="constrained", facecolor="white")
    grid = figure.subplots(lines, columns, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place < len(charts):
            _draw(axes, charts[place])
        else:
            axes.set_axis_off()
    return figure


def _draw(axes: Axes, chart: Chart) -> None:
    axes.grid(visible=True, color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if chart.title:
        axes.set_title(_short(chart.title, 40), fontsize=9, loc="left")
    if chart.x.log:
        axes.set_xscale("log")
    if chart.y.log:
        axes.set_yscale("log")
    for mark in chart.marks:
        _draw_mark(axes, mark)
    _scale(axes, chart)
    _legend(axes, inside=bool(chart.title))


def _legend(axes: Axes, *, inside: bool) -> None:
    """Name the marks above the chart, or inside it where its title stands above it."""
    handles, names = axes.get_legend_handles_labels()
    if len(names) < 2:
        return
    shown = [_short(name, 30) for name in names]
    columns = max(1, min(len(names), _LEGEND_LETTERS // (max(map(len, shown)) + 4)))
    place: dict[str, Any] = {
        "loc": "lower left",
        "bbox_to_anchor": (0.0, 1.0),
        "ncols": columns,
        "frameon": False,
    }
    if inside:
        place = {"loc": "best", "framealpha": 0.8, "edgecolor": "none"}
    axes.legend(handles, shown, fontsize=8, borderaxespad=0.2, **place)


def _scale(axes: Axes, chart: Chart) -> None:
    axes.set_xlabel(_short(chart.x.title, 70))
    axes.set_ylabel(_short(chart.y.title, 50))
    if chart.x.low is not None and chart.x.high is not None:
        axes.set_xlim(chart.x.low, chart.x.high)
    if chart.y.low is not None and chart.y.high is not None:
        axes.set_ylim(chart.y.low, chart.y.high)
    if chart.x.ticks:
        texts = [_short(text, _WIDEST_TICK) for _, text in chart.x.ticks]
        turned = sum(map(len, texts)) > (24 if chart.title else 110)
        turn: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if turned else {}
        axes.set_xticks([place for place, _ in chart.x.ticks], texts, **turn)
    if chart.y.ticks:
        axes.set_yticks(
            [place for place, _ in chart.y.ticks], [_short(text, _WIDEST_TICK) for _, text in chart.y.ticks]
        )
    if chart.x.log:
        axes.minorticks_off()
    for axis, which in ((chart.x, axes.xaxis), (chart.y, axes.yaxis)):
        if axis.hidden:
            which.set_ticks([])
            which.grid(visible=False)


def _draw_mark(axes: Axes, mark: Mark) -> None:
    if isinstance(mark, Points):
        _draw_points(axes, mark)
    elif isinstance(mark, Line):
        _draw_line(axes, mark)
    elif isinstance(mark, Band):
        axes.fill_between(
            mark.x, mark.low, mark.high, color=COLOURS[mark.tone], alpha=0.18, linewidth=0, label=_name(mark)
        )
    elif isinstance(mark, Bars):
        _draw_bars(axes, mark)
    elif isinstance(mark, Heatmap):
        _draw_heatmap(axes, mark)
    elif isinstance(mark, Rule):
        _draw_rule(axes, mark)
    else:
        for x, y, text in zip(mark.x, mark.y, mark.texts, strict=True):
            halo = [withStroke(linewidth=2.5, foreground="white")]
            axes.text(x, y, f" {_short(text, 12)}", fontsize=7.5, va="center", path_effects=halo, zorder=5)


def _draw_points(axes: Axes, mark: Points) -> None:
    look: dict[str, Any] = {
        "linestyle": "none",
        "color": COLOURS[mark.tone],
        "label": _name(mark),
        **_MARKERS[mark.symbol],
    }
    axes.plot(mark.x, mark.y, zorder=4 if mark.symbol == "star" else 3, **look)


def _draw_line(axes: Axes, mark: Line) -> None:
    look: dict[str, Any] = {
        "color": COLOURS[mark.tone],
        "linewidth": mark.width * 0.75,
        "linestyle": "--" if mark.dashed else "-",
        "alpha": mark.opacity,
        "drawstyle": "steps-post" if mark.steps else "default",
        "label": _name(mark),
    }
    axes.plot(mark.x, mark.y, **look)


def _draw_bars(axes: Axes, mark: Bars) -> None:
    bars = axes.barh(mark.y, mark.values, color=COLOURS[mark.tone], height=0.7, label=_name(mark), zorder=3)
    axes.bar_label(bars, labels=[_short(label, 24) for label in mark.labels], padding=3, fontsize=8)
    axes.margins(x=0.12)
    axes.grid(visible=False, axis="y")


def _draw_heatmap(axes: Axes, mark: Heatmap) -> None:
    red, green, blue = mpl.colors.to_rgb(COLOURS[Tone.MAIN])
    cells = [[(red, green, blue, 0.55 * max(0.0, min(1.0, value))) for value in row] for row in mark.values]
    axes.imshow(cells, aspect="auto", zorder=2)
    axes.grid(visible=False)
    size = 9 if len(mark.texts) <= 10 else 6
    for y, row in enumerate(mark.texts):
        for x, text in enumerate(row):
            axes.text(x, y, text, ha="center", va="center", fontsize=size, zorder=3)


def _draw_rule(axes: Axes, mark: Rule) -> None:
    draw = axes.axvline if mark.along == "x" else axes.axhline
    look: dict[str, Any] = {
        "color": COLOURS[mark.tone],
        "linestyle": "--" if mark.dashed else "-",
        "linewidth": 1.1,
    }
    draw(mark.at, label=_name(mark), zorder=2, **look)


def _name(mark: Points | Line | Band | Bars | Rule) -> str:
    """Return a name for the legend; Matplotlib leaves out what begins with an underscore, so no other may."""
    return f"\u200b{mark.name}" if mark.name else "_"


def _short(text: str, most: int) -> str:
    return textwrap.shorten(text, most, placeholder="…") if " " in text else _cut(text, most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
