import math

import numpy as np
import pytest

from tuner.errors import TunerError
from tuner.model.heads import make_head
from tuner.model.initializers import INITIALIZERS
from tuner.model.mlp_parameters import ACTIVATIONS, PARAMETERS
from tuner.model.network import (
    ALL_ROWS,
    MODELS,
    Layer,
    count_parameters,
    name_problem,
    parameter_of,
    plan_network,
)
from tuner.tasks import Task


def test_no_params_give_one_relu_layer_of_32_units_trained_by_adam_in_batches_of_32():
    network = plan_network({})
    assert network.layers == (Layer(32, "relu", batch_norm=None, dropout=0.0),)
    assert (network.l1, network.l2, network.batch_size) == (0.0, 0.0, 32)
    assert (network.optimizer.name, network.optimizer.learning_rate) == ("adam", 0.001)


def test_a_layers_own_value_wins_over_the_common_one_and_that_over_the_default():
    network = plan_network(
        {"layers": 3, "neurons": 20, "neurons.1": 7, "dropout.2": 0.25, "activation.0": "tanh"}
    )
    assert [layer.units for layer in network.layers] == [20, 7, 20]
    assert [layer.dropout for layer in network.layers] == [0.0, 0.0, 0.25]
    assert [layer.activation for layer in network.layers] == ["tanh", "relu", "relu"]


def test_no_hidden_layer_is_a_linear_model():
    assert plan_network({"layers": 0, "neurons": 20}).layers == ()


def test_values_for_layers_that_are_not_there_change_nothing():
    assert plan_network({"layers": 1, "neurons.0": 8, "neurons.3": 9}) == plan_network({"neurons.0": 8})


def test_epochs_and_preprocessing_are_no_part_of_the_network():
    assert plan_network({"epochs": 5, "preprocess.numeric": "robust"}) == plan_network({})


def test_equal_params_give_equal_keys_and_any_other_value_another():
    params = {"layers": 2, "neurons.0": 8, "optimizer": "adamw", "l2": 1e-3}
    assert len({plan_network(params), plan_network(dict(reversed(params.items())))}) == 1
    for name, value in [("neurons.1", 8), ("l2", 2e-3), ("batch_norm", True), ("batch_size", 8)]:
        assert plan_network({**params, name: value}) != plan_network(params)


def test_widths_rates_and_activations_do_not_change_the_structure():
    one = plan_network({"layers": 2, "neurons": 8, "dropout": 0.1, "optimizer": "sgd"})
    other = plan_network(
        {"layers": 2, "neurons": 99, "dropout": 0.4, "activation": "mish", "l1": 0.1, "batch_size": 4}
    )
    assert one.structure == other.structure


@pytest.mark.parametrize(
    "change",
    [
        {"layers": 3},
        {"batch_norm": True},
        {"batch_norm": "after"},
        {"dropout": 0.0},
        {"dropout.0": 0.0},
        {"max_norm": 1.0},
        {"clipnorm": 1.0},
        {"weight_decay": 0.1},
    ],
)
def test_depth_normalisation_dropping_bounds_and_decay_change_the_structure(change):
    params = {"layers": 2, "dropout": 0.1}
    assert plan_network(params).structure != plan_network({**params, **change}).structure


