"""A trial's network as a compiled Keras model, for whoever trains it without an engine."""

from types import MappingProxyType

import numpy as np

from tuner.engines.keras_model import build_keras_model, build_optimizer
from tuner.engines.runtime import load_tensorflow
from tuner.model.heads import make_head
from tuner.model.network import plan_network
from tuner.model.schedules import Rates
from tuner.records import Params
from tuner.tasks import Task

load_tensorflow()
import keras  # noqa: E402  (after the settings above)

_LOSSES = MappingProxyType(
    {
        Task.REGRESSION: "mean_squared_error",
        Task.BINARY: "binary_crossentropy",
        Task.MULTICLASS: "sparse_categorical_crossentropy",
        Task.MULTILABEL: "binary_crossentropy",
    }
)


def compile_network(
    params: Params, task: Task, *, n_inputs: int, n_targets: int, n_classes: int
) -> keras.Model:
    """Return the network of a trial's parameters with its optimizer and the usual loss of its task.

    Args:
        params: a trial's; those of preprocessing are not read.
        task: what is predicted.
        n_inputs: columns that enter the first layer.
        n_targets: columns of the target.
        n_classes: classes of a binary or multiclass target; not read for the other tasks.
    """
    network = plan_network(params)
    model = build_keras_model(network, make_head(task, n_targets, n_classes), n_inputs)
    model.compile(optimizer=build_optimizer(network.optimizer), loss=_LOSSES[task])
    return model


class Scheduled(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Sets the learning rate of each step as a trial's schedule has it; one that follows losses stays as it is.

    A momentum stays as it is, too.

    Args:
        params: the trial's.
        epochs: the most epochs of the trial, which a schedule may be stretched over.
    """

    def __init__(self, params: Params, epochs: int) -> None:
        super().__init__()
        self.trial_params = dict(params)
        self.epochs = epochs
        self._rates = np.zeros(0)

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Take the rates of an epoch's steps."""
        network = plan_network(self.trial_params)
        steps = np.array([self.params["steps"]])
        plan = Rates(network.schedule, network.optimizer.learning_rate, self.epochs, steps)
        self._rates = plan.of_epoch(epoch + 1)[:, 0]

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        """Set the rate of a step."""
        self.model.optimizer.learning_rate.assign(self._rates[min(batch, len(self._rates) - 1)])
