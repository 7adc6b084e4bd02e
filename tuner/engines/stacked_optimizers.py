"""Keras' optimizers on one flat vector of all weights of all folds, with every number an argument.

An update is one of eight families. What makes it this optimizer at this step is a row of coefficients, computed
beforehand for a whole epoch, so that the traced program serves every optimizer, rate and schedule. A fold that has
no batch left in a step takes the coefficients under which nothing changes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_layers import Tensor
from tuner.model.optimizers import OptimizerPlan

tf = load_tensorflow()

_NADAM_DECAY = np.float32(0.96)  # of the momentum schedule; Dozat 2016 and keras.optimizers.Nadam

Coefficients = Mapping[str, np.ndarray | float]
"""Coefficients by name: floats, or float32 arrays in the shape of the step numbers that they were asked for."""

Slots = tuple[Tensor, Tensor]
"""First and second memory of an optimizer, (n_weights,) each; one that a family does not use stays as it is."""


@dataclass(frozen=True, slots=True)
class Family:
    """Updates of one form.

    Attributes:
        idle: coefficients by name, in the order in which ``step`` takes them; the values change nothing.
        step: from weights, slots, gradient, coefficients and epsilon to new weights and slots.
    """

    idle: Mapping[str, float]
    step: Callable[..., tuple[Tensor, Tensor, Tensor]]


def _velocity(
    weights: Tensor, slots: Slots, gradient: Tensor, coefficients: Sequence[Tensor], epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    keep, gain, by_velocity, by_gradient = coefficients[:4]
    velocity = slots[0] * keep + gradient * gain
    return weights + (velocity * by_velocity + gradient * by_gradient), velocity, slots[1]


def _scaled(
    weights: Tensor, slots: Slots, gradient: Tensor, coefficients: Sequence[Tensor], epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    keep, gain, rate = coefficients[:3]
    squares = slots[1] * keep + tf.square(gradient) * gain
    return weights - gradient * rate / tf.sqrt(squares + epsilon), slots[0], squares


def _moments(
    weights: Tensor, slots: Slots, gradient: Tensor, coefficients: Sequence[Tensor], epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    gain, square_gain, rate, keep_weights = coefficients[:4]
    mean = slots[0] + (gradient - slots[0]) * gain
    squares = slots[1] + (tf.square(gradient) - slots[1]) * square_gain
    return weights * keep_weights - mean * rate / (tf.sqrt(squares) + epsilon), mean, squares


def _undecayed_moments(
    weights: Tensor, slots: Slots, gradient: Tensor, coefficients: Sequence[Tensor], epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    gain, square_gain, rate = coefficients[:3]
    mean = slots[0] + (gradient - slots[0]) * gain
    squares = slots[1] + (tf.square(gradient) - slots[1]) * square_gain
    return weights - mean * rate / (tf.sqrt(squares) + epsilon), mean, squares


def _nesterov_moments(
    weights: Tensor, slots: Slots, gradient: Tensor, coefficients: Sequence[Tensor], epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    gain, square_gain, by_mean, by_gradient, unbias = coefficients[:5]
    mean = slots[0] + (gradient - slots[0]) * gain
    squares = slots[1] + (tf.square(gradient) - slots[1]) * square_gain
    change = (mean * by_mean + gradient * by_gradient) / (tf.sqrt(squares * unbias) + epsilon)
    return weights - change, mean, squares


def _deltas(
    weights: Tensor, slots: Slots, gradient: Tensor, coefficients: Sequence[Tensor], epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    keep, gain, rate = coefficients[:3]
    squares = slots[1] * keep + tf.square(gradient) * gain
    delta = tf.sqrt(slots[0] + epsilon) * gradient / tf.sqrt(squares + epsilon)
    return weights - delta * rate, slots[0] * keep + tf.square(delta) * gain, squares


def _largest(
    weights: Tensor, slots: Slots, gradient: Tensor, coefficients: Sequence[Tensor], epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    gain, keep, take, rate = coefficients[:4]
    mean = slots[0] + (gradient - slots[0]) * gain
    largest = tf.maximum(slots[1] * keep, tf.abs(gradient) * take)
    return weights - mean * rate / (largest + epsilon), mean, largest


def _signs(
    weights: Tensor, slots: Slots, gradient: Tensor, coefficients: Sequence[Tensor], epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    by_mean, by_gradient, rate, keep, gain = coefficients[:5]
    change = tf.sign(slots[0] * by_mean + gradient * by_gradient) * rate
    return weights - change, slots[0] * keep + gradient * gain, slots[1]


def _leader(
    weights: Tensor, slots: Slots, gradient: Tensor, coefficients: Sequence[Tensor], epsilon: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Follow the regularised leader (McMahan et al. 2013, algorithm 1): weights follow from sums over all steps.

    A rate of 0 is that of a fold without rows in this step.
    """
    rate, power, l1, l2, shrinkage = coefficients[:5]
    squares = slots[1] + tf.square(gradient)
    scale = tf.pow(squares, power)
    moved = (scale - tf.pow(slots[1], power)) / rate * weights
    linear = slots[0] + (gradient + shrinkage * weights - moved)
    led = (tf.clip_by_value(linear, -l1, l1) - linear) / (scale / rate + l2)
    after = ((led, weights), (linear, slots[0]), (squares, slots[1]))
    new_weights, new_linear, new_squares = (tf.where(rate > 0.0, new, old) for new, old in after)
    return new_weights, new_linear, new_squares


_FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "velocity": Family({"keep": 1.0, "gain": 0.0, "by_velocity": 0.0, "by_gradient": 0.0}, _velocity),
        "scaled": Family({"keep": 1.0, "gain": 0.0, "rate": 0.0}, _scaled),
        "moments": Family({"gain": 0.0, "square_gain": 0.0, "rate": 0.0, "keep_weights": 1.0}, _moments),
        "undecayed_moments": Family({"gain": 0.0, "square_gain": 0.0, "rate": 0.0}, _undecayed_moments),
        "nesterov_moments": Family(
            {"gain": 0.0, "square_gain": 0.0, "by_mean": 0.0, "by_gradient": 0.0, "unbias": 1.0},
            _nesterov_moments,
        ),
        "deltas": Family({"keep": 1.0, "gain": 0.0, "rate": 0.0}, _deltas),
        "largest": Family({"gain": 0.0, "keep": 1.0, "take": 0.0, "rate": 0.0}, _largest),
        "signs": Family({"by_mean": 0.0, "by_gradient": 0.0, "rate": 0.0, "keep": 1.0, "gain": 0.0}, _signs),
        "leader": Family({"rate": 0.0, "power": 0.5, "l1": 0.0, "l2": 0.0, "shrinkage": 0.0}, _leader),
    }
)

COMMON_FAMILIES = ("velocity", "scaled", "moments", "nesterov_moments")
ALL_FAMILIES = (*COMMON_FAMILIES, "deltas", "largest", "signs", "leader")
"""What a program chooses among where no other family is needed, and where one is. Adam without weight decay is one of
the ``moments`` there, whose weights are multiplied by 1; a program for it alone spares that."""

UNDECAYED = ("undecayed_moments",)
"""The family of Adam without weight decay."""

N_COEFFICIENTS = max(len(family.idle) for family in _FAMILIES.values())
"""Coefficients of a step; a family that has fewer leaves the last ones at 0."""


class Pace(NamedTuple):
    """When steps are taken, and how fast.

    Attributes:
        steps: (n_steps, n_folds) float32 how many updates each fold has had after the step, from 1.
        rates: (n_steps, n_folds) float64 learning rates.
        momenta: (n_steps, n_folds) float64 of the setting that ``OptimizerPlan.cycles`` names; None where it stays as
            the plan has it.
    """

    steps: np.ndarray
    rates: np.ndarray
    momenta: np.ndarray | None

    def momentum(self, plan: OptimizerPlan, name: str) -> np.ndarray | float:
        """Return a setting that may change from step to step."""
        return plan.setting(name) if self.momenta is None else self.momenta


