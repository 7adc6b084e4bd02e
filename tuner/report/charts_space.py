"""Pictures of a search space: how the scores of the trials lie along its parameters."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tuner.records import Params, ParamValue, TrialResult
from tuner.report.chart import Axis, Chart, Labels, Line, Mark, Picture, Points, Tone, log_axis, whole_axis
from tuner.report.charts_search import ScoreRange, score_range, short, some
from tuner.report.collect import Report
from tuner.report.importance import most_important
from tuner.report.wording import counted, number, param, score_of
from tuner.space.ranges import ChoiceParam, Constant, FloatParam, IntParam, same
from tuner.space.space import SearchSpace

MOST_SLICES = 12
MOST_AXES = 9
MOST_SLICE_POINTS = 300
MOST_LINES = 150
MOST_TICKS = 12
_SHARE_FIFTHS = 5

_LOOKS = (
    Line("", (), (), tone=Tone.SECOND, width=1.4, opacity=0.85),
    Line("", (), (), tone=Tone.MAIN, width=1.4, opacity=0.55),
    Line("", (), (), tone=Tone.QUIET, width=1.4, opacity=0.3),
)
"""Of the best fifth of the trials, the second one, and the others."""


def slices(report: Report) -> Picture | None:
    """Return a small chart a parameter with the scores of the trials along it; None where nothing was searched."""
    summary = report.summary
    complete = summary.ranked()
    names = most_important(report.importance, _searched(report, complete))
    if not names or len(complete) < 2:
        return None
    shown = _thinned(complete, MOST_SLICE_POINTS)
    span = score_range([result.values[0] for result in shown], maximize=summary.maximize)
    charts = [_slice(report, name, shown, span) for name in names[:MOST_SLICES]]
    left_out = len(names) - len(charts)
    note = (
        f"Upward: {summary.objective}. Each point is a complete trial; the star is the winner. A trial without a "
        "parameter is not in its chart."
    )
    if span.outside:
        note += f" {counted(span.outside, 'trial')} with much worse scores at the edge."
    if left_out:
        note += _left_out(report, left_out)
    if len(shown) < len(complete):
        note += (
            f" {len(shown)} of {len(complete):,} trials: the best ones, and others evenly spread by score."
        )
    description = f"Scatter charts of {summary.objective} along {', '.join(names[:MOST_SLICES])}."
    return Picture("slices", "Scores along each parameter", description, note, tuple(charts))


def parallel(report: Report) -> Picture | None:
    """Return the trials as lines across parallel axes, the last one the score; None with under two parameters."""
    summary = report.summary
    complete = summary.ranked()
    searched = most_important(report.importance, _searched(report, complete))
    names = searched[:MOST_AXES]
    if len(names) < 2 or len(complete) < 3:
        return None
    shown = _thinned(complete, MOST_LINES)
    space = report.study.config.space
    scales = [
        _Scale.of(space, name, [r.params[name] for r in complete if name in r.params]) for name in names
    ]
    span = score_range([result.values[0] for result in shown], maximize=summary.maximize)
    marks: list[Mark] = [*_axes(names, scales, shown, span)]
    for (name, group), look in reversed(list(zip(_fifths(shown), _LOOKS, strict=False))):
        marks.append(_lines(replace(look, name=name), group, names, scales, span, summary.objective))
    ticks = tuple((float(place), short(name, 18)) for place, name in enumerate((*names, summary.objective)))
    x = Axis("", ticks=ticks, low=-0.45, high=len(names) + 0.6)
    chart = Chart("", x, Axis("", low=-0.16, high=1.06, hidden=True), tuple(marks), 420, least_width=720)
    note = "Each line is a complete trial. Where a parameter is absent from a trial, its line passes below the axis."
    if len(searched) > len(names):
        note += _left_out(report, len(searched) - len(names))
    if len(shown) < len(complete):
        note += (
            f" {len(shown)} of {len(complete):,} trials: the best ones, and others evenly spread by score."
        )
    description = (
        f"Parallel coordinates of {', '.join(names)} and {summary.objective} for {len(shown)} trials."
    )
    return Picture("parallel", "Parameters side by side", description, note, (chart,))


def _left_out(report: Report, count: int) -> str:
    """Return that so many parameters are not drawn, and which."""
    which = " at the end of the search space" if report.importance is None else " of less importance"
    return f" {counted(count, 'parameter')}{which} left out."


def _axes(
    names: Sequence[str], scales: Sequence["_Scale"], shown: Sequence[TrialResult], span: ScoreRange
) -> Iterator[Mark]:
    """Yield a vertical line for each parameter and the score, with texts at their ends or options."""
    for place in range(len(names) + 1):
        yield Line("", (float(place),) * 2, (0.0, 1.0), tone=Tone.QUIET, width=1.2)
    for place, scale in enumerate(scales):
        heights, texts = zip(*scale.ticks, strict=True)
        yield Labels((float(place),) * len(texts), heights, texts)
    yield Labels((float(len(names)),) * 2, (0.0, 1.0), (number(span.low), number(span.high)))
    absent = [
        float(place) for place, name in enumerate(names) if any(name not in each.params for each in shown)
    ]
    yield Labels(tuple(absent), (-0.1,) * len(absent), ("absent",) * len(absent))


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a parameter's values lie between the ends of its axis, 0 and 1."""

    options: tuple[ParamValue, ...]
    low: float
    high: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    @classmethod
    def of(cls, space: SearchSpace, name: str, tried: Sequence[ParamValue]) -> "_Scale":
        choices = _options(space, name, tried)
        if choices:
            places = [place / max(1, len(choices) - 1) for place in range(len(choices))]
            ticks = list(zip(places, map(param, choices), strict=True))
            return cls(choices, 0.0, 1.0, False, tuple(some(ticks, MOST_TICKS)))
        values = [float(value) for value in tried]
        log = _is_log(space, name)
        low, high = min(values), max(values)
        return cls((), low, high, log, ((0.0, param(min(tried))), (1.0, param(max(tried)))))

    def place(self, value: ParamValue) -> float:
        if self.options:
            return _place_of(value, self.options) / max(1, len(self.options) - 1)
        if self.high == self.low:
            return 0.5
        number_ = float(value)
        if self.log:
            return math.log(number_ / self.low) / math.log(self.high / self.low)
        return (number_ - self.low) / (self.high - self.low)


