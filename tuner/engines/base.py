"""The seam between a trial and what trains its networks: values in, epochs out."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tuner.model.heads import Head
from tuner.model.losses import LossPlan
from tuner.model.network import Network
from tuner.seeds import derive, generator

_LEVELS = 2**16  # 16 random bits for each unit: half the time of a float32, and a rate exact to 1 / 131072


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows as a network reads them.

    Attributes:
        inputs: (n_rows, n_inputs) float32; the last ones are codes where the network embeds categories.
        target: (n_rows,) int32 codes or (n_rows, n_units) float32, as ``Head.encode`` gives them.
        weight: (n_rows,) float32 sample weights.
    """

    inputs: np.ndarray
    target: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class FoldData:
    """What one fold's network is trained, watched and scored on.

    Attributes:
        train: the rows to learn from.
        watch: the rows that the validation loss is computed on: the scored rows, or a share of the training rows
            that was set aside.
        score: the rows to predict after each epoch; their target is never read in training.
    """

    train: Rows
    watch: Rows
    score: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Epoch:
    """The state of all folds after one epoch.

    Attributes:
        number: 1, 2, ...
        train_loss: (n_folds,) mean loss of the training rows while they were learnt from, without the L1 and L2
            penalties; NaN where training diverged.
        val_loss: (n_folds,) weighted mean loss of the watched rows after the epoch, without penalties.
        scored: (n_scored, n_units) float32 outputs for the scored rows of all folds, fold after fold.
        watched: the same for the watched rows; the same array where the rows are the same.
        weights: gives each fold's weights as ``keras.Model.get_weights`` orders them; valid until the next epoch.
    """

    number: int
    train_loss: np.ndarray
    val_loss: np.ndarray
    scored: np.ndarray
    watched: np.ndarray
    weights: Callable[[], tuple[list[np.ndarray], ...]]


class Engine(Protocol):
    """Trains the networks of all folds at one pace: epoch e of every fold, then e + 1.

    Closing the iterator ends the training and frees its memory. With the same arguments every engine yields the
    same epochs up to float32 rounding; each one repeats its own to the bit.
    """

    def train(
        self,
        network: Network,
        head: Head,
        loss: LossPlan | str,
        folds: Sequence[FoldData],
        *,
        epochs: int,
        seed: int,
    ) -> Generator[Epoch]:
        """Yield the folds' state after each epoch.

        Args:
            network: the plan that every fold's network follows.
            head: the end of the network.
            loss: what training lowers; or a name in ``LOSSES``.
            folds: data of each fold; all have the same number of inputs.
            epochs: the most epochs to yield, at least 1.
            seed: where weights, row order and dropout derive theirs from.
        """
        ...


def row_order(seed: int, fold: int, epoch: int, n_rows: int) -> np.ndarray:
    """Return the (n_rows,) int32 order in which a fold reads its training rows in one epoch."""
    return generator(seed, "fold", fold, "order", epoch).permutation(n_rows).astype(np.int32)


def weight_seed(seed: int, fold: int, layer: int) -> int:
    """Return the seed of a layer's initial kernel in one fold; the output layer comes after the hidden ones."""
    return derive(seed, "fold", fold, "kernel", layer)


def embedding_seed(seed: int, fold: int, column: int) -> int:
    """Return the seed of an embedded column's initial table in one fold."""
    return derive(seed, "fold", fold, "embedding", column)


def drop_threshold(rate: float) -> int:
    """Return the number below which 16 random bits drop a unit.

    Args:
        rate: share of the units to drop, 0 <= rate < 1.
    """
    return min(round(float(np.float32(rate)) * _LEVELS), _LEVELS - 1)


def dropout_seed(seed: int, layer: int) -> int:
    """Return the first half of the seed of a layer's dropout masks; the second half is the step's number.

    One step draws the masks of all folds at once, of shape (n_folds, batch_size, n_units), so that an engine which
    trains the folds one by one sees the masks of an engine which stacks them. ``dropout.dropout_mask`` draws them.
    """
    return derive(seed, "dropout", layer)


def augment_seeds(seed: int) -> tuple[int, int]:
    """Return the first halves of the seeds of mixtures and of noise; the second half is the step's number.

    As for dropout, one step draws those of all folds, of shape (n_folds, batch_size, ...). ``augment`` draws them.
    """
    return derive(seed, "augment", "mixup"), derive(seed, "augment", "noise")


def image_seed(seed: int, fold: int) -> int:
    """Return the first half of the seed of how a fold's images are varied; the second half is the step's number."""
    return derive(seed, "augment", "images", "fold", fold)