def test_all_problems_of_a_trials_params_are_told_at_once():
    with pytest.raises(TunerError) as error:
        plan_network(
            {
                "layrs": 2,
                "neurons.1": 0,
                "schedule": "steps",
                "l2.0": 0.1,
                "activation": "rleu",
                "dropout": 1.0,
            }
        )
    problems = str(error.value).splitlines()
    assert problems[0].startswith("'layrs' is not a parameter; one of: layers, neurons, ")
    assert problems[0].endswith("; did you mean 'layers'?")
    assert problems[1] == "neurons.1: 0 is not a whole number of at least 1"
    assert problems[2].startswith("schedule: 'steps' is not one of: constant, time, ")
    assert problems[2].endswith("; did you mean 'step'?")
    assert problems[3] == "'l2' is one value for the whole network; write 'l2' instead of 'l2.0'"
    assert problems[4].startswith("activation: 'rleu' is not one of: relu, ")
    assert problems[4].endswith("; did you mean 'relu'?")
    assert problems[5] == "dropout: 1.0 is not a number of at least 0 and below 1"
    assert len(problems) == 6


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("layers", [0, 1, 12], [-1, 1.0, True, "2", None]),
        ("neurons", [1, 4096], [0, 8.5, math.inf]),
        ("activation", list(ACTIVATIONS), ["ReLU", 1, None]),
        ("batch_norm", [True, False, "before", "after"], [0, 1, "true", None]),
        ("initializer", list(INITIALIZERS), ["he", 0, None]),
        ("max_norm", [0, 0.5, 4], [-1, math.inf, "none"]),
        ("clipnorm", [0, 1.0], [-0.1, True]),
        ("schedule", ["constant", "plateau"], ["Step", None]),
        ("schedule_decay", [0, 0.1], [-0.1]),
        ("schedule_drop", [0.1, 0.5], [0, 1, 2.0]),
        ("schedule_every", [1, 20], [0, 2.5]),
        ("schedule_factor", [0.1], [0, 1]),
        ("schedule_patience", [1], [0, 1.5]),
        ("schedule_warmup", [0, 5], [-1, 0.5]),
        ("schedule_momentum", ["none", 0, 0.85], [1.0, -0.1, "auto", True, None]),
        ("learning_rate_power", [-0.5, -1], [0, 0.5, -1.1]),
        ("l1_regularization_strength", [0, 0.1], [-0.1, "none"]),
        ("l2_shrinkage_regularization_strength", [0, 3], [-1, False]),
        ("dropout", [0, 0.0, 0.999], [1, -0.1, math.nan, False]),
        ("l1", [0, 1e-7, 3.0], [-1e-9, math.inf, "1e-4"]),
        ("optimizer", ["sgd", "nadam", "lion"], ["lamb"]),
        ("learning_rate", [1e-9, 1, 10.0], [0, 0.0, -1.0, math.nan]),
        ("momentum", [0, 0.99], [1.0, -0.5]),
        ("beta_2", [0.0, 0.999], [1]),
        ("epsilon", [1e-7], [0.0]),
        ("weight_decay", [0, 0.1], [-0.1]),
        ("batch_size", [1, 512, "all"], [0, 16.0, "al", False]),
        ("epochs", [1], [0]),
    ],
)
def test_a_parameter_takes_its_domain_and_nothing_else(name, allowed, refused):
    parameter = PARAMETERS[name]
    assert [value for value in allowed if parameter.problem(value)] == []
    assert [value for value in refused if not parameter.problem(value)] == []


def test_words_beside_numbers_are_named_with_them():
    found = PARAMETERS["batch_size"].problem("al")
    assert found == "'al' is not a whole number of at least 1, or 'all'; did you mean 'all'?"
    found = PARAMETERS["batch_norm"].problem("afer")
    assert found == "'afer' is not true or false, or 'before', or 'after'; did you mean 'after'?"


def test_all_rows_of_a_step_are_more_than_any_table_has():
    assert plan_network({"batch_size": "all"}).batch_size == ALL_ROWS > 10**9


def test_true_is_batch_norm_before_the_activation():
    assert plan_network({"batch_norm": True}) == plan_network({"batch_norm": "before"})
    assert plan_network({"batch_norm": "after"}).layers[0].batch_norm == "after"


def test_an_initializer_may_differ_by_layer_and_the_output_layer_has_the_common_one():
    network = plan_network({"layers": 2, "initializer": "he_normal", "initializer.1": "zeros"})
    assert [layer.initializer for layer in network.layers] == ["he_normal", "zeros"]
    assert network.initializer == "he_normal"


