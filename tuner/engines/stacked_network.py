"""The networks of all folds, forwards and backwards on one batch."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tuner.engines.dropout import dropout_mask
from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_arguments import Plan, State, Structure, Training
from tuner.engines.stacked_layers import (
    Normalised,
    Tensor,
    activate,
    activate_with_slope,
    normalise,
    normalise_backwards,
    normalise_by,
)
from tuner.engines.stacked_losses import stacked_loss

tf = load_tensorflow()


class Layer(NamedTuple):
    """One layer's weights.

    Attributes:
        kernel: (n_folds, n_inputs, n_units).
        shift: (n_folds, 1, n_units) what is added: the bias, or batch norm's shift.
        scale: (n_folds, 1, n_units) batch norm's; None for a layer that is not normalised.
    """

    kernel: Tensor
    shift: Tensor
    scale: Tensor | None


class RealRows(NamedTuple):
    """Which rows of a batch are not padding: (n_folds, n_rows, 1), and how many, (n_folds, 1, 1)."""

    real: Tensor
    count: Tensor


class Trace(NamedTuple):
    """A hidden layer's way from its inputs to its value, with the slope of the last part."""

    inputs: Tensor
    value: Tensor
    slope: Tensor
    norm: Normalised | None


class StackedNetwork:
    """The layers of a plan, as they are taken from the flat vectors and put back."""

    def __init__(self, structure: Structure, plan: Plan) -> None:
        self.structure = structure
        self.plan = plan
        self.loss = stacked_loss(structure.loss, structure.head)
        self.n_hidden = len(structure.batch_norm)
        widths, n_folds = tf.unstack(plan.widths, num=self.n_hidden + 2), plan.n_folds
        self.units = [tf.stack([n_folds, 1, width]) for width in widths[1:]]
        self.kernels = [tf.stack([n_folds, before, width]) for before, width in pairwise(widths)]
        self.masks = [tf.stack([n_folds, plan.n_rows, width]) for width in widths[1:-1]]
        normalised = (*structure.batch_norm, False)
        self.shapes = [
            shape
            for kernel, units, norm in zip(self.kernels, self.units, normalised, strict=True)
            for shape in (kernel, *[units] * (2 if norm else 1))
        ]
        self.statistic_shapes = [
            shape
            for units, norm in zip(self.units, normalised, strict=True)
            if norm
            for shape in (units, units)
        ]
        self.sizes = _sizes(self.shapes)
        self.statistic_sizes = _sizes(self.statistic_shapes)

    def layers(self, weights: Tensor) -> list[Layer]:
        """Cut the flat weights into layers, the output layer last."""
        parts = iter(_cut(weights, self.sizes, self.shapes))
        normalised = (*self.structure.batch_norm, False)
        layers = []
        for norm in normalised:
            kernel = next(parts)
            scale = next(parts) if norm else None
            layers.append(Layer(kernel, next(parts), scale))
        return layers

    def statistics(self, statistics: Tensor) -> list[tuple[Tensor, Tensor] | None]:
        """Cut the flat statistics into mean and variance of each hidden layer that is normalised."""
        parts = iter(_cut(statistics, self.statistic_sizes, self.statistic_shapes))
        return [(next(parts), next(parts)) if norm else None for norm in self.structure.batch_norm]

    def predict(self, state: State, inputs: Tensor) -> Tensor:
        """Return logits, (n_folds, n_rows, n_units), with nothing dropped and moving statistics."""
        *hidden, last = self.layers(state.weights)
        statistics = self.statistics(state.statistics)
        for number, (layer, moving) in enumerate(zip(hidden, statistics, strict=True)):
            z = tf.matmul(inputs, layer.kernel)
            z = z + layer.shift if moving is None else normalise_by(z, layer.scale, layer.shift, *moving)
            inputs = activate(self.plan.activations[number], z)
        return tf.matmul(inputs, last.kernel) + last.shift

    def learn(
        self, weights: Tensor, batch: Training, count: Tensor, step: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what one batch teaches.

        Args:
            weights: (n_weights,).
            batch: (n_folds, n_rows, ...) arrays.
            count: (n_folds,) real rows.
            step: the number of the step, over all epochs.

        Returns:
            (n_folds,) summed weighted loss, (n_weights,) gradient of its mean over the real rows, and
            (n_statistics,) means and variances of the batch.
        """
        layers = self.layers(weights)
        some = tf.maximum(count, 1.0)
        rows = RealRows(
            tf.sequence_mask(tf.cast(count, tf.int32), self.plan.n_rows, tf.float32)[:, :, tf.newaxis],
            some[:, tf.newaxis, tf.newaxis],
        )
        trace: list[Trace] = []
        values = batch.inputs
        for number, layer in enumerate(layers[:-1]):
            trace.append(self._hidden(number, layer, values, rows, step))
            values = trace[-1].value
        logits = tf.matmul(values, layers[-1].kernel) + layers[-1].shift
        loss, slope = self.loss.of_rows(batch.target, logits)
        summed = tf.where(count > 0.0, tf.reduce_sum(self.loss.weigh(loss, batch.weight), axis=1), 0.0)
        gradient = self.loss.weigh(slope, (batch.weight / some[:, tf.newaxis])[:, :, tf.newaxis])
        parts = self._backwards(layers, trace, values, gradient, rows)
        statistics = [
            part for each in trace if each.norm is not None for part in (each.norm.mean, each.norm.variance)
        ]
        return summed, _flat(parts), _flat(statistics)

    def _hidden(self, number: int, layer: Layer, inputs: Tensor, rows: RealRows, step: Tensor) -> Trace:
        """Return one hidden layer's outcome on a batch."""
        z, norm = tf.matmul(inputs, layer.kernel), None
        if layer.scale is None:
            z = z + layer.shift
        else:
            norm = normalise(z, layer.scale, layer.shift, *rows)
            z = norm.value
        value, slope = activate_with_slope(self.plan.activations[number], z)
        if self.structure.dropout:
            seed = tf.stack([self.plan.dropout_seeds[number], step])
            kept = dropout_mask(self.masks[number], self.plan.drop_thresholds[number], seed)
            mask = kept * self.plan.drop_gains[number]
            value, slope = value * mask, slope * mask
        return Trace(inputs, value, slope, norm)

    def _backwards(
        self,
        layers: Sequence[Layer],
        trace: Sequence[Trace],
        values: Tensor,
        gradient: Tensor,
        rows: RealRows,
    ) -> list[Tensor]:
        """Return the gradient of each part of the weights, in their order.

        Args:
            layers: the weights.
            trace: the hidden layers' outcomes.
            values: what entered the output layer.
            gradient: by the logits.
            rows: which of the rows are real.
        """
        parts = [_kernel_gradient(values, gradient), tf.reduce_sum(gradient, axis=1)]
        for after, done in zip(reversed(layers[1:]), reversed(trace), strict=True):
            gradient = tf.matmul(gradient, after.kernel, transpose_b=True) * done.slope
            if done.norm is None:
                others = [tf.reduce_sum(gradient, axis=1)]
            else:
                gradient, *others = normalise_backwards(gradient, done.norm, *rows)
            parts = [_kernel_gradient(done.inputs, gradient), *others, *parts]
        return parts


def _sizes(shapes: Sequence[Tensor]) -> Tensor:
    return tf.stack([tf.reduce_prod(shape) for shape in shapes]) if shapes else None


def _cut(flat: Tensor, sizes: Tensor, shapes: Sequence[Tensor]) -> list[Tensor]:
    if not shapes:
        return []
    parts = tf.split(flat, sizes, num=len(shapes))
    return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return tf.concat([tf.reshape(part, [-1]) for part in parts], 0) if parts else tf.zeros([0])


def _kernel_gradient(inputs: Tensor, gradient: Tensor) -> Tensor:
    return tf.matmul(inputs, gradient, transpose_a=True)