def _lines(
    look: Line,
    group: Sequence[TrialResult],
    names: Sequence[str],
    scales: Sequence[_Scale],
    span: ScoreRange,
    objective: str,
) -> Line:
    """Return the trials of a group as one mark that looks like ``look``, a gap after each trial."""
    x: list[float] = []
    y: list[float] = []
    labels: list[str] = []
    for result in group:
        for place, (name, scale) in enumerate(zip(names, scales, strict=True)):
            x.append(float(place))
            y.append(scale.place(result.params[name]) if name in result.params else -0.1)
        score = (span.inside(result.values[0]) - span.low) / (span.high - span.low)
        x += [float(len(names)), math.nan]
        y += [score, math.nan]
        label = f"trial {result.number}\n{objective} {score_of(result)}\n{_values(names, result.params)}"
        labels += [label] * (len(names) + 1) + [""]
    return replace(look, x=tuple(x), y=tuple(y), labels=tuple(labels))


def _values(names: Sequence[str], params: Params) -> str:
    return "\n".join(short(f"{name} = {param(params[name])}") for name in names if name in params)


def _fifths(ranked: Sequence[TrialResult]) -> list[tuple[str, Sequence[TrialResult]]]:
    """Return the best fifth, the second one, and the others."""
    first = max(1, len(ranked) // _SHARE_FIFTHS)
    second = max(first + 1, 2 * len(ranked) // _SHARE_FIFTHS)
    parts = [
        ("best fifth", ranked[:first]),
        ("second fifth", ranked[first:second]),
        ("others", ranked[second:]),
    ]
    return [(name, part) for name, part in parts if part]


def _slice(report: Report, name: str, shown: Sequence[TrialResult], span: ScoreRange) -> Chart:
    space, objective = report.study.config.space, report.summary.objective
    having = [result for result in shown if name in result.params]
    options = _options(space, name, [result.params[name] for result in having])
    winner = shown[0]
    marks: list[Mark] = []
    others = [result for result in having if result is not winner]
    for group, look in (
        (others, Points("", (), ())),
        ([winner], Points("", (), (), (), Tone.SECOND, "star")),
    ):
        chosen = [result for result in group if name in result.params]
        x = tuple(_across(result, name, options) for result in chosen)
        y = tuple(span.inside(result.values[0]) for result in chosen)
        labels = tuple(_slice_label(result, name, objective) for result in chosen)
        marks.append(replace(look, x=x, y=y, labels=labels))
    ticks = tuple((float(place), short(param(option), 14)) for place, option in enumerate(options))
    if options:
        x_axis = Axis("", ticks=tuple(some(ticks, MOST_TICKS)), low=-0.6, high=len(options) - 0.4)
    elif _is_log(space, name):
        values = [float(result.params[name]) for result in having]
        x_axis = log_axis("", min(values), max(values))
    elif isinstance(space.parameter(name), IntParam):
        numbers = [int(result.params[name]) for result in having]
        x_axis = whole_axis("", min(numbers), max(numbers))
    else:
        x_axis = Axis("")
    y_axis = Axis("", low=span.low, high=span.high)
    return Chart(name, x_axis, y_axis, tuple(marks), 220)


def _slice_label(result: TrialResult, name: str, objective: str) -> str:
    return f"trial {result.number}\n{short(f'{name} = {param(result.params[name])}')}\n{objective} {score_of(result)}"


def _across(result: TrialResult, name: str, options: Sequence[ParamValue]) -> float:
    """Return a value's place; equal options are set apart by the trial's number, the same way each time."""
    value = result.params[name]
    if not options:
        return float(value)
    return _place_of(value, options) + 0.5 * ((result.number * 0.6180339887) % 1.0 - 0.5)


def _searched(report: Report, complete: Sequence[TrialResult]) -> list[str]:
    """Return the parameters that had more than one value among the complete trials, in the order of the space."""
    space = report.study.config.space
    tried: dict[str, list[ParamValue]] = {}
    for result in complete:
        for name, value in result.params.items():
            tried.setdefault(name, []).append(value)
    order = {name: place for place, name in enumerate(space.params)}
    searched = [
        name
        for name, values in tried.items()
        if not isinstance(space.parameter(name), Constant | None) and len(set(map(repr, values))) > 1
    ]
    return sorted(searched, key=lambda name: (order.get(name, order.get(name.rpartition(".")[0], 0)), name))


def _options(space: SearchSpace, name: str, tried: Sequence[ParamValue]) -> tuple[ParamValue, ...]:
    """Return the options of a choice that were tried, in the order of the space; () for a range."""
    spec = space.parameter(name)
    if not isinstance(spec, ChoiceParam):
        return ()
    return tuple(option for option in spec.options if any(same(option, value) for value in tried))


def _place_of(value: ParamValue, options: Sequence[ParamValue]) -> int:
    return next(place for place, option in enumerate(options) if same(option, value))


def _is_log(space: SearchSpace, name: str) -> bool:
    spec = space.parameter(name)
    return isinstance(spec, IntParam | FloatParam) and spec.log


def _thinned(ranked: Sequence[TrialResult], most: int) -> list[TrialResult]:
    """Return the best third of ``most`` trials, and others evenly spread by rank."""
    if len(ranked) <= most:
        return list(ranked)
    n_best = most // 3
    return [*ranked[:n_best], *some(ranked[n_best:], most - n_best)]
