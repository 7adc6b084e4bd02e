"""The plain engine is what `model.fit` does on the same batches, and no slower to set up."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from tests.engines.made import HEADS, N_INPUTS, made_folds, with_codes
from tuner.engines.base import FoldData, embedding_seed, row_order, weight_seed
from tuner.engines.keras_engine import KerasEngine
from tuner.engines.keras_model import build_keras_model, build_optimizer, initial_weights
from tuner.model.initializers import INITIALIZERS
from tuner.model.losses import AUTO_LOSS, LOSSES
from tuner.model.network import Network, embed, plan_network
from tuner.model.optimizers import OPTIMIZERS
from tuner.tasks import Task


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


SEED, N_EPOCHS = 11, 3
NEAR = {"rtol": 1e-6, "atol": 1e-7}

CASES = {
    **{name: (Task.REGRESSION, {}) for name in OPTIMIZERS},
    "sgd": (Task.BINARY, {}),
    "momentum": (Task.MULTICLASS, {}),
    "nesterov": (Task.MULTILABEL, {}),
    "rmsprop": (Task.REGRESSION, {"l1": 1e-2, "l2": 1e-2}),
    "adam": (Task.REGRESSION, {"layers": 2, "batch_norm": True}),
}
"""Every optimizer; among them every task, penalties, and batch normalisation between two layers."""


def fitted(network: Network, task: Task, loss: str, fold: FoldData) -> list[list[np.ndarray]]:
    """Return the weights after each epoch of `model.fit` on the rows in the engine's order."""
    import keras

    model = build_keras_model(network, HEADS[task], N_INPUTS)
    model.set_weights(initial_weights(network, HEADS[task], N_INPUTS, seed=SEED, fold=0))
    model.compile(
        optimizer=build_optimizer(network.optimizer), loss=getattr(keras.losses, LOSSES[loss].keras)
    )
    weights = []
    for epoch in range(1, N_EPOCHS + 1):
        order = row_order(SEED, 0, epoch, len(fold.train))
        rows = (fold.train.inputs[order], fold.train.target[order])
        model.fit(
            *rows,
            sample_weight=fold.train.weight[order],
            batch_size=network.batch_size,
            shuffle=False,
            verbose=0,
        )
        weights.append(model.get_weights())
    return weights


@pytest.mark.parametrize("optimizer", CASES)
def test_weights_after_each_epoch_are_those_of_model_fit(optimizer):
    task, params = CASES[optimizer]
    shared = {"neurons": 6, "learning_rate": 0.01, "batch_size": 8, "optimizer": optimizer}
    network = plan_network({**shared, **params})
    (fold,) = made_folds(task, (21,), weighted=True)
    loss = AUTO_LOSS[task]
    engine = KerasEngine().train(network, HEADS[task], loss, [fold], epochs=N_EPOCHS, seed=SEED)
    for epoch, expected in zip(engine, fitted(network, task, loss, fold), strict=True):
        for part, like in zip(epoch.weights()[0], expected, strict=True):
            np.testing.assert_allclose(part, like, **NEAR)