def _momentum(plan: OptimizerPlan, pace: Pace) -> Coefficients:
    keep = pace.momentum(plan, "momentum")
    return {"keep": keep, "gain": -pace.rates, "by_velocity": 1.0, "by_gradient": 0.0}


def _nesterov(plan: OptimizerPlan, pace: Pace) -> Coefficients:
    momentum = pace.momentum(plan, "momentum")
    return {"keep": momentum, "gain": -pace.rates, "by_velocity": momentum, "by_gradient": -pace.rates}


def _adagrad(plan: OptimizerPlan, pace: Pace) -> Coefficients:
    return {"keep": 1.0, "gain": 1.0, "rate": pace.rates}


def _rmsprop(plan: OptimizerPlan, pace: Pace) -> Coefficients:
    rho = plan.setting("rho")
    return {"keep": rho, "gain": 1.0 - rho, "rate": pace.rates}


def _adam(plan: OptimizerPlan, pace: Pace) -> Coefficients:
    momentum = pace.momentum(plan, "beta_1")
    beta_1, beta_2 = np.asarray(momentum, np.float32)[()], np.float32(plan.setting("beta_2"))
    rate = pace.rates.astype(np.float32)
    decay = np.float32(plan.weight_decay) * rate
    return {
        "gain": 1.0 - momentum,
        "square_gain": 1.0 - plan.setting("beta_2"),
        "rate": rate * np.sqrt(1.0 - beta_2**pace.steps) / (1.0 - beta_1**pace.steps),
        "keep_weights": 1.0 - decay.astype(np.float64),
    }


def _nadam(plan: OptimizerPlan, pace: Pace) -> Coefficients:
    beta_1, beta_2 = np.float32(plan.setting("beta_1")), np.float32(plan.setting("beta_2"))
    rate = pace.rates.astype(np.float32)
    every = np.arange(1, int(pace.steps.max()) + 2, dtype=np.float32)
    momentum = beta_1 * (1.0 - np.float32(0.5) * _NADAM_DECAY**every)
    product = np.cumprod(momentum, dtype=np.float32)
    now = pace.steps.astype(np.int64) - 1
    return {
        "gain": 1.0 - plan.setting("beta_1"),
        "square_gain": 1.0 - plan.setting("beta_2"),
        "by_mean": rate * momentum[now + 1] / (1.0 - product[now + 1]),
        "by_gradient": rate * (1.0 - momentum[now]) / (1.0 - product[now]),
        "unbias": 1.0 / (1.0 - beta_2**pace.steps),
    }


def _adamax(plan: OptimizerPlan, pace: Pace) -> Coefficients:
    beta_1 = np.float32(plan.setting("beta_1"))
    return {
        "gain": 1.0 - plan.setting("beta_1"),
        "keep": plan.setting("beta_2"),
        "take": 1.0,
        "rate": pace.rates.astype(np.float32) / (1.0 - beta_1**pace.steps),
    }


def _lion(plan: OptimizerPlan, pace: Pace) -> Coefficients:
    beta_1, beta_2 = plan.setting("beta_1"), plan.setting("beta_2")
    by_gradient = float(1.0 - np.float32(beta_1))
    return {
        "by_mean": beta_1,
        "by_gradient": by_gradient,
        "rate": pace.rates,
        "keep": beta_2,
        "gain": float(1.0 - np.float32(beta_2)),
    }


def _ftrl(plan: OptimizerPlan, pace: Pace) -> Coefficients:
    return {
        "rate": pace.rates,
        "power": -plan.setting("learning_rate_power"),
        "l1": plan.setting("l1_regularization_strength"),
        "l2": 2.0 * plan.setting("l2_regularization_strength"),
        "shrinkage": 2.0 * plan.setting("l2_shrinkage_regularization_strength"),
    }


