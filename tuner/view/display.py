"""What a person is told: messages and progress on standard error, results on standard output."""

import json
import math
import os
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuner.check import CheckReport
from tuner.config.study_file import StudyConfig
from tuner.model.cnn import as_image, image_size
from tuner.places import experiment_name, is_tracked, tracking_place
from tuner.records import Glimpse, State, TrialResult
from tuner.report.wording import number, param, params, score_of
from tuner.run import Closed, Event, Note, Opened
from tuner.study import Study
from tuner.summary import StudySummary
from tuner.tasks import Task
from tuner.view.final import corrected_line, final_line
from tuner.view.front import cost_cells, cost_heads, show_front
from tuner.view.progress import Bar, Lines, Silent, View

TOP = 5
"""How many of the best trials are listed."""

MOST_METRICS = 4
"""How many metrics beside the objective a table shows; all of them are in MLflow and in ``--json``."""


def show_run(events: Generator[Event], config: StudyConfig, *, quiet: bool) -> Closed:
    """Show a run of a study as it goes, and its outcome; returns how it ended."""
    messages = Console(stderr=True, quiet=quiet, highlight=False, markup=False, soft_wrap=True)
    view: View = Silent()
    closed: Closed | None = None
    with closing(events):
        try:
            for event in events:
                if isinstance(event, Opened):
                    for line in _opening(event):
                        messages.print(line)
                    view = _view(event, messages, quiet=quiet)
                elif isinstance(event, TrialResult):
                    view.ended(event)
                elif isinstance(event, Glimpse):
                    view.glimpsed(event)
                elif isinstance(event, Note):
                    messages.print(event.text)
                else:
                    closed = event
        finally:
            view.stop()
    assert closed is not None, "a run ends with Closed"
    _show_closed(closed, config, messages)
    return closed


def show_summary(summary: StudySummary, *, as_json: bool) -> None:
    """Print a study's trials: a table for a person, or all of it as JSON."""
    if as_json:
        print(json.dumps(summary.to_json(), ensure_ascii=False, allow_nan=False))  # noqa: T201 (the machine's view)
        return
    out = _out()
    out.print(Text(_counted(summary)))
    results, others = summary.results, _recorded_beside(summary)
    costs = cost_heads(summary)
    table = _table("trial", "state", summary.objective, *others, *costs, "epochs", "seconds", "parameters")
    blank = [""] * (3 + len(others) + len(costs))
    for trial in sorted({*results, *summary.running}):
        if trial not in results:
            table.add_row(str(trial), _unended(summary), *blank, params(summary.running[trial]))
            continue
        result = results[trial]
        table.add_row(
            str(trial),
            _state(result),
            score_of(result) if result.values else "",
            *_means(result, others),
            *cost_cells(result, costs),
            f"{result.best_epoch} of {result.epochs}" if result.values else str(result.epochs),
            f"{result.seconds:.1f}",
            Text(params(result.params)),
        )
    out.print(table)
    _show_best(summary, out)
    if summary.corrected is not None:
        chosen_from = summary.count(State.COMPLETE)
        out.print(Text(corrected_line(summary.corrected, chosen_from, summary.objective)))
    if summary.final is not None:
        out.print(Text(final_line(summary.final, summary.objective)))


def show_check(report: CheckReport) -> None:
    """Print what ``tune check`` found."""
    out = _out()
    study = report.study
    out.print(Text("\n".join([*_about(study), *study.dataset.notes, *report.notes])))
    for network in report.networks:
        out.print(
            Text(
                f"{network.name} network: {network.inputs} inputs, {network.parameters:,} weights, "
                f"loss {number(network.loss)} on its first batch ({network.seconds:.1f} s)\n  {params(network.params)}"
            )
        )
    if report.kept is not None:
        out.print(
            Text(
                f"{report.kept.kept} of {report.kept.tried} random configurations keep the constraints"
                + (
                    "; few do, so many trials would not be trained"
                    if report.kept.kept < report.kept.tried / 10
                    else ""
                )
            )
        )
    out.print(Text(f"{study.config.path} can be run: tune run {study.config.path}"))


