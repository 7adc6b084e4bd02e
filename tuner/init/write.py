"""From a table's facts to a study file: the choices as keys, each with its reason."""

import os
from collections.abc import Sequence
from pathlib import Path

from tuner.init.budget import TRIALS, Budget
from tuner.init.choices import (
    METRICS,
    choose_balance,
    choose_categorical,
    choose_missing,
    choose_objective,
    choose_scaler,
    choose_select,
    choose_splits,
    choose_task,
    choose_threshold,
    count_inputs,
    most_epochs,
)
from tuner.init.facts import TableFacts
from tuner.init.layout import Line, Listed, Part, Section, render
from tuner.init.sizes import size_of, widest
from tuner.init.text import comment
from tuner.model.network import MODELS
from tuner.report.wording import counted, duration, percent
from tuner.space.space_file import space_names
from tuner.tasks import Task

SCHEMA_FILE = ".tuner-schema.json"
"""The JSON Schema beside a study file, by which an editor knows the keys."""

LEFT_OUT_ANYWAY = ("constant", "empty")
"""Concerns of columns that a study leaves out by itself."""

MOST_LISTED = 100
"""Columns of one sort that are written out, where they need not be."""

MOST_OFFERED = 3
TIME_HINT = "take this up if later rows will be predicted: folds in its order, the latest rows held out"
TIME_WHY = (
    "rows follow one another by it, so later ones are predicted from earlier ones; leave it out if new rows will lie "
    "between these"
)
GROUP_HINT = "take this up if new rows will have other values of it: equal ones then share a fold"

VARIED = {"shift": 1, "rotate": 10, "zoom": 0.1}
VARY_HINT = (
    "take this up where an image that is moved, turned or zoomed a little still shows the same; flip: horizontal if "
    "its mirror image does too"
)

IMAGES = "cnn"
"""The family of networks, and the search space, for rows that are images; a table's where they are not there."""


def study_text(facts: TableFacts, place: Path, name: str | None, budget: Budget | None) -> str:
    """Return a commented study file.

    Args:
        facts: the table.
        place: where the file will lie, absolute; paths in it are relative to that.
        name: the study's name where the file's own cannot be one.
        budget: how much it may try; None for as much as it would want.
    """
    task = Task(str(choose_task(facts).value))
    head = [f"# yaml-language-server: $schema={SCHEMA_FILE}", *_opening(facts, budget)]
    named: list[Part] = [] if name is None else [Line("name", name, "the file's name cannot name a folder")]
    groups: list[list[Part]] = [
        [*named, _data(facts, place)],
        _goal(facts, task),
        _splits(facts, task),
        [_preprocess(facts)],
        _networks(facts),
        _training(facts, budget),
        [_search(budget)],
    ]
    body = "\n\n".join("\n".join(line for part in group for line in render(part)) for group in groups)
    return "\n".join(head) + "\n\n" + body + "\n"


def _opening(facts: TableFacts, budget: Budget | None) -> list[str]:
    names = ", ".join(f"'{name}'" for name in facts.target.names[:5])
    more = f" and {len(facts.target.names) - 5} more" if len(facts.target.names) > 5 else ""
    inputs = f"the images ({facts.pixels})" if _as_images(facts) else counted(len(facts.inputs), "column")
    lines = [
        f"Predicts {names}{more} from {inputs} of {facts.path.name}, "
        f"{counted(facts.n_rows, 'row')}. Written by tune init; all of it may be changed."
    ]
    if facts.n_unlabelled:
        lines.append(f"{counted(facts.n_unlabelled, 'row')} without a target are left out.")
    if facts.n_copies:
        lines.append(
            f"{counted(facts.n_copies, 'row')} are copies of others: where a row is trained on and its copy is scored, "
            "scores are too good. Remove copies that were not measured twice."
        )
    if budget is not None:
        lines.append(f"Time: {time_sentence(budget)}")
    return [line for text in lines for line in comment(text, "")]


