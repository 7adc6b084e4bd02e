"""The plan of a network: params in, layers and settings out."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from tuner.errors import TunerError, nearest
from tuner.model.augment import NO_AUGMENT, Augment
from tuner.model.cnn import Block, Image, entering, plan_blocks
from tuner.model.cnn_parameters import PARAMETERS as CNN_PARAMETERS
from tuner.model.embeddings import Embedding, plan_embeddings
from tuner.model.heads import Head
from tuner.model.mlp_parameters import AFTER, BEFORE, PARAMETERS
from tuner.model.optimizers import OptimizerPlan, plan_optimizer
from tuner.model.own_model import TRAINING, OwnModel
from tuner.model.parameters import Parameter
from tuner.model.schedules import CONSTANT, SchedulePlan, plan_schedule
from tuner.records import Params, ParamValue

ALL_ROWS = 2**31 - 1
"""The ``batch_size`` of a step that takes all rows: more than any table has."""


MOVING = ("mean", "variance")
"""The weights that training follows and does not learn."""

WEIGHTS: Mapping[str | None, tuple[str, ...]] = MappingProxyType(
    {
        None: ("kernel", "bias"),
        BEFORE: ("kernel", "scale", "shift", *MOVING),
        AFTER: ("kernel", "bias", "scale", "shift", *MOVING),
    }
)
"""The weights of a layer as Keras orders them, by where it is normalised."""


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
    """A hidden layer: a dense kernel with biases, activation, dropout, in this order.

    Attributes:
        units: at least 1.
        activation: a name in ``ACTIVATIONS``.
        batch_norm: where there is batch normalisation: ``before`` the activation (Ioffe and Szegedy 2015, section
            3.2; the layer then has no biases, which it would take off again) or ``after`` it; None for nowhere.
        dropout: in [0, 1); 0 means that there is no dropout.
        initializer: of the kernel, a name in ``INITIALIZERS``.
    """

    units: int
    activation: str
    batch_norm: str | None
    dropout: float
    initializer: str = "glorot_uniform"


class Structure(NamedTuple):
    """What a compiled program of a network depends on; all else are numbers that it is given.

    Attributes:
        batch_norm: for each hidden layer, where it is normalised; its length is the depth.
        dropout: for each hidden layer, whether units are dropped.
        max_norm: whether norms of weights are bounded.
        clip: what bounds gradients, a name in ``CLIPS``, or None.
        weight_decay: whether weights decay.
        embedded: how many columns are embedded.
    """

    batch_norm: tuple[str | None, ...]
    dropout: tuple[bool, ...]
    max_norm: bool
    clip: str | None
    weight_decay: bool
    embedded: int


@dataclass(frozen=True, slots=True)
class Network:
    """A network without its inputs and its head.

    Attributes:
        layers: the hidden layers, from the inputs on; none for a linear model.
        l1: weight of the penalty on the absolute values of every kernel, the output layer's too.
        l2: weight of the penalty on the squares of every kernel.
        optimizer: how it is trained.
        batch_size: rows of one step, at least 1; more than there are is all of them.
        initializer: of the output layer's kernel, a name in ``INITIALIZERS``; biases start at 0.
        max_norm: the largest norm of the weights that enter a unit of a hidden layer (Srivastava et al. 2014,
            section 5.1); 0 for any.
        schedule: how the learning rate changes in training.
        augment: how training batches are varied.
        own: what a function of the user's builds it from; there are then no layers, and no penalties but its own.
        embeddings: tables of the last inputs, which are codes; trained with the rest, without penalties.
        blocks: the convolutions before the hidden layers; none for a multi-layer perceptron.
        image: the size of the image that a row of inputs is, in C order; None where there are no blocks.
    """

    layers: tuple[Layer, ...]
    l1: float
    l2: float
    optimizer: OptimizerPlan
    batch_size: int
    initializer: str = "glorot_uniform"
    max_norm: float = 0.0
    schedule: SchedulePlan = CONSTANT
    augment: Augment = NO_AUGMENT
    own: OwnModel | None = None
    embeddings: tuple[Embedding, ...] = ()
    blocks: tuple[Block, ...] = ()
    image: Image | None = None

    @property
    def cycled(self) -> str | None:
        """The setting of the optimizer that changes with the rate, step by step; None for none."""
        return None if self.schedule.momentum is None else self.optimizer.cycles

    def width(self, n_inputs: int) -> int:
        """Return how many numbers enter the first layer, of ``n_inputs`` inputs with their codes."""
        return n_inputs + sum(table.size - 1 for table in self.embeddings)

    @property
    def structure(self) -> Structure:
        """What forces a new trace; networks with equal structures share a compiled program."""
        return Structure(
            tuple(layer.batch_norm for layer in self.layers),
            tuple(layer.dropout > 0.0 for layer in self.layers),
            self.max_norm > 0.0,
            self.optimizer.clip.name if self.optimizer.clip else None,
            self.optimizer.weight_decay > 0.0,
            len(self.embeddings),
        )


def plan_network(params: Params) -> Network:
    """Return the multi-layer perceptron that a trial's parameters describe.

    A layer's own value (``neurons.1``) wins over the common one (``neurons``), and that over the default.
    Values for layers that are not there, and settings that the optimizer or the schedule does not read, are left
    aside; so are ``epochs``, which the trial reads, and ``preprocess.*``, which shapes the rows.

    Raises:
        TunerError: an unknown parameter, a value outside its domain, or values that do not go together.
    """
    _check(params, PARAMETERS)
    return _plan(params)


def plan_cnn(params: Params) -> Network:
    """Return the convolutional network that a trial's parameters describe, but for the size of its images.

    Blocks have the common ``activation``, ``initializer`` and ``batch_norm``; the rest is as in ``plan_network``.

    Raises:
        TunerError: as ``plan_network``.
    """
    _check(params, CNN_PARAMETERS)
    value = partial(_value, params, parameters=CNN_PARAMETERS)
    return replace(_plan(params), blocks=plan_blocks(value, _place(_value(params, "batch_norm"))))


def _plan(params: Params) -> Network:
    depth = int(_value(params, "layers"))
    layers = tuple(
        Layer(
            units=int(_value(params, "neurons", number)),
            activation=str(_value(params, "activation", number)),
            batch_norm=_place(_value(params, "batch_norm")),
            dropout=float(_value(params, "dropout", number)),
            initializer=str(_value(params, "initializer", number)),
        )
        for number in range(depth)
    )
    return Network(
        layers=layers,
        l1=float(_value(params, "l1")),
        l2=float(_value(params, "l2")),
        optimizer=plan_optimizer(str(_value(params, "optimizer")), params),
        batch_size=_batch_size(params),
        initializer=str(_value(params, "initializer")),
        max_norm=float(_value(params, "max_norm")),
        schedule=_schedule(params),
    )


def plan_own_network(own: OwnModel, params: Params) -> Network:
    """Return the network that a function of the user's builds, trained as a trial's parameters describe.

    Raises:
        TunerError: a value outside its domain, or values that do not go together, among those of the training.
    """
    _check({name: value for name, value in params.items() if name in TRAINING}, TRAINING)
    return Network(
        layers=(),
        l1=0.0,
        l2=0.0,
        optimizer=plan_optimizer(str(_value(params, "optimizer")), params),
        batch_size=_batch_size(params),
        schedule=_schedule(params),
        own=own,
    )


def embed(network: Network, params: Params, tables: Sequence[int]) -> Network:
    """Return a network that embeds its last inputs.

    Args:
        network: its plan without them.
        params: the trial's, which may scale the vectors.
        tables: how many codes each of them has; none for a network as it is.
    """
    return replace(network, embeddings=plan_embeddings(tables, float(_value(params, "embedding_scale"))))


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
    return f"'{name}' is not a parameter; one of: {', '.join(parameters)}{nearest(base, parameters)}"


def count_parameters(network: Network, n_inputs: int, head: Head) -> int:
    """Return the number of trainable weights: tables, kernels, biases, batch normalisation's scales and shifts.

    Args:
        network: the plan.
        n_inputs: columns of the inputs, codes among them.
        head: the end of the network.
    """
    total = sum(table.rows * table.size for table in network.embeddings)
    for kernel in kernels(network, n_inputs, head):
        vectors = [role for role in WEIGHTS[kernel.batch_norm] if role not in (*MOVING, "kernel")]
        total += math.prod(kernel.shape) + len(vectors) * kernel.shape[-1]
    return total


class Kernel(NamedTuple):
    """A kernel of a network.

    Attributes:
        shape: (n_inputs, n_units) of a dense layer, (height, width, n_maps, n_filters) of a convolution.
        batch_norm: where its layer is normalised; None for nowhere.
        initializer: a name in ``INITIALIZERS``.
    """

    shape: tuple[int, ...]
    batch_norm: str | None
    initializer: str


def kernels(network: Network, n_inputs: int, head: Head) -> Iterator[Kernel]:
    """Yield a network's kernels from the inputs on; see ``count_parameters``."""
    width = network.width(n_inputs)
    if network.image is not None:
        sizes = list(entering(network.blocks, network.image))
        for block, (*_, maps) in zip(network.blocks, sizes[:-1], strict=True):
            shape = (block.kernel_size, block.kernel_size, maps, block.filters)
            yield Kernel(shape, block.batch_norm, block.initializer)
        width = math.prod(sizes[-1])
    for layer in network.layers:
        yield Kernel((width, layer.units), layer.batch_norm, layer.initializer)
        width = layer.units
    yield Kernel((width, head.units), None, network.initializer)


