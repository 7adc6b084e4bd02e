"""What training may lower, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from tuner.hooks import Argument, Hook
from tuner.model.heads import OUTPUTS, POSITIVE_OUTPUTS
from tuner.model.written import Setting, check_arguments, read_written
from tuner.tasks import Task

Reads = Literal["logits", "margin", "outputs"]
"""What a loss is computed from.

``logits``: what enters the head's activation, with Keras' ``from_logits=True``, so that the loss stays finite where
probabilities round to 0 or 1. ``margin``: the same, taken for the decision itself: above 0 for yes, the largest for the
class. ``outputs``: what the network gives.
"""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss of one row, averaged over rows in training.

    Attributes:
        tasks: which tasks it fits.
        keras: the function's name in ``keras.losses``; empty for one that is written in ``engines.row_losses``.
        reads: what it is computed from.
        one_hot: whether it reads the classes of several as columns of 0 and 1 rather than as codes.
        target: how the target of a regression is scaled for training, a name in ``data.target_scaling``.
        settings: its arguments.
        outputs: of a regression: which activations the output layer can have, names in ``heads.OUTPUTS``.
    """

    tasks: frozenset[Task]
    keras: str
    reads: Reads
    one_hot: bool = False
    target: str = "none"
    settings: Mapping[str, Setting] = field(default_factory=dict)
    outputs: tuple[str, ...] = OUTPUTS

    @property
    def from_logits(self) -> bool:
        """Whether Keras' function takes ``from_logits=True``."""
        return self.reads == "logits"


_REGRESSION = frozenset({Task.REGRESSION})
_MULTICLASS = frozenset({Task.MULTICLASS})
_YES_NO = frozenset({Task.BINARY, Task.MULTILABEL})
_CLASSES = frozenset({Task.BINARY, Task.MULTICLASS, Task.MULTILABEL})

_SMOOTHING = {"label_smoothing": Setting(0, 1, "[)")}
_FOCUS = {"gamma": Setting(0, float("inf"), "[)"), "alpha": Setting(0, 1, "()")}


def _of_values(
    keras: str,
    target: str = "standard",
    settings: Mapping[str, Setting] = MappingProxyType({}),
    outputs: tuple[str, ...] = OUTPUTS,
) -> Loss:
    return Loss(_REGRESSION, keras, "outputs", target=target, settings=settings, outputs=outputs)


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "mse": _of_values("mean_squared_error"),
        "mae": _of_values("mean_absolute_error"),
        "huber": _of_values("huber", settings={"delta": Setting(0, float("inf"), "()")}),
        "log_cosh": _of_values("log_cosh"),
        "quantile": _of_values("", settings={"quantile": Setting(0, 1, "()")}),
        # A share of the target: it may be scaled, but not moved into a range.
        "mape": _of_values(
            "mean_absolute_percentage_error", "size", outputs=("linear", *sorted(POSITIVE_OUTPUTS))
        ),
        # The squared error of log(1 + target), which is what is standardised.
        "msle": _of_values("mean_squared_error", "log1p"),
        # Read off the logarithm of the rate, which may be any number.
        "poisson": _of_values("", "rate", outputs=("linear",)),
        # Of a direction; bounds on its parts would be none on the target.
        "cosine_similarity": _of_values("cosine_similarity", "none", outputs=("linear",)),
        "binary_crossentropy": Loss(_YES_NO, "binary_crossentropy", "logits", settings=_SMOOTHING),
        # Targets are codes, so the sparse form serves both names: the same numbers without one-hot rows.
        "categorical_crossentropy": Loss(
            _MULTICLASS, "sparse_categorical_crossentropy", "logits", settings=_SMOOTHING
        ),
        "sparse_categorical_crossentropy": Loss(_MULTICLASS, "sparse_categorical_crossentropy", "logits"),
        "binary_focal_crossentropy": Loss(
            _YES_NO, "binary_focal_crossentropy", "logits", settings={**_FOCUS, **_SMOOTHING}
        ),
        "categorical_focal_crossentropy": Loss(
            _MULTICLASS,
            "categorical_focal_crossentropy",
            "logits",
            one_hot=True,
            settings={**_FOCUS, **_SMOOTHING},
        ),
        "kl_divergence": Loss(frozenset({Task.BINARY, Task.MULTICLASS}), "", "margin", one_hot=True),
        "hinge": Loss(_YES_NO, "hinge", "margin"),
        "squared_hinge": Loss(_YES_NO, "squared_hinge", "margin"),
        "categorical_hinge": Loss(_MULTICLASS, "categorical_hinge", "margin", one_hot=True),
    }
)

