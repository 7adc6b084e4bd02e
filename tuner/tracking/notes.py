"""What a study's run says to a person, as Markdown; names and values always stay text."""

from collections.abc import Mapping, Sequence

from tuner.model.goals import Objective
from tuner.records import Final, Interval, Params, State, TrialResult
from tuner.tracking.mlflow_records import as_text
from tuner.tracking.tracker import DataCard, ModelCard, Outcome


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; every cell is shown as text, and ends with a gap, as MLflow's pages draw none."""
    lines = [header, ["---"] * len(header)]
    shown = [[f"{as_text(cell)}&emsp;" for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [*lines, *shown])


def study_note(name: str, task: str, data: DataCard, objective: str, direction: str) -> str:
    """Return what a study's run says of it from the start."""
    return (
        f"**{as_text(name)}**: {task} on {data.rows:,} rows ({data.held_out:,} held out) and {len(data.columns):,} "
        f"columns of {as_text(data.place)}, searched for the best {as_text(objective)} ({direction}).\n\n"
        "Its trials are the child runs: sort by *Created* to see them beneath it, by *score* to see the best first."
    )


def study_outcome(
    results: Mapping[int, TrialResult],
    best: TrialResult | None,
    objective: str,
    *,
    front: Sequence[TrialResult] = (),
    objectives: Sequence[Objective] = (),
    final: Final | None = None,
    corrected: Interval | None = None,
    model: ModelCard | None = None,
) -> Outcome:
    """Return what a study has come to, as numbers and in words.

    Args:
        results: the ended trials by number.
        best: the best of them; None where none completed.
        objective: the metric that the search improves; the first of several objectives.
        front: of several objectives, the trials that no other one beats in all of them.
        objectives: all of them.
        final: the final model's scores, where they are known.
        corrected: the best score without the optimism of having chosen the best, where it is known.
        model: the final model itself.
    """
    states = [result.state for result in results.values()]
    numbers = {state.value: float(states.count(state)) for state in State if state is not State.RUNNING}
    numbers["trials"] = float(len(results))
    if best is None:
        return Outcome(numbers, note="No trial completed yet.")
    numbers["best_score"] = best.values[0]
    if corrected is not None:
        numbers["bias_corrected_score"] = corrected.value
    held_out = {} if final is None else final.scores
    for metric, score in held_out.items():
        numbers[f"held_out/{metric}"] = score.value
        numbers[f"held_out_low/{metric}"] = score.low
        numbers[f"held_out_high/{metric}"] = score.high
    parts = [_scores(results, best, objective, corrected)]
    if len(objectives) > 1:
        parts.append(_front(front, objectives))
    if final is not None and final.rows:
        parts.append(_held_out(final))
    parts.append(_params(best.params))
    numbers_of_best = tuple(each.number for each in front) or (best.number,)
    return Outcome(numbers, numbers_of_best, best.params, "\n\n".join(parts), model)


def _scores(
    results: Mapping[int, TrialResult], best: TrialResult, objective: str, corrected: Interval | None
) -> str:
    default = results.get(0)
    rows = [["best trial", f"trial {best.number}", _number(best.values[0])]]
    if corrected is not None:
        bounds = f"{_number(corrected.low)} to {_number(corrected.high)}"
        rows.append(["corrected for having chosen the best", bounds, _number(corrected.value)])
    if default is not None and default.values and default.number != best.number:
        rows.append(["default configuration", "trial 0", _number(default.values[0])])
    return f"#### **Cross-validated {as_text(objective)}**\n\n" + table(["", "", "score"], rows)


def _front(front: Sequence[TrialResult], objectives: Sequence[Objective]) -> str:
    rows = [[f"trial {each.number}", *map(_number, each.values)] for each in front]
    heads = ["", *(f"{each.name} ({each.direction})" for each in objectives)]
    return "#### **The Pareto front: no trial beats one of these in all objectives**\n\n" + table(heads, rows)


def _params(params: Params) -> str:
    rows = [[name, value] for name, value in params.items()]
    return "#### **The best trial's parameters**\n\n" + table(["parameter", "value"], rows)


def _held_out(final: Final) -> str:
    rows = [
        [metric, _number(score.value), f"{_number(score.low)} to {_number(score.high)}"]
        for metric, score in final.scores.items()
    ]
    return f"#### **On the {final.rows:,} held-out rows: the {final.kind} model**\n\n" + table(
        ["metric", "score", "interval"], rows
    )


def _number(value: float) -> str:
    return f"{value:.4g}"
