"""A plan of a network as ordinary Keras models, and the weights that its training starts from."""

from dataclasses import dataclass

import numpy as np

from tuner.engines.base import weight_seed
from tuner.engines.runtime import load_tensorflow
from tuner.model.heads import Head
from tuner.model.network import Network
from tuner.model.optimizers import OPTIMIZERS, OptimizerPlan

load_tensorflow()
import keras  # noqa: E402  (after the settings above)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingModel:
    """Two Keras models over the same layers; both end before the head's activation, in logits.

    Attributes:
        fit: from ``[inputs, *masks]`` to logits. A dropout layer multiplies by a mask that is an input, (n_rows,
            n_units), 0 for a dropped unit and 1 / (1 - rate) for a kept one: whoever trains owns the randomness.
        predict: from inputs to logits.
        dropouts: (rate, n_units, layer) of each mask, in order.
    """

    fit: keras.Model
    predict: keras.Model
    dropouts: tuple[tuple[float, int, int], ...]


def build_training_model(network: Network, head: Head, n_inputs: int) -> TrainingModel:
    """Return the network as Keras models whose dropout masks are inputs.

    The L1 and L2 penalties act on the kernel of each layer, the output layer's too.
    """
    inputs = keras.Input((n_inputs,), name="inputs")
    masks: list[keras.KerasTensor] = []
    dropouts: list[tuple[float, int, int]] = []
    fit = predict = inputs
    for number, layer in enumerate(network.layers):
        for stage in _stages(network, number):
            fit, predict = stage(fit), stage(predict)
        if layer.dropout:
            masks.append(keras.Input((layer.units,), name=f"mask_{number}"))
            dropouts.append((layer.dropout, layer.units, number))
            fit = keras.layers.Multiply()([fit, masks[-1]])
    output = keras.layers.Dense(head.units, kernel_regularizer=_penalty(network), name="output")
    return TrainingModel(
        fit=keras.Model([inputs, *masks], output(fit)),
        predict=keras.Model(inputs, output(predict)),
        dropouts=tuple(dropouts),
    )


def build_keras_model(network: Network, head: Head, n_inputs: int) -> keras.Model:
    """Return the network as the Keras model that a user would write, from inputs to the head's outputs.

    Its weights are in the order of ``Epoch.weights``.
    """
    outputs = inputs = keras.Input((n_inputs,), name="inputs")
    for number, layer in enumerate(network.layers):
        for stage in _stages(network, number):
            outputs = stage(outputs)
        if layer.dropout:
            outputs = keras.layers.Dropout(layer.dropout, name=f"dropout_{number}")(outputs)
    outputs = keras.layers.Dense(
        head.units, activation=head.activation, kernel_regularizer=_penalty(network), name="output"
    )(outputs)
    return keras.Model(inputs, outputs)


def build_optimizer(plan: OptimizerPlan) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer of a plan."""
    spec = OPTIMIZERS[plan.name]
    return getattr(keras.optimizers, spec.keras)(
        learning_rate=plan.learning_rate, **dict(spec.fixed), **dict(plan.settings)
    )


def initial_weights(network: Network, head: Head, n_inputs: int, *, seed: int, fold: int) -> list[np.ndarray]:
    """Return one fold's weights before training, as ``get_weights`` of the Keras model orders them.

    Kernels come from Keras' own initialiser under a seed of the fold and the layer; the rest starts as Keras
    starts it: biases, shifts and moving means at 0, scales and moving variances at 1.
    """
    weights: list[np.ndarray] = []
    width = n_inputs
    plans = [(layer.units, layer.batch_norm) for layer in network.layers] + [(head.units, False)]
    for number, (units, batch_norm) in enumerate(plans):
        initializer = keras.initializers.get(
            {
                "class_name": _INITIALIZERS[network.initializer],
                "config": {"seed": weight_seed(seed, fold, number)},
            }
        )
        weights.append(keras.ops.convert_to_numpy(initializer((width, units), dtype="float32")))
        zeros, ones = np.zeros(units, np.float32), np.ones(units, np.float32)
        weights.extend([ones, zeros, zeros.copy(), ones.copy()] if batch_norm else [zeros])
        width = units
    return weights


_INITIALIZERS = {"glorot_uniform": "GlorotUniform"}


def _stages(network: Network, number: int) -> list[keras.layers.Layer]:
    """Return the layers of one hidden layer before its dropout, fresh ones, named by their number.

    A normalised layer has no bias: batch norm would take it off again, so that its gradient is rounding noise, which
    optimizers that divide by the gradient's size turn into steps.
    """
    layer = network.layers[number]
    dense = keras.layers.Dense(
        layer.units,
        use_bias=not layer.batch_norm,
        kernel_regularizer=_penalty(network),
        name=f"dense_{number}",
    )
    activation = keras.layers.Activation(layer.activation, name=f"activation_{number}")
    if layer.batch_norm:
        return [dense, keras.layers.BatchNormalization(name=f"batch_norm_{number}"), activation]
    return [dense, activation]


def _penalty(network: Network) -> keras.regularizers.Regularizer | None:
    if network.l1 == 0.0 and network.l2 == 0.0:
        return None
    return keras.regularizers.L1L2(network.l1, network.l2)
