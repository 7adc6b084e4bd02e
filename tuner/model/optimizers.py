"""The optimizers that a network may be trained with, by name, with Keras' own defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tuner.errors import TunerError, nearest
from tuner.records import Params

Settings = tuple[tuple[str, float], ...]
"""Pairs of a Keras argument and its value, in the order of the table; ``dict(settings)`` passes them on."""


@dataclass(frozen=True, slots=True)
class OptimizerSpec:
    """An optimizer as a search space names it.

    Attributes:
        keras: the class's name in ``keras.optimizers``.
        fixed: arguments that make it this optimizer and are not searched.
        learning_rate: Keras' default.
        settings: the parameters it reads beside the learning rate, with their defaults.
    """

    keras: str
    fixed: tuple[tuple[str, bool], ...]
    learning_rate: float
    settings: Settings


_MOMENTS: Settings = (("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-7))

# Defaults are those of the constructors in keras.optimizers 3.15. Keras has no default momentum but 0, which
# would make `momentum` and `nesterov` plain SGD; 0.9 is what textbooks take.
OPTIMIZERS: Mapping[str, OptimizerSpec] = MappingProxyType(
    {
        "sgd": OptimizerSpec("SGD", (), 0.01, (("momentum", 0.0),)),
        "momentum": OptimizerSpec("SGD", (), 0.01, (("momentum", 0.9),)),
        "nesterov": OptimizerSpec("SGD", (("nesterov", True),), 0.01, (("momentum", 0.9),)),
        "adagrad": OptimizerSpec(
            "Adagrad", (), 0.001, (("initial_accumulator_value", 0.1), ("epsilon", 1e-7))
        ),
        "rmsprop": OptimizerSpec("RMSprop", (), 0.001, (("rho", 0.9), ("epsilon", 1e-7))),
        "adam": OptimizerSpec("Adam", (), 0.001, _MOMENTS),
        "adamw": OptimizerSpec("AdamW", (), 0.001, (*_MOMENTS, ("weight_decay", 0.004))),
        "nadam": OptimizerSpec("Nadam", (), 0.001, _MOMENTS),
    }
)


@dataclass(frozen=True, slots=True)
class OptimizerPlan:
    """An optimizer with a value for all it reads.

    Attributes:
        name: a name in ``OPTIMIZERS``.
        learning_rate: above 0.
        settings: every setting of the optimizer's row, in the row's order.
    """

    name: str
    learning_rate: float
    settings: Settings

    def setting(self, name: str, otherwise: float = 0.0) -> float:
        """Return a setting's value, or ``otherwise`` where this optimizer has no such setting."""
        return dict(self.settings).get(name, otherwise)


def plan_optimizer(name: str, params: Params) -> OptimizerPlan:
    """Return the plan of an optimizer.

    Args:
        name: a name in ``OPTIMIZERS``.
        params: a trial's parameters; those that this optimizer does not read are left aside.

    Raises:
        TunerError: there is no such optimizer.
    """
    if name not in OPTIMIZERS:
        options = ", ".join(OPTIMIZERS)
        raise TunerError(
            f"optimizer: '{name}' is not an optimizer; one of: {options}{nearest(name, OPTIMIZERS)}"
        )
    spec = OPTIMIZERS[name]
    return OptimizerPlan(
        name=name,
        learning_rate=float(params.get("learning_rate", spec.learning_rate)),
        settings=tuple((key, float(params.get(key, default))) for key, default in spec.settings),
    )


def optimizers_with(setting: str) -> tuple[str, ...]:
    """Return the names of the optimizers that read a parameter; none where no optimizer does."""
    if setting == "learning_rate":
        return tuple(OPTIMIZERS)
    return tuple(name for name, spec in OPTIMIZERS.items() if setting in dict(spec.settings))
