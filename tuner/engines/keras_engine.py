"""The reference engine: plain Keras models, fold after fold, with the backend that Keras computes with."""

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import MappingProxyType

import numpy as np

from tuner.engines.arrays import as_array
from tuner.engines.base import Epoch, FoldData, Rows, row_order
from tuner.engines.keras_model import TrainingModel, build_training_model, initial_weights, value_of
from tuner.engines.keras_steps import Lesson, MakeSteps, State, Steps, TensorRows
from tuner.engines.own_model import prepare_own
from tuner.engines.paced_optimizer import pace_of, paced_optimizer
from tuner.engines.row_losses import row_loss as make_row_loss
from tuner.engines.runtime import load_keras
from tuner.model.cnn import widest
from tuner.model.heads import Head
from tuner.model.losses import LossPlan, plan_loss
from tuner.model.network import Network
from tuner.model.schedules import Rates

load_keras()
import keras  # noqa: E402  (after the settings above)

_PREDICT_ROWS = 16_384  # rows of one prediction: bounds its memory on a large table
_PREDICT_NUMBERS = 2**24  # and the numbers that images become on the way

_STEPS: Mapping[str, str] = MappingProxyType(
    {
        "tensorflow": "tuner.engines.tensorflow_steps:TensorFlowSteps",
        "torch": "tuner.engines.torch_steps:TorchSteps",
        "jax": "tuner.engines.jax_steps:JaxSteps",
    }
)
"""Backend -> its ``MakeSteps``, loaded when it is needed."""


class KerasEngine:
    """Trains the folds one by one with Keras' own layers, losses and optimizers.

    All folds share one model: a fold's weights are put into it, or are arguments of what was compiled.
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
        """Yield the folds' state after each epoch; see ``Engine``."""
        n_inputs = folds[0].train.inputs.shape[1]
        model, starts, head = _model_and_starts(network, head, n_inputs, len(folds), seed)
        optimizer, paced = paced_optimizer(network)
        optimizer.build(model.fit.trainable_variables)
        longest = max(len(fold.train) for fold in folds)
        batch_size = min(network.batch_size, longest)
        batches = np.array([-(-len(fold.train) // batch_size) for fold in folds])
        rates = Rates(network.schedule, network.optimizer.learning_rate, epochs, batches)
        slots = [value_of(variable) for variable in optimizer.variables]
        states: list[State] = [list(map(keras.ops.convert_to_tensor, (*start, *slots))) for start in starts]
        data = [_TensorFold(fold) for fold in folds]
        row_loss = make_row_loss(plan_loss(loss), head)
        lesson = Lesson(model, optimizer, paced, row_loss, network, head, len(folds), batch_size, seed)
        steps = _make_steps()(lesson, states[0], data[0].train)
        see = partial(_see, steps, at_once=_rows_at_once(network))
        n_steps = -(-longest // batch_size)
        for epoch in range(1, epochs + 1):
            train_loss = np.full(len(folds), np.nan)
            pace = pace_of(network, rates, epoch)
            for number, fold in enumerate(data):
                order = row_order(seed, number, epoch, fold.n_train)
                first_step = (epoch - 1) * n_steps
                total, states[number] = steps.epoch(
                    states[number], fold.train, order, pace[:, number], first_step, number
                )
                train_loss[number] = total / fold.n_train
            watched = [see(state, fold.watch) for state, fold in zip(states, data, strict=True)]
            scored = [
                seen if fold.watch is fold.score else see(state, fold.score)
                for state, fold, seen in zip(states, data, watched, strict=True)
            ]
            val_loss = np.array([value for _, value in watched])
            rates.see(val_loss)
            yield Epoch(
                number=epoch,
                train_loss=train_loss,
                val_loss=val_loss,
                scored=np.concatenate([outputs for outputs, _ in scored]),
                watched=np.concatenate([outputs for outputs, _ in watched]),
                weights=partial(_weights, states, model.n_weights),
            )


def _make_steps() -> MakeSteps:
    """Return what makes the steps of the backend that Keras computes with."""
    module, _, attribute = _STEPS[keras.config.backend()].partition(":")
    make: MakeSteps = getattr(import_module(module), attribute)
    return make


def _model_and_starts(
    network: Network, head: Head, n_inputs: int, n_folds: int, seed: int
) -> tuple[TrainingModel, Sequence[list[np.ndarray]], Head]:
    """Return a model that all folds share, what its variables begin with in each, and the end that a loss reads."""
    if network.own is not None:
        own = prepare_own(network.own, head, n_inputs, n_folds=n_folds, seed=seed)
        return own.model, own.starts, own.head
    starts = [initial_weights(network, head, n_inputs, seed=seed, fold=number) for number in range(n_folds)]
    return build_training_model(network, head, n_inputs), starts, head


class _TensorFold:
    """A fold's rows as tensors."""

    def __init__(self, fold: FoldData) -> None:
        self.n_train = len(fold.train)
        self.train = _tensors(fold.train)
        self.watch = _tensors(fold.watch)
        self.score = self.watch if fold.score is fold.watch else _tensors(fold.score)


def _tensors(rows: Rows) -> TensorRows:
    inputs, target, weight = map(keras.ops.convert_to_tensor, (rows.inputs, rows.target, rows.weight))
    return inputs, target, weight


def _weights(states: Sequence[State], n_weights: int) -> tuple[list[np.ndarray], ...]:
    return tuple(list(map(as_array, state[:n_weights])) for state in states)


def _rows_at_once(network: Network) -> int:
    """Return how many rows one prediction takes."""
    if network.image is None:
        return _PREDICT_ROWS
    return min(max(_PREDICT_NUMBERS // widest(network.blocks, network.image), 1), _PREDICT_ROWS)


def _see(steps: Steps, state: State, rows: TensorRows, *, at_once: int) -> tuple[np.ndarray, float]:
    """Return outputs, (n_rows, n_units), and weighted mean loss of rows, ``at_once`` of them at a time."""
    inputs, target, weight = rows
    outputs, total = [], 0.0
    for first in range(0, len(inputs), at_once):
        part = slice(first, first + at_once)
        values, summed = steps.outputs(state, (inputs[part], target[part], weight[part]))
        outputs.append(values)
        total += summed
    return np.concatenate(outputs), total / float(keras.ops.sum(weight))
