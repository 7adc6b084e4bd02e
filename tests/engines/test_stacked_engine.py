"""What the stacked engine promises beside its results: few traces, and data that are held once."""

import gc
from threading import Event, Thread
from weakref import ref

import numpy as np
import pytest

from tests.engines.made import HEADS, made_folds
from tuner.engines import stacked_engine, stacked_program
from tuner.engines.base import FoldData, Rows
from tuner.engines.rehearsal import rehearse
from tuner.engines.stacked_engine import StackedEngine, unstackable
from tuner.engines.stacked_program import program
from tuner.engines.stacked_rows import epoch_order, stack_rows
from tuner.model.heads import Head
from tuner.model.losses import LossPlan
from tuner.model.mlp_parameters import ACTIVATIONS
from tuner.model.network import plan_network
from tuner.model.optimizers import OPTIMIZERS
from tuner.model.schedules import SCHEDULES
from tuner.tasks import Task


def run(params, folds=None, task=Task.MULTICLASS, loss="categorical_crossentropy"):
    folds = made_folds(task) if folds is None else folds
    return list(StackedEngine().train(plan_network(params), HEADS[task], loss, folds, epochs=1, seed=1))


COMMON = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "nadam")


def test_one_trace_serves_every_width_rate_batch_size_common_activation_optimizer_schedule_and_rows_and_folds():
    program.cache_clear()
    for number, activation in enumerate(ACTIVATIONS[1:12]):
        run(
            {
                "layers": 2,
                "neurons": 3 + number,
                "activation": activation,
                "dropout": 0.1,
                "batch_size": 4 + number,
            }
        )
    for optimizer in set(COMMON) - {"adam"}:
        run({"layers": 2, "optimizer": optimizer, "dropout.1": 0.5, "l1": 0.01, "learning_rate": 0.1})
    assert program.cache_info().misses == 1
    for lengths in ((9,), (12, 30), (5, 6, 7, 8)):
        run({"layers": 2, "dropout": 0.1, "batch_size": 8}, made_folds(Task.MULTICLASS, lengths))
    for schedule in SCHEDULES:
        run({"layers": 2, "dropout": 0.1, "schedule": schedule, "initializer": "he_normal"})
    assert program.cache_info().misses == 2, "relu under Adam, without a choice"


def test_the_program_without_a_choice_gives_the_bits_of_one_that_chooses(monkeypatch):
    params = {"layers": 2, "dropout": 0.1, "l1": 0.01, "l2": 0.02, "batch_size": 8}
    folds = made_folds(Task.MULTICLASS, weighted=True)
    (without,) = run(params, folds)
    monkeypatch.setattr(stacked_engine, "_CHOICES", stacked_engine._CHOICES[1:])
    (chosen,) = run(params, folds)
    assert not np.array_equal(chosen.train_loss, run({**params, "activation": "tanh"}, folds)[0].train_loss)
    for one, other in zip(without.weights(), chosen.weights(), strict=True):
        for part, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, same)
    np.testing.assert_array_equal(without.scored, chosen.scored)
    np.testing.assert_array_equal(without.val_loss, chosen.val_loss)


def test_a_program_that_was_rehearsed_is_not_traced_again_and_gives_the_same_bits(monkeypatch):
    params = {"layers": 1, "dropout": 0.1, "batch_size": 8, "neurons": 9}
    network, head, loss = plan_network(params), HEADS[Task.MULTICLASS], LossPlan("categorical_crossentropy")
    (before,) = run(params)
    monkeypatch.setattr(stacked_program, "_TURNS", {})
    program.cache_clear()
    rows = Rows(np.zeros((2, 1), np.float32), np.zeros(2, np.int32), np.ones(2, np.float32))
    fold = FoldData(rows, rows, rows)
    made: list[bool] = []
    aside = Thread(target=lambda: made.append(rehearse(network, head, loss, [fold])))
    aside.start()
    aside.join()
    made.append(rehearse(network, head, loss, [fold]))
    (after,) = run(params)
    assert made == [True, False]
    assert program.cache_info().misses == 1
    np.testing.assert_array_equal(after.scored, before.scored)
    np.testing.assert_array_equal(after.train_loss, before.train_loss)


