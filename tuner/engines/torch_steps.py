"""The steps of the plain engine with torch: Keras' layers and optimizers as torch runs them, batch after batch."""

import math
from typing import Any

import numpy as np

from tuner.engines.arrays import as_array
from tuner.engines.drawn_batches import DrawnBatches
from tuner.engines.keras_steps import Lesson, State, TensorRows
from tuner.engines.runtime import load_keras, load_torch
from tuner.seeds import derive

torch = load_torch()
load_keras()
import keras  # noqa: E402  (after the settings above)


class TorchSteps:
    """See ``Steps``. A fold's state is copied into the model and the optimizer, and read out of them after its epoch.

    Args:
        lesson: what the steps have alike.
        state: not read; torch compiles nothing.
        rows: likewise.
    """

    def __init__(self, lesson: Lesson, state: State, rows: TensorRows) -> None:
        self._lesson = lesson
        self._drawn = DrawnBatches(lesson)
        self._activation = keras.activations.get(lesson.head.activation)

    def epoch(
        self, state: State, rows: TensorRows, order: np.ndarray, pace: np.ndarray, first_step: int, fold: int
    ) -> tuple[float, State]:
        """See ``Steps.epoch``."""
        lesson, variables = self._lesson, self._lesson.variables
        _put(variables, state)
        # torch.nn.Dropout reads no other seed.
        torch.manual_seed(derive(lesson.seed, "fold", fold, "step", first_step))
        total = 0.0
        for batch, chosen in enumerate(_batches(order, lesson)):
            for variable, value in zip(lesson.paced, pace[batch].tolist(), strict=True):
                variable.assign(value)
            places = torch.as_tensor(chosen, dtype=torch.int64, device=rows[0].device)
            total += self._learn([part[places] for part in rows], first_step + batch, fold)
            if not math.isfinite(total):
                break
        return total, [variable.value.detach().clone() for variable in variables]

    def outputs(self, state: State, rows: TensorRows) -> tuple[np.ndarray, float]:
        """See ``Steps.outputs``."""
        lesson = self._lesson
        inputs, target, weight = rows
        _put(lesson.model.variables, state[: len(lesson.model.variables)])
        with torch.no_grad():
            logits = lesson.model.predict(inputs, training=False)
            summed = torch.sum(lesson.row_loss(target, logits) * weight)
            return as_array(self._activation(logits)), float(summed)

    def _learn(self, part: list[Any], step: int, fold: int) -> float:
        """Take one step; returns the batch's summed loss."""
        lesson = self._lesson
        inputs, target, weight = part
        masks = map(keras.ops.convert_to_tensor, self._drawn.masks(step, fold, len(inputs)))
        logits = lesson.model.fit([self._drawn.varied(inputs, step, fold), *masks], training=True)
        summed = torch.sum(lesson.row_loss(target, logits) * weight)
        objective = summed / len(inputs) + sum(lesson.model.fit.losses)
        trainable = lesson.model.fit.trainable_variables
        values = [variable.value for variable in trainable]
        # Of a model of the user's, not every weight need have a part in the outputs.
        gradients = torch.autograd.grad(objective, values, allow_unused=True, materialize_grads=True)
        lesson.optimizer.apply(list(gradients), trainable)
        return float(summed.detach())


def _batches(order: np.ndarray, lesson: Lesson) -> list[np.ndarray]:
    """Return the rows of each batch; a last one of a single row joins the one before where a model cannot take it."""
    batches = np.split(order, range(lesson.batch_size, len(order), lesson.batch_size))
    if lesson.model.needs_two_rows and len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches


def _put(variables: list[Any] | tuple[Any, ...], values: State) -> None:
    with torch.no_grad():
        for variable, value in zip(variables, values, strict=True):
            variable.value.copy_(value)
