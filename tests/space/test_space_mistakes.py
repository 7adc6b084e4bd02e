"""Every mistake in a search space is a line; each row is one mistake."""

import pytest

from tests.space.test_space import MLP, parse
from tuner.space.space_file import parse_space
from tuner.yaml_lines import read_yaml


@pytest.mark.parametrize(
    ("params", "line"),
    [
        (
            "l2: {type: int, low: 1, hgih: 2, high: 3}",
            "2: params.l2.hgih: unknown key; int has: type, low, high, ",
        ),
        ("l2: {low: 1, high: 2}", "2: params.l2.type: missing; one of: int, float, choice"),
        (
            "l2: {type: flaot, low: 1, high: 2}",
            "2: params.l2.type: 'flaot' is no type; one of: int, float, choice; did you mean 'float'?",
        ),
        ("l2:", "2: params.l2: has no value; write a constant, or {type: ...}"),
        (
            "l2: [0.1, 0.2]",
            "2: params.l2: a list alone; for one of several write {type: choice, options: [0.1, 0.2]}",
        ),
        ("l2: {type: float, low: 1}", "2: params.l2.high: missing"),
        ("l2: {type: float, low: a, high: 2}", "2: params.l2.low: 'a' is not a number"),
        ("l2: {type: float, low: 0, high: .inf}", "2: params.l2.high: inf is not a number"),
        ("layers: {type: int, low: 1.5, high: 2}", "2: params.layers.low: 1.5 is not a whole number; "),
        ("l2: {type: float, low: 2, high: 1}", "2: params.l2.low: 2 is above high, 1"),
        (
            "l2: {type: float, low: 0.0, high: 1.0, log: true}",
            "2: params.l2.low: a log range that includes 0 (low is 0.0); low must be above 0",
        ),
        ("l2: {type: float, low: 1, high: 2, log: on}", "2: params.l2.log: 'on' is not true or false"),
        (
            "l2: {type: float, low: 1, high: 9, log: true, step: 2}",
            "2: params.l2.step: a log range has no steps; ",
        ),
        ("l2: {type: float, low: 1, high: 9, step: 0}", "2: params.l2.step: 0 is not above 0"),
        ("l2: {type: float, low: 1, high: 9, default: 10}", "2: params.l2.default: 10 is not in 1.0 .. 9.0"),
        (
            "layers: {type: int, low: 1, high: 9, step: 2, default: 4}",
            "2: params.layers.default: 4 is not on the steps 1, 3, ... 9",
        ),
        (
            "optimizer: {type: choice, options: [adam, sgd], default: nadam}",
            "2: params.optimizer.default: 'nadam' is not one of the options: 'adam', 'sgd'",
        ),
        (
            "l2: {type: choice, options: []}",
            "2: params.l2.options: empty; write the values to choose from: [a, b]",
        ),
        ("l2: {type: choice}", "2: params.l2.options: missing; "),
        ("l2: {type: choice, options: 0.1}", "2: params.l2.options: not a list; "),
        ("l2:\n  type: choice\n  options: [0.1,\n   0.1]", "5: params.l2.options[1]: 0.1 is given twice"),
        (
            "l2: {type: choice, options: [0.1, null]}",
            "2: params.l2.options[1]: nothing is not a number, a text, true or false",
        ),
        (
            "l2: {type: float, low: 0, high: 1, when: {optimiser: sgd}}\noptimizer: adam",
            "2: params.l2.when.optimiser: not a parameter of this space; it has: l2, optimizer; "
            "did you mean 'optimizer'?",
        ),
        (
            "l2: {type: float, low: 0, high: 1, when: {l1: 1}}\n"
            "l1: {type: choice, options: [1, 2], when: {l2: 1}}",
            "2: params.l2.when: a circle: l2 needs l1 needs l2",
        ),
        (
            "l2: {type: float, low: 0, high: 1, when: {l2: 1}}",
            "2: params.l2.when: a circle: l2 needs l2",
        ),
        (
            "l2: {type: float, low: 0, high: 1, when: {optimizer: [sgd, adamx]}}\n"
            "optimizer: {type: choice, options: [adam, sgd]}",
            "2: params.l2.when.optimizer: optimizer is never 'adamx'; it is one of: 'adam', 'sgd'",
        ),
        (
            "l2: {type: float, low: 0, high: 1, when: {optimizer: sgd}}\noptimizer: adam",
            "2: params.l2.when.optimizer: optimizer is never 'sgd'; it is always 'adam'",
        ),
        (
            "l2: {type: float, low: 0, high: 1, when: {layers: [1, 9]}}\n"
            "layers: {type: int, low: 1, high: 3}",
            "2: params.l2.when.layers: layers is never 9; it lies in 1 .. 3",
        ),
        ("l2: {type: float, low: 0, high: 1, when: sgd}", "2: params.l2.when: 'sgd' is no condition; "),
        (
            "l2: {type: float, low: 0, high: 1, when: {layers: []}}\nlayers: 1",
            "2: params.l2.when.layers: an empty list; ",
        ),
        (
            "layers: 2\nneurons: {type: int, low: 1, high: 2, per: layer}\n"
            "l2: {type: float, low: 0, high: 1, when: {neurons: 1}}",
            "4: params.l2.when.neurons: 'neurons' has a value for each layer; name one, such as 'neurons.0'",
        ),
        (
            "layers: 2\nneurons: {type: int, low: 1, high: 2, per: fold}",
            "3: params.neurons.per: 'fold' is not known; the one that is: layer",
        ),
        (
            "neurons: {type: int, low: 1, high: 2, per: layer}",
            "2: params.neurons: a value for each layer needs the parameter 'layers', the number of layers",
        ),
        ("neurons.0: 5", "2: params.neurons.0: a value for each layer needs the parameter 'layers', "),
        (
            "layers: 2\nl2: {type: float, low: 0, high: 1, per: layer}",
            "3: params.l2.per: 'l2' is one value for the whole network; by layer there are: "
            "activation, dropout, initializer, neurons",
        ),
        (
            "layers: {type: int, low: 1, high: 2}\nneurons.2: 5",
            "3: params.neurons.2: does not exist in any trial: there are at most 2 layers, 0 is the first",
        ),
        (
            "layers: 2\nneurons.1: {type: int, low: 1, high: 2, per: layer}",
            "3: params.neurons.1.per: 'neurons.1' is the value of one layer already",
        ),
        (
            "optimizer: adam\nlayers: {type: int, low: 1, high: 2, when: {optimizer: adam}}\nneurons.0: 4",
            "3: params.layers.when: not for 'layers', as neurons.0 has a value for each layer",
        ),
        (
            "layers: {type: int, low: 1, high: 1000}",
            "2: params.layers.high: 1000 is too many; at most 100 layers",
        ),
        ("lerning_rate: 0.1", "2: params.lerning_rate: 'lerning_rate' is not a parameter; one of: layers, "),
        (
            "dropout: {type: float, low: 0.0, high: 1.0}",
            "2: params.dropout.high: 1.0 is not a number of at least 0",
        ),
        (
            "layers: {type: float, low: 1, high: 2}",
            "2: params.layers.low: 1.0 is not a whole number of at least 0",
        ),
        (
            "activation: {type: choice, options: [relu, rulu]}",
            "2: params.activation.options[1]: 'rulu' is not one of: relu, ",
        ),
        ("batch_size: 0", "2: params.batch_size: 0 is not a whole number of at least 1, or 'all'"),
        (
            "batch_size: {type: choice, options: [16, alll]}",
            "2: params.batch_size.options[1]: 'alll' is not a whole number of at least 1, or 'all'; did you mean",
        ),
        (
            "batch_norm: befor",
            "2: params.batch_norm: 'befor' is not true or false, or 'before', or 'after'; did",
        ),
        ("schedule: cosin", "2: params.schedule: 'cosin' is not one of: constant, time, "),
        ("schedule_drop: 1.0", "2: params.schedule_drop: 1.0 is not a number above 0 and below 1"),
        (
            "schedule_momentum: 1.0",
            "2: params.schedule_momentum: 1.0 is not a number of at least 0 and below 1, or 'none'",
        ),
        (
            "optimizer: ftlr",
            "2: params.optimizer: 'ftlr' is not one of: sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, nadam, "
            "adadelta, adamax, lion, ftrl; did you mean 'ftrl'?",
        ),
        (
            "learning_rate_power: 0.5",
            "2: params.learning_rate_power: 0.5 is not a number of at least -1 and below 0",
        ),
        ("schedule_warmup: 0.5", "2: params.schedule_warmup: 0.5 is not a whole number of at least 0"),
        ("embedding_scale: 0", "2: params.embedding_scale: 0 is not a number above 0 and below 100"),
        ("embedding_scale: big", "2: params.embedding_scale: 'big' is not a number above 0 and below 100"),
        ("max_norm: -1", "2: params.max_norm: -1 is not a number of at least 0"),
        ("initializer: he_norml", "2: params.initializer: 'he_norml' is not one of: glorot_uniform, "),
        (
            "preprocess.numeric: {type: choice, options: [standard, robst]}",
            "2: params.preprocess.numeric.options[1]: 'robst' is not a way to scale numbers; one of: ",
        ),
        (
            "preprocess.categorical: embeding",
            "2: params.preprocess.categorical: 'embeding' is not a way to encode categories; one of: onehot, "
            "ordinal, embedding; did you mean 'embedding'?",
        ),
        (
            "preprocess.select: none",
            "2: params.preprocess.select: 'preprocess.select' cannot be searched; ",
        ),
    ],
)
def test_a_mistake_in_a_parameter_is_a_line(tmp_path, params, line):
    space, problems = parse(tmp_path, params)
    assert space is None
    assert problems[0].startswith(f"s.yaml:{line}")


def test_all_mistakes_of_a_space_are_told_at_once(tmp_path):
    _, problems = parse(
        tmp_path,
        """
layers: {type: int, low: 3, high: 1}
neurons: {type: int, low: 0, high: 8, pre: layer}
optimizr: adam
l2: {type: float, low: 0, high: 1, log: true, when: {optimizer: sgd}}
""",
    )
    places = [line.split(": ")[1] for line in problems]
    assert places == ["params.layers.low", "params.neurons.pre", "params.optimizr", "params.l2.low"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("description: x\n", "s.yaml:1: params: there are no parameters; "),
        ("params: {}\n", "s.yaml:1: params: there are no parameters; "),
        ("params: {layers: 1}\nparam: 2\n", "s.yaml:2: param: unknown key; "),
        ("description: 3\nparams: {layers: 1}\n", "s.yaml:1: description: 3 is not text"),
    ],
)
def test_a_mistake_around_the_parameters_is_a_line(tmp_path, content, line):
    (tmp_path / "s.yaml").write_text(content)
    space, problems = parse_space(read_yaml(tmp_path / "s.yaml", "s.yaml"), (), MLP)
    assert space is None
    assert problems[0].startswith(line)
