"""Search spaces: what they hold, what they sample, and every mistake in writing one."""

import json
import math
import pickle
from pathlib import Path

import optuna
import pytest

from tuner.config.cross_checks import domain_of
from tuner.space.ranges import ChoiceParam, Constant, FloatParam, IntParam
from tuner.space.space import SearchSpace
from tuner.space.space_file import parse_space, space_names, spaces_folder
from tuner.yaml_lines import read_yaml

MLP = domain_of("mlp")


def parse(folder: Path, params: str) -> tuple[SearchSpace | None, tuple[str, ...]]:
    """Parse parameters that begin in line 2 of a file."""
    path = folder / "s.yaml"
    path.write_text("params:\n" + "".join(f"  {line}\n" for line in params.strip().splitlines()))
    return parse_space(read_yaml(path, "s.yaml"), (), MLP)


def space_of(folder: Path, params: str) -> SearchSpace:
    space, problems = parse(folder, params)
    assert problems == ()
    assert space is not None
    return space


class Lowest:
    """A trial that takes the low end or the last option, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def suggest_int(self, name, low, high, *, step=1, log=False):
        self.asked.append(name)
        return low

    def suggest_float(self, name, low, high, *, step=None, log=False):
        self.asked.append(name)
        return low

    def suggest_categorical(self, name, choices):
        self.asked.append(name)
        return choices[-1]


OPTIMIZER = """
momentum: {type: float, low: 0.5, high: 0.9, when: {optimizer: [momentum, nesterov]}}
optimizer: {type: choice, options: [adam, momentum, nesterov]}
"""


# Defaults


@pytest.mark.parametrize(
    ("param", "usual"),
    [
        (IntParam(1, 4), 2),
        (IntParam(1, 5), 3),
        (IntParam(8, 256, log=True), 45),  # sqrt(2048) = 45.25
        (IntParam(10, 95, step=20), 50),  # of 10, 30, 50, 70, 90
        (IntParam(1, 4, default=4), 4),
        (FloatParam(0.0, 0.5), 0.25),
        (FloatParam(1e-4, 1e-2, log=True), 1e-3),
        (FloatParam(0.0, 0.4, step=0.1), 0.2),
        (FloatParam(0.1, 0.7, step=0.2), 0.3),  # of 0.1, 0.3, 0.5, 0.7: between two, the lower
        (ChoiceParam(("b", "a")), "b"),
        (ChoiceParam((False, True), default=True), True),
        (Constant(3), 3),
    ],
)
def test_the_default_is_the_given_one_or_the_middle_or_the_first_option(param, usual):
    assert param.usual == pytest.approx(usual) if isinstance(usual, float) else param.usual == usual


def test_each_layer_has_its_own_value_for_as_many_layers_as_there_are(tmp_path):
    space = space_of(
        tmp_path,
        """
neurons: {type: int, low: 8, high: 64, default: 16, per: layer}
layers: {type: int, low: 1, high: 3, default: 2}
""",
    )
    assert space.default() == {"layers": 2, "neurons.0": 16, "neurons.1": 16}
    assert space.smallest() == {"layers": 1, "neurons.0": 8}
    assert space.largest() == {"layers": 3, "neurons.0": 64, "neurons.1": 64, "neurons.2": 64}


def test_smallest_and_largest_leave_all_but_the_size_at_its_default(tmp_path):
    space = space_of(
        tmp_path,
        """
layers: {type: choice, options: [2, 1, 3]}
neurons: {type: int, low: 8, high: 30, step: 8}
batch_size: {type: int, low: 8, high: 32, default: 16}
""",
    )
    assert space.smallest() == {"layers": 1, "neurons": 8, "batch_size": 16}
    assert space.largest() == {"layers": 3, "neurons": 24, "batch_size": 16}


def test_a_layer_written_on_its_own_stands_for_the_per_layer_one(tmp_path):
    space = space_of(
        tmp_path,
        """
