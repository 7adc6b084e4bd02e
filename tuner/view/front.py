"""What a person is told of several objectives and of what networks cost."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuner.model.goals import COSTS, LATENCY, PARAMETERS
from tuner.records import TrialResult
from tuner.report.wording import counted, number, objective_value
from tuner.summary import StudySummary

MOST_ON_FRONT = 20
"""How many trials of a Pareto front are listed."""

_COSTS = {PARAMETERS: "weights", LATENCY: "ms a row"}
"""The heads of the columns with what networks cost; under ``parameters`` tables have what a trial tried."""


def show_front(summary: StudySummary, out: Console) -> None:
    """Print the trials among which no one but the user can choose."""
    front = summary.front()
    names = ", ".join(f"{each.name} ({each.direction})" for each in summary.objectives)
    out.print(Text(f"Pareto front: {counted(len(front), 'trial')} that no other one beats in all of {names}"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("trial", *(each.name for each in summary.objectives), ""):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    made_of = [] if summary.final is None else [member.trial for member in summary.final.members]
    for place, result in enumerate(front[:MOST_ON_FRONT]):
        values = [
            objective_value(each, value)
            for each, value in zip(summary.objectives, result.values, strict=True)
        ]
        marks = ["best in the first objective"] * (place == 0) + ["the default"] * (result.number == 0)
        marks += ["in the final model"] * (result.number in made_of)
        table.add_row(str(result.number), *values, ", ".join(marks))
    out.print(table)
    if len(front) > MOST_ON_FRONT:
        out.print(Text(f"and {len(front) - MOST_ON_FRONT} more: tune show --json lists all of them"))
    if len(front) > 1:
        out.print(Text(f"another one's model: tune export STUDY --trial {front[1].number}"))


def cost_heads(summary: StudySummary) -> list[str]:
    """Return the heads of the columns with what networks cost: those that the study looks at."""
    asked = {each.name for each in summary.objectives}
    for result in summary.results.values():
        asked |= set(result.constraints or {})
    return [_COSTS[name] for name in COSTS if name in asked]


def cost_cells(result: TrialResult, heads: list[str]) -> list[str]:
    """Return what a trial's network costs, for the columns of ``cost_heads``."""
    known = {
        _COSTS[PARAMETERS]: f"{result.parameters:,}" if result.parameters else "",
        _COSTS[LATENCY]: "" if result.latency_ms is None else number(result.latency_ms),
    }
    return [known[head] for head in heads]