def _out() -> Console:
    """Return standard output; a table that goes to a file or a pipe is not folded to a terminal's width."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=240)


def _view(opened: Opened, messages: Console, *, quiet: bool) -> View:
    if quiet:
        return Silent()
    if messages.is_terminal:
        return Bar(opened, messages)
    return Lines(opened, messages.print)


def _opening(opened: Opened) -> list[str]:
    """Return what is said before the first trial."""
    lines = [*_about(opened.study), *opened.notes]
    done = len(opened.before.results)
    if done >= opened.n_trials:
        lines.append(f"the study has its {opened.n_trials} trials already; more with: --trials N")
    elif done or opened.before.running:
        lines.append(f"continues after {done} of {opened.n_trials} trials")
    return lines


def _about(study: Study) -> list[str]:
    dataset, config = study.dataset, study.config
    kinds = Counter(column.kind.value for column in dataset.columns)
    columns = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    if (image := as_image(dataset.row_shape)) is not None:
        columns = f"images of {image_size(image)}"
    lines = [
        f"{config.name}: {dataset.task} on {dataset.place}: {len(dataset.target):,} rows "
        f"({len(study.test_rows):,} held out), {columns}",
        f"objective{'s' * (len(study.objectives) > 1)} "
        f"{', '.join(f'{each.name} ({each.direction})' for each in study.objectives)}, {_splits(study)}",
        f"engine {config.engine.name}: {config.engine.reason}",
    ]
    if dataset.classes:
        counts = np.bincount(dataset.target, minlength=len(dataset.classes))
        shares = [f"'{name}' {count:,}" for name, count in zip(dataset.classes, counts, strict=True)]
        if dataset.task is Task.BINARY:
            shares[1] += " (positive)"
        listed = ", ".join(shares[:12]) + (f", and {len(shares) - 12} more" if len(shares) > 12 else "")
        lines.append(f"classes of {dataset.target_names[0]}: {listed}")
    return lines


def _splits(study: Study) -> str:
    """Return how the rows are split, and which are held out."""
    dataset, cv = study.dataset, study.config.cv
    data = study.config.data
    repeats = f" x {cv.repeats} repeats" if cv.repeats > 1 else ""
    own_test = isinstance(study.config.test, str) or not len(study.test_rows)
    if dataset.time is not None:
        held_out = "" if own_test else ", the latest rows held out"
        return f"{cv.folds} folds in the order of '{data.time}'{held_out}"
    if dataset.group is not None:
        n_groups = len(np.unique(dataset.group))
        held_out = "" if own_test else ", whole groups held out"
        return f"{cv.folds} folds{repeats} of whole groups ({n_groups:,} of '{data.group}'){held_out}"
    return f"{cv.folds} {'stratified ' if dataset.task.has_classes else ''}folds{repeats}"


def _show_closed(closed: Closed, config: StudyConfig, messages: Console) -> None:
    summary, tracking = closed.summary, closed.tracking
    out = _out()
    out.print(Text(_counted(summary)))
    ranked = summary.ranked()[:TOP]
    if ranked:
        others = _recorded_beside(summary)
        costs = cost_heads(summary)
        table = _table("trial", summary.objective, *others, *costs, "epochs", "parameters")
        for result in ranked:
            epochs = f"{result.best_epoch} of {result.epochs}"
            shown = (
                str(result.number),
                score_of(result),
                *_means(result, others),
                *cost_cells(result, costs),
                epochs,
            )
            table.add_row(*shown, Text(params(result.params)))
        out.print(table)
    _show_best(summary, out)
    if closed.corrected is not None:
        chosen_from = closed.corrected.n_trials
        out.print(Text(corrected_line(closed.corrected.interval, chosen_from, summary.objective)))
    if summary.final is not None:
        out.print(
            Text(final_line(summary.final, summary.objective, _from_here(config.runs_folder / "model")))
        )
    out.print(Text(f"records: {_from_here(config.runs_folder)}   MLflow: {_mlflow(config)}"))
    if tracking.trouble is not None:
        messages.print(
            f"MLflow has not got everything ({', '.join(tracking.unsent)}): {tracking.trouble}; the records are kept, "
            f"and the next 'tune run {config.path}' sends them"
        )
    if closed.interrupted:
        messages.print(f"interrupted; nothing recorded is lost; continue with: tune run {config.path}")
    else:
        out.print(
            Text(f"next: tune report {config.path}   tune ui {config.path}   tune verify {config.path}")
        )


def _recorded_beside(summary: StudySummary) -> list[str]:
    """Return the metrics that the study records beside its objective, as many as a table has room for."""
    scored = next((result.metrics for result in summary.results.values() if result.metrics), {})
    return [name for name in scored if name != summary.objective][:MOST_METRICS]


def _state(result: TrialResult) -> str:
    """Return a trial's state with what a reader should know of it."""
    if result.reason is not None:
        return f"{result.state}: {result.reason}"
    return result.state.value if result.feasible else f"{result.state}: breaks a constraint"