def time_sentence(budget: Budget) -> str:
    """Return how long a study takes, and how that is known."""
    at_once = f", {budget.workers} trials at a time" if budget.workers > 1 else ""
    part = "" if budget.share == 1.0 else f" on {percent(budget.share)} of the rows, scaled up"
    how = (
        f"measured: a few epochs of the smallest and the largest network{part}, their mean for each trial; early "
        "stopping and pruning make it less"
    )
    return f"up to about {duration(budget.seconds)} on this machine, as busy as it is now{at_once} ({how})."


def _data(facts: TableFacts, place: Path) -> Section:
    names = facts.target.names
    parts: list[Part] = [Line("path", relative(facts.path, place.parent), "relative to this file")]
    if not facts.own_target:
        parts.append(Line("target", names[0] if len(names) == 1 else list(names)))
    if facts.image is not None:
        why = "height and width that all pictures are brought to; larger ones show more and train longer"
        parts.append(Line("image", list(facts.image), why))
    parts.append(_drop(facts))
    others = [name for name in facts.times if name != facts.ordered]
    if facts.ordered is not None:
        parts.append(Line("time", facts.ordered, TIME_WHY))
    else:
        parts += [Line("time", name, TIME_HINT, False) for name in others[:MOST_OFFERED]]
    parts += [Line("group", name, GROUP_HINT, False) for name in facts.groups[:MOST_OFFERED]]
    return Section("data", tuple(parts))


def relative(path: Path, folder: Path) -> str:
    """Return a path as a study file in a folder names it, both absolute."""
    written = Path(os.path.relpath(path, folder)).as_posix()
    return f"./{written}" if written.startswith("~") else written


def _drop(facts: TableFacts) -> Listed:
    """Return the columns to drop, and as comments those that may have to be."""
    dropped = [(column, concern) for column in facts.columns if (concern := column.dropped) is not None]
    doubtful = [(column, concern) for column in facts.inputs if (concern := column.doubtful) is not None]
    doubtful.sort(key=lambda found: found[1].what == "duplicate")
    noted = [(column, concern) for column, concern in dropped if concern.what not in LEFT_OUT_ANYWAY]
    spare = [(column, concern) for column, concern in dropped if concern.what in LEFT_OUT_ANYWAY]
    items = [
        Line("", column.name, f"{concern.what}: {concern.reason}")
        for column, concern in (*noted, *spare[:MOST_LISTED])
    ]
    items += [Line("", column.name, concern.reason, False) for column, concern in doubtful[:MOST_LISTED]]
    left = [_left_out(spare[MOST_LISTED:], "are constant or empty too, and left out anyway"),
            _left_out(doubtful[MOST_LISTED:], "say the same as another")]  # fmt: skip
    return Listed("drop", tuple(items), "; ".join(text for text in left if text))


def _left_out(columns: Sequence[object], what: str) -> str:
    return f"{counted(len(columns), 'more column')} {what}" if columns else ""


def _goal(facts: TableFacts, task: Task) -> list[Part]:
    chosen, objective = choose_task(facts), choose_objective(facts, task)
    parts: list[Part] = [Line("task", task.value, chosen.why)]
    positive = facts.target.positive
    if positive is not None and positive == positive.strip():
        rarer = "; the rarer one" if facts.target.counts[0] > facts.target.counts[1] else ""
        parts.append(Line("positive", positive, f"the label that counts as 1{rarer}"))
    metrics = METRICS[str(objective.value)]
    if task is Task.REGRESSION and facts.n_rows < 10 * choose_splits(facts, task).folds:
        metrics = tuple(name for name in metrics if name != "r2")  # undefined for a single row
    parts.append(Line("objective", objective.value, objective.why))
    parts.append(Line("metrics", list(metrics), "recorded beside it"))
    threshold = choose_threshold(facts)
    if threshold is not None:
        parts.append(Line("threshold", threshold.value, threshold.why))
    return parts


def _splits(facts: TableFacts, task: Task) -> list[Part]:
    splits = choose_splits(facts, task)
    cv = {"folds": splits.folds, **({"repeats": splits.repeats} if splits.repeats > 1 else {})}
    return [Line("test", splits.test or 0, splits.why_test), Line("cv", cv, splits.why_folds)]


