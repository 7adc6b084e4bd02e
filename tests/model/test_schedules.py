"""The rate of every step, against Keras' schedules and formulas written out."""

import math

import numpy as np
import pytest

from tuner.model.schedules import SCHEDULES, Rates, following, plan_schedule

RATE, EPOCHS, BATCHES = 0.2, 12, 5


def rates_of(name, *, warmup=0, epochs=EPOCHS, batches=(BATCHES,), **settings):
    """Return the (n_steps of all epochs,) rates of fold 0."""
    params = {f"schedule_{key}": value for key, value in settings.items()}
    rates = Rates(plan_schedule(name, warmup, params), RATE, epochs, np.array(batches))
    return np.concatenate([rates.of_epoch(epoch)[: batches[0], 0] for epoch in range(1, epochs + 1)])


def by_epoch(rate_of_epoch):
    """Return the rate of every step where each epoch 0, 1, ... has one."""
    return np.repeat([rate_of_epoch(epoch) for epoch in range(EPOCHS)], BATCHES)


def by_keras(schedule):
    return np.array([float(schedule(step)) for step in range(EPOCHS * BATCHES)])


def test_a_constant_rate_is_the_learning_rate_to_the_bit():
    assert (rates_of("constant") == RATE).all()


def test_rates_by_time_fall_as_one_over_the_epochs(keras):
    expected = by_keras(
        keras.optimizers.schedules.InverseTimeDecay(RATE, BATCHES, decay_rate=0.3, staircase=True)
    )
    np.testing.assert_allclose(rates_of("time", decay=0.3), expected, rtol=1e-6)
    np.testing.assert_allclose(rates_of("time", decay=0.3), by_epoch(lambda e: RATE / (1 + 0.3 * e)))


def test_a_rate_in_steps_drops_when_an_epoch_more_has_passed_than_the_step_is_long():
    expected = by_epoch(lambda epoch: RATE * 0.5 ** math.floor((1 + epoch) / 4))
    np.testing.assert_allclose(rates_of("step", drop=0.5, every=4), expected)
    assert rates_of("step", drop=0.5, every=4)[::BATCHES].tolist()[2:5] == [RATE, RATE / 2, RATE / 2]


def test_an_exponential_rate_loses_the_same_share_in_each_epoch(keras):
    schedule = keras.optimizers.schedules.ExponentialDecay(RATE, BATCHES, math.exp(-0.25), staircase=True)
    np.testing.assert_allclose(rates_of("exponential", decay=0.25), by_keras(schedule), rtol=1e-5)


def test_a_cosine_falls_with_every_step_to_0_at_the_end(keras):
    schedule = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * BATCHES)
    np.testing.assert_allclose(rates_of("cosine"), by_keras(schedule), rtol=1e-5, atol=1e-8)


def test_a_warm_up_of_two_epochs_rises_with_every_step_before_the_cosine(keras):
    # Keras counts from the rate of step 0; here step 0 has the first share of the rise, not the rate 0.
    warm = 2 * BATCHES
    schedule = keras.optimizers.schedules.CosineDecay(
        RATE / warm, EPOCHS * BATCHES - warm, warmup_target=RATE, warmup_steps=warm - 1
    )
    found = rates_of("cosine", warmup=2)
    np.testing.assert_allclose(found[: warm - 1], by_keras(schedule)[: warm - 1], rtol=1e-5)
    np.testing.assert_allclose(found[warm:], by_keras(schedule)[warm - 1 : -1], rtol=1e-5, atol=1e-8)


def test_a_warm_up_leads_to_the_rate_that_a_constant_then_keeps():
    found = rates_of("constant", warmup=3)
    np.testing.assert_allclose(found[: 3 * BATCHES], RATE * np.arange(1, 16) / 15)
    assert (found[3 * BATCHES :] == RATE).all()


def test_cosines_restart_in_cycles_that_double(keras):
    schedule = keras.optimizers.schedules.CosineDecayRestarts(RATE, 2 * BATCHES, t_mul=2.0)
    found, expected = rates_of("cosine_restarts", every=2), by_keras(schedule)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert [step for step in range(60) if found[step] == RATE] == [0, 10, 30]


