"""A plan of a network as ordinary Keras models, and the weights that its training starts from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tuner.engines.arrays import as_array
from tuner.engines.base import embedding_seed, weight_seed
from tuner.engines.cnn_model import block_stages
from tuner.engines.drawn_weights import drawn_kernel, drawn_table
from tuner.engines.runtime import load_keras
from tuner.model.cnn import entering
from tuner.model.embeddings import Embedding
from tuner.model.heads import Head
from tuner.model.initializers import INITIALIZERS
from tuner.model.mlp_parameters import BEFORE
from tuner.model.network import WEIGHTS, Kernel, Network, kernels
from tuner.model.optimizers import OPTIMIZERS, OptimizerPlan

load_keras()
import keras  # noqa: E402  (after the settings above)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingModel:
    """Two Keras models over the same layers; both end before the head's activation, in logits.

    Attributes:
        fit: from ``[inputs, *masks]`` to logits. A dropout layer multiplies by a mask that is an input, (n_rows,
            n_units), 0 for a dropped unit and 1 / (1 - rate) for a kept one: whoever trains owns the randomness. Of a
            block, its units are the feature maps.
        predict: from inputs to logits.
        dropouts: (rate, n_units, layer) of each mask, in order.
        variables: all that training changes in them: the weights as ``get_weights`` orders them, then the seeds of
            layers that draw.
        n_weights: how many of the variables are weights.
        needs_two_rows: whether a batch of a single row is an error.
    """

    fit: keras.Model
    predict: keras.Model
    dropouts: tuple[tuple[float, int, int], ...]
    variables: tuple[Any, ...]
    n_weights: int
    needs_two_rows: bool = False


def build_training_model(network: Network, head: Head, n_inputs: int) -> TrainingModel:
    """Return the network as Keras models whose dropout masks are inputs.

    The L1 and L2 penalties act on the kernel of each layer, the output layer's too.
    """
    inputs = keras.Input((n_inputs,), name="inputs")
    fit = predict = _entering(network, inputs)
    masks: list[keras.KerasTensor] = []
    dropouts: list[tuple[float, int, int]] = []
    for number, part in enumerate(_parts(network)):
        for stage in part.stages:
            fit, predict = stage(fit), stage(predict)
        if part.dropout:
            masks.append(keras.Input((part.units,), name=f"mask_{number}"))
            dropouts.append((part.dropout, part.units, number))
            mask = keras.layers.Reshape((1, 1, part.units))(masks[-1]) if part.of_maps else masks[-1]
            fit = keras.layers.Multiply()([fit, mask])
    output = keras.layers.Dense(
        head.units,
        kernel_initializer=_initializer(network.initializer),
        kernel_regularizer=_penalty(network),
        name="output",
    )
    trained = keras.Model([inputs, *masks], output(fit))
    return TrainingModel(
        fit=trained,
        predict=keras.Model(inputs, output(predict)),
        dropouts=tuple(dropouts),
        variables=tuple(trained.weights),
        n_weights=len(trained.weights),
    )


def build_keras_model(network: Network, head: Head, n_inputs: int) -> keras.Model:
    """Return the network as the Keras model that a user would write, from inputs to the head's outputs.

    Its weights are in the order of ``Epoch.weights``.
    """
    inputs = keras.Input((n_inputs,), name="inputs")
    outputs = _entering(network, inputs)
    for number, part in enumerate(_parts(network)):
        for stage in part.stages:
            outputs = stage(outputs)
        if part.dropout:
            layer = keras.layers.SpatialDropout2D if part.of_maps else keras.layers.Dropout
            outputs = layer(part.dropout, name=f"dropout_{number}")(outputs)
    outputs = keras.layers.Dense(
        head.units,
        activation=head.activation,
        kernel_initializer=_initializer(network.initializer),
        kernel_regularizer=_penalty(network),
        name="output",
    )(outputs)
    return keras.Model(inputs, outputs)


def build_optimizer(plan: OptimizerPlan) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer of a plan."""
    return getattr(keras.optimizers, OPTIMIZERS[plan.name].keras)(**optimizer_arguments(plan))


def optimizer_arguments(plan: OptimizerPlan) -> dict[str, Any]:
    """Return what Keras makes the optimizer of a plan with."""
    spec = OPTIMIZERS[plan.name]
    return {
        "learning_rate": plan.learning_rate,
        # Keras' AdamW wants a number; to the others 0 would be work that changes nothing.
        "weight_decay": plan.weight_decay if plan.weight_decay or spec.weight_decay else None,
        **({plan.clip.name: plan.clip.limit} if plan.clip else {}),
        **dict(spec.fixed),
        **dict(plan.settings),
    }


def value_of(variable: Any) -> np.ndarray:
    """Return a copy of a variable's value."""
    return np.array(as_array(variable.value))


