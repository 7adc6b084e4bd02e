"""What training may lower, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tuner.tasks import Task


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss of one row, averaged over rows in training.

    Attributes:
        tasks: which tasks it fits.
        keras: the function's name in ``keras.losses``.
        from_logits: whether it is computed from what enters the head's activation, with Keras'
            ``from_logits=True``, so that it stays finite where probabilities round to 0 or 1.
        scales_target: whether the target is standardised for training, by its mean and deviation in the
            training rows, and outputs are scaled back.
    """

    tasks: frozenset[Task]
    keras: str
    from_logits: bool
    scales_target: bool


_REGRESSION = frozenset({Task.REGRESSION})
_MULTICLASS = frozenset({Task.MULTICLASS})
_YES_NO = frozenset({Task.BINARY, Task.MULTILABEL})

LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "mse": Loss(_REGRESSION, "mean_squared_error", from_logits=False, scales_target=True),
        "mae": Loss(_REGRESSION, "mean_absolute_error", from_logits=False, scales_target=True),
        "huber": Loss(_REGRESSION, "huber", from_logits=False, scales_target=True),
        "log_cosh": Loss(_REGRESSION, "log_cosh", from_logits=False, scales_target=True),
        "binary_crossentropy": Loss(_YES_NO, "binary_crossentropy", from_logits=True, scales_target=False),
        # Targets are codes, so the sparse form serves both names: the same numbers without one-hot rows.
        "categorical_crossentropy": Loss(
            _MULTICLASS, "sparse_categorical_crossentropy", from_logits=True, scales_target=False
        ),
        "sparse_categorical_crossentropy": Loss(
            _MULTICLASS, "sparse_categorical_crossentropy", from_logits=True, scales_target=False
        ),
    }
)

AUTO_LOSS: Mapping[Task, str] = MappingProxyType(
    {
        Task.REGRESSION: "mse",
        Task.BINARY: "binary_crossentropy",
        Task.MULTICLASS: "categorical_crossentropy",
        Task.MULTILABEL: "binary_crossentropy",
    }
)
"""The loss that ``auto`` stands for."""

LATER_LOSSES = frozenset(
    {
        "mape",
        "msle",
        "cosine_similarity",
        "poisson",
        "focal",
        "binary_focal_crossentropy",
        "categorical_focal_crossentropy",
        "kl_divergence",
        "hinge",
        "squared_hinge",
        "categorical_hinge",
    }
)
"""Losses that Keras has and this version does not train with."""


def losses_for(task: Task) -> tuple[str, ...]:
    """Return the names of the losses that fit a task."""
    return tuple(name for name, loss in LOSSES.items() if task in loss.tasks)
