"""What kernels start from, by the names of Keras and of textbooks."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Initializer:
    """A distribution of a kernel's weights before training.

    Attributes:
        keras: the class's name in ``keras.initializers``; its arguments stay at Keras' defaults.
        seeded: whether it draws; else it takes no seed.
    """

    keras: str
    seeded: bool = True


INITIALIZERS: Mapping[str, Initializer] = MappingProxyType(
    {
        # Glorot and Bengio 2010; He et al. 2015; LeCun et al. 1998.
        "glorot_uniform": Initializer("GlorotUniform"),
        "glorot_normal": Initializer("GlorotNormal"),
        "he_uniform": Initializer("HeUniform"),
        "he_normal": Initializer("HeNormal"),
        "lecun_uniform": Initializer("LecunUniform"),
        "lecun_normal": Initializer("LecunNormal"),
        "uniform": Initializer("RandomUniform"),
        "random_uniform": Initializer("RandomUniform"),
        "normal": Initializer("RandomNormal"),
        "random_normal": Initializer("RandomNormal"),
        "truncated_normal": Initializer("TruncatedNormal"),
        "orthogonal": Initializer("Orthogonal"),
        "zero": Initializer("Zeros", seeded=False),
        "zeros": Initializer("Zeros", seeded=False),
    }
)
"""The initializers of kernels; biases start at 0."""
