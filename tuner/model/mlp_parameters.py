"""The parameters of the multi-layer perceptron: what its search space may hold."""

from collections.abc import Mapping
from types import MappingProxyType

from tuner.model.initializers import INITIALIZERS
from tuner.model.optimizers import OPTIMIZERS
from tuner.model.parameters import Parameter, ParameterKind
from tuner.model.schedules import SCHEDULES

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
    "relu6",
    "exponential",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "tanh_shrink",
)
"""Activations of hidden layers, by their Keras names and with Keras' constants."""

BEFORE, AFTER = "before", "after"
"""Where a hidden layer may be normalised: before its activation or after it."""

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
    Parameter(
        "initializer",
        _CHOICE,
        "glorot_uniform",
        "What kernels start from.",
        options=tuple(INITIALIZERS),
        per_layer=True,
    ),
    Parameter(
        "batch_norm",
        _BOOL,
        False,
        "Whether, or where, each hidden layer is normalised over the batch; true is before the activation.",
        options=(BEFORE, AFTER),
    ),
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
    Parameter(
        "max_norm",
        _FLOAT,
        0.0,
        "The largest norm of the weights that enter a unit of a hidden layer; 0 for any.",
        low=0,
    ),
    Parameter(
        "embedding_scale",
        _FLOAT,
        1.0,
        "What the size of embedded categories' vectors is multiplied by.",
        low=0,
        above=True,
        below=100,
    ),
    Parameter("optimizer", _CHOICE, "adam", "How gradients change the weights.", options=tuple(OPTIMIZERS)),
    Parameter(
        "learning_rate", _FLOAT, None, "Size of a step; the optimizer's own default.", low=0, above=True
    ),
    Parameter("momentum", _FLOAT, None, "Share of the last step that the next one keeps.", low=0, below=1),
    Parameter("rho", _FLOAT, None, "Decay of RMSprop's and Adadelta's mean squares.", low=0, below=1),
    Parameter("beta_1", _FLOAT, None, "Decay of the Adam family's mean of gradients.", low=0, below=1),
    Parameter(
        "beta_2", _FLOAT, None, "Decay of the Adam family's mean of squared gradients.", low=0, below=1
    ),
    Parameter("epsilon", _FLOAT, None, "What keeps a step's divisor from 0.", low=0, above=True),
    Parameter(
        "weight_decay", _FLOAT, None, "Share of all weights that a step takes off, times the rate.", low=0
    ),
    Parameter(
        "initial_accumulator_value", _FLOAT, None, "Where Adagrad's and FTRL's sums of squares start.", low=0
    ),
    Parameter(
        "learning_rate_power",
        _FLOAT,
        None,
        "The power of FTRL's sums of squares that a step is multiplied by; -0.5.",
        low=-1,
        below=0,
    ),
    Parameter("l1_regularization_strength", _FLOAT, None, "FTRL's own penalty on absolute values; 0.", low=0),
    Parameter("l2_regularization_strength", _FLOAT, None, "FTRL's own penalty on squares; 0.", low=0),
    Parameter(
        "l2_shrinkage_regularization_strength",
        _FLOAT,
        None,
        "The penalty on squares that FTRL adds to gradients; 0.",
        low=0,
    ),
    Parameter("clipnorm", _FLOAT, 0.0, "The largest norm of a variable's gradient; 0 for any.", low=0),
    Parameter(
        "global_clipnorm", _FLOAT, 0.0, "The largest norm of all gradients together; 0 for any.", low=0
    ),
    Parameter("clipvalue", _FLOAT, 0.0, "The largest size of a gradient's numbers; 0 for any.", low=0),
    Parameter("schedule", _CHOICE, "constant", "How the rate changes in training.", options=tuple(SCHEDULES)),
    Parameter(
        "schedule_decay", _FLOAT, None, "How fast the rate falls with time or exponential; 0.05.", low=0
    ),
    Parameter(
        "schedule_drop", _FLOAT, None, "What step multiplies the rate by; 0.5.", low=0, above=True, below=1
    ),
    Parameter(
        "schedule_every",
        _INT,
        None,
        "Epochs from step to step, or of the first cycle of cosine_restarts; 10.",
        low=1,
    ),
    Parameter(
        "schedule_factor",
        _FLOAT,
        None,
        "What plateau multiplies the rate by; 0.5.",
        low=0,
        above=True,
        below=1,
    ),
    Parameter(
        "schedule_patience",
        _INT,
        None,
        "Epochs without a lower validation loss before plateau acts; 5.",
        low=1,
    ),
    Parameter(
        "schedule_momentum",
        _FLOAT,
        "none",
        "What one_cycle lowers the momentum to while the rate rises; none leaves it as it is.",
        low=0,
        below=1,
        options=("none",),
    ),
    Parameter("schedule_warmup", _INT, 0, "Epochs in which the rate rises from 0 before all else.", low=0),
    Parameter("batch_size", _INT, 32, "Rows of one step.", low=1, options=("all",)),
    Parameter("epochs", _INT, None, "The most passes over the training rows; else the study file's.", low=1),
)

PARAMETERS: Mapping[str, Parameter] = MappingProxyType({row.name: row for row in _ROWS})
"""The parameters of the multi-layer perceptron."""
