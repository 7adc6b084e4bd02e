"""What a Keras model of the user's must be, and how it is made ready to be trained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuner.engines.arrays import as_array
from tuner.engines.keras_model import TrainingModel
from tuner.engines.runtime import load_keras
from tuner.errors import TunerError
from tuner.hooks import Hook
from tuner.model.heads import Head
from tuner.model.own_model import WITH_CODE

load_keras()
import keras  # noqa: E402  (after the settings above)


def training_model(model: keras.Model, head: Head) -> tuple[TrainingModel, Head]:
    """Return a model as the engine trains it, and the end that a loss reads it by.

    It then ends in logits where it can, else in outputs, and the end is linear.
    """
    outputs = _joined(model.outputs)
    if _ends_with_activation(model, head):
        # A model computes with what its layers are when it is called: from here on this one gives logits.
        for output in model.outputs:
            output._keras_history.operation.activation = keras.activations.linear
    elif head.activation in _TO_LOGITS:
        outputs = _TO_LOGITS[head.activation](outputs)
    else:
        head = replace(head, activation="linear")
    trained = keras.Model(model.inputs, outputs)
    variables, n_weights = tuple(model_variables(model)), len(model.weights)
    return TrainingModel(trained, trained, dropouts=(), variables=variables, n_weights=n_weights), head


def check_model(hook: Hook, model: Any, n_inputs: int, head: Head) -> None:
    """Refuse what is no functional or Sequential model with one input of all numbers of a row, and a head's units.

    Raises:
        TunerError: says what was returned, and what it should be.
    """
    if not isinstance(model, keras.Model):
        found = "nothing; is a 'return' missing?" if model is None else type(model).__name__
        if any(each.__module__.startswith("torch.nn.") for each in type(model).__mro__):
            raise TunerError(
                f"{hook.name} returns {found}, a module of torch; write training: {{backend: torch}}"
            )
        raise TunerError(f"{hook.name} returns {found}; it should return a keras.Model")
    if not type(model).__module__.startswith("keras."):
        raise TunerError(
            f"{hook.name} returns a {type(model).__name__}, a model with a class of its own, which cannot be saved "
            "without its code; return keras.Model(inputs, outputs) or keras.Sequential"
        )
    try:
        shapes = [tuple(each.shape) for each in model.inputs]
    except (AttributeError, ValueError):
        raise TunerError(
            f"{hook.name} returns a Sequential model whose layers do not say what they make of a row of {n_inputs} "
            "numbers; begin with inputs.tensor() and return keras.Model(row, outputs)"
        ) from None
    if len(shapes) != 1 or shapes[0] != (None, n_inputs):
        found = " and ".join(map(str, shapes))
        raise TunerError(
            f"{hook.name} returns a model with {len(shapes)} input(s) of shape {found}; it should have one of shape "
            f"(None, {n_inputs}): begin with inputs.tensor(), and split it by inputs.columns"
        )
    if not isinstance(model, keras.Sequential) and isinstance(model.output, dict):
        raise TunerError(
            f"{hook.name} returns a model with named outputs; return one output, or a list of them"
        )
    _check_units(hook, model, head)


def _check_units(hook: Hook, model: keras.Model, head: Head) -> None:
    """Refuse outputs of another number than the head has units."""
    shapes = [tuple(each.shape) for each in model.outputs]
    if any(len(shape) != 2 for shape in shapes) or sum(shape[-1] or 0 for shape in shapes) != head.units:
        raise TunerError(
            f"{hook.name} returns a model with output(s) of shape {' and '.join(map(str, shapes))}; together they "
            f"should be (None, {head.units}): end with keras.layers.Dense(head.units, activation=head.activation)"
        )


def check_layers(hook: Hook, model: keras.Model) -> None:
    """Refuse layers that hold code, which a file would have to hold as well.

    Raises:
        TunerError: names the layer.
    """
    for layer in model._flatten_layers():
        if type(layer).__name__ in WITH_CODE:
            raise TunerError(
                f"{hook.name} returns a model with a layer {type(layer).__name__} ('{layer.name}'), whose code cannot "
                "be saved safely; write such a step with keras.ops, or as a layer class with "
                "@keras.saving.register_keras_serializable()"
            )


def check_outputs(hook: Hook, model: keras.Model, head: Head, n_inputs: int) -> None:
    """Refuse a model whose outputs cannot come from the head's activation, by those of a few random rows.

    Raises:
        TunerError: says how it should end.
    """
    rows = np.random.default_rng(0).normal(scale=3.0, size=(32, n_inputs)).astype(np.float32)
    outputs = as_array(joined_outputs(model, keras.ops.convert_to_tensor(rows)))
    lowest, highest = _RANGES[head.activation]
    inside = bool(((outputs >= lowest - 1e-4) & (outputs <= highest + 1e-4) | np.isnan(outputs)).all())
    sums_up = head.activation != "softmax" or bool(np.allclose(outputs.sum(axis=1), 1.0, atol=1e-3))
    if not inside or not sums_up:
        raise TunerError(
            f"{hook.name} returns a model whose outputs are not those of '{head.activation}': end with "
            "keras.layers.Dense(head.units, activation=head.activation)"
        )


_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "linear": (-np.inf, np.inf),
        "sigmoid": (0.0, 1.0),
        "softmax": (0.0, 1.0),
        "tanh": (-1.0, 1.0),
        "softplus": (0.0, np.inf),
        "relu": (0.0, np.inf),
    }
)
"""Activation of a head -> the least and the largest that it gives."""


def _ends_with_activation(model: keras.Model, head: Head) -> bool:
    """Return whether each output is made by a layer that ends with the head's activation, and makes nothing else."""
    by_depth = keras.Model(model.inputs, model.outputs)._nodes_by_depth
    nodes = [node for level in by_depth.values() for node in level]
    wanted = keras.activations.get(head.activation)
    for output in model.outputs:
        layer = output._keras_history.operation
        used = any(each is output for node in nodes for each in node.input_tensors)
        calls = sum(node.operation is layer for node in nodes)
        if used or calls != 1 or getattr(layer, "activation", None) is not wanted:
            return False
    return True


def _joined(outputs: Sequence[Any]) -> Any:
    return outputs[0] if len(outputs) == 1 else keras.ops.concatenate(list(outputs), axis=-1)


def _logit(chance: Any) -> Any:
    near = keras.ops.clip(chance, keras.backend.epsilon(), 1.0 - keras.backend.epsilon())
    return keras.ops.log(near) - keras.ops.log(1.0 - near)


def _log(chance: Any) -> Any:
    return keras.ops.log(keras.ops.clip(chance, keras.backend.epsilon(), 1.0))


_TO_LOGITS = MappingProxyType({"sigmoid": _logit, "softmax": _log})
"""Activation -> from outputs to logits that it would give them for, clipped as Keras clips probabilities."""


def joined_outputs(model: keras.Model, inputs: Any) -> Any:
    """Return the (n_rows, n_units) outputs of a model that may have several, side by side."""
    return _joined(keras.tree.flatten(model(inputs, training=False)))


def model_variables(model: keras.Model) -> list[Any]:
    """Return a model's weights, then what else its layers change in training: the seeds of those that draw."""
    weights = list(model.weights)
    known = {id(variable) for variable in weights}
    return weights + [variable for variable in model.variables if id(variable) not in known]