def test_a_schedule_reads_its_own_settings_alone():
    one = plan_network({"schedule": "step", "schedule_drop": 0.1, "schedule_decay": 0.3})
    assert one.schedule == plan_network({"schedule": "step", "schedule_drop": 0.1}).schedule
    assert one.schedule.settings == (("drop", 0.1), ("every", 10.0))
    assert plan_network({"schedule_warmup": 2}).schedule.warmup == 2


@pytest.mark.parametrize(
    ("params", "cycled"),
    [
        ({"optimizer": "momentum"}, "momentum"),
        ({"optimizer": "adamw"}, "beta_1"),
        ({"optimizer": "sgd"}, None),
        ({"optimizer": "sgd", "momentum": 0.5}, "momentum"),
        ({"optimizer": "rmsprop"}, None),
        ({"optimizer": "adam", "schedule": "cosine"}, None),
        ({"optimizer": "adam", "schedule_momentum": "none"}, None),
    ],
)
def test_a_cycle_changes_the_momentum_of_an_optimizer_that_has_one(params, cycled):
    network = plan_network({"schedule": "one_cycle", "schedule_momentum": 0.8, **params})
    assert network.cycled == cycled


def test_every_default_is_in_its_domain_and_every_meaning_is_a_sentence():
    for name, parameter in PARAMETERS.items():
        assert name == parameter.name
        assert parameter.default is None or parameter.problem(parameter.default) is None
        assert parameter.meaning.endswith(".")


def test_names_split_into_base_and_layer():
    assert parameter_of("neurons.12") == ("neurons", 12)
    assert parameter_of("neurons") == ("neurons", None)
    assert parameter_of("preprocess.numeric") == ("preprocess.numeric", None)
    assert parameter_of(".3") == (".3", None)


def test_a_name_is_refused_with_its_reason_or_taken():
    assert name_problem("dropout.4", PARAMETERS) is None
    assert "did you mean 'neurons'" in name_problem("neuron.0", PARAMETERS)


def test_a_model_names_its_parameters_and_its_planner():
    assert MODELS["mlp"].parameters is PARAMETERS
    assert MODELS["mlp"].plan({"layers": 2}) == plan_network({"layers": 2})


def test_keras_has_every_activation(keras):
    values = np.array([-1.0, 0.5], np.float32)
    assert all(np.isfinite(np.asarray(keras.activations.get(name)(values))).all() for name in ACTIVATIONS)


@pytest.mark.parametrize(
    ("params", "n_inputs"),
    [
        ({"layers": 0}, 5),
        ({"layers": 1, "neurons": 7, "dropout": 0.5}, 1),
        ({"layers": 3, "neurons": 7, "neurons.1": 4, "batch_norm": True}, 11),
        ({"layers": 2, "neurons": 7, "batch_norm": "after"}, 3),
    ],
)
@pytest.mark.parametrize(("task", "n_targets", "n_classes"), [(Task.BINARY, 1, 2), (Task.MULTICLASS, 1, 3)])
def test_the_number_of_trainable_weights_is_that_of_the_keras_model(
    keras, params, n_inputs, task, n_targets, n_classes
):
    network, head = plan_network(params), make_head(task, n_targets, n_classes)
    model = keras.Sequential([keras.Input((n_inputs,))])
    for layer in network.layers:
        before, after = (layer.batch_norm == place for place in ("before", "after"))
        model.add(keras.layers.Dense(layer.units, use_bias=not before))
        if before:
            model.add(keras.layers.BatchNormalization())
        model.add(keras.layers.Activation(layer.activation))
        if after:
            model.add(keras.layers.BatchNormalization())
        if layer.dropout:
            model.add(keras.layers.Dropout(layer.dropout))
    model.add(keras.layers.Dense(head.units, activation=head.activation))
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert count_parameters(network, n_inputs, head) == trainable
