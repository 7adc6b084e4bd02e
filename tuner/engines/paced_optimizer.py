"""A Keras optimizer whose rate, and whose momentum where a schedule cycles it, are set anew before each step."""

from typing import Any

import numpy as np

from tuner.engines.keras_model import build_optimizer, optimizer_arguments
from tuner.engines.runtime import load_keras
from tuner.model.network import Network
from tuner.model.optimizers import OptimizerPlan
from tuner.model.schedules import Rates

load_keras()
import keras  # noqa: E402  (after the settings above)


class CycledSGD(keras.optimizers.SGD):  # type: ignore[misc]  # Keras has no types
    """Keras' SGD with a momentum that is a variable; Keras' own asks of a number whether it is 0.

    Args:
        plan: an optimizer with a momentum above 0.

    Attributes:
        cycled: the momentum of the next step.
    """

    def __init__(self, plan: OptimizerPlan) -> None:
        super().__init__(**optimizer_arguments(plan))
        self.cycled = keras.Variable(plan.setting("momentum"), trainable=False)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change a variable by its gradient, as ``keras.optimizers.SGD.update_step`` does."""
        velocity = self.momentums[self._get_variable_index(variable)]
        change = gradient * keras.ops.cast(learning_rate, variable.dtype)
        self.assign(velocity, velocity * self.cycled - change)
        self.assign_add(variable, velocity * self.cycled - change if self.nesterov else velocity)


def paced_optimizer(network: Network) -> tuple[Any, tuple[Any, ...]]:
    """Return the Keras optimizer of a network, and its variables that ``pace_of`` has numbers for."""
    plan = network.optimizer
    match network.cycled:
        case "momentum":
            optimizer = CycledSGD(plan)
            return optimizer, (optimizer.learning_rate, optimizer.cycled)
        case "beta_1":
            optimizer = build_optimizer(plan)
            optimizer.beta_1 = keras.Variable(plan.setting("beta_1"), trainable=False)
            return optimizer, (optimizer.learning_rate, optimizer.beta_1)
    optimizer = build_optimizer(plan)
    return optimizer, (optimizer.learning_rate,)


def pace_of(network: Network, rates: Rates, epoch: int) -> np.ndarray:
    """Return (n_steps, n_folds, n_variables) float32, what the variables of ``paced_optimizer`` are in each step."""
    pace = [rates.of_epoch(epoch)]
    if network.cycled is not None:
        pace.append(rates.momenta_of_epoch(epoch, network.optimizer.setting(network.cycled)))
    return np.stack(pace, axis=2).astype(np.float32)