def initial_weights(network: Network, head: Head, n_inputs: int, *, seed: int, fold: int) -> list[np.ndarray]:
    """Return one fold's weights before training, as ``get_weights`` of the Keras model orders them.

    Kernels are what Keras' own initialiser draws with TensorFlow under a seed of the fold and the layer, tables under
    one of fold and column (``drawn_weights``); the rest starts as Keras starts it: biases, shifts and moving means at
    0, scales and moving variances at 1.
    """
    weights = [
        _initial_table(table, embedding_seed(seed, fold, column))
        for column, table in enumerate(network.embeddings)
    ]
    for number, kernel in enumerate(kernels(network, n_inputs, head)):
        weights.append(_initial_kernel(kernel, weight_seed(seed, fold, number)))
        others = [role for role in WEIGHTS[kernel.batch_norm] if role != "kernel"]
        units = kernel.shape[-1]
        weights.extend(np.full(units, role in ("scale", "variance"), np.float32) for role in others)
    return weights


def _initial_kernel(kernel: Kernel, seed: int) -> np.ndarray:
    if keras.config.backend() != "tensorflow":
        return drawn_kernel(kernel.initializer, kernel.shape, seed)
    drawn = _initializer(kernel.initializer, seed=seed)(kernel.shape, dtype="float32")
    values: np.ndarray = keras.ops.convert_to_numpy(drawn)
    return values


def _initial_table(table: Embedding, seed: int) -> np.ndarray:
    """Return (n_codes, size) as ``keras.layers.Embedding`` starts, uniform in -0.05 .. 0.05, but zeros for code 0."""
    shape = (table.rows, table.size)
    if keras.config.backend() == "tensorflow":
        drawn = keras.initializers.RandomUniform(seed=seed)(shape, dtype="float32")
        values = np.array(keras.ops.convert_to_numpy(drawn))
    else:
        values = drawn_table(shape, seed)
    values[0] = 0.0
    return values


def _entering(network: Network, inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Return what enters the first layer: the inputs, with vectors in place of their codes."""
    if not network.embeddings:
        return inputs
    n_numbers = inputs.shape[1] - len(network.embeddings)
    parts = [inputs[:, :n_numbers]] if n_numbers else []
    for column, table in enumerate(network.embeddings):
        look_up = keras.layers.Embedding(table.rows, table.size, name=f"embedding_{column}")
        parts.append(look_up(inputs[:, n_numbers + column]))
    return keras.layers.Concatenate(name="entering")(parts) if len(parts) > 1 else parts[0]


def _initializer(name: str, *, seed: int | None = None) -> keras.initializers.Initializer:
    spec = INITIALIZERS[name]
    config = {"seed": seed} if spec.seeded else {}
    return keras.initializers.get({"class_name": spec.keras, "config": config})


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Layers up to a dropout.

    Attributes:
        stages: the layers before the dropout.
        units: that they end with; of a block, its feature maps.
        dropout: share of the units that each step leaves out.
        of_maps: whether a unit is a whole feature map.
    """

    stages: list[keras.layers.Layer]
    units: int = 0
    dropout: float = 0.0
    of_maps: bool = False


def _parts(network: Network) -> Iterator[_Part]:
    """Yield the parts of a network before its output layer, fresh ones."""
    if network.image is not None:
        yield _Part([keras.layers.Reshape(network.image, name="image")])
        sizes = entering(network.blocks, network.image)
        for number, (block, image) in enumerate(zip(network.blocks, sizes, strict=False)):
            stages = block_stages(
                block,
                image,
                number,
                initializer=_initializer(block.initializer),
                penalty=_penalty(network),
                max_norm=network.max_norm,
            )
            yield _Part(stages, block.filters, block.dropout, of_maps=True)
        yield _Part([keras.layers.Flatten(name="flat")])
    for number, layer in enumerate(network.layers):
        yield _Part(_stages(network, number), layer.units, layer.dropout)


def _stages(network: Network, number: int) -> list[keras.layers.Layer]:
    """Return the layers of one hidden layer before its dropout, fresh ones, named by their number.

    A layer that is normalised before its activation has no bias: batch norm would take it off again, so that its
    gradient is rounding noise, which optimizers that divide by the gradient's size turn into steps.
    """
    layer = network.layers[number]
    dense = keras.layers.Dense(
        layer.units,
        use_bias=layer.batch_norm != BEFORE,
        kernel_initializer=_initializer(layer.initializer),
        kernel_regularizer=_penalty(network),
        kernel_constraint=keras.constraints.MaxNorm(network.max_norm) if network.max_norm else None,
        name=f"dense_{number}",
    )
    activation = keras.layers.Activation(layer.activation, name=f"activation_{number}")
    if layer.batch_norm is None:
        return [dense, activation]
    norm = keras.layers.BatchNormalization(name=f"batch_norm_{number}")
    return [dense, norm, activation] if layer.batch_norm == BEFORE else [dense, activation, norm]


def _penalty(network: Network) -> keras.regularizers.Regularizer | None:
    if network.l1 == 0.0 and network.l2 == 0.0:
        return None
    return keras.regularizers.L1L2(network.l1, network.l2)
