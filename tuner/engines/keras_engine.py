"""The reference engine: plain Keras models, fold after fold, one traced epoch for all of them."""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np

from tuner.engines.augment import mixed, noisy
from tuner.engines.augment_images import varied_images
from tuner.engines.base import Epoch, FoldData, Rows, augment_seeds, dropout_seed, image_seed, row_order
from tuner.engines.dropout import drop_threshold, dropout_mask, mask_size
from tuner.engines.keras_model import TrainingModel, build_training_model, initial_weights
from tuner.engines.own_model import prepare_own
from tuner.engines.paced_optimizer import pace_of, paced_optimizer
from tuner.engines.row_losses import row_loss as make_row_loss
from tuner.engines.runtime import load_tensorflow
from tuner.model.cnn import widest
from tuner.model.heads import Head
from tuner.model.losses import LossPlan, plan_loss
from tuner.model.network import Network
from tuner.model.schedules import Rates

tf = load_tensorflow()
import keras  # noqa: E402  (after the settings above)

_PREDICT_ROWS = 16_384  # rows of one prediction: bounds its memory on a large table
_PREDICT_NUMBERS = 2**24  # and the numbers that images become on the way

State = list[Any]
"""A fold's ``TrainingModel.variables``, then its optimizer's."""


class KerasEngine:
    """Trains the folds one by one with Keras' own layers, losses and optimizers.

    All folds share one model and one trace: a fold's weights are arguments of the traced epoch.
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
        row_loss = make_row_loss(plan_loss(loss), head)
        longest = max(len(fold.train) for fold in folds)
        batch_size = min(network.batch_size, longest)
        batches = np.array([-(-len(fold.train) // batch_size) for fold in folds])
        rates = Rates(network.schedule, network.optimizer.learning_rate, epochs, batches)
        slots = [tf.convert_to_tensor(variable.value) for variable in optimizer.variables]
        states = [[*map(tf.constant, start), *slots] for start in starts]
        data = [_TensorFold(fold) for fold in folds]
        specs = (_specs(states[0]), *(_specs(part, any_rows=True) for part in data[0].train))
        vary = _augmentation(network, len(folds), batch_size, seed)
        run_epoch = _epoch_function(
            model, optimizer, paced, row_loss, specs, len(folds), batch_size, seed, vary
        )
        predict = _predict_function(model, row_loss, specs, head, _rows_at_once(network))
        n_steps = -(-longest // batch_size)
        for epoch in range(1, epochs + 1):
            train_loss = np.full(len(folds), np.nan)
            pace = pace_of(network, rates, epoch)
            for number, fold in enumerate(data):
                order = row_order(seed, number, epoch, fold.n_train)
                first_step = (epoch - 1) * n_steps
                total, states[number] = run_epoch(
                    states[number],
                    *fold.train,
                    tf.constant(order),
                    tf.constant(pace[:, number]),
                    tf.constant(first_step),
                    tf.constant(number),
                )
                train_loss[number] = float(total) / fold.n_train
            watched = [predict(state, *fold.watch) for state, fold in zip(states, data, strict=True)]
            scored = [
                seen if fold.watch is fold.score else predict(state, *fold.score)
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
    """A fold's rows as tensors: ``(inputs, target, weight)`` of each part."""

    def __init__(self, fold: FoldData) -> None:
        self.n_train = len(fold.train)
        self.train = _tensors(fold.train)
        self.watch = _tensors(fold.watch)
        self.score = self.watch if fold.score is fold.watch else _tensors(fold.score)


def _tensors(rows: Rows) -> tuple[Any, Any, Any]:
    return tf.constant(rows.inputs), tf.constant(rows.target), tf.constant(rows.weight)


def _specs(values: Any, *, any_rows: bool = False) -> Any:
    """Return the shapes and types of nested tensors; with any number of rows where that is asked for."""

    def spec(tensor: Any) -> Any:
        return tf.TensorSpec((None, *tensor.shape[1:]) if any_rows else tensor.shape, tensor.dtype)

    return tf.nest.map_structure(spec, values)


