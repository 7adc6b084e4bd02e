"""The loop that people write: Optuna, SciKeras in a scikit-learn pipeline, ``cross_val_score``.

Nothing of this package is used here. Options are the libraries' defaults; ``verbose=0`` is the exception. Splits and
scoring are named explicitly, since SciKeras 0.13 no longer tells scikit-learn >= 1.6 that it is a classifier.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import optuna
import pandas as pd
from scikeras.wrappers import KerasClassifier, KerasRegressor
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.cases import Split

Params = Mapping[str, Any]

SCORING = {"accuracy": "accuracy", "rmse": "neg_root_mean_squared_error"}

ACTIVATIONS = ["relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "mish"]

OPTIMIZERS = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "nadam"]


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Return a configuration of the space ``search_spaces/mlp.yaml``, as one writes it in Optuna."""
    params: dict[str, Any] = {"layers": trial.suggest_int("layers", 1, 4)}
    for layer in range(params["layers"]):
        params[f"neurons.{layer}"] = trial.suggest_int(f"neurons.{layer}", 8, 256, log=True)
        params[f"dropout.{layer}"] = trial.suggest_float(f"dropout.{layer}", 0.0, 0.5)
    params["activation"] = trial.suggest_categorical("activation", ACTIVATIONS)
    params["batch_norm"] = trial.suggest_categorical("batch_norm", [False, True])
    params["l1"] = trial.suggest_float("l1", 1e-7, 1e-2, log=True)
    params["l2"] = trial.suggest_float("l2", 1e-7, 1e-2, log=True)
    params["optimizer"] = trial.suggest_categorical("optimizer", OPTIMIZERS)
    params["learning_rate"] = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
    if params["optimizer"] in ("momentum", "nesterov"):
        params["momentum"] = trial.suggest_float("momentum", 0.5, 0.99)
    if params["optimizer"] == "rmsprop":
        params["rho"] = trial.suggest_float("rho", 0.8, 0.99)
    if params["optimizer"] in ("adam", "adamw", "nadam"):
        params["beta_1"] = trial.suggest_float("beta_1", 0.8, 0.99)
    if params["optimizer"] == "adamw":
        params["weight_decay"] = trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True)
    params["batch_size"] = trial.suggest_categorical("batch_size", [10, 16, 32, 64, 128, 256])
    return params


def build_model(
    chosen: Params, units: int, ending: str, training_loss: str, meta: dict[str, Any]
) -> keras.Model:
    """Return a compiled network; ``meta`` is what SciKeras knows of the data."""
    penalty = keras.regularizers.L1L2(chosen["l1"], chosen["l2"])
    model = keras.Sequential([keras.Input((meta["n_features_in_"],))])
    for layer in range(chosen["layers"]):
        model.add(keras.layers.Dense(chosen[f"neurons.{layer}"], kernel_regularizer=penalty))
        if chosen["batch_norm"]:
            model.add(keras.layers.BatchNormalization())
        model.add(keras.layers.Activation(chosen["activation"]))
        model.add(keras.layers.Dropout(chosen[f"dropout.{layer}"]))
    model.add(keras.layers.Dense(units, activation=ending, kernel_regularizer=penalty))
    model.compile(optimizer=make_optimizer(chosen), loss=training_loss)
    return model


def make_optimizer(params: Params) -> keras.optimizers.Optimizer:
    """Return the Keras optimizer that a configuration names."""
    rate, name = params["learning_rate"], params["optimizer"]
    if name in ("sgd", "momentum", "nesterov"):
        return keras.optimizers.SGD(rate, momentum=params.get("momentum", 0.0), nesterov=name == "nesterov")
    if name == "adagrad":
        return keras.optimizers.Adagrad(rate)
    if name == "rmsprop":
        return keras.optimizers.RMSprop(rate, rho=params["rho"])
    if name == "adamw":
        return keras.optimizers.AdamW(rate, beta_1=params["beta_1"], weight_decay=params["weight_decay"])
    return {"adam": keras.optimizers.Adam, "nadam": keras.optimizers.Nadam}[name](
        rate, beta_1=params["beta_1"]
    )


def make_estimator(params: Params, task: str, n_classes: int, epochs: int) -> Any:
    """Return the pipeline: numbers standardised, categories one-hot, then the network.

    The target of a regression is standardised too, as the other side does it.
    """
    endings = {
        "regression": (1, "linear", "mean_squared_error"),
        "binary": (1, "sigmoid", "binary_crossentropy"),
        "multiclass": (n_classes, "softmax", "sparse_categorical_crossentropy"),
    }
    units, ending, loss = endings[task]
    network = (KerasRegressor if task == "regression" else KerasClassifier)(
        build_model,
        chosen=params,
        units=units,
        ending=ending,
        training_loss=loss,
        batch_size=params["batch_size"],
        epochs=epochs,
        verbose=0,
    )
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    pipeline = make_pipeline(columns, network)
    return (
        TransformedTargetRegressor(pipeline, transformer=StandardScaler())
        if task == "regression"
        else pipeline
    )


def cross_validate(
    X: pd.DataFrame,
    y: pd.Series,
    params: Params,
    *,
    task: str,
    metric: str,
    epochs: int,
    folds: Sequence[Split],
) -> np.ndarray:
    """Return the score of each fold, (n_folds,); of ``rmse``, smaller is better."""
    keras.utils.clear_session()
    estimator = make_estimator(params, task, y.nunique(), epochs)
    scores = cross_val_score(estimator, X, y, cv=folds, scoring=SCORING[metric], error_score="raise")
    return np.asarray(np.abs(scores))