def _preprocess(facts: TableFacts) -> Section:
    scaler, missing = choose_scaler(facts), choose_missing(facts)
    parts: list[Part] = [Line("numeric", scaler.value, scaler.why)]
    if missing is not None:
        parts.append(Line("missing", missing.value, missing.why))
    select = choose_select(facts)
    if select is not None:
        parts.append(Line("select", select.value, select.why, False))
    if _as_images(facts):
        parts.append(Line("augment", VARIED, VARY_HINT, False))
    return Section("preprocess", tuple(parts), "fitted inside each fold, on its training rows only")


def _networks(facts: TableFacts) -> list[Part]:
    if _as_images(facts):
        why = (
            f"convolutional networks, for rows that are images of {facts.pixels}: search_spaces/{IMAGES}.yaml"
        )
        return [Line("search_space", IMAGES, why)]
    size, inputs = size_of(facts.n_rows), count_inputs(facts)
    width, default = widest(size, inputs), min(64, widest(size, inputs) // 2)
    units = {"type": "int", "low": 8, "high": width, "log": True, "default": default, "per": "layer"}
    why = f"for {counted(facts.n_rows, 'row')} and about {counted(inputs, 'input')}; or a name: mlp"
    searched = {
        "preprocess.categorical": choose_categorical(facts),
        "preprocess.balance": choose_balance(facts),
    }
    prepared = [Line(key, choice.value, choice.why) for key, choice in searched.items() if choice is not None]
    return [
        Section(
            "search_space",
            (
                Line(
                    "layers", {"type": "int", "low": 1, "high": size.layers, "default": min(2, size.layers)}
                ),
                Line("neurons", units, "in each layer; the widest fit the rows and the inputs"),
                Line("activation", {"type": "choice", "options": ["relu", "silu", "tanh"]}),
                Line("batch_norm", {"type": "choice", "options": [False, True]}),
                Line("dropout", {"type": "float", "low": 0.0, "high": 0.5, "default": 0.1}),
                Line("l2", {"type": "float", "low": 1e-7, "high": 1e-2, "log": True, "default": 1e-5}),
                Line("optimizer", "adam", "asks for the least tuning; a bare value is not searched"),
                Line(
                    "learning_rate",
                    {"type": "float", "low": 3e-4, "high": 3e-2, "log": True, "default": 3e-3},
                ),
                Line(
                    "batch_size",
                    {"type": "choice", "options": list(size.batches), "default": size.batches[1]},
                    "rows of one step",
                ),
                *prepared,
            ),
            why,
        )
    ]


def _as_images(facts: TableFacts) -> bool:
    """Return whether rows are images, and there are networks and a search space for them."""
    return facts.pixels is not None and IMAGES in MODELS and IMAGES in space_names()


def _training(facts: TableFacts, budget: Budget | None) -> list[Part]:
    size = size_of(facts.n_rows)
    wanted = most_epochs(facts)
    epochs = wanted if budget is None else budget.epochs
    patience = min(size.patience, max(2, epochs // 4))
    why = (
        f"the most; {wanted} would take longer than an hour"
        if epochs < wanted
        else "the most; early stopping ends most trials before"
    )
    parts: list[Part] = [Line("model", IMAGES)] if _as_images(facts) else []
    parts += [
        Line("epochs", epochs, why),
        Line("early_stopping", {"patience": patience}, "epochs without an improvement"),
    ]
    return [Section("training", tuple(parts))]


def _search(budget: Budget | None) -> Section:
    trials = TRIALS if budget is None else budget.trials
    parts: list[Part] = [Line("trials", trials, _why_trials(budget))]
    if budget is not None and budget.hour:
        parts.append(Line("timeout", "1h", "even so few trials would take longer; no trial starts after it"))
    else:
        parts.append(
            Line("timeout", "30m", "take this up to bound the time: no trial starts after it", False)
        )
    parts.append(Line("seed", 7, "the same seed gives the same study"))
    return Section("search", tuple(parts))


def _why_trials(budget: Budget | None) -> str:
    """Return why so many configurations are tried, and how to try more."""
    if budget is None or budget.trials == TRIALS:
        return (
            "configurations; 25 find most of what there is, 100 a little more: tune run --trials 100 goes on"
        )
    return (
        f"configurations; {TRIALS} would take about {duration(budget.wanted)}. tune run --trials {TRIALS} goes on with "
        "the study once it has these"
    )
