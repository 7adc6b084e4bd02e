"""Metrics that a study file asks for beyond their names: with an argument, or functions of the user's."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from tuner.errors import TunerError
from tuner.hooks import Hook
from tuner.model import sklearn_metrics as sk
from tuner.model.metrics import METRICS, Direction, Metric, Needs, metrics_for
from tuner.model.written import Setting, Written, check_arguments, read_written
from tuner.tasks import Task

DIRECTIONS = ("maximize", "minimize")
NEEDS = ("labels", "outputs")


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics that differ by a number.

    Attributes:
        argument: the number's name.
        setting: which numbers there are.
        example: one of them.
        direction: which way is better.
        task: which it is for.
        function: from the number to what ``Metric.function`` is.
    """

    argument: str
    setting: Setting
    example: float
    direction: Direction
    task: Task
    function: Callable[..., float]


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "top_k_accuracy": Family(
            "k", Setting(1, float("inf"), "[)", whole=True), 3, "maximize", Task.MULTICLASS, sk.top_k_accuracy
        ),
        "precision_at_recall": Family(
            "recall", Setting(0, 1, "(]"), 0.8, "maximize", Task.BINARY, sk.precision_at_recall
        ),
        "sensitivity_at_specificity": Family(
            "specificity", Setting(0, 1, "[]"), 0.9, "maximize", Task.BINARY, sk.sensitivity_at_specificity
        ),
        "pinball": Family("alpha", Setting(0, 1, "()"), 0.9, "minimize", Task.REGRESSION, sk.pinball),
    }
)
"""The metrics with an argument; what is recorded carries it: ``top_k_accuracy_3``, ``pinball_0.9``."""


@dataclass(frozen=True, slots=True)
class UsersMetric:
    """A function of the user's, called as scikit-learn's metrics are; picklable.

    Attributes:
        hook: the function.
    """

    hook: Hook

    def __call__(
        self, task: Task, target: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None
    ) -> float:
        """Return ``function(y_true, y_pred)``, with ``sample_weight`` where rows have weights.

        A single target or unit comes as (n_rows,).

        Raises:
            TunerError: it fails, or returns no number.
        """
        true, found = (each[:, 0] if each.shape[1:] == (1,) else each for each in (target, predicted))
        function = self.hook.load()
        try:
            return float(
                function(true, found) if weight is None else function(true, found, sample_weight=weight)
            )
        except Exception as error:
            raise TunerError(f"the metric {self.hook.name} fails: {type(error).__name__}: {error}") from error


def names_for(task: Task) -> tuple[str, ...]:
    """Return the names of the metrics that fit a task, those with an argument last."""
    return metrics_for(task) + tuple(name for name, family in FAMILIES.items() if family.task is task)


def find_metric(written: object, task: Task, folder: Path) -> Metric:
    """Return the metric that a study file asks for.

    Args:
        written: a name in ``METRICS``, ``{name: NAME, ARGUMENT: VALUE}``, ``module:function`` or
            ``{python: module:function, direction: minimize, needs: labels, ARGUMENT: VALUE}``.
        task: which it is for.
        folder: the study file's folder.

    Raises:
        ValueError: it does not fit the task; the message is a sentence for the user.
    """
    found = read_written(written, "a metric")
    if found.python:
        return _users(found, folder)
    if found.name not in names_for(task):
        raise ValueError(f"'{found.name}' is not a metric for {task}; one of: {', '.join(names_for(task))}")
    family = FAMILIES.get(found.name)
    if family is None:
        return METRICS[found.name]
    value = found.arguments[family.argument]
    return Metric(
        f"{found.name}_{value:g}",
        family.direction,
        frozenset({task}),
        "outputs",
        partial(family.function, value),
        1.0 if family.direction == "maximize" else 0.0,
        argument=float(value),
        family=found.name,
    )


def _users(found: Written, folder: Path) -> Metric:
    given = {key: value for key, value in found.arguments.items() if key not in ("direction", "needs")}
    hook = Hook(found.python, str(folder), tuple(given.items()))
    direction = cast(Direction, found.arguments.get("direction", "maximize"))
    values = "".join(f"_{value:g}" if isinstance(value, float) else f"_{value}" for value in given.values())
    shown = found.python.replace(":", ".") + values
    name = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in shown)
    return Metric(
        name,
        direction,
        frozenset(Task),
        cast(Needs, found.arguments.get("needs", "labels")),
        UsersMetric(hook),
        float("inf") if direction == "maximize" else float("-inf"),
        hook=hook,
    )


def check_metric(written: object) -> None:
    """Refuse what is wrong with a metric in a study file whatever the task; names are not looked up.

    Raises:
        ValueError: the message is a sentence for the user.
    """
    found = read_written(written, "a metric")
    if found.python:
        for key, allowed in (("direction", DIRECTIONS), ("needs", NEEDS)):
            if found.arguments.get(key, allowed[0]) not in allowed:
                raise ValueError(f"{key}: {found.arguments[key]!r} is not one of: {', '.join(allowed)}")
        return
    family = FAMILIES.get(found.name)
    if family is None:
        check_arguments(found.name, found.arguments, {})
        return
    check_arguments(found.name, found.arguments, {family.argument: family.setting})
    if family.argument not in found.arguments:
        example = f"{{name: {found.name}, {family.argument}: {family.example:g}}}"
        raise ValueError(f"'{found.name}' needs {family.argument}, {family.setting}; write {example}")


def check_direction(written: object) -> None:
    """Refuse a function of the user's that is to be improved without a word on which way is better.

    Raises:
        ValueError: the message is a sentence for the user.
    """
    found = read_written(written, "a metric")
    if found.python and "direction" not in found.arguments:
        raise ValueError(
            f"'{found.python}' may be better when it is larger or smaller; write "
            f"{{python: '{found.python}', direction: minimize}}, or maximize"
        )


def check_users_metric(metric: Metric, *, weighted: bool) -> None:
    """Refuse a function of the user's that cannot be loaded, or cannot take the weights of rows.

    Raises:
        TunerError: says why.
    """
    if metric.hook is None:
        return
    function: Any = metric.hook.load()
    if not weighted:
        return
    try:
        taken = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a function without a readable signature; it is tried
        return
    if "sample_weight" not in taken and not any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        raise TunerError(
            f"{metric.hook.name} takes no sample_weight, and weighted_metrics is true; add the parameter, or leave "
            "weighted_metrics out"
        )
