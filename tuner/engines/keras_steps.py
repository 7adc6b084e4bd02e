"""The seam between the plain engine and what its backend computes: one epoch of one fold, and outputs for rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tuner.engines.keras_model import TrainingModel
from tuner.engines.row_losses import RowLoss
from tuner.model.heads import Head
from tuner.model.network import Network

State = Sequence[Any]
"""The tensors of a fold: its ``TrainingModel.variables``, then its optimizer's."""

TensorRows = tuple[Any, Any, Any]
"""``(inputs, target, weight)`` as tensors; see ``base.Rows``."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What all steps of a training have alike.

    Attributes:
        model: shared by all folds.
        optimizer: a Keras optimizer that was built for the model's trainable variables.
        paced: the optimizer's variables that are set anew before each step; see ``paced_optimizer``.
        row_loss: what training lowers.
        network: the plan, of which augmentation is read.
        head: the end by which the model's logits become outputs.
        n_folds: how many folds there are; dropout masks are drawn for all of them.
        batch_size: rows of a whole batch.
        seed: where dropout and augmentation derive theirs from.
    """

    model: TrainingModel
    optimizer: Any
    paced: Sequence[Any]
    row_loss: RowLoss
    network: Network
    head: Head
    n_folds: int
    batch_size: int
    seed: int

    @property
    def variables(self) -> list[Any]:
        """What a ``State`` holds the values of."""
        return [*self.model.variables, *self.optimizer.variables]


class Steps(Protocol):
    """Trains and predicts with one backend; the same arguments give the same bits."""

    def epoch(
        self, state: State, rows: TensorRows, order: np.ndarray, pace: np.ndarray, first_step: int, fold: int
    ) -> tuple[float, State]:
        """Return the summed loss of one fold's epoch, without penalties, and the fold's new state.

        The epoch ends at the first batch whose loss is not finite, and the sum then is not finite either.

        Args:
            state: the fold's.
            rows: that it learns from.
            order: (n_rows,) int32, in which they are read.
            pace: (n_batches, n_paced) float32 values of the lesson's ``paced`` in each step.
            first_step: the number of the first step, which dropout derives its masks from.
            fold: its number.
        """

    def outputs(self, state: State, rows: TensorRows) -> tuple[np.ndarray, float]:
        """Return (n_rows, n_units) float32 outputs for rows, and the weighted sum of their losses."""


MakeSteps = Callable[[Lesson, State, TensorRows], Steps]
"""Makes the steps of a lesson, given one fold's state and rows for their shapes and types."""