def test_what_a_trial_has_begun_to_trace_is_left_to_it(monkeypatch):
    monkeypatch.setattr(stacked_program, "_TURNS", {})
    folds, head, loss = (
        made_folds(Task.MULTICLASS),
        HEADS[Task.MULTICLASS],
        LossPlan("categorical_crossentropy"),
    )
    network = plan_network({"layers": 1})
    turn = stacked_program.turn_of(stacked_engine.structure_of(network, head, loss, folds))
    busy, done = Event(), Event()

    def trace() -> None:
        with turn.lock:
            busy.set()
            done.wait()

    trial = Thread(target=trace)
    trial.start()
    busy.wait()
    assert not rehearse(network, head, loss, folds)
    done.set()
    trial.join()


def test_one_more_trace_serves_the_other_activations_and_optimizers_with_all_of_them():
    program.cache_clear()
    for activation in ACTIVATIONS[12:]:
        run({"layers": 1, "activation": activation})
    for optimizer in set(OPTIMIZERS) - set(COMMON):
        run({"layers": 1, "optimizer": optimizer, "activation": "tanh"})
    assert program.cache_info().misses == 1


def test_traces_that_are_kept_are_bounded():
    assert program.cache_parameters()["maxsize"] <= 32


def test_rows_are_stacked_once_for_the_same_folds_and_freed_with_them():
    folds = made_folds(Task.BINARY)
    stacked = stack_rows(folds)
    assert stack_rows(list(folds)) is stacked
    assert stack_rows(folds[:2]) is not stacked
    assert stack_rows((folds[0], *made_folds(Task.BINARY)[1:])) is not stacked
    alive = ref(stack_rows(folds))
    del stacked, folds
    gc.collect()
    assert alive() is None


def test_an_epoch_reads_each_row_once_and_pads_with_the_row_of_weight_0():
    lengths = np.array([20, 21, 8])
    order = epoch_order(lengths, 10, seed=1, epoch=1)
    assert order.shape == (3, 3, 10)
    for fold, first in enumerate((0, 20, 41)):
        assert sorted(order[:, fold].ravel())[: lengths[fold]] == list(range(first, first + lengths[fold]))
    assert (order == lengths.sum()).sum() == order.size - lengths.sum()
    assert (order[2, 2] == lengths.sum()).all()


def test_tables_longer_than_a_chunk_are_looked_at_row_by_row_in_their_order():
    head = Head(Task.REGRESSION, 2, "linear")
    folds = made_folds(Task.REGRESSION, (20, 20))
    inputs = np.random.default_rng(1).normal(size=(2500, folds[0].train.inputs.shape[1])).astype(np.float32)
    long = folds[1].score.__class__(inputs, np.zeros((2500, 2), np.float32), np.ones(2500, np.float32))
    folds = (folds[0], folds[1].__class__(folds[1].train, long, long))
    (epoch,) = StackedEngine().train(plan_network({"layers": 0}), head, "mse", folds, epochs=1, seed=1)
    kernel, bias = epoch.weights()[1]
    expected = inputs @ kernel + bias
    np.testing.assert_allclose(epoch.scored[len(folds[0].score) :], expected, rtol=1e-4, atol=1e-5)
    assert epoch.val_loss[1] == pytest.approx(np.square(expected).mean(), rel=1e-4)


def test_a_network_that_cannot_be_stacked_says_why():
    network = plan_network({})
    assert unstackable(network, HEADS[Task.BINARY]) is None
    head = Head(Task.BINARY, 1, "swish")
    assert unstackable(network, head) == "the stacked engine has no output activation 'swish'"
    with pytest.raises(ValueError, match="no output activation 'swish'"):
        next(StackedEngine().train(network, head, "hinge", made_folds(Task.BINARY), epochs=1, seed=1))


def test_how_many_epochs_one_call_runs_changes_no_bit():
    folds = made_folds(Task.BINARY, (20, 21, 17))
    params = {"layers": 2, "batch_norm": True, "dropout": 0.2, "batch_size": 8, "optimizer": "nadam"}

    def train(epochs):
        network = plan_network(params)
        engine = StackedEngine()
        return [
            (
                epoch.scored,
                epoch.train_loss,
                epoch.val_loss,
                *map(np.concatenate, zip(*[map(np.ravel, fold) for fold in epoch.weights()], strict=True)),
            )
            for epoch in engine.train(
                network, HEADS[Task.BINARY], "binary_crossentropy", folds, epochs=epochs, seed=1
            )
        ]

    for one, other in zip(train(1), train(11)[:1], strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    for one, other in zip(train(10), train(11)[:10], strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
