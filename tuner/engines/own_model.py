"""A network that a function of the user's builds: called, checked, and made ready to be trained.

The function is written as in any Keras tutorial, ``build(params, inputs, head) -> keras.Model``::

    def build(params, inputs, head):
        x = row = inputs.tensor()
        x = keras.layers.Dense(params["units"], activation="relu")(x)
        return keras.Model(row, keras.layers.Dense(head.units, activation=head.activation)(x))

With torch it may also return a ``torch.nn.Module`` (``torch_module``).
"""

import random
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from tuner.engines.keras_model import TrainingModel, value_of
from tuner.engines.own_keras import check_model, model_variables, training_model
from tuner.engines.runtime import load_keras, without_tensorflow
from tuner.errors import TunerError, nearest
from tuner.model.heads import Head
from tuner.model.own_model import TRAINING, OwnModel, ReadParams
from tuner.seeds import derive

load_keras()
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
        model: a ``keras.Model`` as it was returned, or a ``torch_module.ModuleNetwork`` of what was; its weights are
            drawn already.
        params: knows which parameters were read.
    """

    model: Any
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
    starts = tuple(list(map(value_of, _variables(model))) for model in models)
    shapes = [[value.shape for value in start] for start in starts]
    if any(each != shapes[0] for each in shapes):
        raise TunerError(
            f"{own.hook.name} builds another network each time it is called; let its layers depend on params alone"
        )
    if not isinstance(models[0], keras.Model):
        return OwnTraining(_module_training(models[0]), starts, head)
    model, end = training_model(models[0], head)
    return OwnTraining(model, starts, end)


def _module_training(network: Any) -> TrainingModel:
    """Return a module of torch's as the engine trains it."""
    return TrainingModel(
        fit=network,
        predict=network,
        dropouts=(),
        variables=network.variables,
        n_weights=len(network.variables),
        needs_two_rows=network.needs_two_rows,
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
            given = _given_by_module(model, n_inputs)
        except TunerError as error:
            raise TunerError(f"{own.hook.name}: {error}") from None
        except Exception as error:
            raise TunerError(_failure(own, build, params, error)) from error
    if given is not None:
        from tuner.engines.torch_module import checked_network

        return Built(checked_network(own.hook.name, model, given[0], head, n_inputs), params)
    check_model(own.hook, model, n_inputs, head)
    return Built(model, params)


def _given_by_module(model: Any, n_inputs: int) -> tuple[Any] | None:
    """Return what a module of torch's gives for some rows, alone in a tuple; None for what is no such module."""
    if keras.config.backend() != "torch":
        return None
    from tuner.engines.torch_module import first_outputs, is_module

    return (first_outputs(model, n_inputs),) if is_module(model) else None


def count_own(own: OwnModel, head: Head, n_inputs: int) -> int:
    """Return how many trainable weights the function's model has."""
    model = build_own(own, head, n_inputs, seed=0).model
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed all that Keras draws seeds and weights from; Python's and NumPy's own generators go on as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with without_tensorflow():  # which is seeded as well
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


def _variables(model: Any) -> Sequence[Any]:
    return model_variables(model) if isinstance(model, keras.Model) else model.variables