layers: {type: int, low: 1, high: 3, default: 3}
neurons: {type: int, low: 8, high: 64, default: 16, per: layer}
neurons.1: 99
dropout.2: {type: float, low: 0, high: 0.5}
""",
    )
    assert space.default() == {
        "layers": 3,
        "neurons.0": 16,
        "neurons.1": 99,
        "neurons.2": 16,
        "dropout.2": 0.25,
    }
    assert space.smallest() == {"layers": 1, "neurons.0": 8}


def test_no_layers_means_no_value_for_a_layer(tmp_path):
    space = space_of(tmp_path, "layers: 0\nneurons: {type: int, low: 1, high: 8, per: layer}\n")
    assert space.default() == {"layers": 0}


# Conditions


def test_a_parameter_whose_condition_fails_is_neither_asked_nor_returned(tmp_path):
    space = space_of(tmp_path, OPTIMIZER)
    assert space.default() == {"optimizer": "adam"}
    trial = Lowest()
    assert space.suggest(trial) == {"optimizer": "nesterov", "momentum": 0.5}
    assert trial.asked == ["optimizer", "momentum"]


def test_conditions_nest_in_any_order_of_the_file(tmp_path):
    space = space_of(
        tmp_path,
        """
l1: {type: float, low: 0, high: 1, when: {l2: [0.5], batch_norm: true}}
l2: {type: choice, options: [0.5, 0.25], when: {optimizer: adam}}
batch_norm: true
optimizer: {type: choice, options: [adam, sgd]}
""",
    )
    assert list(space.default()) == ["optimizer", "l2", "batch_norm", "l1"]
    assert space.suggest(Lowest()) == {"optimizer": "sgd", "batch_norm": True}


def test_a_per_layer_condition_looks_at_the_same_layer(tmp_path):
    space = space_of(
        tmp_path,
        """
layers: 3
dropout: {type: float, low: 0.0, high: 0.5, per: layer, when: {activation: [relu]}}
activation: {type: choice, options: [relu, tanh], per: layer}
activation.1: selu
""",
    )
    assert space.default() == {
        "layers": 3,
        "activation.0": "relu",
        "dropout.0": 0.25,
        "activation.1": "selu",
        "activation.2": "relu",
        "dropout.2": 0.25,
    }
    one_of_them = space_of(
        tmp_path,
        """
layers: {type: int, low: 1, high: 2}
neurons: {type: int, low: 2, high: 8, per: layer}
l2: {type: float, low: 0, high: 1, when: {neurons.1: [2, 4, 5]}}
""",
    )
    assert "l2" not in one_of_them.default()
    assert one_of_them.largest() == {"layers": 2, "neurons.0": 8, "neurons.1": 8}
    assert one_of_them.complete({"layers": 2, "neurons": 4})["l2"] == 0.5


def test_true_is_not_the_option_1():
    assert ChoiceParam((1, 0)).problem(True) is not None
    assert ChoiceParam((1, 0)).problem(1.0) is None


# Sampling


def test_optuna_samples_exactly_what_the_space_says(tmp_path):
    space = space_of(
        tmp_path,
        """
layers: {type: int, low: 1, high: 3}
neurons: {type: int, low: 8, high: 20, step: 5, per: layer}
learning_rate: {type: float, low: 1.0e-4, high: 1.0e-1, log: true}
dropout: {type: float, low: 0.0, high: 0.35, step: 0.1}
batch_norm: {type: choice, options: [true, false]}
epochs: 5
"""
        + OPTIMIZER,
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    seen = set()
    for _ in range(60):
        trial = study.ask()
        params = space.suggest(trial)
        assert {**trial.params, "epochs": 5} == params
        assert ("momentum" in params) == (params["optimizer"] != "adam")
        assert [name for name in params if name.startswith("neurons")] == [
            f"neurons.{n}" for n in range(params["layers"])
        ]
        assert {type(value) for value in params.values()} <= {int, float, str, bool}
        assert params["dropout"] in (0.0, 0.1, 0.2, 0.30000000000000004, 0.3)
        assert space.problems(params) == []
        seen.add(params["neurons.0"])
    assert seen == {8, 13, 18}


# Configurations that a user gives


def test_a_given_configuration_is_completed_with_defaults(tmp_path):
    space = space_of(
        tmp_path,
        """