def _put(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _weights(states: list[State], n_weights: int) -> tuple[list[np.ndarray], ...]:
    return tuple([tensor.numpy() for tensor in state[:n_weights]] for state in states)


def _augmentation(
    network: Network, n_folds: int, batch_size: int, seed: int
) -> Callable[[Any, Any, Any], Any]:
    """Return a function from a batch's inputs, (n_rows, n_inputs), its step and fold to what is learned from.

    Mixtures and noise are drawn for all folds, and so are they here, on rows of zeros but for this fold's.
    """
    augment, n_codes = network.augment, len(network.embeddings)
    mixup_seed, noise_seed = augment_seeds(seed)
    image_seeds = [image_seed(seed, fold) for fold in range(n_folds)]

    def vary(inputs: Any, step: Any, fold: Any) -> Any:
        n_rows = tf.shape(inputs)[0]
        if augment.of_images and network.image is not None:
            pair = tf.stack([tf.constant(image_seeds)[fold], step])
            images = tf.reshape(inputs, (-1, *network.image))
            inputs = tf.reshape(varied_images(images, augment, pair), tf.shape(inputs))
        if not augment.mixup and not augment.noise:
            return inputs
        padded = tf.pad(inputs, [[0, batch_size - n_rows], [0, 0]])
        rows = tf.one_hot(fold, n_folds)[:, tf.newaxis, tf.newaxis] * padded
        if augment.mixup:
            count = tf.fill([n_folds], n_rows)
            rows = mixed(rows, count, tf.constant(augment.mixup), tf.stack([mixup_seed, step]), n_codes)
        if augment.noise:
            rows = noisy(rows, tf.constant(augment.noise), tf.stack([noise_seed, step]), n_codes)
        return rows[fold, :n_rows]

    return vary


def _epoch_function(
    model: TrainingModel,
    optimizer: Any,
    paced: tuple[Any, ...],
    row_loss: Callable[[Any, Any], Any],
    specs: tuple[Any, ...],
    n_folds: int,
    batch_size: int,
    seed: int,
    vary: Callable[[Any, Any, Any], Any],
) -> Callable[..., tuple[Any, State]]:
    """Return the traced epoch: one fold's state, rows and pace in, its summed loss and new state out.

    The loop over batches ends at the first batch whose loss is not finite, and the sum then is not finite either.
    """
    variables = [*model.variables, *optimizer.variables]

    def masks(step: Any, fold: Any, n_rows: Any) -> list[Any]:
        drawn = []
        for rate, units, layer in model.dropouts:
            pair = tf.stack([tf.constant(dropout_seed(seed, layer)), step])
            kept = dropout_mask(mask_size((n_folds, batch_size, units)), drop_threshold(rate), pair)
            drawn.append(kept[fold, :n_rows] * (1.0 / (1.0 - rate)))
        return drawn

    def train_batch(inputs: Any, target: Any, weight: Any, step: Any, fold: Any) -> Any:
        n_rows = tf.shape(inputs)[0]
        inputs = vary(inputs, step, fold)
        with tf.GradientTape() as tape:
            logits = model.fit([inputs, *masks(step, fold, n_rows)], training=True)
            summed = tf.reduce_sum(row_loss(target, logits) * weight)
            objective = tf.add_n([summed / tf.cast(n_rows, tf.float32), *model.fit.losses])
        trainable = model.fit.trainable_variables
        values = [variable.value for variable in trainable]
        # Of a model of the user's, not every weight need have a part in the outputs.
        gradients = tape.gradient(objective, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        # A table's gradient comes row by row, one for each time that a code was read; optimizers would square each.
        optimizer.apply([tf.convert_to_tensor(gradient) for gradient in gradients], trainable)
        return summed

    def run_epoch(
        state: State,
        inputs: Any,
        target: Any,
        weight: Any,
        order: Any,
        pace: Any,
        first_step: Any,
        fold: Any,
    ) -> tuple[Any, State]:
        n_rows = tf.shape(order)[0]
        n_batches = (n_rows + batch_size - 1) // batch_size
        _put(variables, state)

        def more(batch: Any, total: Any) -> Any:
            return tf.logical_and(batch < n_batches, tf.math.is_finite(total))

        def step(batch: Any, total: Any) -> tuple[Any, Any]:
            rows = order[batch * batch_size : tf.minimum((batch + 1) * batch_size, n_rows)]
            part = (tf.gather(inputs, rows), tf.gather(target, rows), tf.gather(weight, rows))
            _put(paced, tf.unstack(pace[batch], num=len(paced)))
            return batch + 1, total + train_batch(*part, first_step + batch, fold)

        _, total = tf.while_loop(more, step, (tf.constant(0), tf.constant(0.0)))
        return total, [tf.identity(variable.value) for variable in variables]

    number = tf.TensorSpec((), tf.int32)
    steps = tf.TensorSpec((None, len(paced)))
    signature = (*specs, tf.TensorSpec((None,), tf.int32), steps, number, number)
    return tf.function(run_epoch, input_signature=signature)  # type: ignore[no-any-return]


def _rows_at_once(network: Network) -> int:
    """Return how many rows one prediction takes."""
    if network.image is None:
        return _PREDICT_ROWS
    return min(max(_PREDICT_NUMBERS // widest(network.blocks, network.image), 1), _PREDICT_ROWS)


def _predict_function(
    model: TrainingModel,
    row_loss: Callable[[Any, Any], Any],
    specs: tuple[Any, ...],
    head: Head,
    at_once: int,
) -> Callable[..., tuple[np.ndarray, float]]:
    """Return a function from a fold's state and rows to outputs, (n_rows, n_units), and weighted mean loss.

    It computes ``at_once`` rows at a time.
    """
    activation = keras.activations.get(head.activation)

    def run(state: State, inputs: Any, target: Any, weight: Any) -> tuple[Any, Any]:
        _put(model.variables, state[: len(model.variables)])
        logits = model.predict(inputs, training=False)
        return activation(logits), tf.reduce_sum(row_loss(target, logits) * weight)

    traced = tf.function(run, input_signature=specs)

    def predict(state: State, inputs: Any, target: Any, weight: Any) -> tuple[np.ndarray, float]:
        outputs, total = [], 0.0
        for first in range(0, len(inputs), at_once):
            part = slice(first, first + at_once)
            values, summed = traced(state, inputs[part], target[part], weight[part])
            outputs.append(values.numpy())
            total += float(summed)
        return np.concatenate(outputs), total / float(tf.reduce_sum(weight))

    return predict
