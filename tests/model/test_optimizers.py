import inspect

import pytest

from tuner.errors import TunerError
from tuner.model.mlp_parameters import PARAMETERS
from tuner.model.optimizers import CLIPS, OPTIMIZERS, Clip, plan_optimizer

# The momentum of these two is what sets them apart from plain SGD, so it is not Keras' default of 0.
NOT_KERAS_DEFAULTS = {("momentum", "momentum"), ("nesterov", "momentum")}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_without_settings_has_the_defaults_of_its_keras_class(keras, name):
    spec = OPTIMIZERS[name]
    arguments = inspect.signature(getattr(keras.optimizers, spec.keras)).parameters
    assert spec.learning_rate == arguments["learning_rate"].default
    assert spec.weight_decay == (arguments["weight_decay"].default or 0.0)
    assert set(CLIPS) < set(arguments)
    for setting, default in spec.settings:
        if (name, setting) not in NOT_KERAS_DEFAULTS:
            assert default == arguments[setting].default, setting


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_plan_makes_the_keras_optimizer_it_names(keras, name):
    plan = plan_optimizer(name, {"learning_rate": 0.125, "momentum": 0.5, "beta_1": 0.75})
    spec = OPTIMIZERS[name]
    made = getattr(keras.optimizers, spec.keras)(
        learning_rate=plan.learning_rate, **dict(spec.fixed), **dict(plan.settings)
    )
    config = made.get_config()
    assert config["learning_rate"] == pytest.approx(0.125)
    assert {setting: config[setting] for setting, _ in plan.settings} == dict(plan.settings)
    assert config.get("nesterov", False) == (name == "nesterov")


def test_a_plan_takes_what_its_optimizer_reads_and_leaves_the_rest():
    plan = plan_optimizer("nesterov", {"momentum": 0.5, "rho": 0.3, "learning_rate": 1})
    assert plan.settings == (("momentum", 0.5),)
    assert plan.learning_rate == 1.0
    assert plan.setting("momentum") == 0.5
    assert plan.setting("rho", otherwise=0.25) == 0.25


def test_equal_plans_are_equal_keys():
    params = {"learning_rate": 0.01, "beta_1": 0.8}
    assert len({plan_optimizer("adam", params), plan_optimizer("adam", dict(params))}) == 1
    assert plan_optimizer("adam", params) != plan_optimizer("nadam", params)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_is_read_by_every_optimizer_and_only_adamw_has_some_by_itself(name):
    assert plan_optimizer(name, {"weight_decay": 0.25}).weight_decay == 0.25
    assert (plan_optimizer(name, {}).weight_decay > 0.0) == (name == "adamw")


def test_gradients_have_one_bound_and_0_is_none():
    assert plan_optimizer("sgd", {}).clip is None
    assert plan_optimizer("sgd", {"clipnorm": 0.0, "clipvalue": 0.5}).clip == Clip("clipvalue", 0.5)
    with pytest.raises(TunerError, match="clipnorm and clipvalue: gradients have one bound; leave out"):
        plan_optimizer("sgd", {"clipnorm": 1.0, "clipvalue": 0.5})


def test_lion_needs_a_mean_of_gradients_as_in_keras():
    with pytest.raises(TunerError, match="beta_1: 0 leaves lion without its mean"):
        plan_optimizer("lion", {"beta_1": 0})
    assert plan_optimizer("adam", {"beta_1": 0}).setting("beta_1") == 0.0


def test_every_setting_is_a_parameter_whose_domain_holds_the_default():
    for spec in OPTIMIZERS.values():
        for setting, default in (*spec.settings, ("learning_rate", spec.learning_rate)):
            assert PARAMETERS[setting].problem(default) is None
            assert PARAMETERS[setting].default is None


def test_an_unknown_optimizer_is_refused_with_those_that_exist():
    with pytest.raises(
        TunerError, match=r"'rmsporp' is not an optimizer; one of: sgd, .*; did you mean 'rmsprop'\?"
    ):
        plan_optimizer("rmsporp", {})