layers: {type: int, low: 1, high: 3, default: 1}
neurons: {type: int, low: 8, high: 64, default: 16, per: layer}
l2: {type: float, low: 0, high: 1}
""",
    )
    assert space.complete({"layers": 2, "neurons": 64, "neurons.1": 32, "l2": 1}) == {
        "layers": 2,
        "neurons.0": 64,
        "neurons.1": 32,
        "l2": 1.0,
    }


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"lays": 2}, ("lays", "not in the search space, which has: layers, neurons, momentum, optimizer")),
        ({"layers": 9}, ("layers", "9 is not in 1 .. 3")),
        ({"layers": "2"}, ("layers", "'2' is not a whole number")),
        ({"neurons": 10}, ("neurons", "10 is not on the steps 8, 16, ... 64")),
        (
            {"layers": 1, "neurons.2": 8},
            ("neurons.2", "does not exist here: layers is 1, and the first layer is 0"),
        ),
        (
            {"momentum": 0.6},
            ("momentum", "does not exist here: it needs optimizer = 'momentum' or 'nesterov', not 'adam'"),
        ),
        (
            {"optimizer": "sgd"},
            ("optimizer", "'sgd' is not one of the options: 'adam', 'momentum', 'nesterov'"),
        ),
    ],
)
def test_a_given_configuration_must_lie_in_the_space(tmp_path, given, problem):
    space = space_of(
        tmp_path,
        "layers: {type: int, low: 1, high: 3}\nneurons: {type: int, low: 8, high: 64, step: 8, per: layer}"
        + OPTIMIZER,
    )
    [(name, message)] = space.problems(given)
    assert name == problem[0]
    assert message.startswith(problem[1])


# Identity


def test_canonical_tells_spaces_apart_and_ignores_what_says_the_same(tmp_path):
    text = "layers: {type: int, low: 1, high: 3}\nl2: {type: float, low: 0, high: 1}"
    first = space_of(tmp_path, text).canonical()
    assert json.loads(json.dumps(first)) == first
    assert space_of(tmp_path, text.replace("low: 0,", "low: 0.0, log: false,")).canonical() == first
    assert space_of(tmp_path, text.replace("high: 3", "high: 3, default: 2")).canonical() == first
    assert space_of(tmp_path, text.replace("high: 3", "high: 4")).canonical() != first
    assert space_of(tmp_path, "\n".join(reversed(text.split("\n")))).canonical() != first


def test_a_space_crosses_to_another_process(tmp_path):
    space = space_of(tmp_path, OPTIMIZER)
    assert pickle.loads(pickle.dumps(space)) == space


def test_a_float_range_may_be_written_with_whole_numbers(tmp_path):
    space = space_of(tmp_path, "l2: {type: float, low: 0, high: 1}")
    assert space.params["l2"] == FloatParam(0.0, 1.0)
    assert isinstance(space.default()["l2"], float)


# The spaces that come with the package


@pytest.mark.parametrize("name", space_names())
def test_a_bundled_space_is_right_and_its_default_is_a_sane_network(name):
    file = read_yaml(spaces_folder() / f"{name}.yaml")
    space, problems = parse_space(file, (), domain_of("cnn" if name == "cnn" else "mlp"))
    assert (file.problems, problems) == ((), ())
    assert space is not None
    assert "epochs" not in space.params
    default = space.default()
    assert 1 <= default["layers"] <= 2
    assert default["optimizer"] == "adam"
    assert 1e-3 <= default["learning_rate"] <= 1e-2
    assert space.problems(default) == []


def test_the_bundled_space_has_each_optimizer_with_its_own_parameters():
    space, _ = parse_space(read_yaml(spaces_folder() / "mlp.yaml"), (), MLP)
    assert space is not None
    own = {
        name: {"momentum", "rho", "beta_1", "weight_decay"} & set(space.complete({"optimizer": name}))
        for name in space.params["optimizer"].options
    }
    assert own == {
        "sgd": set(),
        "momentum": {"momentum"},
        "nesterov": {"momentum"},
        "adagrad": set(),
        "rmsprop": {"rho"},
        "adam": {"beta_1"},
        "adamw": {"beta_1", "weight_decay"},
        "nadam": {"beta_1"},
    }
    assert math.isclose(space.params["learning_rate"].usual, 2e-3)
