"""Charts as Plotly figures. The one module that imports Plotly.

Figures carry no colours of a theme: a page's style sheet colours texts and grid lines, so that one figure serves
light, dark and print.
"""

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from tuner.report.chart import (
    COLOURS,
    Axis,
    Band,
    Bars,
    Chart,
    Heatmap,
    Labels,
    Line,
    Mark,
    Points,
    Rule,
    Tone,
)

_SYMBOLS = {
    "circle": "circle",
    "open": "circle-open",
    "cross": "x-thin-open",
    "star": "star",
    "dot": "circle",
}
_SIZES = {"circle": 7, "open": 7, "cross": 7, "star": 13, "dot": 3}
_DIGITS = 6


def plotly_script() -> str:
    """Return Plotly's program for browsers."""
    return str(get_plotlyjs())


def plotly_figure(chart: Chart) -> go.Figure:
    """Return a chart as a Plotly figure; names are text in it, whatever they contain."""
    figure = go.Figure()
    for mark in chart.marks:
        for trace in _traces(mark):
            figure.add_trace(trace)
    named = [mark for mark in chart.marks if not isinstance(mark, Labels) and mark.name]
    figure.update_layout(
        template="none",
        height=chart.height,
        margin={"l": 8, "r": 12, "t": 30 if len(named) > 1 else 10, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13},
        showlegend=len(named) > 1,
        legend={"orientation": "h", "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom"},
        hovermode="closest",
        hoverlabel={"align": "left"},
        barmode="overlay",
        dragmode=False,
        xaxis=_axis(chart.x),
        yaxis=_axis(chart.y),
        **({"xaxis_showgrid": False, "yaxis_showgrid": False} if _is_matrix(chart) else {}),
        shapes=[_shape(mark) for mark in chart.marks if isinstance(mark, Rule)],
    )
    return figure


def _is_matrix(chart: Chart) -> bool:
    return any(isinstance(mark, Heatmap) for mark in chart.marks)


def figure_json(chart: Chart) -> str:
    """Return a figure as JSON that may stand inside a page's script element."""
    text = str(plotly_figure(chart).to_json())
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def as_text(text: str) -> str:
    """Return a text that Plotly, which reads some tags, shows as it is; newlines are kept."""
    return html.escape(text, quote=False).replace("\n", "<br>")


def _axis(axis: Axis) -> dict[str, Any]:
    values: dict[str, Any] = {
        "title": {"text": as_text(axis.title), "standoff": 8},
        "automargin": True,
        "zeroline": False,
        "showgrid": True,
        "fixedrange": False,
    }
    if axis.log:
        values |= {"type": "log"}
    if axis.ticks:
        values |= {
            "tickmode": "array",
            "tickvals": [place for place, _ in axis.ticks],
            "ticktext": [as_text(text) for _, text in axis.ticks],
        }
    if axis.low is not None and axis.high is not None:
        ends = (axis.low, axis.high)
        values["range"] = [_rounded(math.log10(end) if axis.log else end) for end in ends]
    if axis.hidden:
        values |= {"showgrid": False, "showticklabels": False, "ticks": ""}
    return values


def _shape(rule: Rule) -> dict[str, Any]:
    line = {"color": COLOURS[rule.tone], "width": 1.5, "dash": "dash" if rule.dashed else "solid"}
    across = "y" if rule.along == "x" else "x"
    return {
        "type": "line",
        "layer": "below",
        f"{rule.along}0": rule.at,
        f"{rule.along}1": rule.at,
        f"{across}0": 0,
        f"{across}1": 1,
        f"{across}ref": f"{across} domain",
        "line": line,
    }


def _traces(mark: Mark) -> Iterable[Any]:
    if isinstance(mark, Points):
        yield _points(mark)
    elif isinstance(mark, Line):
        yield _line(mark)
    elif isinstance(mark, Band):
        yield _band(mark)
    elif isinstance(mark, Bars):
        yield _bars(mark)
    elif isinstance(mark, Heatmap):
        yield _heatmap(mark)
    elif isinstance(mark, Labels):
        yield _labels(mark)
    elif mark.name:
        line = {"color": COLOURS[mark.tone], "width": 1.5, "dash": "dash" if mark.dashed else "solid"}
        yield go.Scatter(
            x=[None], y=[None], mode="lines", line=line, name=as_text(mark.name), hoverinfo="skip"
        )


def _points(mark: Points) -> go.Scatter:
    colour = COLOURS[mark.tone]
    outline = 2 if mark.symbol in ("open", "cross") else 0
    marker = {
        "color": colour,
        "size": _SIZES[mark.symbol],
        "symbol": _SYMBOLS[mark.symbol],
        "line": {"width": outline, "color": colour},
    }
    return go.Scatter(mode="markers", marker=marker, **_series(mark))


def _line(mark: Line) -> go.Scatter:
    line = {
        "color": COLOURS[mark.tone],
        "width": mark.width,
        "dash": "dash" if mark.dashed else "solid",
        "shape": "hv" if mark.steps else "linear",
    }
    return go.Scatter(mode="lines", line=line, opacity=mark.opacity, **_series(mark))


def _series(mark: Points | Line) -> dict[str, Any]:
    return {
        "x": _numbers(mark.x),
        "y": _numbers(mark.y),
        "name": as_text(mark.name),
        "showlegend": bool(mark.name),
        "hovertext": [as_text(label) for label in mark.labels] or None,
        "hoverinfo": "text" if mark.labels else "x+y+name" if mark.name else "x+y",
    }


def _band(mark: Band) -> go.Scatter:
    return go.Scatter(
        x=_numbers([*mark.x, *reversed(mark.x)]),
        y=_numbers([*mark.high, *reversed(mark.low)]),
        mode="lines",
        fill="toself",
        line={"width": 0, "color": COLOURS[mark.tone]},
        fillcolor=_tint(mark.tone, 0.18),
        name=as_text(mark.name),
        showlegend=bool(mark.name),
        hoverinfo="skip",
    )


def _bars(mark: Bars) -> go.Bar:
    return go.Bar(
        x=_numbers(mark.values),
        y=_numbers(mark.y),
        orientation="h",
        marker={"color": COLOURS[mark.tone]},
        text=[as_text(label) for label in mark.labels],
        textposition="outside",
        cliponaxis=False,
        name=as_text(mark.name),
        showlegend=bool(mark.name),
        hoverinfo="text",
    )


def _heatmap(mark: Heatmap) -> go.Heatmap:
    return go.Heatmap(
        z=[_numbers(row) for row in mark.values],
        zmin=0.0,
        zmax=1.0,
        colorscale=[[0.0, _tint(Tone.MAIN, 0.0)], [1.0, _tint(Tone.MAIN, 0.55)]],
        text=[[as_text(text) for text in row] for row in mark.texts],
        texttemplate="%{text}",
        hovertext=[[as_text(label) for label in row] for row in mark.labels],
        hoverinfo="text",
        showscale=False,
        xgap=2,
        ygap=2,
    )


def _labels(mark: Labels) -> go.Scatter:
    return go.Scatter(
        x=_numbers(mark.x),
        y=_numbers(mark.y),
        text=[as_text(text) for text in mark.texts],
        mode="text",
        textposition="middle right",
        textfont={"size": 11},
        showlegend=False,
        hoverinfo="skip",
    )


def _tint(tone: Tone, opacity: float) -> str:
    colour = COLOURS[tone]
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _numbers(values: Sequence[float]) -> list[float | None]:
    return [_rounded(value) for value in values]


def _rounded(value: float) -> float | None:
    """Return a number as short as a screen can tell; None where there is none."""
    if not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
