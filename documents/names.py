"""The pages of what a study file may name: parameters, metrics, losses, optimizers, samplers and more."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from documents.markdown import code, codes, page, section, table, text
from tuner.config.names import EXTRAS
from tuner.model.asked_metrics import FAMILIES
from tuner.model.initializers import INITIALIZERS
from tuner.model.losses import AUTO_LOSS, BY_TASK, LOSSES, NEEDED
from tuner.model.metrics import AUTO_OBJECTIVE, METRICS
from tuner.model.mlp_parameters import ACTIVATIONS
from tuner.model.network import MODELS
from tuner.model.optimizers import OPTIMIZERS
from tuner.model.parameters import Parameter
from tuner.model.schedules import SCHEDULES
from tuner.search.pruners import PRUNERS
from tuner.search.samplers import SAMPLERS
from tuner.tasks import Task


def parameters_page() -> str:
    """Return the page of what a search space may hold."""
    mlp, cnn = MODELS["mlp"].parameters, MODELS["cnn"].parameters
    blocks = [row for name, row in cnn.items() if name not in mlp]
    return page(
        "Parameters of a network",
        "On this page you find the parameters that a search space may hold, with their ranges and defaults. One that "
        "is *per layer* may differ from layer to layer: `{..., per: layer}`, or `neurons.0` for the first. Where no "
        "default is given, it is that of the [optimizer](names.md#optimizers), of the "
        "[schedule](names.md#schedules) or of the study file. [The study file](study-file.md) says more of them.",
        section(f"For {code('training.model: mlp')}", _parameters(mlp.values(), "layer"), anchor="mlp"),
        section(
            f"For {code('training.model: cnn')}, besides those above",
            _parameters(blocks, "block"),
            anchor="cnn",
        ),
    )


def _parameters(rows: Iterable[Parameter], part: str) -> str:
    return table(
        ("parameter", "values", "default", "each", "what it does"),
        (
            [
                code(row.name),
                text(row.domain),
                "" if row.default is None else code(_as_written(row.default)),
                part if row.per_layer else "",
                text(row.meaning),
            ]
            for row in rows
        ),
    )


def _as_written(value: object) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def names_page() -> str:
    """Return the page of what keys and parameters may name."""
    return page(
        "Metrics, losses, optimizers and more",
        "On this page you find what a study file may name, and for which task. It is made from the tables of the "
        "program. What each is good for stands in [the study file](study-file.md).",
        section("Metrics", _metrics(), _asked_metrics()),
        section("Losses", _losses()),
        section("Optimizers", _optimizers()),
        section("Schedules", _schedules()),
        section("Activations", codes(ACTIVATIONS)),
        section("Initializers", table(("initializer", "in Keras"), _initializers())),
        section("Samplers", _samplers()),
        section("Pruners", table(("pruner", "what it does"), _described(PRUNERS))),
    )


def _tasks(tasks: Iterable[Task]) -> str:
    found = set(tasks)
    return ", ".join(task.value for task in Task if task in found)


def _metrics() -> str:
    auto = {name: task for task, name in AUTO_OBJECTIVE.items()}
    rows = (
        [
            code(name),
            metric.direction,
            _tasks(metric.tasks),
            "predicted classes" if metric.needs == "labels" else "probabilities or values",
            f"of {auto[name].value}" if name in auto else "",
        ]
        for name, metric in METRICS.items()
    )
    return table(("metric", "direction", "tasks", "reads", "objective: auto"), rows)


def _asked_metrics() -> str:
    rows = (
        [
            code(f"{{name: {name}, {family.argument}: {family.example:g}}}"),
            family.direction,
            family.task.value,
            f"{code(family.argument)}: {text(family.setting)}",
        ]
        for name, family in FAMILIES.items()
    )
    return table(("metric with an argument", "direction", "tasks", "argument"), rows)


def _losses() -> str:
    auto: dict[str, list[str]] = {}
    for task, name in AUTO_LOSS.items():
        auto.setdefault(name, []).append(task.value)
    rows = [
        [
            code(name),
            _tasks(loss.tasks),
            "; ".join(
                f"{code(key)}: {text(setting)}{' (needed)' if NEEDED.get(name) == key else ''}"
                for key, setting in loss.settings.items()
            ),
            code(loss.keras) if loss.keras else "",
            ", ".join(auto.get(name, ())),
        ]
        for name, loss in LOSSES.items()
    ]
    rows += [
        [code(name), _tasks(by_task), f"is {codes(dict.fromkeys(by_task.values()))}, by the task", "", ""]
        for name, by_task in BY_TASK.items()
    ]
    return table(("loss", "tasks", "arguments", "in keras.losses", "loss: auto of"), rows)


def _optimizers() -> str:
    rows = (
        [
            code(name),
            code(spec.keras),
            f"{spec.learning_rate:g}",
            ", ".join(f"{code(key)} {value:g}" for key, value in spec.settings),
            f"{spec.weight_decay:g}",
        ]
        for name, spec in OPTIMIZERS.items()
    )
    head = ("optimizer", "in keras.optimizers", "learning_rate", "reads, with defaults", "weight_decay")
    return table(head, rows)


def _schedules() -> str:
    rows = (
        [
            code(name),
            "step" if schedule.by_step else "epoch",
            ", ".join(f"{code(f'schedule_{key}')} {value:g}" for key, value in schedule.settings),
        ]
        for name, schedule in SCHEDULES.items()
    )
    return table(("schedule", "changes the rate with each", "reads, with defaults"), rows)


def _initializers() -> Iterable[list[str]]:
    return ([code(name), code(row.keras)] for name, row in INITIALIZERS.items())


def _samplers() -> str:
    rows = (
        [
            code(name),
            first_sentence(row.proposer or row.make),
            code(f"tuner[{name}]") if name in EXTRAS else "",
        ]
        for name, row in SAMPLERS.items()
    )
    return table(("sampler", "what it is", "needs"), rows)


def _described(rows: Mapping[str, Callable[..., object]]) -> Iterable[list[str]]:
    return ([code(name), first_sentence(row)] for name, row in rows.items())


def first_sentence(row: Callable[..., object]) -> str:
    """Return the first line of what the source says of a function or class."""
    function = row.func if isinstance(row, partial) else row
    return text((inspect.getdoc(function) or "").partition("\n\n")[0])