_RULES: Mapping[str, tuple[str, Callable[[OptimizerPlan, Pace], Coefficients]]] = MappingProxyType(
    {
        "sgd": ("velocity", _momentum),
        "momentum": ("velocity", _momentum),
        "nesterov": ("velocity", _nesterov),
        "adagrad": ("scaled", _adagrad),
        "rmsprop": ("scaled", _rmsprop),
        "adam": ("moments", _adam),
        "adamw": ("moments", _adam),
        "nadam": ("nesterov_moments", _nadam),
        "adadelta": ("deltas", _rmsprop),
        "adamax": ("largest", _adamax),
        "lion": ("signs", _lion),
        "ftrl": ("leader", _ftrl),
    }
)
"""Optimizer -> its family, and its coefficients by plan and pace."""

STACKED_OPTIMIZERS = frozenset(_RULES)
"""Names of the optimizers whose update of a weight depends on that weight's gradients alone."""


def family_number(plan: OptimizerPlan, among: tuple[str, ...]) -> int | None:
    """Return the place of an optimizer's family among some, as ``update`` reads it; None where it is none of them."""
    family = _RULES[plan.name][0]
    if among == UNDECAYED and family == "moments" and plan.weight_decay == 0.0:
        return 0
    return among.index(family) if family in among else None


def initial_slots(plan: OptimizerPlan, n_weights: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an optimizer's memories before the first step, (n_weights,) float32 each."""
    first = np.zeros(n_weights, np.float32)
    return first, np.full(n_weights, plan.setting("initial_accumulator_value"), np.float32)


def decays_apart(plan: OptimizerPlan) -> bool:
    """Return whether weights decay in a step of their own: all but the Adam family's, whose update has it."""
    return plan.weight_decay > 0.0 and _RULES[plan.name][0] != "moments"


def kept_weights(plan: OptimizerPlan, rates: np.ndarray, idle: np.ndarray) -> np.ndarray:
    """Return what is left of the weights that decay apart; arguments and shapes as for ``step_coefficients``."""
    return np.where(idle, 1.0, 1.0 - plan.weight_decay * rates).astype(np.float32)


def step_coefficients(
    plan: OptimizerPlan, steps: np.ndarray, rates: np.ndarray, momenta: np.ndarray | None, idle: np.ndarray
) -> np.ndarray:
    """Return the coefficients of an epoch's steps.

    Args:
        plan: the optimizer.
        steps: (n_steps, n_folds) how many updates each fold has had after the step, from 1.
        rates: (n_steps, n_folds) float64 learning rates.
        momenta: (n_steps, n_folds) float64 of what ``plan.cycles`` names; None where that stays as the plan has it.
        idle: (n_steps, n_folds) whether a fold has no batch left in a step.

    Returns:
        (n_steps, N_COEFFICIENTS, n_folds) float32.
    """
    family, rule = _RULES[plan.name]
    values = rule(plan, Pace(np.maximum(steps, 1).astype(np.float32), rates, momenta))
    table = np.zeros((len(steps), N_COEFFICIENTS, steps.shape[1]), np.float32)
    for column, (name, unchanged) in enumerate(_FAMILIES[family].idle.items()):
        table[:, column] = np.where(idle, unchanged, values[name])
    return table


def update(
    family: Tensor,
    weights: Tensor,
    slots: Slots,
    gradient: Tensor,
    coefficients: Tensor,
    epsilon: Tensor,
    among: tuple[str, ...],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights and slots after one step.

    Args:
        family: a scalar, the place of the optimizer's family in ``among``.
        weights: (n_weights,), and so the slots and the gradient.
        slots: the optimizer's memories.
        gradient: of the loss with its penalties.
        coefficients: (N_COEFFICIENTS, 1), or (N_COEFFICIENTS, n_weights) where folds differ.
        epsilon: a scalar.
        among: families that it may be; where there is one only, nothing is chosen when the program runs.
    """
    rows = tf.unstack(coefficients, num=N_COEFFICIENTS)
    branches = [partial(_FAMILIES[name].step, weights, slots, gradient, rows, epsilon) for name in among]
    if len(branches) == 1:
        return branches[0]()
    return tf.switch_case(family, branches)  # type: ignore[no-any-return]
