"""The steps of the plain engine with TensorFlow: one traced epoch for all folds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tuner.engines.augment import mixed, noisy
from tuner.engines.augment_images import varied_images
from tuner.engines.base import augment_seeds, drop_threshold, dropout_seed, image_seed
from tuner.engines.dropout import dropout_mask, mask_size
from tuner.engines.keras_steps import Lesson, State, TensorRows
from tuner.engines.runtime import load_tensorflow
from tuner.model.network import Network

tf = load_tensorflow()
import keras  # noqa: E402  (after the settings above)


class TensorFlowSteps:
    """See ``Steps``. A fold's state is an argument of the traced functions, so that all folds share one trace.

    Args:
        lesson: what the steps have alike.
        state: of any fold, for shapes and types.
        rows: of any fold, likewise.
    """

    def __init__(self, lesson: Lesson, state: State, rows: TensorRows) -> None:
        specs = (_specs(list(state)), *(_specs(part, any_rows=True) for part in rows))
        self._epoch = _epoch_function(lesson, specs)
        self._outputs = _outputs_function(lesson, specs)

    def epoch(
        self, state: State, rows: TensorRows, order: np.ndarray, pace: np.ndarray, first_step: int, fold: int
    ) -> tuple[float, State]:
        """See ``Steps.epoch``."""
        numbers = (tf.constant(order), tf.constant(pace), tf.constant(first_step), tf.constant(fold))
        total, after = self._epoch(list(state), *rows, *numbers)
        return float(total), after

    def outputs(self, state: State, rows: TensorRows) -> tuple[np.ndarray, float]:
        """See ``Steps.outputs``."""
        values, summed = self._outputs(list(state), *rows)
        return values.numpy(), float(summed)


def _specs(values: Any, *, any_rows: bool = False) -> Any:
    """Return the shapes and types of nested tensors; with any number of rows where that is asked for."""

    def spec(tensor: Any) -> Any:
        return tf.TensorSpec((None, *tensor.shape[1:]) if any_rows else tensor.shape, tensor.dtype)

    return tf.nest.map_structure(spec, values)


def _put(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


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


def _epoch_function(lesson: Lesson, specs: tuple[Any, ...]) -> Callable[..., tuple[Any, State]]:
    """Return the traced epoch: one fold's state, rows and pace in, its summed loss and new state out.

    The loop over batches ends at the first batch whose loss is not finite, and the sum then is not finite either.
    """
    model, optimizer, row_loss = lesson.model, lesson.optimizer, lesson.row_loss
    n_folds, batch_size, seed = lesson.n_folds, lesson.batch_size, lesson.seed
    variables, paced = lesson.variables, lesson.paced
    vary = _augmentation(lesson.network, n_folds, batch_size, seed)

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


def _outputs_function(lesson: Lesson, specs: tuple[Any, ...]) -> Callable[..., tuple[Any, Any]]:
    """Return the traced function from a fold's state and rows to outputs, (n_rows, n_units), and summed loss."""
    model = lesson.model
    activation = keras.activations.get(lesson.head.activation)

    def run(state: State, inputs: Any, target: Any, weight: Any) -> tuple[Any, Any]:
        _put(model.variables, state[: len(model.variables)])
        logits = model.predict(inputs, training=False)
        return activation(logits), tf.reduce_sum(lesson.row_loss(target, logits) * weight)

    return tf.function(run, input_signature=specs)  # type: ignore[no-any-return]
