"""The plan of a network: params in, layers and settings out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from tuner.errors import TunerError, nearest
from tuner.model.augment import NO_AUGMENT, Augment
from tuner.model.heads import Head
from tuner.model.optimizers import OPTIMIZERS, OptimizerPlan, plan_optimizer
from tuner.model.parameters import Parameter, ParameterKind
from tuner.records import Params, ParamValue

ACTIVATIONS = (
    "relu",
    "tanh",
    "sigmoid",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softsign",
    "leaky_relu",
    "linear",
)
"""Activations of hidden layers, by their Keras names and with Keras' constants."""

_INT, _FLOAT, _BOOL, _CHOICE = (
    ParameterKind.INT,
    ParameterKind.FLOAT,
    ParameterKind.BOOL,
    ParameterKind.CHOICE,
)

_ROWS = (
    Parameter("layers", _INT, 1, "Hidden layers; 0 gives a linear model.", low=0),
    Parameter("neurons", _INT, 32, "Units of a hidden layer.", low=1, per_layer=True),
    Parameter(
        "activation",
        _CHOICE,
        "relu",
        "What a hidden layer applies to its sums.",
        options=ACTIVATIONS,
        per_layer=True,
    ),
    Parameter("batch_norm", _BOOL, False, "Whether each hidden layer is normalised over the batch."),
    Parameter(
        "dropout",
        _FLOAT,
        0.0,
        "Share of a hidden layer's units that each step leaves out.",
        low=0,
        below=1,
        per_layer=True,
    ),
    Parameter("l1", _FLOAT, 0.0, "Weight of the penalty on the kernels' absolute values.", low=0),
    Parameter("l2", _FLOAT, 0.0, "Weight of the penalty on the kernels' squares.", low=0),
    Parameter("optimizer", _CHOICE, "adam", "How gradients change the weights.", options=tuple(OPTIMIZERS)),
    Parameter(
        "learning_rate", _FLOAT, None, "Size of a step; the optimizer's own default.", low=0, above=True
    ),
    Parameter("momentum", _FLOAT, None, "Share of the last step that the next one keeps.", low=0, below=1),
    Parameter("rho", _FLOAT, None, "Decay of RMSprop's mean of squared gradients.", low=0, below=1),
    Parameter("beta_1", _FLOAT, None, "Decay of the Adam family's mean of gradients.", low=0, below=1),
    Parameter(
        "beta_2", _FLOAT, None, "Decay of the Adam family's mean of squared gradients.", low=0, below=1
    ),
    Parameter("epsilon", _FLOAT, None, "What keeps a step's divisor from 0.", low=0, above=True),
    Parameter(
        "weight_decay", _FLOAT, None, "Share of the weights that AdamW takes off, times the rate.", low=0
    ),
    Parameter("initial_accumulator_value", _FLOAT, None, "Where Adagrad's sums of squares start.", low=0),
    Parameter("batch_size", _INT, 32, "Rows of one step.", low=1),
    Parameter("epochs", _INT, None, "The most passes over the training rows; else the study file's.", low=1),
)

PARAMETERS: Mapping[str, Parameter] = MappingProxyType({row.name: row for row in _ROWS})
"""The parameters of the multi-layer perceptron."""

LATER_PARAMETERS = frozenset(
    {
        "schedule",
        "schedule_decay",
        "schedule_drop",
        "schedule_every",
        "schedule_factor",
        "schedule_patience",
        "schedule_warmup",
        "initializer",
        "max_norm",
        "clipnorm",
        "clipvalue",
        "global_clipnorm",
    }
)
"""Parameters that other tools have and no model of this version reads."""


def parameter_of(name: str) -> tuple[str, int | None]:
    """Split a parameter's name into its base and its hidden layer, counted from 0.

    ``neurons.0`` gives ``("neurons", 0)``; a name without a layer, such as ``l2`` or ``preprocess.numeric``,
    gives itself and None.
    """
    base, _, layer = name.rpartition(".")
    if base and layer.isascii() and layer.isdigit():
        return base, int(layer)
    return name, None


@dataclass(frozen=True, slots=True)
class Layer:
    """A hidden layer: a dense kernel with biases, batch normalisation, activation, dropout, in this order.

    Attributes:
        units: at least 1.
        activation: a name in ``ACTIVATIONS``.
        batch_norm: whether there is batch normalisation (Ioffe and Szegedy 2015, section 3.2: before
            the activation).
        dropout: in [0, 1); 0 means that there is no dropout.
    """

    units: int
    activation: str
    batch_norm: bool
    dropout: float


