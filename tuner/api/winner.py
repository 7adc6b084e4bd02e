"""A winner's network as a SciKeras estimator, which a pipeline may fit anew."""

from collections.abc import Mapping
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler

from tuner.api.keras_estimators import KerasClassifier, KerasRegressor
from tuner.engines.compiled import Scheduled, compile_network
from tuner.model.network import ALL_ROWS, plan_network
from tuner.model.schedules import CONSTANT
from tuner.records import Params
from tuner.tasks import Task


def winner_estimator(params: Params, epochs: int, task: str) -> Any:
    """Return an estimator with a trial's network, optimizer, batch size, schedule and epochs; it is not fitted.

    It reads numbers: columns are prepared by whatever stands before it in a pipeline. A regressor is wrapped so that
    its target is standardised for training, as in the study. It is trained by the usual loss of its task.

    Args:
        params: the trial's parameters.
        epochs: the epochs that its folds chose.
        task: the study's task.
    """
    network = plan_network(params)
    own = {name: value for name, value in params.items() if not name.startswith("preprocess.")}
    settings: dict[str, Any] = {
        "model": build,
        "model__values": own,
        "epochs": epochs,
        "batch_size": -1 if network.batch_size == ALL_ROWS else network.batch_size,
        "verbose": 0,
        "random_state": 7,
    }
    if network.schedule != CONSTANT:
        settings["callbacks"] = [Scheduled(own, int(params.get("epochs", epochs)))]
    if Task(task) is not Task.REGRESSION:
        return KerasClassifier(**settings)
    return TransformedTargetRegressor(KerasRegressor(**settings), transformer=StandardScaler())


def build(values: Params, meta: Mapping[str, Any]) -> Any:
    """Return the compiled network for the data that an estimator is fitted to; SciKeras calls this.

    Args:
        values: the trial's parameters.
        meta: what SciKeras knows of the data.
    """
    task = _TASKS[meta["target_type_"]] if "classes_" in meta else Task.REGRESSION
    return compile_network(
        values,
        task,
        n_inputs=meta["n_features_in_"],
        n_targets=meta["n_outputs_"],
        n_classes=0 if task is Task.REGRESSION else len(meta["classes_"]),
    )


_TASKS = {
    "binary": Task.BINARY,
    "multiclass": Task.MULTICLASS,
    "multilabel-indicator": Task.MULTILABEL,
}
"""SciKeras' word for a classifier's target -> the task."""