def test_schedules_and_bounds_are_those_that_keras_is_given(keras):
    """The model is written out here, as a user of Keras would write it."""
    layers, constraints = keras.layers, keras.constraints
    (fold,) = made_folds(Task.REGRESSION, (21,))
    network = plan_network(
        {
            "neurons": 6,
            "batch_norm": "after",
            "max_norm": 0.8,
            "clipnorm": 0.3,
            "weight_decay": 0.1,
            "optimizer": "adamax",
            "learning_rate": 0.1,
            "schedule": "cosine",
            "batch_size": 8,
        }
    )
    head = replace(HEADS[Task.REGRESSION], activation="softplus")
    model = keras.Sequential(
        [
            keras.Input((N_INPUTS,)),
            layers.Dense(6, kernel_constraint=constraints.MaxNorm(0.8)),
            layers.Activation("relu"),
            layers.BatchNormalization(),
            layers.Dense(2, activation="softplus"),
        ]
    )
    model.set_weights(initial_weights(network, head, N_INPUTS, seed=SEED, fold=0))
    rate = keras.optimizers.schedules.CosineDecay(0.1, decay_steps=3 * N_EPOCHS)
    model.compile(keras.optimizers.Adamax(rate, weight_decay=0.1, clipnorm=0.3), "mse")
    engine = KerasEngine().train(network, head, "mse", [fold], epochs=N_EPOCHS, seed=SEED)
    for epoch in engine:
        order = row_order(SEED, 0, epoch.number, 21)
        rows = (fold.train.inputs[order], fold.train.target[order])
        model.fit(*rows, batch_size=8, shuffle=False, verbose=0)
        for part, like in zip(epoch.weights()[0], model.get_weights(), strict=True):
            np.testing.assert_allclose(part, like, rtol=1e-4, atol=1e-6)
        outputs = model.predict(fold.score.inputs, verbose=0)
        np.testing.assert_allclose(epoch.scored, outputs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_embedded_categories_are_trained_as_one_hot_inputs_of_a_layer_without_biases(keras, optimizer):
    """A table is the kernel of such a layer; its gradient is then dense, which is what Keras means by Adam."""
    (fold,) = with_codes(made_folds(Task.REGRESSION, (21,)), (3, 9))
    params = {"neurons": 6, "optimizer": optimizer, "learning_rate": 0.05, "batch_size": 8, "l2": 0.1}
    network, head = embed(plan_network(params), params, (3, 9)), HEADS[Task.REGRESSION]
    layers, penalty = keras.layers, keras.regularizers.L2(0.1)
    numbers, first, second = (keras.Input((width,)) for width in (N_INPUTS - 2, 3, 9))
    vectors = [
        layers.Dense(table.size, use_bias=False)(codes)
        for table, codes in zip(network.embeddings, (first, second), strict=True)
    ]
    hidden = layers.Dense(6, activation="relu", kernel_regularizer=penalty)(
        layers.Concatenate()([numbers, *vectors])
    )
    model = keras.Model([numbers, first, second], layers.Dense(2, kernel_regularizer=penalty)(hidden))
    model.set_weights(initial_weights(network, head, N_INPUTS, seed=SEED, fold=0))
    model.compile(build_optimizer(network.optimizer), "mse")
    engine = KerasEngine().train(network, head, "mse", [fold], epochs=N_EPOCHS, seed=SEED)
    for epoch in engine:
        order = row_order(SEED, 0, epoch.number, 21)
        inputs = fold.train.inputs[order]
        hot = [np.eye(n_codes)[inputs[:, place].astype(int)] for place, n_codes in ((-2, 3), (-1, 9))]
        model.fit([inputs[:, :-2], *hot], fold.train.target[order], batch_size=8, shuffle=False, verbose=0)
        for part, like in zip(epoch.weights()[0], model.get_weights(), strict=True):
            np.testing.assert_allclose(part, like, rtol=1e-4, atol=1e-6)


def test_a_table_starts_as_keras_embedding_does_but_for_the_unknown_category_which_is_never_trained(keras):
    (fold,) = with_codes(made_folds(Task.REGRESSION, (21,)), (9,))
    known = np.maximum(fold.train.inputs, [*[-np.inf] * (N_INPUTS - 1), 1]).astype(np.float32)
    fold = replace(fold, train=replace(fold.train, inputs=known))
    params = {"neurons": 4, "weight_decay": 0.1, "batch_size": 8}
    network, head = embed(plan_network(params), params, (9,)), HEADS[Task.REGRESSION]
    table = initial_weights(network, head, N_INPUTS, seed=SEED, fold=0)[0]
    drawn = keras.initializers.RandomUniform(seed=embedding_seed(SEED, 0, 0))((9, network.embeddings[0].size))
    assert np.array_equal(table[1:], np.asarray(drawn)[1:])
    assert keras.layers.Embedding(2, 2).embeddings_initializer.get_config()["maxval"] == 0.05
    (*_, last) = KerasEngine().train(network, head, "mse", [fold], epochs=N_EPOCHS, seed=SEED)
    trained = last.weights()[0][0]
    assert not trained[0].any()
    assert (trained[1:] != table[1:]).all(axis=1).sum() == 8


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
def test_a_rate_on_a_plateau_is_that_of_keras_callback(keras):
    (fold,) = made_folds(Task.REGRESSION, (21,), inner=True)
    head, n_epochs = HEADS[Task.REGRESSION], 8
    params = {"layers": 0, "optimizer": "sgd", "batch_size": "all", "schedule": "plateau"}
    network = plan_network({**params, "learning_rate": 0.6, "schedule_patience": 2, "schedule_factor": 0.1})
    model = keras.Sequential([keras.Input((N_INPUTS,)), keras.layers.Dense(2)])
    model.set_weights(initial_weights(network, head, N_INPUTS, seed=SEED, fold=0))
    model.compile(keras.optimizers.SGD(0.6), "mse")
    fitted = model.fit(
        fold.train.inputs,
        fold.train.target,
        batch_size=21,
        epochs=n_epochs,
        shuffle=False,
        validation_data=(fold.watch.inputs, fold.watch.target),
        callbacks=[keras.callbacks.ReduceLROnPlateau(factor=0.1, patience=2)],
        verbose=0,
    )
    engine = KerasEngine().train(network, head, "mse", [fold], epochs=n_epochs, seed=SEED)
    losses = [float(epoch.val_loss[0]) for epoch in engine]
    np.testing.assert_allclose(losses, fitted.history["val_loss"], rtol=1e-4)
    assert len(set(fitted.history["learning_rate"])) > 1


@pytest.mark.parametrize("name", INITIALIZERS)
def test_kernels_start_from_what_keras_draws_under_the_seed_of_their_fold_and_layer(keras, name):
    network, head = plan_network({"neurons": 4, "initializer": name}), HEADS[Task.BINARY]
    weights = initial_weights(network, head, N_INPUTS, seed=SEED, fold=1)
    made = getattr(keras.initializers, INITIALIZERS[name].keras)
    for layer, shape in enumerate([(N_INPUTS, 4), (4, 1)]):
        drawn = made(seed=weight_seed(SEED, 1, layer)) if INITIALIZERS[name].seeded else made()
        assert np.array_equal(weights[2 * layer], np.asarray(drawn(shape)))
    assert (weights[0].std() > 0) == (name not in ("zero", "zeros"))


def test_losses_and_outputs_are_those_of_the_model_that_the_weights_make():
    task = Task.MULTICLASS
    network = plan_network({"layers": 2, "neurons": 6, "batch_norm": True, "batch_size": 8})
    folds = made_folds(task, weighted=True, inner=True)
    model = build_keras_model(network, HEADS[task], N_INPUTS)
    engine = KerasEngine().train(network, HEADS[task], "categorical_crossentropy", folds, epochs=1, seed=SEED)
    with closing(engine):
        epoch = next(engine)
        scored, losses = [], []
        for fold, weights in zip(folds, epoch.weights(), strict=True):
            model.set_weights(weights)
            scored.append(model.predict(fold.score.inputs, verbose=0))
            shares = model.predict(fold.watch.inputs, verbose=0)[
                np.arange(len(fold.watch)), fold.watch.target
            ]
            losses.append(np.average(-np.log(shares), weights=fold.watch.weight))
    np.testing.assert_allclose(epoch.scored, np.concatenate(scored), rtol=1e-5)
    np.testing.assert_allclose(epoch.val_loss, losses, rtol=1e-5)


def test_dropout_keeps_the_mean_and_adds_the_variance_of_what_it_drops():
    rate, head = 0.25, HEADS[Task.REGRESSION]
    network = plan_network(
        {
            "layers": 1,
            "neurons": 50,
            "activation": "linear",
            "dropout": rate,
            "learning_rate": 1e-30,
            "batch_size": 64,
        }
    )
    (fold,) = made_folds(Task.REGRESSION, (2000,))
    kernel, _, output, _ = initial_weights(network, head, N_INPUTS, seed=SEED, fold=0)
    values = fold.train.inputs @ kernel
    exact = FoldData(replace(fold.train, target=values @ output), fold.watch, fold.score)
    engine = KerasEngine().train(network, head, "mse", [exact], epochs=1, seed=SEED)
    with closing(engine):
        found = next(engine).train_loss[0]
    # Each unit's share of an output is multiplied by 0 or 1 / (1 - rate): of mean 1 and variance rate / (1 - rate).
    assert found == pytest.approx((values**2 @ output**2).mean() * rate / (1.0 - rate), rel=0.1)


def test_all_folds_and_epochs_of_a_trial_share_one_trace(monkeypatch):
    import keras

    plain, traces = keras.losses.mean_squared_error, []
    monkeypatch.setattr(keras.losses, "mean_squared_error", lambda *rows: traces.append(1) or plain(*rows))
    engine = KerasEngine().train(
        plan_network({"layers": 1, "batch_size": 8}),
        HEADS[Task.REGRESSION],
        "mse",
        made_folds(Task.REGRESSION),
        epochs=3,
        seed=1,
    )
    assert len(list(engine)) == 3
    assert len(traces) == 2  # one for training, one for looking at rows


def test_initial_weights_differ_by_fold_and_seed_and_repeat():
    network = plan_network({"layers": 1, "neurons": 4, "batch_norm": True})
    head = HEADS[Task.BINARY]

    def kernels(seed: int, fold: int) -> bytes:
        weights = initial_weights(network, head, N_INPUTS, seed=seed, fold=fold)
        model = build_keras_model(network, head, N_INPUTS)
        assert [part.shape for part in weights] == [part.shape for part in model.get_weights()]
        return weights[0].tobytes() + weights[5].tobytes()

    found = [kernels(seed, fold) for seed in (1, 2) for fold in (0, 1)]
    assert len(set(found)) == 4
    assert kernels(1, 0) == found[0]
