"""The steps of the plain engine with JAX: one compiled step for each number of rows that a batch has.

To compile one takes half a second and more, so predictions, for which rows that do not count change nothing, are made
of as many rows as the next power of two.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tuner.engines.drawn_batches import DrawnBatches
from tuner.engines.keras_steps import Lesson, State, TensorRows
from tuner.engines.runtime import load_jax, load_keras

jax = load_jax()
load_keras()
import keras  # noqa: E402  (after the settings above)


class JaxSteps:
    """See ``Steps``. A fold's state is an argument of the compiled functions, so that folds share them.

    Args:
        lesson: what the steps have alike.
        state: not read; what is compiled is compiled when its first batch comes.
        rows: likewise.
    """

    def __init__(self, lesson: Lesson, state: State, rows: TensorRows) -> None:
        self._lesson = lesson
        self._drawn = DrawnBatches(lesson)
        self._activation = keras.activations.get(lesson.head.activation)
        self._variables = lesson.model.variables
        learned = {id(variable): place for place, variable in enumerate(self._variables)}
        # The places of what is learned, in the order in which the optimizer was built for it; then all others.
        self._learned = [learned.pop(id(variable)) for variable in lesson.model.fit.trainable_variables]
        self._kept = list(learned.values())
        places = {id(variable): place for place, variable in enumerate(lesson.optimizer.variables)}
        self._paced = [places[id(variable)] for variable in lesson.paced]
        self._step = jax.jit(self._learn)
        self._see = jax.jit(self._predict)

    def epoch(
        self, state: State, rows: TensorRows, order: np.ndarray, pace: np.ndarray, first_step: int, fold: int
    ) -> tuple[float, State]:
        """See ``Steps.epoch``."""
        size, total = self._lesson.batch_size, 0.0
        after = list(state)
        for batch, first in enumerate(range(0, len(order), size)):
            chosen = order[first : first + size]
            step = first_step + batch
            inputs, target, weight = (part[chosen] for part in rows)
            inputs = self._drawn.varied(inputs, step, fold)
            masks = self._drawn.masks(step, fold, len(chosen))
            summed, after = self._step(after, inputs, target, weight, masks, pace[batch])
            total += float(summed)
            if not math.isfinite(total):
                break
        return total, after

    def outputs(self, state: State, rows: TensorRows) -> tuple[np.ndarray, float]:
        """See ``Steps.outputs``."""
        n_rows = len(rows[0])
        more = (1 << (n_rows - 1).bit_length()) - n_rows
        inputs, target = (_followed(part, more) for part in rows[:2])
        weight = np.pad(np.asarray(rows[2]), (0, more))
        outputs, summed = self._see(list(state[: len(self._variables)]), inputs, target, weight)
        return np.asarray(outputs)[:n_rows], float(summed)

    def _learn(
        self, state: list[Any], inputs: Any, target: Any, weight: Any, masks: list[Any], pace: Any
    ) -> tuple[Any, list[Any]]:
        """Return a batch's summed loss and the state after its step."""
        n_variables = len(self._variables)
        values, slots = state[:n_variables], list(state[n_variables:])
        learned, kept = ([values[place] for place in places] for places in (self._learned, self._kept))

        def objective(learned: list[Any]) -> tuple[Any, tuple[Any, list[Any]]]:
            with keras.StatelessScope(self._mapping(learned, kept), collect_losses=True) as scope:
                logits = self._lesson.model.fit([inputs, *masks], training=True)
                penalties = sum(self._lesson.model.fit.losses)
                summed = keras.ops.sum(self._lesson.row_loss(target, logits) * weight)
            moved = [scope.get_current_value(self._variables[place]) for place in self._kept]
            return summed / len(weight) + penalties, (summed, moved)

        (_, (summed, kept)), gradients = jax.value_and_grad(objective, has_aux=True)(learned)
        for number, place in enumerate(self._paced):
            slots[place] = keras.ops.cast(pace[number], slots[place].dtype)
        learned, slots = self._lesson.optimizer.stateless_apply(slots, gradients, learned)
        after = dict(zip((*self._learned, *self._kept), (*learned, *kept), strict=True))
        return summed, [*(after[place] for place in range(n_variables)), *slots]

    def _predict(self, state: list[Any], inputs: Any, target: Any, weight: Any) -> tuple[Any, Any]:
        """Return outputs of rows and their summed loss."""
        values = zip(self._variables, state, strict=True)
        with keras.StatelessScope(list(values)):
            logits = self._lesson.model.predict(inputs, training=False)
            return self._activation(logits), keras.ops.sum(self._lesson.row_loss(target, logits) * weight)

    def _mapping(self, learned: Sequence[Any], kept: Sequence[Any]) -> list[tuple[Any, Any]]:
        places = (*self._learned, *self._kept)
        return [
            (self._variables[place], value) for place, value in zip(places, (*learned, *kept), strict=True)
        ]


def _followed(rows: Any, n_more: int) -> np.ndarray:
    """Return rows with their last one again after them: of a row of zeros a loss need not be finite."""
    array = np.asarray(rows)
    return np.concatenate([array, np.repeat(array[-1:], n_more, axis=0)])
