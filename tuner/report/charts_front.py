"""The picture of a Pareto front: the first objective against each of the others."""

from collections.abc import Sequence
from dataclasses import replace

from tuner.model.goals import COSTS, Objective
from tuner.records import TrialResult
from tuner.report.chart import Axis, Chart, Line, Mark, Picture, Points, Tone, log_axis
from tuner.report.charts_search import ScoreRange, score_range, trial_label
from tuner.report.collect import Report
from tuner.report.wording import counted, objective_value

TITLES = {"parameters": "parameters (trainable weights)", "latency_ms": "latency_ms (milliseconds a row)"}


def pareto(report: Report) -> Picture | None:
    """Return the complete trials by their objectives, the front among them; None with one objective or no trial."""
    summary = report.summary
    front = summary.front()
    if len(summary.objectives) == 1 or not front:
        return None
    first = summary.objectives[0]
    places = range(1, len(summary.objectives))
    span = _with_front(
        score_range([each.values[0] for each in summary.complete()], maximize=first.direction == "maximize"),
        [each.values[0] for each in front],
    )
    title = len(summary.objectives) > 2
    charts = tuple(
        replace(_chart(report, place, front, span), title=summary.objectives[place].name if title else "")
        for place in places
    )
    told = "; ".join(
        f"trial {result.number}: {', '.join(_named(summary.objectives, result))}" for result in front[:10]
    )
    note = (
        "Each point is a complete trial. No trial beats one of the front in all objectives; the star is the one that "
        f"is best in {first.name}."
    )
    if len(charts) > 1:
        note += " A trial of the front may lie behind another one in one chart, and be better in the next."
    outside = sum(not span.low <= each.values[0] <= span.high for each in summary.complete())
    if outside:
        note += f" {counted(outside, 'trial')} with much worse scores at the edge."
    description = f"Scatter chart; on the front: {told}."
    return Picture("front", "The Pareto front", description, note, charts)


def _with_front(span: ScoreRange, scores: Sequence[float]) -> ScoreRange:
    """Return a range that has the whole front in it, however far its ends are apart."""
    pad = 0.06 * (max(scores) - min(scores))
    return replace(span, low=min(span.low, min(scores) - pad), high=max(span.high, max(scores) + pad))


def _chart(report: Report, place: int, front: Sequence[TrialResult], span: ScoreRange) -> Chart:
    summary = report.summary
    other = summary.objectives[place]
    on_front = {result.number for result in front}
    behind = [
        result for result in summary.complete() if result.number not in on_front and result.same_as is None
    ]
    marks: list[Mark] = []
    looks = (
        (Points("", (), (), tone=Tone.MAIN), [each for each in behind if each.feasible], "complete"),
        (
            Points("", (), (), tone=Tone.QUIET, symbol="open"),
            [each for each in behind if not each.feasible],
            "breaks a constraint",
        ),
    )
    for look, trials, name in looks:
        if trials:
            marks.append(_points(report, look, f"{name} ({len(trials)})", trials, place, span))
    in_line = sorted(front, key=lambda result: (result.values[place], result.values[0]))
    x, y = _places(in_line, place, span)
    if len(summary.objectives) == 2:
        marks.append(Line("", x, y, tone=Tone.SECOND, dashed=True, width=1.5))
    look = Points("", (), (), tone=Tone.SECOND)
    marks.append(_points(report, look, f"Pareto front ({len(front)})", in_line, place, span))
    star = Points("", (), (), tone=Tone.SECOND, symbol="star")
    marks.append(_points(report, star, f"winner (trial {front[0].number})", front[:1], place, span))
    values = [result.values[place] for result in (*behind, *front)]
    axis = Axis(TITLES.get(other.name, other.name))
    if other.name in COSTS and min(values) > 0 and max(values) > 5 * min(values):
        axis = log_axis(axis.title, min(values), max(values))
    return Chart("", axis, Axis(summary.objective, low=span.low, high=span.high), tuple(marks), 360)


def _points(
    report: Report, look: Points, name: str, trials: Sequence[TrialResult], place: int, span: ScoreRange
) -> Points:
    x, y = _places(trials, place, span)
    labels = tuple(_label(report, result) for result in trials)
    return replace(look, name=name, x=x, y=y, labels=labels)


def _places(
    trials: Sequence[TrialResult], place: int, span: ScoreRange
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(each.values[place] for each in trials), tuple(span.inside(each.values[0]) for each in trials)


def _label(report: Report, result: TrialResult) -> str:
    number, *rest = trial_label(result, report.summary.objective).split("\n")
    return "\n".join([number, *_named(report.summary.objectives, result), *rest[1:]])


def _named(objectives: Sequence[Objective], result: TrialResult) -> list[str]:
    return [
        f"{each.name} {objective_value(each, value)}"
        for each, value in zip(objectives, result.values, strict=True)
    ]
