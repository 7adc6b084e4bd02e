"""Every engine gives the epochs of plain Keras: the same curves, outputs and weights, up to float32 rounding."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.engines.made import HEADS, LENGTHS, made_folds, with_codes
from tuner.engines.base import Epoch, FoldData, Rows
from tuner.engines.choice import ENGINES, make_engine
from tuner.hooks import Hook
from tuner.model.augment import NO_AUGMENT, Augment
from tuner.model.losses import AUTO_LOSS, LossPlan
from tuner.model.mlp_parameters import ACTIVATIONS
from tuner.model.network import embed, plan_network
from tuner.model.optimizers import OPTIMIZERS
from tuner.records import ParamValue
from tuner.tasks import Task

N_EPOCHS = 5
NEAR = {"rtol": 1e-4, "atol": 1e-5}  # what is left of float32 when sums are added up in another order

others = pytest.mark.parametrize("engine", sorted(set(ENGINES) - {"keras"}))


@dataclass(frozen=True)
class Case:
    """A training: the trial's parameters, what it is trained on, and a regression's output.

    ``tables`` are the numbers of codes of the last inputs, where they are embedded.
    """

    params: Mapping[str, ParamValue]
    task: Task = Task.MULTICLASS
    loss: LossPlan | None = None
    lengths: tuple[int, ...] = LENGTHS
    weighted: bool = False
    inner: bool = False
    output: str | None = None
    augment: Augment = NO_AUGMENT
    tables: tuple[int, ...] = ()


def _layers(key: str, *values: ParamValue) -> dict[str, ParamValue]:
    return {f"{key}.{number}": value for number, value in enumerate(values)}


TWO_LAYERS = {"layers": 2, **_layers("neurons", 7, 5), "learning_rate": 0.01, "batch_size": 10}
ONE_LAYER = {"layers": 1, "neurons": 5, "learning_rate": 0.01, "batch_size": 8}
DROPOUT_OF_ONE = {"dropout": 0.3}
DROPOUT = _layers("dropout", 0.3, 0.1)
PENALTIES = {"l1": 1e-3, "l2": 1e-2}
BATCH_NORM = {"batch_norm": True}


def _with(name: str, **settings: float) -> LossPlan:
    return LossPlan(name, tuple(settings.items()))


def _own(function: str, **settings: float) -> LossPlan:
    name = f"own_losses:{function}"
    return LossPlan(name, hook=Hook(name, str(Path(__file__).parent), tuple(settings.items())))


def _activations(names: Sequence[str], **others: ParamValue) -> dict[str, ParamValue]:
    """Return the parameters of four layers, each with an activation, a size and a dropout of its own."""
    layers = {
        **_layers("neurons", 9, 4, 8, 6),
        **_layers("activation", *names),
        **_layers("dropout", 0.2, 0.0, 0.4, 0.1),
    }
    return {"layers": 4, "batch_size": 8, **layers, **others}


CASES: dict[str, Case] = {
    **{
        f"optimizer {name}": Case({**TWO_LAYERS, **DROPOUT, **PENALTIES, "optimizer": name})
        for name in OPTIMIZERS
    },
    "activations 1 to 4, l1, folds of one length": Case(
        _activations(ACTIVATIONS[:4], l1=1e-2), lengths=(20, 20)
    ),
    "activations 5 to 8, l2, one fold": Case(_activations(ACTIVATIONS[4:8], l2=1e-2), lengths=(23,)),
    "activations 9 to 12, weights": Case(_activations(ACTIVATIONS[8:12]), weighted=True),
    "activations 13 to 16": Case(_activations(ACTIVATIONS[12:16])),
    "the last activations": Case(_activations(ACTIVATIONS[-4:])),
    "batch norm, even folds": Case({**TWO_LAYERS, **BATCH_NORM, "batch_size": 8}),
    "batch norm, dropout, penalties": Case({**TWO_LAYERS, **BATCH_NORM, **DROPOUT, **PENALTIES}),
    "batch norm after activations, cosine after a warm-up, weights that decay with adam": Case(
        {
            **TWO_LAYERS,
            **DROPOUT,
            "batch_norm": "after",
            "schedule": "cosine",
            "schedule_warmup": 2,
            "weight_decay": 0.1,
        }
    ),
    "bounds on every gradient and kernel, steps, weights that decay with nesterov": Case(
        {
            **TWO_LAYERS,
            **PENALTIES,
            "optimizer": "nesterov",
            "learning_rate": 0.1,
            "clipnorm": 0.2,
            "max_norm": 0.7,
            "weight_decay": 0.05,
            "schedule": "step",
            "schedule_every": 2,
            "initializer": "he_normal",
        }
    ),
    "a bound on all gradients, one cycle, weights that decay with nadam": Case(
        {
            **TWO_LAYERS,
            **BATCH_NORM,
            "optimizer": "nadam",
            "global_clipnorm": 0.2,
            "weight_decay": 0.2,
            "schedule": "one_cycle",
            "initializer": "lecun_uniform",
        }
    ),
    "one cycle of rate and momentum, nesterov, folds that differ in steps": Case(
        {
            **TWO_LAYERS,
            "optimizer": "nesterov",
            "momentum": 0.95,
            "learning_rate": 0.05,
            "schedule": "one_cycle",
            "schedule_momentum": 0.6,
        }
    ),
    "one cycle of rate and beta_1 after a warm-up": Case(
        {
            **TWO_LAYERS,
            "optimizer": "adamw",
            "schedule": "one_cycle",
            "schedule_warmup": 1,
            "schedule_momentum": 0.5,
        }
    ),
    "ftrl with all of its settings, a falling rate": Case(
        {
            **TWO_LAYERS,
            "optimizer": "ftrl",
            "learning_rate": 0.1,
            "initial_accumulator_value": 0.5,
            "learning_rate_power": -0.7,
            "l1_regularization_strength": 0.01,
            "l2_regularization_strength": 0.02,
            "l2_shrinkage_regularization_strength": 0.03,
            "schedule": "exponential",
        }
    ),
    "bounds on numbers, restarts, batch norm after activations": Case(
        {
            **TWO_LAYERS,
            "batch_norm": "after",
            "optimizer": "adamax",
            "clipvalue": 0.01,
            "max_norm": 0.5,
            "schedule": "cosine_restarts",
            "schedule_every": 2,
            "initializer.1": "normal",
            "batch_size": 8,
        }
    ),
    "a rate for each fold where its loss no longer falls": Case(
        {
            **TWO_LAYERS,
            "optimizer": "rmsprop",
            "learning_rate": 0.05,
            "schedule": "plateau",
            "schedule_patience": 1,
            "schedule_factor": 0.1,
        },
        inner=True,
    ),
    "no hidden layer": Case({"layers": 0, "batch_size": 8, "learning_rate": 0.01}),
    "one row a batch": Case({**TWO_LAYERS, "batch_size": 1}, lengths=(5, 3, 4)),
    "folds in time order": Case({**TWO_LAYERS, **DROPOUT, "optimizer": "nadam"}, lengths=(6, 12, 18, 33)),
    "watched rows that are not scored": Case({**TWO_LAYERS, **BATCH_NORM}, weighted=True, inner=True),
    "mixup": Case({**TWO_LAYERS, **BATCH_NORM}, weighted=True, augment=Augment(mixup=0.4)),
    "mixup, noise, dropout": Case(
        {**TWO_LAYERS, **DROPOUT}, Task.REGRESSION, LossPlan("mae"), augment=Augment(noise=0.1, mixup=0.2)
    ),
    "embedded categories, dropout, penalties": Case(
        {**TWO_LAYERS, **DROPOUT, **PENALTIES}, weighted=True, inner=True, tables=(3, 9)
    ),
    "embedded categories, bounds on every gradient, weights that decay with nesterov": Case(
        {
            **TWO_LAYERS,
            "batch_norm": "after",
            "optimizer": "nesterov",
            "learning_rate": 0.1,
            "clipnorm": 0.2,
            "max_norm": 0.7,
            "weight_decay": 0.05,
            "embedding_scale": 2.0,
        },
        tables=(12,),
    ),
    "embedded categories alone, no hidden layer": Case(
        {"layers": 0, "batch_size": 8, "learning_rate": 0.01, "optimizer": "nadam"},
        tables=(4, 7, 3, 11, 2, 5),
    ),
    "embedded categories, mixup, noise": Case(
        TWO_LAYERS, Task.REGRESSION, LossPlan("mse"), augment=Augment(noise=0.1, mixup=0.4), tables=(5, 3)
    ),
    "binary, one layer": Case(ONE_LAYER, Task.BINARY, weighted=True),
    "multilabel, one batch": Case({**TWO_LAYERS, "batch_size": 256}, Task.MULTILABEL, weighted=True),
    **{
        f"{task} {loss}, {output or 'the usual'} output": Case(
            {**ONE_LAYER, **DROPOUT_OF_ONE}, task, loss, weighted=True, output=output
        )
        for task, loss, output in (
            (Task.REGRESSION, LossPlan("poisson"), None),
            (Task.REGRESSION, _own("make_fair", width=0.5), None),
            (Task.REGRESSION, _with("huber", delta=0.3), "sigmoid"),
            (Task.REGRESSION, _with("quantile", quantile=0.9), "tanh"),
            (Task.REGRESSION, LossPlan("mape"), "softplus"),
            (Task.REGRESSION, LossPlan("log_cosh"), "relu"),
            (Task.BINARY, LossPlan("hinge"), None),
            (Task.BINARY, _own("logarithm_of_what_is_true"), None),
            (Task.MULTICLASS, _with("categorical_crossentropy", label_smoothing=0.2), None),
        )
    },
}
"""Each loss is compared for each output in tests/engines/test_stacked_losses.py; here are those of each kind, in
training. What does not meet in one part of the program shares a case, since to trace one takes a second."""


@dataclass(frozen=True)
class Seen:
    """An epoch, and its weights, which an engine keeps until the next one only."""

    epoch: Epoch
    weights: tuple[list[np.ndarray], ...]


@cache
def trained(engine: str, name: str) -> tuple[Seen, ...]:
    """Return the epochs of a case."""
    case = CASES[name]
    folds = made_folds(case.task, case.lengths, weighted=case.weighted, inner=case.inner)
    return train(engine, case, with_codes(folds, case.tables) if case.tables else folds)


def train(engine: str, case: Case, folds: tuple[FoldData, ...]) -> tuple[Seen, ...]:
    loss = case.loss or AUTO_LOSS[case.task]
    network, head = embed(plan_network(case.params), case.params, case.tables), HEADS[case.task]
    network = replace(network, augment=case.augment)
    head = replace(head, activation=case.output or head.activation)
    epochs = make_engine(engine).train(network, head, loss, folds, epochs=N_EPOCHS, seed=11)
    return tuple(Seen(epoch, epoch.weights()) for epoch in epochs)


def assert_equal_to_the_bit(first: tuple[Seen, ...], second: tuple[Seen, ...]) -> None:
    for one, other in zip(first, second, strict=True):
        for name in ("train_loss", "val_loss", "scored", "watched"):
            assert np.array_equal(getattr(one.epoch, name), getattr(other.epoch, name)), name
        for weights, same in zip(one.weights, other.weights, strict=True):
            assert all(map(np.array_equal, weights, same))


@others
@pytest.mark.parametrize("name", CASES)
def test_curves_outputs_and_weights_are_those_of_plain_keras_in_every_epoch(engine, name):
    for found, plain in zip(trained(engine, name), trained("keras", name), strict=True):
        assert found.epoch.number == plain.epoch.number
        for series in ("train_loss", "val_loss", "scored", "watched"):
            expected = getattr(plain.epoch, series)
            np.testing.assert_allclose(getattr(found.epoch, series), expected, **NEAR, err_msg=series)
        assert (found.epoch.watched is found.epoch.scored) == (not CASES[name].inner)
        for weights, expected in zip(found.weights, plain.weights, strict=True):
            assert [part.shape for part in weights] == [part.shape for part in expected]
            for part, like in zip(weights, expected, strict=True):
                np.testing.assert_allclose(part, like, **NEAR)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "name", ["optimizer nadam", "batch norm, dropout, penalties", "mixup, noise, dropout"]
)
def test_the_same_training_again_gives_the_same_bits(engine, name):
    case = CASES[name]
    assert_equal_to_the_bit(trained(engine, name), train(engine, case, made_folds(case.task, case.lengths)))


@pytest.mark.parametrize("engine", ENGINES)
def test_targets_of_scored_rows_change_nothing(engine):
    name = "watched rows that are not scored"
    folds = made_folds(CASES[name].task, weighted=True, inner=True)
    hidden = tuple(replace(fold, score=_without_target(fold.score)) for fold in folds)
    assert_equal_to_the_bit(trained(engine, name), train(engine, CASES[name], hidden))


def _without_target(rows: Rows) -> Rows:
    return replace(rows, target=np.full_like(rows.target, 3), weight=np.full_like(rows.weight, 9.0))


@pytest.mark.parametrize("engine", ENGINES)
def test_two_trainings_in_turn_do_not_disturb_each_other(engine):
    case = CASES["optimizer adam"]
    folds = made_folds(case.task)
    rates = (0.01, 0.05)
    steps = [
        make_engine(engine).train(
            plan_network({**case.params, "learning_rate": rate}),
            HEADS[case.task],
            AUTO_LOSS[case.task],
            folds,
            epochs=N_EPOCHS,
            seed=11,
        )
        for rate in rates
    ]
    slow = tuple(Seen(epoch, epoch.weights()) for epoch, _ in zip(*steps, strict=True))
    assert_equal_to_the_bit(slow, trained(engine, "optimizer adam"))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_rate_without_bounds_is_seen_as_a_loss_that_is_not_finite_within_the_first_epoch(engine, optimizer):
    params = {**TWO_LAYERS, "optimizer": optimizer, "learning_rate": 1e30}
    folds = made_folds(Task.REGRESSION)
    epochs = make_engine(engine).train(
        plan_network(params), HEADS[Task.REGRESSION], "mse", folds, epochs=1, seed=11
    )
    with closing(epochs):
        assert not np.isfinite(next(epochs).train_loss).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fold_that_diverges_is_told_from_those_that_do_not(engine):
    calm, wild, _ = made_folds(Task.REGRESSION)
    wild = replace(wild, train=replace(wild.train, target=wild.train.target * np.float32(1e30)))
    epochs = make_engine(engine).train(
        plan_network(TWO_LAYERS), HEADS[Task.REGRESSION], "mse", (calm, wild), epochs=1, seed=11
    )
    with closing(epochs):
        assert np.isfinite(next(epochs).train_loss).tolist() == [True, False]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_fold_and_seed_starts_from_weights_of_its_own(engine):
    params = {"layers": 1, "neurons": 5, "learning_rate": 1e-30}
    folds = made_folds(Task.BINARY)

    def kernels(seed: int) -> list[np.ndarray]:
        epochs = make_engine(engine).train(
            plan_network(params), HEADS[Task.BINARY], "binary_crossentropy", folds, epochs=1, seed=seed
        )
        with closing(epochs):
            return [weights[0] for weights in next(epochs).weights()]

    found = [*kernels(1), *kernels(2)]
    assert len({kernel.tobytes() for kernel in found}) == 2 * len(folds)
