"""A ``torch.nn.Module`` of the user's, as the plain engine trains a Keras model.

Keras' own wrapper leaves out a module's buffers, such as the statistics of batch normalisation, and saves a module as
a pickle. Here a module is its parameters and buffers: a fold is their values, and a file holds nothing else.
"""

from typing import Any

import numpy as np

from tuner.engines.arrays import as_array
from tuner.engines.runtime import load_keras, load_torch
from tuner.errors import TunerError
from tuner.model.heads import Head

load_keras()
import keras  # noqa: E402  (after the settings above)

torch = load_torch()

_NORMS = ("BatchNorm1d", "LazyBatchNorm1d", "SyncBatchNorm")
"""Layers that cannot learn from a single row."""

_TRIED_ROWS = 32


class ModuleNetwork:
    """What of a Keras model the engine uses: it is called, and has variables and losses.

    Args:
        module: gives (n_rows, n_units) logits for (n_rows, n_inputs) inputs.

    Attributes:
        module: the same, on the device that Keras computes on.
        variables: its parameters, then its buffers, in the module's order; their values are the module's own tensors.
    """

    losses: tuple[Any, ...] = ()

    def __init__(self, module: Any) -> None:
        self.module = module.to(keras.ops.convert_to_tensor(0.0).device)
        parameters = [_variable(each, trainable=each.requires_grad) for each in module.parameters()]
        buffers = [
            _Buffer(owner, name)
            for owner in module.modules()
            for name, _ in owner.named_buffers(recurse=False)
        ]
        self.variables = (*parameters, *buffers)
        self.trainable_variables = [each for each in parameters if each.trainable]

    @property
    def needs_two_rows(self) -> bool:
        """Whether a batch of a single row is an error for some layer."""
        return any(type(layer).__name__ in _NORMS for layer in self.module.modules())

    def __call__(self, inputs: Any, training: bool) -> Any:
        """Return (n_rows, n_units) logits; ``inputs`` is a tensor, or a list of one."""
        self.module.train(training)
        return self.module(inputs[0] if isinstance(inputs, list) else inputs)

    def get_weights(self) -> list[np.ndarray]:
        """Return the values of ``variables``."""
        return [np.array(as_array(each.value)) for each in self.variables]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Set the values of ``variables``.

        Raises:
            ValueError: their number or a shape is another.
        """
        with torch.no_grad():
            for variable, weight in zip(self.variables, weights, strict=True):
                if tuple(variable.value.shape) != weight.shape:
                    raise ValueError(
                        f"a weight of shape {weight.shape} where {tuple(variable.value.shape)} is needed"
                    )
                variable.value.copy_(torch.as_tensor(weight))


class _Buffer:
    """A tensor that training changes and does not learn: in place, or by another one under its name.

    Args:
        owner: the module that has it.
        name: what it is called there.
    """

    def __init__(self, owner: Any, name: str) -> None:
        self._owner, self._name = owner, name

    @property
    def value(self) -> Any:
        """The tensor."""
        return getattr(self._owner, self._name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return tuple(self.value.shape)


def _variable(parameter: Any, *, trainable: bool) -> Any:
    return keras.Variable(initializer=parameter, trainable=trainable)


def is_module(model: object) -> bool:
    """Return whether a model is torch's, and none of Keras', whose layers are modules of torch, too."""
    return isinstance(model, torch.nn.Module) and not isinstance(model, keras.layers.Layer)


def first_outputs(module: Any, n_inputs: int) -> Any:
    """Return what a module gives for random rows of ``n_inputs`` numbers; lazy layers have their parameters then."""
    rows = np.random.default_rng(0).normal(scale=3.0, size=(_TRIED_ROWS, n_inputs)).astype(np.float32)
    mode = module.training
    with torch.no_grad():
        given = module.eval()(torch.as_tensor(rows))
    module.train(mode)
    return given


def checked_network(name: str, module: Any, given: Any, head: Head, n_inputs: int) -> ModuleNetwork:
    """Return a module as the engine trains it; refuse one that cannot be trained, or gives no logits.

    Args:
        name: of the function that returned it.
        module: the module.
        given: its ``first_outputs``.
        head: the end that they should fit.
        n_inputs: numbers of a row.

    Raises:
        TunerError: says what it gives, and what it should give.
    """
    if not any(each.requires_grad for each in module.parameters()):
        raise TunerError(f"{name} returns a module without a parameter that is learned")
    kinds = sorted({str(each.dtype) for each in module.parameters()} - {"torch.float32"})
    if kinds:
        raise TunerError(f"{name} returns a module with parameters of {', '.join(kinds)}; use torch.float32")
    tensor = isinstance(given, torch.Tensor)
    if not tensor or tuple(given.shape) != (_TRIED_ROWS, head.units):
        found = f"outputs of shape {tuple(given.shape)}" if tensor else f"a {type(given).__name__}"
        raise TunerError(
            f"{name} returns a module that gives {found} for {_TRIED_ROWS} rows of {n_inputs} numbers; it should give "
            f"({_TRIED_ROWS}, {head.units}): end with torch.nn.Linear(..., head.units)"
        )
    _check_logits(name, given.numpy(), head)
    return ModuleNetwork(module)


def _check_logits(name: str, given: np.ndarray, head: Head) -> None:
    """Refuse outputs that have gone through sigmoid or softmax already."""
    chances = bool(((given >= 0.0) & (given <= 1.0)).all()) and float(given.std()) > 0.0
    sums_up = bool(np.allclose(given.sum(axis=1), 1.0, atol=1e-4))
    if (head.activation == "softmax" and chances and sums_up) or (head.activation == "sigmoid" and chances):
        raise TunerError(
            f"{name} returns a module that ends with {head.activation}; end with torch.nn.Linear(..., head.units): "
            f"losses read what enters the {head.activation}, which is added"
        )