@dataclass(frozen=True, slots=True)
class Model:
    """A family of networks that a study may tune.

    Attributes:
        parameters: what its search space may hold, by name.
        plan: from a trial's parameters to the network.
    """

    parameters: Mapping[str, Parameter]
    plan: Callable[[Params], Network]


MODELS: Mapping[str, Model] = MappingProxyType(
    {"mlp": Model(PARAMETERS, plan_network), "cnn": Model(CNN_PARAMETERS, plan_cnn)}
)
"""What ``training.model`` may name."""

IMAGE_MODELS = frozenset({"cnn"})
"""Those that read a row as an image."""


def _place(batch_norm: ParamValue) -> str | None:
    """Return where layers are normalised, by the parameter's value."""
    return (BEFORE if batch_norm else None) if isinstance(batch_norm, bool) else str(batch_norm)


def _batch_size(params: Params) -> int:
    rows = _value(params, "batch_size")
    return ALL_ROWS if rows == "all" else int(rows)


def _schedule(params: Params) -> SchedulePlan:
    return plan_schedule(str(_value(params, "schedule")), int(_value(params, "schedule_warmup")), params)


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


def _value(
    params: Params,
    name: str,
    layer: int | None = None,
    parameters: Mapping[str, Parameter] = PARAMETERS,
) -> ParamValue:
    default = parameters[name].default
    assert default is not None, f"{name} has no default of its own"
    return params.get(f"{name}.{layer}", params.get(name, default))