CUSTOM = Loss(frozenset(Task), "", "outputs", one_hot=True, target="standard")
"""What holds for a function of the user's: it reads outputs, and classes as columns of 0 and 1."""

BY_TASK: Mapping[str, Mapping[Task, str]] = MappingProxyType(
    {
        "focal": {
            Task.BINARY: "binary_focal_crossentropy",
            Task.MULTILABEL: "binary_focal_crossentropy",
            Task.MULTICLASS: "categorical_focal_crossentropy",
        },
        "pinball": {Task.REGRESSION: "quantile"},
    }
)
"""Names that stand for a loss by the task."""

AUTO_LOSS: Mapping[Task, str] = MappingProxyType(
    {
        Task.REGRESSION: "mse",
        Task.BINARY: "binary_crossentropy",
        Task.MULTICLASS: "categorical_crossentropy",
        Task.MULTILABEL: "binary_crossentropy",
    }
)
"""The loss that ``auto`` stands for."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "mean_squared_error": "mse",
        "mean_absolute_error": "mae",
        "mean_absolute_percentage_error": "mape",
        "mean_squared_logarithmic_error": "msle",
        "logcosh": "log_cosh",
        "bce": "binary_crossentropy",
        "log_loss": "binary_crossentropy",
        "cross_entropy": "categorical_crossentropy",
        "focal_loss": "focal",
        "binary_focal": "binary_focal_crossentropy",
        "categorical_focal": "categorical_focal_crossentropy",
        "kld": "kl_divergence",
        "kullback_leibler_divergence": "kl_divergence",
        "cosine": "cosine_similarity",
    }
)
"""Names that other tools use, and ours: for a hint, never accepted in place of it."""

NEEDED = {"quantile": "quantile"}
"""A loss that means nothing without an argument, and the argument."""


@dataclass(frozen=True, slots=True)
class LossPlan:
    """A loss with its arguments; picklable.

    Attributes:
        name: in ``LOSSES``, or ``module:function``.
        settings: names and values of the arguments that were given.
        hook: the user's function; None for one of ``LOSSES``.
    """

    name: str
    settings: tuple[tuple[str, Argument], ...] = ()
    hook: Hook | None = None

    @property
    def spec(self) -> Loss:
        """What holds for it whatever its arguments."""
        return LOSSES[self.name] if self.hook is None else CUSTOM

    def __str__(self) -> str:
        """Return it for a reader: ``huber (delta 2.0)``."""
        given = ", ".join(f"{name} {value}" for name, value in self.settings)
        return f"{self.name} ({given})" if given else self.name


def losses_for(task: Task) -> tuple[str, ...]:
    """Return the names of the losses that fit a task."""
    return tuple(name for name, loss in LOSSES.items() if task in loss.tasks)


def plan_loss(loss: "LossPlan | str") -> LossPlan:
    """Return a loss as a plan: the one of a name in ``LOSSES``, without arguments."""
    return loss if isinstance(loss, LossPlan) else LossPlan(loss)


def find_loss(written: object, task: Task, folder: Path) -> LossPlan:
    """Return the loss that a study file asks for.

    Args:
        written: a name, ``auto``, ``{name: NAME, ARGUMENT: VALUE}``, ``module:function`` or
            ``{python: module:function, ARGUMENT: VALUE}``.
        task: which it is for.
        folder: the study file's folder.

    Raises:
        ValueError: there is no such loss, it does not fit the task, or its arguments are wrong; the message is a
            sentence for the user.
    """
    if written == "auto":
        return LossPlan(AUTO_LOSS[task])
    found = read_written(written, "a loss")
    given = tuple(found.arguments.items())
    if found.python:
        return LossPlan(found.python, given, Hook(found.python, str(folder), given))
    name = BY_TASK.get(found.name, {}).get(task, found.name)
    if name not in LOSSES or task not in LOSSES[name].tasks:
        known = (*losses_for(task), *(alias for alias, names in BY_TASK.items() if task in names))
        raise ValueError(f"'{found.name}' is not a loss for {task}; one of: {', '.join(known)}")
    return LossPlan(name, given)


def check_loss(written: object) -> None:
    """Refuse what is wrong with a loss in a study file whatever the task.

    Raises:
        ValueError: the message is a sentence for the user.
    """
    found = read_written(written, "a loss")
    if found.python or found.name == "auto":
        return
    names = list(BY_TASK.get(found.name, {}).values()) or [found.name]
    for name in names:
        check_arguments(found.name, found.arguments, LOSSES[name].settings)
        needed = NEEDED.get(name)
        if needed is not None and needed not in found.arguments:
            raise ValueError(f"'{found.name}' needs an argument; write {{name: {found.name}, {needed}: 0.9}}")