def _means(result: TrialResult, metrics: list[str]) -> list[str]:
    return [number((result.metrics or {}).get(name, math.nan)) if result.values else "" for name in metrics]


def _show_best(summary: StudySummary, out: Console) -> None:
    """Say which trial won, with what, and how it stands to the default configuration."""
    best = summary.best
    if best is None:
        failed = [result for result in summary.results.values() if result.state is State.FAILED]
        why = f"; trial {failed[0].number} failed, {failed[0].reason}: {failed[0].message}" if failed else ""
        barred = next((result for result in summary.results.values() if not result.feasible), None)
        kept = (
            ""
            if barred is None
            else f" that keeps the constraints; trial {barred.number} has {barred.message}"
        )
        out.print(Text(f"no trial completed{kept}{why}"))
        return
    if len(summary.objectives) > 1:
        show_front(summary, out)
    spread = f"(± standard deviation over {len(best.fold_values[0])} folds)"
    out.print(Text(f"best: trial {best.number}, {summary.objective} {score_of(best)} {spread}"))
    for name, value in best.params.items():
        out.print(Text(f"  {name}: {param(value)}"))
    out.print(Text(_against_default(summary, best)))


def _against_default(summary: StudySummary, best: TrialResult) -> str:
    default = summary.results.get(0)
    if default is None or default.state is not State.COMPLETE:
        return "the default configuration (trial 0) has no score"
    if default.number == best.number:
        return "no trial was better than the default configuration (trial 0)"
    barred = "" if default.feasible else ", which breaks a constraint"
    gains = np.array(best.fold_values[0]) - np.array(default.fold_values[0])
    gains *= 1 if summary.maximize else -1
    gain = float(gains.mean())
    how, where = ("better", int((gains > 0).sum())) if gain >= 0 else ("worse", int((gains < 0).sum()))
    return (
        f"{number(abs(gain))} {how} than the default configuration (trial 0: {score_of(default)}{barred}), in "
        f"{where} of {len(gains)} folds; the best of many scores is optimistic, since it was chosen for being the best"
    )


def _counted(summary: StudySummary) -> str:
    words = {state: state.value for state in State} | {State.RUNNING: _unended(summary)}
    counts = ", ".join(
        f"{summary.count(state)} {word}" for state, word in words.items() if summary.count(state)
    )
    return f"{summary.about['study']}: {len(summary.results) + len(summary.running)} trials: {counts or 'none yet'}"


def _unended(summary: StudySummary) -> str:
    """Return the word for trials that were begun and have no result."""
    return "running" if summary.driven else "unfinished"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        numeric = column in ("trial", "seconds")
        table.add_column(
            column, justify="right" if numeric else "left", no_wrap=column != "parameters", overflow="fold"
        )
    return table


def _mlflow(config: StudyConfig) -> str:
    if not is_tracked(config):
        return "none"
    uri, _ = tracking_place(config)
    place = _from_here(Path(uri.removeprefix("sqlite:///"))) if uri.startswith("sqlite:///") else uri
    return f"{place}, experiment '{experiment_name(config)}'"


def _from_here(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("../..") else relative
