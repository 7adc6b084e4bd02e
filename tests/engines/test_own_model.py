"""A model of the user's is trained as `model.fit` trains it, repeats to the bit, and is refused if it does not fit."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engines.made import HEADS, N_INPUTS, made_folds
from tuner.engines.base import row_order
from tuner.engines.keras_engine import KerasEngine
from tuner.engines.keras_model import build_optimizer
from tuner.engines.own_keras import check_outputs
from tuner.engines.own_model import build_own, count_own
from tuner.errors import TunerError
from tuner.hooks import Hook
from tuner.model.losses import AUTO_LOSS, LOSSES
from tuner.model.network import Network, plan_own_network
from tuner.model.own_model import OwnModel, ReadParams, own_params
from tuner.seeds import derive
from tuner.tasks import Task

SEED, N_EPOCHS = 11, 3

MODULE = """
import keras
from keras import layers

def plain(params, inputs, head):
    row = inputs.tensor()
    x = layers.Dense(params["units"], activation="tanh", kernel_regularizer=keras.regularizers.L2(0.01))(row)
    x = layers.BatchNormalization()(x)
    return keras.Model(row, layers.Dense(head.units, activation=head.activation)(x))

def chain(params, inputs, head):
    return keras.Sequential([
        layers.Dense(params["units"], activation="relu"), layers.Dense(head.units, activation=head.activation),
    ])

def ends_with_softmax(params, inputs, head):
    row = inputs.tensor()
    return keras.Model(row, layers.Softmax()(layers.Dense(head.units)(row)))

def shared_and_split(params, inputs, head):
    row = inputs.tensor()
    shared = layers.Dense(params["units"], activation="relu")
    x = layers.Concatenate()([shared(row), shared(-row), row[:, inputs.columns["height"]]])
    return keras.Model(row, [layers.Dense(1)(x), layers.Dense(1)(x)])

def drops(params, inputs, head):
    row = inputs.tensor()
    x = layers.GaussianNoise(0.1)(layers.Dropout(0.4)(layers.Dense(16)(row)))
    return keras.Model(row, layers.Dense(head.units, activation=head.activation)(x))

def misspells(params, inputs, head):
    return keras.Sequential([layers.Dense(params["unit"])])

def reads_the_rate(params, inputs, head):
    return keras.Sequential([layers.Dense(params["learning_rate"])])

def divides(params, inputs, head):
    return 1 / 0

def forgets(params, inputs, head):
    keras.Sequential([layers.Dense(head.units)])

def another_width(params, inputs, head):
    return keras.Sequential([keras.Input((3,)), layers.Dense(head.units, activation=head.activation)])

def two_inputs(params, inputs, head):
    parts = [keras.Input((3,)), keras.Input((3,))]
    return keras.Model(parts, layers.Dense(head.units)(layers.Concatenate()(parts)))

def too_many_units(params, inputs, head):
    return keras.Sequential([layers.Dense(head.units + 1)])

def no_activation(params, inputs, head):
    return keras.Sequential([layers.Dense(head.units)])

class Net(keras.Model):
    pass

def class_of_its_own(params, inputs, head):
    return Net()

def missing_column(params, inputs, head):
    return keras.Sequential([layers.Dense(inputs.columns["height"].start)])

def named(params, inputs, head):
    row = inputs.tensor()
    return keras.Model(row, {"a": layers.Dense(head.units)(row)})
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., OwnModel]:
    """Names a function of ``MODULE``."""
    folder: Path = tmp_path_factory.mktemp("own")
    (folder / "own_models_for_engines.py").write_text(MODULE)

    def made(name: str, columns: Any = (("height", 2, 3),)) -> OwnModel:
        return OwnModel(Hook(f"own_models_for_engines:{name}", str(folder)), (("units", 5),), columns)

    return made


def network_of(own: OwnModel, **params: Any) -> Network:
    return plan_own_network(own, {"learning_rate": 0.02, "batch_size": 8, **params})


