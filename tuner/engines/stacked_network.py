"""The networks of all folds, forwards and backwards on one batch."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tuner.engines.dropout import MaskSize, dropout_mask, mask_size
from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_arguments import Plan, State, Structure, Training
from tuner.engines.stacked_bounds import bound_norms, clip_gradients
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
from tuner.model.mlp_parameters import AFTER, BEFORE
from tuner.model.network import MOVING, WEIGHTS

tf = load_tensorflow()


class Layer(NamedTuple):
    """One layer's weights.

    Attributes:
        kernel: (n_folds, n_inputs, n_units).
        bias: (n_folds, 1, n_units); None for a layer that is normalised before its activation.
        scale: (n_folds, 1, n_units) batch norm's; None for a layer that is not normalised, and so ``shift``.
        shift: what batch norm adds.
    """

    kernel: Tensor
    bias: Tensor | None = None
    scale: Tensor | None = None
    shift: Tensor | None = None


class Dropout(NamedTuple):
    """A hidden layer's dropout, taken from the plan once, since a step would do it again and again.

    Attributes:
        size: of the mask.
        threshold: uint16, of ``dropout_mask``.
        gain: what a kept unit is multiplied by.
        seed: int32, the first half of the mask's seed.
    """

    size: MaskSize
    threshold: Tensor
    gain: Tensor
    seed: Tensor


class RealRows(NamedTuple):
    """Which rows of a batch are not padding: (n_folds, n_rows, 1), and how many, (n_folds, 1, 1)."""

    real: Tensor
    count: Tensor


class Trace(NamedTuple):
    """A hidden layer's way from its inputs to its value.

    Attributes:
        inputs: (n_folds, n_rows, n_inputs).
        value: (n_folds, n_rows, n_units).
        slope: (n_folds, n_rows, n_units) of the activation; where no batch norm follows it, dropout's mask is in it.
        norm: what batch norm did, or None.
        mask: dropout's where batch norm follows the activation, or None.
    """

    inputs: Tensor
    value: Tensor
    slope: Tensor
    norm: Normalised | None
    mask: Tensor | None


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
        activations, *dropouts = [
            tf.unstack(each, num=self.n_hidden) if self.n_hidden else []
            for each in (plan.activations, plan.drop_thresholds, plan.drop_gains, plan.dropout_seeds)
        ]
        self.activations = activations
        self.dropouts = [
            Dropout(mask_size((n_folds, plan.n_rows, width)), *numbers)
            for width, *numbers in zip(widths[1:-1], *dropouts, strict=True)
        ]
        self.roles = [
            tuple(role for role in WEIGHTS[place] if role not in MOVING)
            for place in (*structure.batch_norm, None)
        ]
        tables = [tf.unstack(plan.tables[number], num=2) for number in range(structure.embedded)]
        self.shapes = [tf.stack([n_folds, *table]) for table in tables] + [
            kernel if role == "kernel" else units
            for kernel, units, roles in zip(self.kernels, self.units, self.roles, strict=True)
            for role in roles
        ]
        self.statistic_shapes = [
            shape
            for units, place in zip(self.units, structure.batch_norm, strict=False)
            if place
            for shape in (units, units)
        ]
        self.sizes = _sizes(self.shapes)
        self.statistic_sizes = _sizes(self.statistic_shapes)

    def layers(self, weights: Tensor) -> list[Layer]:
        """Cut the flat weights into layers, the output layer last; tables are left out."""
        parts = iter(_cut(weights, self.sizes, self.shapes)[self.structure.embedded :])
        return [Layer(**{role: next(parts) for role in roles}) for roles in self.roles]

    def clipped(self, gradient: Tensor) -> Tensor:
        """Return the (n_weights,) gradient within the plan's bound."""
        assert self.structure.clip is not None, "gradients have a bound"
        parts = _cut(gradient, self.sizes, self.shapes)
        return _flat(clip_gradients(self.structure.clip, parts, self.plan.clip))

    def bounded(self, weights: Tensor, count: Tensor) -> Tensor:
        """Return the (n_weights,) weights with hidden kernels whose norms are within the plan's bound.

        Args:
            weights: after a step.
            count: (n_folds,) rows of the step; a fold without any took none.
        """
        *hidden, last = self.layers(weights)
        tables = _cut(weights, self.sizes, self.shapes)[: self.structure.embedded]
        moved = count > 0.0
        layers = [
            layer._replace(kernel=bound_norms(layer.kernel, self.plan.max_norm, moved)) for layer in hidden
        ]
        return _flat([*tables, *(part for layer in (*layers, last) for part in layer if part is not None)])

    def statistics(self, statistics: Tensor) -> list[tuple[Tensor, Tensor] | None]:
        """Cut the flat statistics into mean and variance of each hidden layer that is normalised."""
        parts = iter(_cut(statistics, self.statistic_sizes, self.statistic_shapes))
        return [(next(parts), next(parts)) if place else None for place in self.structure.batch_norm]

    def predict(self, state: State, inputs: Tensor) -> Tensor:
        """Return logits, (n_folds, n_rows, n_units), with nothing dropped and moving statistics."""
        *hidden, last = self.layers(state.weights)
        inputs, _ = self.entering(state.weights, inputs)
        statistics = self.statistics(state.statistics)
        for number, (layer, moving) in enumerate(zip(hidden, statistics, strict=True)):
            z, place = tf.matmul(inputs, layer.kernel), self.structure.batch_norm[number]
            if layer.bias is not None:
                z = z + layer.bias
            if moving is not None and place == BEFORE:
                z = normalise_by(z, layer.scale, layer.shift, *moving)
            inputs = activate(self.activations[number], z, self.structure.activations)
            if moving is not None and place == AFTER:
                inputs = normalise_by(inputs, layer.scale, layer.shift, *moving)
        return tf.matmul(inputs, last.kernel) + last.bias

    def entering(self, weights: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what enters the first layer: the inputs, with vectors in place of their codes.

        Args:
            weights: (n_weights,).
            inputs: (n_folds, n_rows, n_inputs).

        Returns:
            (n_folds, n_rows, n_numbers + n_read), and the (n_folds, n_rows, n_read) places among the weights;
            the inputs themselves and None where nothing is embedded.
        """
        n_codes = self.structure.embedded
        if not n_codes:
            return inputs, None
        codes = tf.cast(inputs[:, :, -n_codes:], tf.int32)
        code, apart = tf.unstack(self.plan.vectors, num=2, axis=1)
        places = self.plan.vector_starts[:, tf.newaxis] + tf.gather(codes, code, axis=2) * apart
        return tf.concat([inputs[:, :, :-n_codes], tf.gather(weights, places)], 2), places

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
        values, places = self.entering(weights, batch.inputs)
        for number, layer in enumerate(layers[:-1]):
            trace.append(self._hidden(number, layer, values, rows, step))
            values = trace[-1].value
        logits = tf.matmul(values, layers[-1].kernel) + layers[-1].bias
        loss, slope = self.loss.of_rows(batch.target, logits)
        summed = tf.where(count > 0.0, tf.reduce_sum(self.loss.weigh(loss, batch.weight), axis=1), 0.0)
        gradient = self.loss.weigh(slope, (batch.weight / some[:, tf.newaxis])[:, :, tf.newaxis])
        parts, gradient = self._backwards(layers, trace, values, gradient, rows)
        if places is not None:
            parts = [self._table_gradient(layers[0].kernel, gradient, places), *parts]
        statistics = [
            part for each in trace if each.norm is not None for part in (each.norm.mean, each.norm.variance)
        ]
        return summed, _flat(parts), _flat(statistics)

    def _hidden(self, number: int, layer: Layer, inputs: Tensor, rows: RealRows, step: Tensor) -> Trace:
        """Return one hidden layer's outcome on a batch."""
        place, norm = self.structure.batch_norm[number], None
        z = tf.matmul(inputs, layer.kernel)
        if place == BEFORE:
            norm = normalise(z, layer.scale, layer.shift, *rows)
            z = norm.value
        else:
            z = z + layer.bias
        value, slope = activate_with_slope(self.activations[number], z, self.structure.activations)
        if place == AFTER:
            norm = normalise(value, layer.scale, layer.shift, *rows)
            value = norm.value
        if not self.structure.dropout:
            return Trace(inputs, value, slope, norm, None)
        dropout = self.dropouts[number]
        mask = dropout_mask(dropout.size, dropout.threshold, tf.stack([dropout.seed, step])) * dropout.gain
        if place == AFTER:
            return Trace(inputs, value * mask, slope, norm, mask)
        return Trace(inputs, value * mask, slope * mask, norm, None)

    def _backwards(
        self,
        layers: Sequence[Layer],
        trace: Sequence[Trace],
        values: Tensor,
        gradient: Tensor,
        rows: RealRows,
    ) -> tuple[list[Tensor], Tensor]:
        """Return the gradient of each part of the layers, in their order, and that by the first layer's sums.

        Args:
            layers: the weights.
            trace: the hidden layers' outcomes.
            values: what entered the output layer.
            gradient: by the logits.
            rows: which of the rows are real.
        """
        parts = [_kernel_gradient(values, gradient), tf.reduce_sum(gradient, axis=1)]
        places = reversed(self.structure.batch_norm)
        for after, done, place in zip(reversed(layers[1:]), reversed(trace), places, strict=True):
            gradient = tf.matmul(gradient, after.kernel, transpose_b=True)
            if done.norm is None:
                gradient = gradient * done.slope
                others = [tf.reduce_sum(gradient, axis=1)]
            elif place == BEFORE:
                gradient, *others = normalise_backwards(gradient * done.slope, done.norm, *rows)
            else:
                gradient = gradient if done.mask is None else gradient * done.mask
                gradient, *others = normalise_backwards(gradient, done.norm, *rows)
                gradient = gradient * done.slope
                others = [tf.reduce_sum(gradient, axis=1), *others]
            parts = [_kernel_gradient(done.inputs, gradient), *others, *parts]
        return parts, gradient

    def _table_gradient(self, kernel: Tensor, gradient: Tensor, places: Tensor) -> Tensor:
        """Return the gradient of all tables, one after the other; numbers that no row has read have 0.

        Args:
            kernel: of the first layer.
            gradient: by the first layer's sums.
            places: as ``entering`` gives them.
        """
        n_read = tf.shape(places)[2]
        by_vectors = tf.matmul(gradient, kernel[:, -n_read:], transpose_b=True)
        n_numbers = tf.reduce_sum(self.sizes[: self.structure.embedded])
        return tf.math.unsorted_segment_sum(by_vectors, places, n_numbers)


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
