"""Pictures of a search: its history, and which parameters mattered."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from tuner.records import State, TrialResult
from tuner.report.chart import Axis, Bars, Chart, Line, Mark, Picture, Points, Rule, Tone, whole_axis
from tuner.report.collect import Report
from tuner.report.importance import STEADY
from tuner.report.wording import counted, param, percent, score_of
from tuner.summary import StudySummary

MOST_TRIALS = 2000
"""A chart of more points is slow to draw and to send, and shows no more."""
MOST_BARS = 15
LEAST_SHARE = 0.0005
_PARAM_LINES = 14

T = TypeVar("T")

_LOOKS: Mapping[State, Points] = MappingProxyType(
    {
        State.COMPLETE: Points("", (), (), tone=Tone.MAIN, symbol="circle"),
        State.PRUNED: Points("", (), (), tone=Tone.QUIET, symbol="open"),
        State.FAILED: Points("", (), (), tone=Tone.ALARM, symbol="cross"),
    }
)


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """The part of a score axis where the trials lie; the few that are far worse are drawn at its edge.

    Attributes:
        low: the axis' least score.
        high: its greatest.
        outside: how many scores are beyond.
    """

    low: float
    high: float
    outside: int

    def inside(self, value: float) -> float:
        """Return a score; for one that is beyond, a place just inside the edge."""
        inset = 0.02 * (self.high - self.low)
        return min(max(value, self.low + inset), self.high - inset)


def score_range(values: Sequence[float], *, maximize: bool) -> ScoreRange:
    """Return the range of scores to show.

    It reaches from the best to the worst, or to Tukey's fence (1.5 interquartile ranges beyond the worse quartile) if
    that comes before it, so that a few trials that learned nothing do not flatten all others to a line.
    """
    finite = sorted((value for value in values if math.isfinite(value)), reverse=maximize)
    if not finite:
        return ScoreRange(0.0, 1.0, 0)
    best, worst = finite[0], finite[-1]
    better, worse = finite[len(finite) // 4], finite[(3 * len(finite)) // 4]
    fence = worse + 1.5 * (worse - better)
    edge = fence if worse != better and abs(fence - best) < abs(worst - best) else worst
    pad = 0.06 * abs(edge - best) or 0.05 * abs(best) or 0.5
    low, high = min(best, edge) - pad, max(best, edge) + pad
    return ScoreRange(low, high, sum(not low <= value <= high for value in finite))


def trial_label(result: TrialResult, objective: str) -> str:
    """Return what a trial is, in a few lines: number, state, score, parameters."""
    score = f"{objective} {score_of(result)}" if result.values else str(result.message or result.reason)
    state = "" if result.state is State.COMPLETE else f", {result.state}"
    pairs = [f"{name} = {param(value)}" for name, value in result.params.items()]
    lines = [short(line) for line in pairs[:_PARAM_LINES]] + ["…"] * (len(pairs) > _PARAM_LINES)
    return "\n".join([f"trial {result.number}{state}", short(score), *lines])


def history(report: Report) -> Picture:
    """Return the scores by trial, with the best so far."""
    summary = report.summary
    results = [summary.results[trial] for trial in sorted(summary.results)]
    span = _span_of(results, summary)
    marks: list[Mark] = []
    if report.default is not None and report.default.state is State.COMPLETE:
        marks.append(Rule("default (trial 0)", span.inside(report.default.values[0]), "y"))
    shown = some(results, MOST_TRIALS)
    marks += _by_state(results, shown, span, summary)
    best = summary.best
    told = "no trial is complete"
    if best is not None:
        marks.append(_best_so_far(results, summary))
        label = (trial_label(best, summary.objective),)
        x, y = (float(best.number),), (best.values[0],)
        marks.append(Points(f"winner (trial {best.number})", x, y, label, Tone.SECOND, "star"))
        told = f"the best is trial {best.number} with {score_of(best)}"
    trials = whole_axis("trial", 0, max(summary.results))
    chart = Chart("", trials, score_axis(summary, span), tuple(marks), 380)
    description = f"Scatter chart of {summary.objective} for {counted(len(results), 'ended trial')}; {told}."
    note = _history_note(results, span, n_shown=len(shown))
    return Picture("history", "Scores by trial", description, note, (chart,))


def _span_of(results: Sequence[TrialResult], summary: StudySummary) -> ScoreRange:
    """Return the range of the complete trials, and of a pruned one that was better."""
    values = [result.values[0] for result in results if result.values]
    complete = [result.values[0] for result in results if result.state is State.COMPLETE]
    best = [max(values) if summary.maximize else min(values)] if values else []
    return score_range([*(complete or values), *best], maximize=summary.maximize)


def _by_state(
    results: Sequence[TrialResult], shown: Sequence[TrialResult], span: ScoreRange, summary: StudySummary
) -> Iterator[Points]:
    """Yield the complete, the pruned and the failed trials among those shown; the legend counts all."""
    edge = span.inside(-math.inf if summary.maximize else math.inf)
    for state, look in _LOOKS.items():
        count = sum(result.state is state for result in results)
        chosen = [result for result in shown if result.state is state]
        if chosen:
            yield replace(
                look,
                name=f"{state} ({count})",
                x=tuple(float(result.number) for result in chosen),
                y=tuple(span.inside(result.values[0]) if result.values else edge for result in chosen),
                labels=tuple(trial_label(result, summary.objective) for result in chosen),
            )


def _history_note(results: Sequence[TrialResult], span: ScoreRange, *, n_shown: int) -> str:
    states = {result.state for result in results}
    outside = sum(not span.low <= result.values[0] <= span.high for result in results if result.values)
    notes = []
    if n_shown < len(results):
        notes.append(
            f"{n_shown:,} of {len(results):,} trials are drawn, evenly spread by number; the line of the best and the "
            "winner are of all."
        )
    if State.PRUNED in states:
        notes.append("A pruned trial is shown with the score it had when it was ended.")
    if State.FAILED in states:
        notes.append("Failed trials have no score and lie at the edge.")
    if any(result.state is State.PRUNED and not result.values for result in results):
        notes.append("So do those that were not trained, since they break a constraint.")
    if outside:
        notes.append(
            f"{counted(outside, 'trial')} with much worse scores at the edge; point at one for its score."
        )
    return " ".join(notes)


def importance(report: Report) -> Picture | None:
    """Return the importance of the parameters as bars; None where it is not known."""
    known = report.importance
    if known is None:
        return None
    shown = [pair for pair in zip(known.names, known.shares, strict=True) if pair[1] >= LEAST_SHARE][
        :MOST_BARS
    ]
    names, shares = tuple(name for name, _ in shown), tuple(share for _, share in shown)
    n_left = len(known.names) - len(shown)
    places = tuple(float(len(names) - 1 - place) for place in range(len(names)))
    ticks = tuple((place, short(name, 28)) for place, name in zip(places, names, strict=True))
    bars = Bars("importance", places, shares, tuple(map(percent, shares)))
    top = max(shares) * 1.18
    chart = Chart(
        "",
        Axis("", low=0.0, high=top, hidden=True),
        Axis("", ticks=ticks),
        (bars,),
        110 + 26 * len(names),
    )
    note = (
        f"PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) on {known.n_trials:,} complete trials: how much a "
        "parameter's values in the best tenth of the trials differ from those in all trials that have it. It says "
        "what set good trials apart in this search, not what a parameter would do by itself."
    )
    if known.n_trials < STEADY:
        note += f" With fewer than {STEADY} complete trials the shares are rough."
    if n_left:
        note += f" {counted(n_left, 'parameter')} with smaller shares left out."
    told = ", ".join(f"{name} {percent(share)}" for name, share in list(zip(names, shares, strict=True))[:5])
    return Picture(
        "importance", "Importance of the parameters", f"Bar chart; the largest: {told}.", note, (chart,)
    )


def _best_so_far(results: Sequence[TrialResult], summary: StudySummary) -> Line:
    x: list[float] = []
    y: list[float] = []
    better = max if summary.maximize else min
    for result in results:
        if result.state is State.COMPLETE and result.feasible:
            y.append(better(y[-1], result.values[0]) if y else result.values[0])
            x.append(float(result.number))
    if x and x[-1] < results[-1].number:
        x.append(float(results[-1].number))
        y.append(y[-1])
    return Line("best so far", tuple(x), tuple(y), tone=Tone.SECOND, steps=True)


def score_axis(summary: StudySummary, span: ScoreRange) -> Axis:
    """Return the axis of scores."""
    return Axis(summary.objective, low=span.low, high=span.high)


def some(values: Sequence[T], most: int) -> list[T]:
    """Return at most so many values, evenly spread, the first and the last among them."""
    if len(values) <= most:
        return list(values)
    return [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]


def short(text: str, most: int = 60) -> str:
    """Return the beginning of a text that is too long for a chart."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