def fitted(own: OwnModel, task: Task, optimizer: Any) -> list[list[np.ndarray]]:
    """Return the weights after each epoch of `model.fit`, from the same initial weights on the same batches."""
    import keras

    (fold,) = made_folds(task, (21,), weighted=True)
    seed = derive(SEED, "fold", 0, "own model")
    model = build_own(own, HEADS[task], N_INPUTS, seed=seed).model
    loss = getattr(keras.losses, LOSSES[AUTO_LOSS[task]].keras)
    train, target, several = fold.train, fold.train.target, len(model.outputs) > 1
    # The mean over two outputs is what the sum of both losses is twice of.
    model.compile(
        optimizer, loss=[loss, loss] if several else loss, loss_weights=[0.5, 0.5] if several else None
    )
    weights = []
    for epoch in range(1, N_EPOCHS + 1):
        order = row_order(SEED, 0, epoch, len(train))
        model.fit(
            train.inputs[order],
            [target[order, :1], target[order, 1:]] if several else target[order],
            sample_weight=[train.weight[order]] * 2 if several else train.weight[order],
            batch_size=8,
            shuffle=False,
            verbose=0,
        )
        weights.append(model.get_weights())
    return weights


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("plain", Task.BINARY),
        ("chain", Task.MULTILABEL),
        ("ends_with_softmax", Task.MULTICLASS),
        ("shared_and_split", Task.REGRESSION),
    ],
)
def test_weights_after_each_epoch_are_those_of_model_fit(own, name, task):
    (fold,) = made_folds(task, (21,), weighted=True)
    network = network_of(own(name), optimizer="adam")
    epochs = KerasEngine().train(network, HEADS[task], AUTO_LOSS[task], [fold], epochs=N_EPOCHS, seed=SEED)
    for epoch, expected in zip(
        epochs, fitted(own(name), task, build_optimizer(network.optimizer)), strict=True
    ):
        for part, like in zip(epoch.weights()[0], expected, strict=True):
            np.testing.assert_allclose(part, like, rtol=2e-5, atol=2e-6)


def test_layers_that_draw_repeat_to_the_bit_and_each_fold_draws_its_own(own):
    folds = made_folds(Task.BINARY, (16, 16))
    folds = (folds[0], folds[0])

    def trained() -> list[np.ndarray]:
        random.seed(len(folds))
        network = network_of(own("drops"))
        epochs = KerasEngine().train(
            network, HEADS[Task.BINARY], "binary_crossentropy", folds, epochs=2, seed=3
        )
        return [np.concatenate([epoch.train_loss, epoch.scored.ravel()]) for epoch in epochs]

    first, after = trained(), random.getstate()
    np.random.default_rng().normal()
    again = trained()
    assert np.array_equal(first, again)
    assert random.getstate() == after
    assert first[0][0] != first[0][1]


def test_the_loss_of_probabilities_that_round_to_1_has_a_slope(own):
    (fold,) = made_folds(Task.BINARY, (16,))
    far = replace(fold.train, inputs=fold.train.inputs * 1e4)
    folds = [replace(fold, train=far)]
    network = network_of(own("chain"), optimizer="sgd")
    (epoch,) = KerasEngine().train(
        network, HEADS[Task.BINARY], "binary_crossentropy", folds, epochs=1, seed=3
    )
    assert epoch.train_loss[0] > 100


def test_weights_are_counted_by_building(own):
    assert count_own(own("plain"), HEADS[Task.MULTICLASS], 6) == 6 * 5 + 5 + 2 * 5 + 5 * 4 + 4


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("misspells", "own_models_for_engines.py:32: own_models_for_engines:misspells reads the parameter 'unit', which"
            " this configuration does not have; it has: units; did you mean 'units'?"),
        ("reads_the_rate", "reads the parameter 'learning_rate', which says how the model is trained"),
        ("divides", "own_models_for_engines.py:38: own_models_for_engines:divides fails: ZeroDivisionError: division"),
        ("forgets", "returns nothing; is a 'return' missing?"),
        ("another_width", "a model with 1 input(s) of shape (None, 3); it should have one of shape (None, 6)"),
        ("two_inputs", "2 input(s) of shape (None, 3) and (None, 3)"),
        ("too_many_units", "output(s) of shape (None, 2); together they should be (None, 1): end with keras.layers"),
        ("no_activation", "outputs are not those of 'sigmoid': end with keras.layers.Dense(head.units, activation="),
        ("class_of_its_own", "returns a Net, a model with a class of its own"),
        ("named", "returns a model with named outputs"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_the_line_of_the_users_file(own, name, found):
    head = HEADS[Task.BINARY]
    with pytest.raises(TunerError) as raised:
        check_outputs(own(name).hook, build_own(own(name), head, N_INPUTS, seed=0).model, head, N_INPUTS)
    assert found in str(raised.value)


def test_columns_without_a_fixed_place_are_refused(own):
    with pytest.raises(TunerError, match=r"inputs.columns: with preprocess.select each fold keeps inputs"):
        build_own(own("missing_column", columns=None), HEADS[Task.BINARY], N_INPUTS, seed=0)


def test_the_function_is_given_what_neither_training_nor_preprocessing_reads():
    params = {
        "units": 3,
        "momentum": 0.9,
        "schedule_drop": 0.5,
        "preprocess.numeric": "max",
        "l2": 0.1,
        "layers": 2,
    }
    assert own_params(params) == {"units": 3, "l2": 0.1, "layers": 2}


def test_parameters_know_which_of_them_were_read():
    params = ReadParams({"a": 1, "b": 2, "c": 3})
    assert (params["a"], params.get("b"), params.get("d", 7)) == (1, 2, 7)
    assert (params.read, params.missed) == ({"a", "b"}, ["d"])
    assert dict(**params) == {"a": 1, "b": 2, "c": 3}
    assert params.read == {"a", "b", "c"}
