"""A network that a function of the user's builds: called, checked, and made ready to be trained.

The function is written as in any Keras tutorial, ``build(params, inputs, head) -> keras.Model``::

    def build(params, inputs, head):
        x = row = inputs.tensor()
        x = keras.layers.Dense(params["units"], activation="relu")(x)
        return keras.Model(row, keras.layers.Dense(head.units, activation=head.activation)(x))
"""

import random
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from tuner.engines.keras_model import TrainingModel
from tuner.engines.runtime import load_tensorflow
from tuner.errors import TunerError, nearest
from tuner.hooks import Hook
from tuner.model.heads import Head
from tuner.model.own_model import TRAINING, WITH_CODE, OwnModel, ReadParams
from tuner.seeds import derive

tf = load_tensorflow()
import keras  # noqa: E402  (after the settings above)

MOST_SHOWN = 400
"""Characters of another library's message that ours repeats."""


class Inputs:
    """What the function is told of the rows that its model reads.

    Attributes:
        width: how many numbers a row has, after preprocessing.
    """

    def __init__(self, width: int, columns: Sequence[tuple[str, int, int]] | None) -> None:
        self.width = width
        self._columns = columns

    @property
    def columns(self) -> Mapping[str, slice]:
        """Column -> its places in a row: ``row[:, inputs.columns["age"]]`` is (n_rows, 1), of categories wider."""
        if self._columns is None:
            raise TunerError(
                "inputs.columns: with preprocess.select each fold keeps inputs of its own, so a column has no fixed "
                "place; leave preprocess.select out, or build without inputs.columns"
            )
        return MappingProxyType({name: slice(first, after) for name, first, after in self._columns})

    def tensor(self) -> keras.KerasTensor:
        """Return a new ``keras.Input`` of shape (width,), which is where a functional model begins."""
        return keras.Input((self.width,), name="inputs")


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """What the function returned, and what it read.

    Attributes:
        model: as it was returned; its weights are drawn already.
        params: knows which parameters were read.
    """

    model: keras.Model
    params: ReadParams


@dataclass(frozen=True, slots=True, eq=False)
class OwnTraining:
    """A model of the user's as the plain engine trains it.

    Attributes:
        model: ends in logits where it can, else in outputs.
        starts: for each fold what ``model.variables`` begin with.
        head: the end that the loss reads ``model`` by; its activation is linear where ``model`` gives outputs.
    """

    model: TrainingModel
    starts: tuple[list[np.ndarray], ...]
    head: Head


def prepare_own(own: OwnModel, head: Head, n_inputs: int, *, n_folds: int, seed: int) -> OwnTraining:
    """Return a model that all folds share, and the weights that each begins with.

    The function is called once a fold, under a seed of the fold: whatever it draws, initial weights and the seeds of
    layers such as dropout, is the fold's own and repeats.

    Raises:
        TunerError: the function fails, or what it returns is no model for these inputs and this head.
    """
    models = [
        build_own(own, head, n_inputs, seed=derive(seed, "fold", number, "own model")).model
        for number in range(n_folds)
    ]
    starts = tuple([_value(variable) for variable in _variables(model)] for model in models)
    shapes = [[value.shape for value in start] for start in starts]
    if any(each != shapes[0] for each in shapes):
        raise TunerError(
            f"{own.hook.name} builds another network each time it is called; let its layers depend on params alone"
        )
    model = models[0]
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
    return OwnTraining(
        TrainingModel(
            fit=trained,
            predict=trained,
            dropouts=(),
            variables=tuple(_variables(model)),
            n_weights=len(model.weights),
        ),
        starts,
        head,
    )


def build_own(own: OwnModel, head: Head, n_inputs: int, *, seed: int) -> Built:
    """Call the function once, with everything that it may draw seeded, and check what it returns.

    Raises:
        TunerError: the function fails, or what it returns is no model for these inputs and this head.
    """
    build = own.hook.load()
    params = ReadParams(dict(own.params))
    with _seeded(seed):
        try:
            model = build(params, Inputs(n_inputs, own.columns), head)
            if isinstance(model, keras.Sequential) and not model.built:
                model.build((None, n_inputs))
        except TunerError as error:
            raise TunerError(f"{own.hook.name}: {error}") from None
        except Exception as error:
            raise TunerError(_failure(own, build, params, error)) from error
    _check_model(own.hook, model, n_inputs)
    _check_units(own.hook, model, head)
    return Built(model, params)


def count_own(own: OwnModel, head: Head, n_inputs: int) -> int:
    """Return how many trainable weights the function's model has."""
    model = build_own(own, head, n_inputs, seed=0).model
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_weights)


def joined_outputs(model: keras.Model, inputs: Any) -> Any:
    """Return the (n_rows, n_units) outputs of a model that may have several, side by side."""
    return _joined(keras.tree.flatten(model(inputs, training=False)))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed all that Keras draws seeds and weights from; Python's and NumPy's own generators go on as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        keras.utils.set_random_seed(seed)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _failure(own: OwnModel, build: Any, params: ReadParams, error: Exception) -> str:
    """Return what went wrong in the user's function, with the line of the user's file."""
    written_in = getattr(getattr(build, "__code__", None), "co_filename", "")
    folder = Path(own.hook.folder).resolve()
    frames = traceback.extract_tb(error.__traceback__)
    inside = [
        frame
        for frame in frames
        if frame.filename == written_in or Path(frame.filename).resolve().parent == folder
    ]
    place = inside[-1] if inside else frames[-1]
    start = f"{Path(place.filename).name}:{place.lineno}: {own.hook.name}"
    if isinstance(error, KeyError) and params.missed and error.args == (params.missed[-1],):
        name = params.missed[-1]
        if name in TRAINING:
            return f"{start} reads the parameter '{name}', which says how the model is trained and is not passed on"
        listed = ", ".join(params) or "none"
        return (
            f"{start} reads the parameter '{name}', which this configuration does not have; it has: {listed}"
            f"{nearest(name, list(params))}; for one that does not always exist write params.get('{name}', ...)"
        )
    return f"{start} fails: {type(error).__name__}: {shorten_message(error)}"


def shorten_message(error: Exception) -> str:
    """Return another library's message on one line, cut where it is long."""
    text = " ".join(str(error).split())
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _check_model(hook: Hook, model: Any, n_inputs: int) -> None:
    """Refuse what is no functional or Sequential model with one input of all numbers of a row."""
    if not isinstance(model, keras.Model):
        found = "nothing; is a 'return' missing?" if model is None else type(model).__name__
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
    outputs = joined_outputs(model, tf.constant(rows)).numpy()
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


def _variables(model: keras.Model) -> list[Any]:
    """Return a model's weights, then what else its layers change in training: the seeds of those that draw."""
    weights = list(model.weights)
    known = {id(variable) for variable in weights}
    return weights + [variable for variable in model.variables if id(variable) not in known]


def _value(variable: Any) -> np.ndarray:
    value: np.ndarray = variable.value.numpy()
    return value
