"""The section on several objectives: the trials that no other one beats, and which of them is the final model."""

import shlex
from collections.abc import Iterator

from tuner.records import TrialResult
from tuner.report import charts_front
from tuner.report.collect import Report
from tuner.report.document import Block, Note, Paragraph, Section, Table
from tuner.report.wording import counted, objective_value, params

MOST_LISTED = 100


def front(report: Report) -> Section | None:
    """Return the Pareto front; None with one objective, or where no trial is complete."""
    if len(report.summary.objectives) == 1 or report.winner is None:
        return None
    return Section("front", "The Pareto front", tuple(_front(report)))


def _front(report: Report) -> Iterator[Block]:
    summary, winner = report.summary, report.winner
    assert winner is not None, "there is no front without a complete trial"
    members = summary.front()
    names = ", ".join(f"{each.name} ({each.direction})" for each in summary.objectives)
    yield Paragraph(
        f"{counted(len(members), 'trial')} that no other one beats in all of {names}. Which of them to use is for "
        f"you to say. Trial {winner.number}, the best in {summary.objective}, counts as the winner in this report: it "
        "is the one that is compared with the default configuration and corrected for having been chosen."
    )
    picture = charts_front.pareto(report)
    if picture is not None:
        yield picture
    yield _table(report, members)
    made_of = [] if report.final is None else [member.trial for member in report.final.members]
    numbers = ", ".join(map(str, made_of))
    final = f"The final model is made of trial {numbers}. " if made_of else ""
    path = shlex.quote(str(report.study.config.path))
    other = next((each.number for each in members if each.number not in made_of), winner.number)
    yield Paragraph(f"{final}Another trial's model: tune export {path} --trial {other}")
    if report.study.problem.goals.needs_latency:
        yield Note(
            "latency_ms is the median time in which the exported network, computed with NumPy, predicts one row. It "
            "was measured once a trial, before its training, on the machine that evaluated it: differences of a few "
            "percent mean nothing."
        )


def _table(report: Report, members: list[TrialResult]) -> Table:
    objectives = report.summary.objectives
    made_of = () if report.final is None else [member.trial for member in report.final.members]
    rows = []
    for place, result in enumerate(members[:MOST_LISTED]):
        marks = [f"best in {objectives[0].name}"] * (place == 0) + ["the default"] * (result.number == 0)
        marks += ["in the final model"] * (result.number in made_of)
        values = [objective_value(each, value) for each, value in zip(objectives, result.values, strict=True)]
        rows.append((str(result.number), *values, ", ".join(marks), params(result.params)))
    heads = ("trial", *(each.name for each in objectives), "", "configuration")
    title = f"{counted(len(members), 'trial')} on the front" + (
        f", the first {MOST_LISTED}" if len(members) > MOST_LISTED else ""
    )
    return Table(title, heads, tuple(rows), frozenset(range(len(objectives) + 1)))