class Structure(NamedTuple):
    """What a compiled program of a network depends on; all else are numbers that it is given.

    Attributes:
        batch_norm: for each hidden layer, whether it is normalised; its length is the depth.
        dropout: for each hidden layer, whether units are dropped.
    """

    batch_norm: tuple[bool, ...]
    dropout: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """A network without its inputs and its head.

    Attributes:
        layers: the hidden layers, from the inputs on; none for a linear model.
        l1: weight of the penalty on the absolute values of every kernel, the output layer's too.
        l2: weight of the penalty on the squares of every kernel.
        optimizer: how it is trained.
        batch_size: rows of one step, at least 1.
        initializer: of the kernels, by its Keras name; biases start at 0.
        augment: how training batches are varied.
    """

    layers: tuple[Layer, ...]
    l1: float
    l2: float
    optimizer: OptimizerPlan
    batch_size: int
    initializer: str = "glorot_uniform"
    augment: Augment = NO_AUGMENT

    @property
    def structure(self) -> Structure:
        """What forces a new trace; networks with equal structures share a compiled program."""
        return Structure(
            tuple(layer.batch_norm for layer in self.layers),
            tuple(layer.dropout > 0.0 for layer in self.layers),
        )


def plan_network(params: Params) -> Network:
    """Return the multi-layer perceptron that a trial's parameters describe.

    A layer's own value (``neurons.1``) wins over the common one (``neurons``), and that over the default.
    Values for layers that are not there, and settings that the optimizer does not read, are left aside; so
    are ``epochs``, which the trial reads, and ``preprocess.*``, which shapes the rows.

    Raises:
        TunerError: an unknown parameter, or a value outside its domain.
    """
    _check(params, PARAMETERS)
    depth = int(_value(params, "layers"))
    layers = tuple(
        Layer(
            units=int(_value(params, "neurons", number)),
            activation=str(_value(params, "activation", number)),
            batch_norm=bool(_value(params, "batch_norm")),
            dropout=float(_value(params, "dropout", number)),
        )
        for number in range(depth)
    )
    return Network(
        layers=layers,
        l1=float(_value(params, "l1")),
        l2=float(_value(params, "l2")),
        optimizer=plan_optimizer(str(_value(params, "optimizer")), params),
        batch_size=int(_value(params, "batch_size")),
    )


def name_problem(name: str, parameters: Mapping[str, Parameter]) -> str | None:
    """Return what is wrong with a parameter's name in one phrase, or None where the model reads it.

    Args:
        name: as a search space writes it, with its layer's number if it has one.
        parameters: those of the model.
    """
    base, layer = parameter_of(name)
    if base in parameters:
        if layer is not None and not parameters[base].per_layer:
            return f"'{base}' is one value for the whole network; write '{base}' instead of '{name}'"
        return None
    if base in LATER_PARAMETERS:
        return f"'{name}' belongs to a later version; this one reads: {', '.join(parameters)}"
    return f"'{name}' is not a parameter; one of: {', '.join(parameters)}{nearest(base, parameters)}"


def count_parameters(network: Network, n_inputs: int, head: Head) -> int:
    """Return the number of trainable weights: kernels, and biases or else batch normalisation's scales and shifts.

    Args:
        network: the plan.
        n_inputs: columns that enter the first layer.
        head: the end of the network.
    """
    total, width = 0, n_inputs
    for layer in network.layers:
        total += (width + (2 if layer.batch_norm else 1)) * layer.units
        width = layer.units
    return total + (width + 1) * head.units


@dataclass(frozen=True, slots=True)
class Model:
    """A family of networks that a study may tune.

    Attributes:
        parameters: what its search space may hold, by name.
        plan: from a trial's parameters to the network.
    """

    parameters: Mapping[str, Parameter]
    plan: Callable[[Params], Network]


MODELS: Mapping[str, Model] = MappingProxyType({"mlp": Model(PARAMETERS, plan_network)})
"""What ``training.model`` may name."""


def _check(params: Params, parameters: Mapping[str, Parameter]) -> None:
    problems = []
    for name, value in params.items():
        if name.startswith("preprocess."):
            continue
        problem = name_problem(name, parameters)
        if problem is None:
            problem = parameters[parameter_of(name)[0]].problem(value)
            problem = problem and f"{name}: {problem}"
        if problem is not None:
            problems.append(problem)
    if problems:
        raise TunerError("\n".join(problems))


def _value(params: Params, name: str, layer: int | None = None) -> ParamValue:
    default = PARAMETERS[name].default
    assert default is not None, f"{name} has no default of its own"
    return params.get(f"{name}.{layer}", params.get(name, default))
