"""The end of a network for each task: how many units, which activation, and what its outputs mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tuner.tasks import Task


def _one(n_targets: int, n_classes: int) -> int:
    return 1


def _per_class(n_targets: int, n_classes: int) -> int:
    return n_classes


def _per_target(n_targets: int, n_classes: int) -> int:
    return n_targets


def _column(target: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(target, np.float32).reshape(-1, 1)


def _codes(target: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(target, np.int32).reshape(-1)


def _columns(target: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(target, np.float32).reshape(len(target), -1)


def _threshold_one(outputs: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    return (outputs[:, 0] > thresholds[0]).astype(np.int64)  # type: ignore[no-any-return]


def _threshold_each(outputs: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    return (outputs > thresholds).astype(np.int64)


def _largest(outputs: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    return np.asarray(outputs.argmax(axis=1))


def _as_they_are(outputs: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    return outputs


EVEN = (0.5,)
"""The thresholds of a head that nothing else was said of."""

DECIDED = frozenset({Task.BINARY, Task.MULTILABEL})
"""The tasks whose labels are decided by a threshold."""


def threshold_problem(threshold: object, task: Task) -> str | None:
    """Return why a task has no such threshold, or None."""
    if task in DECIDED:
        return None
    return f"{threshold} is for binary and multilabel tasks; the task is {task}: leave it out"


@dataclass(frozen=True, slots=True)
class HeadForm:
    """How the network ends for one task, whatever the data set.

    Attributes:
        units: from the numbers of targets and of classes to the number of output units.
        activation: of the output layer, by its Keras name.
        encode: from a target to what a loss reads.
        decode: from outputs and thresholds to labels or values.
    """

    units: Callable[[int, int], int]
    activation: str
    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray, np.ndarray], np.ndarray]


HEADS: Mapping[Task, HeadForm] = MappingProxyType(
    {
        Task.REGRESSION: HeadForm(_per_target, "linear", _columns, _as_they_are),
        Task.BINARY: HeadForm(_one, "sigmoid", _column, _threshold_one),
        Task.MULTICLASS: HeadForm(_per_class, "softmax", _codes, _largest),
        Task.MULTILABEL: HeadForm(_per_target, "sigmoid", _columns, _threshold_each),
    }
)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the networks of one data set.

    Attributes:
        task: what is predicted.
        units: of the output layer, at least 1.
        activation: of the output layer, as Keras names it: a name in ``OUTPUTS``, or ``softmax``.
        thresholds: in (0, 1): a label is given where its output is above. One for all labels, or one for each; not read
            for other tasks than ``DECIDED``.
    """

    task: Task
    units: int
    activation: str
    thresholds: tuple[float, ...] = EVEN

    def encode(self, target: np.ndarray) -> np.ndarray:
        """Return a target as the losses read it.

        Args:
            target: (n_rows,) codes 0 .. n_classes - 1 for binary and multiclass; (n_rows, n_targets) values
                for regression, where one target may be (n_rows,); (n_rows, n_targets) 0/1 for multilabel.

        Returns:
            (n_rows, 1) float32 for binary, (n_rows,) int32 for multiclass, (n_rows, n_targets) float32 for
            regression and multilabel.
        """
        return HEADS[self.task].encode(target)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return the labels or the values that a network's outputs stand for.

        Args:
            outputs: (n_rows, n_units) after the activation.

        Returns:
            (n_rows,) int64 codes for binary (1 above the threshold) and multiclass (the first of
            the most probable); (n_rows, n_targets) int64 0/1 for multilabel; the outputs as they are for
            regression.
        """
        return HEADS[self.task].decode(outputs, np.array(self.thresholds))


OUTPUTS = ("linear", "sigmoid", "tanh", "softplus", "relu")
"""The activations that a regression's output layer may have: any value, bounded ones, positive ones."""

POSITIVE_OUTPUTS = frozenset({"softplus", "relu"})
"""Those that have no negative value."""

AUTO_OUTPUT = "auto"
"""Stands for the activation that the task asks for."""


def make_head(task: Task, n_targets: int, n_classes: int, output: str = AUTO_OUTPUT) -> Head:
    """Return the head for a data set.

    Args:
        task: what is predicted.
        n_targets: columns of a regression or multilabel target, at least 1.
        n_classes: classes of a binary or multiclass target; not read for the other tasks.
        output: a name in ``OUTPUTS`` for regression, or ``AUTO_OUTPUT``.
    """
    form = HEADS[task]
    activation = form.activation if output == AUTO_OUTPUT else output
    return Head(task, form.units(n_targets, n_classes), activation)