def test_one_cycle_rises_to_the_rate_and_ends_at_a_ten_thousandth():
    found = rates_of("one_cycle", epochs=20)
    np.testing.assert_allclose(found[0], RATE / 10)
    assert np.argmax(found) == 45
    np.testing.assert_allclose(found[[45, 90]], [RATE, RATE / 10])
    np.testing.assert_allclose(np.diff(found[:45]), RATE * 0.9 / 45)
    np.testing.assert_allclose(found[-1], RATE * np.interp(99, [90, 100], [0.1, 1e-4]))


def test_momentum_falls_while_the_rate_of_one_cycle_rises_and_is_back_when_the_rate_is():
    plan = plan_schedule("one_cycle", 0, {"schedule_momentum": 0.85})
    rates = Rates(plan, RATE, 20, np.array([BATCHES]))
    found = np.concatenate([rates.momenta_of_epoch(epoch, 0.95)[:, 0] for epoch in range(1, 21)])
    np.testing.assert_allclose(found[[0, 45, 90, 99]], [0.95, 0.85, 0.95, 0.95])
    np.testing.assert_allclose(np.diff(found[:46]), -0.1 / 45)
    np.testing.assert_allclose(np.diff(found[45:91]), 0.1 / 45, rtol=1e-9)
    assert (found[90:] == 0.95).all()


@pytest.mark.parametrize("params", [{}, {"schedule_momentum": "none"}])
def test_momentum_stays_as_it_is_unless_a_cycle_is_asked_for(params):
    plan = plan_schedule("one_cycle", 0, params)
    assert plan.momentum is None
    assert plan_schedule("cosine", 0, {"schedule_momentum": 0.8}).momentum is None
    with pytest.raises(ValueError, match="'one_cycle' leaves the momentum as it is"):
        Rates(plan, RATE, 20, np.array([3])).momenta_of_epoch(1, 0.9)


def test_a_fold_with_fewer_batches_is_as_far_in_its_epoch_as_the_others():
    rates = Rates(plan_schedule("cosine", 0, {}), RATE, 4, np.array([4, 2])).of_epoch(2)
    np.testing.assert_allclose(rates[[0, 2], 0], rates[[0, 1], 1])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup", [0, 3, 50])
def test_every_rate_is_finite_and_no_larger_than_the_learning_rate(name, warmup):
    for epochs in (1, 2, 40):
        found = rates_of(name, warmup=warmup, epochs=epochs, batches=(3,))
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        assert (found <= RATE * (1 + 1e-12)).all()


LOSSES = np.array(
    [[3.0, 1.0], [2.0, 1.0], [2.0, 0.99995], [2.1, 1.2], [1.5, 1.3], [1.6, 1.1], [1.7, 0.5], [1.8, 0.4]]
)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
def test_on_a_plateau_each_folds_rate_falls_when_keras_callback_reduces_it(keras):
    plan = plan_schedule("plateau", 0, {"schedule_factor": 0.1, "schedule_patience": 2})
    rates = Rates(plan, RATE, 20, np.array([3, 3]))
    found = []
    for losses in LOSSES:
        rates.see(losses)
        found.append(rates.of_epoch(len(found) + 2)[0])
    for fold in range(2):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(RATE), "mse")
        callback = keras.callbacks.ReduceLROnPlateau(factor=0.1, patience=2)
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, loss in enumerate(LOSSES[:, fold]):
            callback.on_epoch_end(epoch, {"val_loss": loss})
            assert found[epoch][fold] == pytest.approx(float(model.optimizer.learning_rate.numpy()), rel=1e-5)
    assert len({each[0] for each in found}) == 3


def test_a_training_may_follow_the_plateaus_of_earlier_folds_by_their_median():
    plan = plan_schedule("plateau", 0, {"schedule_factor": 0.5, "schedule_patience": 2})
    three = np.column_stack([LOSSES, LOSSES[:, 1]])
    known = following(plan, three)
    assert known.reductions == (0, 0, 0, 1, 1, 2, 2, 2)
    assert not known.judges
    rates = Rates(known, RATE, 20, np.array([1]))
    rates.see(np.array([1.0]))
    found = [float(rates.of_epoch(epoch)[0, 0]) for epoch in range(1, 9)]
    assert found == [RATE * 0.5**count for count in known.reductions]
    assert following(plan_schedule("step", 0, {}), LOSSES) == plan_schedule("step", 0, {})
