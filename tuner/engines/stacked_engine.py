"""The fast engine: the networks of all folds trained as one program; see README.md beside this file."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from tuner.engines.base import Epoch, FoldData, augment_seeds, drop_threshold, dropout_seed
from tuner.engines.keras_model import initial_weights
from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_arguments import Course, Plan, State, Structure
from tuner.engines.stacked_layers import ACTIVATIONS, ALL_ACTIVATIONS, COMMON_ACTIVATIONS, Tensor
from tuner.engines.stacked_losses import LOSSES, OUTPUTS
from tuner.engines.stacked_optimizers import (
    ALL_FAMILIES,
    COMMON_FAMILIES,
    STACKED_OPTIMIZERS,
    UNDECAYED,
    decays_apart,
    family_number,
    initial_slots,
    kept_weights,
    step_coefficients,
)
from tuner.engines.stacked_program import shared_program
from tuner.engines.stacked_rows import epoch_order, stack_rows
from tuner.model.embeddings import Embedding
from tuner.model.heads import Head
from tuner.model.losses import LossPlan, plan_loss
from tuner.model.network import MOVING, WEIGHTS, Network
from tuner.model.schedules import Rates

tf = load_tensorflow()


def unstackable(network: Network, head: Head) -> str | None:
    """Return why the folds of a network cannot be trained as one program, in a sentence, or None if they can."""
    for layer in network.layers:
        if layer.activation not in ACTIVATIONS:
            return f"the stacked engine has no activation '{layer.activation}'"
    if network.optimizer.name not in STACKED_OPTIMIZERS:
        return f"the stacked engine has no optimizer '{network.optimizer.name}'"
    if head.activation not in OUTPUTS:
        return f"the stacked engine has no output activation '{head.activation}'"
    return None


class StackedEngine:
    """Trains all folds in each step of one traced program that serves every network of the same structure."""

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
        """Yield the folds' state after each epoch; see ``Engine``.

        Raises:
            ValueError: the network cannot be stacked; ask ``unstackable`` before.
        """
        reason = unstackable(network, head)
        if reason is not None:
            raise ValueError(reason)
        rows = stack_rows(folds)
        n_inputs = folds[0].train.inputs.shape[1]
        start = [
            initial_weights(network, head, n_inputs, seed=seed, fold=number) for number in range(len(folds))
        ]
        layout = _Layout(network, start)
        pace = _Pace(rows.lengths, network)
        rates = Rates(network.schedule, network.optimizer.learning_rate, epochs, pace.batches)
        structure = structure_of(network, head, plan_loss(loss), folds)
        run = shared_program(structure)
        plan = _plan(network, head, n_inputs, structure, layout, pace, seed)
        first, second = initial_slots(network.optimizer, layout.n_trainable)
        state = State(*map(tf.constant, (layout.trainable(start), first, second, layout.moving(start))))
        # The rate of an epoch that follows the loss of the one before is not known any earlier.
        block = 1 if network.schedule.judges else pace.epochs_at_once(rows.n_chunks, layout.n_trainable)
        for start_of_block in range(1, epochs + 1, block):
            numbers = range(start_of_block, min(start_of_block + block, epochs + 1))
            course = _course(network, rows.lengths, pace, rates, seed, numbers)
            outcome, state = run(plan, state, rows.training, course, rows.seen)
            learnt = outcome.learnt.numpy().astype(np.float64) / rows.lengths
            total = outcome.total.numpy().astype(np.float64) / rows.watch_weight
            outputs = outcome.outputs.numpy().reshape(len(numbers), -1, head.units)
            for place, number in enumerate(numbers):
                rates.see(total[place])
                scored = outputs[place, rows.scored]
                yield Epoch(
                    number=number,
                    train_loss=learnt[place],
                    val_loss=total[place],
                    scored=scored,
                    watched=scored if rows.watched is rows.scored else outputs[place, rows.watched],
                    weights=partial(layout.weights, outcome.weights, outcome.statistics, place),
                )


_BLOCK_STEPS = 96
_LONGEST_BLOCK = 8
_BLOCK_WEIGHTS = 4 * 1024**2
"""Steps, epochs, and weights that one call of the program runs and returns: a call costs as much as some steps of a
small network, and what was computed beyond the epoch that ends a trial is wasted."""


class _Pace:
    """How many steps each fold takes in an epoch.

    Attributes:
        batch_size: rows of a batch.
        batches: (n_folds,) batches of each fold.
        n_steps: steps of an epoch: batches of the longest fold.
        counts: (n_steps, n_folds) rows of each batch; 0 where a fold has none left.
        apart: whether folds have coefficients of their own: some take fewer steps, or they have different rates.
    """

    def __init__(self, lengths: np.ndarray, network: Network) -> None:
        self.batch_size = min(network.batch_size, int(lengths.max()))
        self.batches = -(-lengths // self.batch_size)
        self.n_steps = int(self.batches.max())
        first = np.arange(self.n_steps)[:, None] * self.batch_size
        self.counts = np.clip(lengths - first, 0, self.batch_size)
        self.apart = bool((self.batches < self.n_steps).any()) or network.schedule.judges

    def epochs_at_once(self, n_chunks: int, n_weights: int) -> int:
        """Return how many epochs one call runs; their bits do not depend on it.

        Args:
            n_chunks: chunks of rows that are predicted after each epoch.
            n_weights: weights of all folds, which are kept for each epoch of a call.
        """
        by_steps = _BLOCK_STEPS // (self.n_steps + n_chunks)
        return max(1, min(_LONGEST_BLOCK, by_steps, _BLOCK_WEIGHTS // n_weights))


class _Layout:
    """Where each weight of each fold lies in the flat vectors of the program.

    A flat vector holds part after part in the order of ``get_weights``, each with all folds, one after the other.
    """

    def __init__(self, network: Network, start: Sequence[Sequence[np.ndarray]]) -> None:
        places = [*(layer.batch_norm for layer in network.layers), None]
        roles = ["table"] * len(network.embeddings) + [role for place in places for role in WEIGHTS[place]]
        self.n_folds = len(start)
        self.shapes = [part.shape for part in start[0]]
        self.is_moving = np.array([role in MOVING for role in roles])
        self.is_kernel = np.array([role == "kernel" for role in roles])
        self.sizes = np.array([part.size * self.n_folds for part in start[0]])
        self.n_trainable = int(self.sizes[~self.is_moving].sum())

    def trainable(self, weights: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """Return the folds' trainable weights as one vector."""
        return self._flat(weights, ~self.is_moving)

    def moving(self, weights: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """Return the folds' moving statistics as one vector."""
        return self._flat(weights, self.is_moving)

    def kernels(self) -> np.ndarray:
        """Return 1 for the trainable weights that belong to a kernel, else 0, (n_trainable,) float32."""
        chosen = ~self.is_moving
        return np.repeat(self.is_kernel[chosen].astype(np.float32), self.sizes[chosen])

    def fold_numbers(self, chosen: np.ndarray) -> np.ndarray:
        """Return the fold that each number of a flat vector belongs to; ``chosen`` are the vector's parts."""
        folds = np.arange(self.n_folds, dtype=np.int32)
        parts = [np.repeat(folds, size // self.n_folds) for size in self.sizes[chosen]]
        return np.concatenate(parts) if parts else folds[:0]

    def weights(self, trainable: Tensor, moving: Tensor, place: int) -> tuple[list[np.ndarray], ...]:
        """Return each fold's weights as ``get_weights`` orders them.

        Args:
            trainable: (n_epochs, n_weights).
            moving: (n_epochs, n_statistics).
            place: of the epoch.
        """
        flat = np.empty(self.sizes.sum(), np.float32)
        is_moving = np.repeat(self.is_moving, self.sizes)
        flat[~is_moving], flat[is_moving] = trainable[place].numpy(), moving[place].numpy()
        parts = np.split(flat, np.cumsum(self.sizes)[:-1])
        stacked = [part.reshape(self.n_folds, *shape) for part, shape in zip(parts, self.shapes, strict=True)]
        return tuple([part[fold] for part in stacked] for fold in range(self.n_folds))

    def _flat(self, weights: Sequence[Sequence[np.ndarray]], chosen: np.ndarray) -> np.ndarray:
        parts = [fold[number].ravel() for number, taken in enumerate(chosen) if taken for fold in weights]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


_CHOICES = (
    (("relu",), UNDECAYED),
    (COMMON_ACTIVATIONS, COMMON_FAMILIES),
    (ALL_ACTIVATIONS, ALL_FAMILIES),
)
"""Activations and families of optimizers that a program chooses among: the first that hold a network's. Without a
choice it is traced sooner and its steps are quicker, to the same bits."""


def structure_of(network: Network, head: Head, loss: LossPlan, folds: Sequence[FoldData]) -> Structure:
    """Return the structure of the program that trains a network on such folds."""
    used = {layer.activation for layer in network.layers}
    activations, families = next(
        (activations, families)
        for activations, families in _CHOICES
        if used.issubset(activations) and family_number(network.optimizer, families) is not None
    )
    return Structure(
        batch_norm=tuple(layer.batch_norm for layer in network.layers),
        dropout=any(layer.dropout for layer in network.layers),
        mixup=network.augment.mixup > 0.0,
        noise=network.augment.noise > 0.0,
        loss=loss,
        head=replace(head, units=0) if loss.name in LOSSES else head,
        codes=folds[0].train.target.ndim == 1,
        clip=network.optimizer.clip.name if network.optimizer.clip else None,
        max_norm=network.max_norm > 0.0 and bool(network.layers),
        decay=decays_apart(network.optimizer),
        activations=activations,
        families=families,
        embedded=len(network.embeddings),
    )


def _plan(
    network: Network,
    head: Head,
    n_inputs: int,
    structure: Structure,
    layout: _Layout,
    pace: _Pace,
    seed: int,
) -> Plan:
    names, family = structure.activations, family_number(network.optimizer, structure.families)
    assert family is not None, "a structure's families hold the network's"
    rates = [layer.dropout for layer in network.layers]
    same = np.zeros(1, np.int32)
    widths = [network.width(n_inputs), *(layer.units for layer in network.layers), head.units]
    vectors, vector_starts = _vectors(network.embeddings, layout.n_folds)
    plan = Plan(
        widths=np.array(widths, np.int32),
        tables=np.array([(table.rows, table.size) for table in network.embeddings], np.int32).reshape(-1, 2),
        vectors=vectors,
        vector_starts=vector_starts,
        n_folds=np.int32(layout.n_folds),
        n_rows=np.int32(pace.batch_size),
        activations=np.array([names.index(layer.activation) for layer in network.layers], np.int32),
        drop_thresholds=np.array([drop_threshold(rate) for rate in rates], np.uint16),
        drop_gains=np.array([1.0 / (1.0 - rate) for rate in rates], np.float32),
        dropout_seeds=np.array(
            [dropout_seed(seed, number) for number in range(len(network.layers))], np.int32
        ),
        augment=np.array([network.augment.mixup, network.augment.noise], np.float32),
        augment_seeds=np.array(augment_seeds(seed), np.int32),
        penalties=np.array([network.l1, network.l2], np.float32),
        kernels=layout.kernels(),
        family=np.int32(family),
        epsilon=np.float32(network.optimizer.setting("epsilon")),
        clip=np.float32(network.optimizer.clip.limit if network.optimizer.clip else 0.0),
        max_norm=np.float32(network.max_norm),
        fold_of_weight=layout.fold_numbers(~layout.is_moving) if pace.apart else same,
        fold_of_statistic=layout.fold_numbers(layout.is_moving) if pace.apart else same,
    )
    return Plan(*map(tf.constant, plan))


def _vectors(tables: Sequence[Embedding], n_folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ``Plan.vectors`` and ``Plan.vector_starts``."""
    sizes = [table.size for table in tables]
    weights = np.array([table.rows * table.size for table in tables], np.int64)  # of one fold
    first = (np.cumsum(weights) - weights) * n_folds
    number = np.concatenate([np.arange(size) for size in (0, *sizes)])
    starts = [np.repeat(first + fold * weights, sizes) + number for fold in range(n_folds)]
    vectors = np.column_stack([np.repeat(np.arange(len(sizes)), sizes), np.repeat(sizes, sizes)])
    return vectors.astype(np.int32), np.array(starts, np.int32)


def _course(
    network: Network, lengths: np.ndarray, pace: _Pace, rates: Rates, seed: int, epochs: Sequence[int]
) -> Course:
    """Return batches and coefficients of some epochs."""
    plan = network.optimizer
    batch = np.arange(pace.n_steps)[:, None]
    batches = pace.batches if pace.apart else pace.batches[:1]
    idle = batch >= batches
    each = [rates.of_epoch(epoch)[:, : len(batches)] for epoch in epochs]
    momenta: list[np.ndarray | None] = [None for _ in epochs]
    if network.cycled is not None:
        own = plan.setting(network.cycled)
        momenta = [rates.momenta_of_epoch(epoch, own)[:, : len(batches)] for epoch in epochs]
    course = Course(
        order=np.stack([epoch_order(lengths, pace.batch_size, seed, epoch) for epoch in epochs]),
        counts=pace.counts.astype(np.float32),
        coefficients=np.stack(
            [
                step_coefficients(plan, (epoch - 1) * batches + batch + 1, rate, momentum, idle)
                for epoch, rate, momentum in zip(epochs, each, momenta, strict=True)
            ]
        ),
        kept=np.stack([kept_weights(plan, rate, idle) for rate in each]),
        first_step=np.int32((epochs[0] - 1) * pace.n_steps),
    )
    return Course(*map(tf.constant, course))
