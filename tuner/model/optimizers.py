"""The optimizers that a network may be trained with, by name, with Keras' own defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

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
        settings: the parameters it reads beside the learning rate and the weight decay, with their defaults.
        weight_decay: Keras' default; 0 for none.
        cycles: the setting that a schedule may change from step to step, the share of the past in a step; None where
            there is none that Keras' update reads anew in each step.
    """

    keras: str
    fixed: tuple[tuple[str, bool], ...]
    learning_rate: float
    settings: Settings
    weight_decay: float = 0.0
    cycles: str | None = None


_MOMENTS: Settings = (("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-7))

# Defaults are those of the constructors in keras.optimizers 3.15. Keras has no default momentum but 0, which
# would make `momentum` and `nesterov` plain SGD; 0.9 is what textbooks take.
OPTIMIZERS: Mapping[str, OptimizerSpec] = MappingProxyType(
    {
        "sgd": OptimizerSpec("SGD", (), 0.01, (("momentum", 0.0),), cycles="momentum"),
        "momentum": OptimizerSpec("SGD", (), 0.01, (("momentum", 0.9),), cycles="momentum"),
        "nesterov": OptimizerSpec(
            "SGD", (("nesterov", True),), 0.01, (("momentum", 0.9),), cycles="momentum"
        ),
        "adagrad": OptimizerSpec(
            "Adagrad", (), 0.001, (("initial_accumulator_value", 0.1), ("epsilon", 1e-7))
        ),
        "rmsprop": OptimizerSpec("RMSprop", (), 0.001, (("rho", 0.9), ("epsilon", 1e-7))),
        "adam": OptimizerSpec("Adam", (), 0.001, _MOMENTS, cycles="beta_1"),
        "adamw": OptimizerSpec("AdamW", (), 0.001, _MOMENTS, weight_decay=0.004, cycles="beta_1"),
        "nadam": OptimizerSpec("Nadam", (), 0.001, _MOMENTS),
        "adadelta": OptimizerSpec("Adadelta", (), 0.001, (("rho", 0.95), ("epsilon", 1e-7))),
        "adamax": OptimizerSpec("Adamax", (), 0.001, _MOMENTS),
        "lion": OptimizerSpec("Lion", (), 0.001, (("beta_1", 0.9), ("beta_2", 0.99))),
        "ftrl": OptimizerSpec(
            "Ftrl",
            (),
            0.001,
            (
                ("initial_accumulator_value", 0.1),
                ("learning_rate_power", -0.5),
                ("l1_regularization_strength", 0.0),
                ("l2_regularization_strength", 0.0),
                ("l2_shrinkage_regularization_strength", 0.0),
            ),
        ),
    }
)

CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")
"""What bounds a gradient: the norm of each variable's, the norm of all together, or each number. One of them at most.

Pascanu et al. 2013, On the difficulty of training recurrent neural networks, algorithm 1.
"""


class Clip(NamedTuple):
    """A bound on gradients: a name in ``CLIPS`` and a limit above 0."""

    name: str
    limit: float


@dataclass(frozen=True, slots=True)
class OptimizerPlan:
    """An optimizer with a value for all it reads.

    Attributes:
        name: a name in ``OPTIMIZERS``.
        learning_rate: above 0.
        settings: every setting of the optimizer's row, in the row's order.
        weight_decay: share of every weight that a step takes off, times the rate (Loshchilov and Hutter 2019).
        clip: what bounds the gradients, or None.
    """

    name: str
    learning_rate: float
    settings: Settings
    weight_decay: float = 0.0
    clip: Clip | None = None

    @property
    def cycles(self) -> str | None:
        """The setting that a schedule may change from step to step; None where it is 0, or there is none."""
        setting = OPTIMIZERS[self.name].cycles
        return setting if setting is not None and self.setting(setting) else None

    def setting(self, name: str, otherwise: float = 0.0) -> float:
        """Return a setting's value, or ``otherwise`` where this optimizer has no such setting."""
        return dict(self.settings).get(name, otherwise)


def plan_optimizer(name: str, params: Params) -> OptimizerPlan:
    """Return the plan of an optimizer.

    Args:
        name: a name in ``OPTIMIZERS``.
        params: a trial's parameters; those that this optimizer does not read are left aside.

    Raises:
        TunerError: there is no such optimizer, its values do not go together, or there are several bounds on gradients.
    """
    if name not in OPTIMIZERS:
        options = ", ".join(OPTIMIZERS)
        raise TunerError(
            f"optimizer: '{name}' is not an optimizer; one of: {options}{nearest(name, OPTIMIZERS)}"
        )
    spec = OPTIMIZERS[name]
    plan = OptimizerPlan(
        name=name,
        learning_rate=float(params.get("learning_rate", spec.learning_rate)),
        settings=tuple((key, float(params.get(key, default))) for key, default in spec.settings),
        weight_decay=float(params.get("weight_decay", spec.weight_decay)),
        clip=_plan_clip(params),
    )
    if name == "lion" and plan.setting("beta_1") == 0.0:
        raise TunerError("beta_1: 0 leaves lion without its mean of gradients; choose a number above 0")
    return plan


def _plan_clip(params: Params) -> Clip | None:
    given = [Clip(name, float(params[name])) for name in CLIPS if params.get(name, 0.0)]
    if len(given) > 1:
        names = " and ".join(clip.name for clip in given)
        raise TunerError(f"{names}: gradients have one bound; leave out the others, or make them 0")
    return given[0] if given else None
