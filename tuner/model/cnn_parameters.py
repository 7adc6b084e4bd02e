"""The parameters of the convolutional network: its blocks, and all those of the multi-layer perceptron after them."""

from collections.abc import Mapping
from types import MappingProxyType

from tuner.model.mlp_parameters import PARAMETERS as DENSE
from tuner.model.parameters import Parameter, ParameterKind

POOLINGS = ("max", "average")
"""How 2 x 2 pixels become one."""

_ROWS = (
    Parameter(
        "blocks", ParameterKind.INT, 2, "Convolutions, each with activation, pooling and dropout.", low=1
    ),
    Parameter("filters", ParameterKind.INT, 32, "Feature maps of a block.", low=1, per_layer=True),
    Parameter(
        "kernel_size",
        ParameterKind.INT,
        3,
        "Pixels along a side of a block's kernel.",
        low=1,
        per_layer=True,
    ),
    Parameter(
        "pooling", ParameterKind.CHOICE, "max", "How 2 x 2 pixels of a block become one.", options=POOLINGS
    ),
    Parameter(
        "block_dropout",
        ParameterKind.FLOAT,
        0.0,
        "Share of a block's feature maps that each step leaves out.",
        low=0,
        below=1,
        per_layer=True,
    ),
)

PARAMETERS: Mapping[str, Parameter] = MappingProxyType({**{row.name: row for row in _ROWS}, **DENSE})
"""The parameters of the convolutional network; ``layers``, ``neurons`` and ``dropout`` are those of its dense part."""
