"""Every mistake in a study file is a line; each row is one mistake."""

from pathlib import Path

import pytest

from tuner.config.study_file import load_config
from tuner.errors import StudyFileError

SMALL = "data: {sklearn: iris}\nsearch_space: {layers: 2}\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("task: auto\n", "1: data: missing; say where the rows come from, such as 'data: {path: table.csv, "),
        ("data:\n", "1: data: missing; say where the rows come from, "),
        (
            "data: iris\n",
            "1: data: 'iris' is not a section; write its keys below it: path, sklearn, python, ",
        ),
        (SMALL + "resources: 2\n", "3: resources: 2 is not a section; write its keys below it: cpus, gpus"),
        (SMALL + "resources: {gpu: 1}\n", "3: resources.gpu: unknown key; did you mean 'gpus'?"),
        (SMALL + "resources: {cpus: 0}\n", "3: resources.cpus: 0 is too small; at least 1"),
        (SMALL + "resources: {cpus: 1.5}\n", "3: resources.cpus: 1.5 is not a whole number"),
        (SMALL + "resources: {gpus: 2}\n", "3: resources.gpus: 2 is not a share of a GPU, from 0 to 1; "),
        (
            SMALL + "resources: {gpus: true}\n",
            "3: resources.gpus: true is not a share of a GPU, from 0 to 1; ",
        ),
        ("data: {target: y}\n", "1: data: names no source; give one of: path, sklearn, python"),
        (
            "data: {sklearn: iris, python: a:b}\n",
            "1: data.python: a second source beside sklearn; give one of: path, sklearn, python",
        ),
        ("data: {path: t.csv}\n", "1: data.target: missing; name the column to predict"),
        (
            "data: {path: tt.csv, target: y}\n",
            "1: data.path: 'tt.csv' does not exist in .; did you mean 't.csv'?",
        ),
        (
            "data: {path: far/t.csv, target: y}\n",
            "1: data.path: 'far/t.csv' does not exist, nor does its folder far",
        ),
        ("data: {path: ., target: y}\n", "1: data.path: '.' is a folder, not a file"),
        (
            "data: {path: t.xlsx, target: y}\n",
            "1: data.path: 't.xlsx' ends in '.xlsx', which is not known; one of: ",
        ),
        (
            "data: {sklearn: irsi}\n",
            "1: data.sklearn: 'irsi' is not a data set that scikit-learn ships; one of: iris, wine, "
            "breast_cancer, digits, diabetes, linnerud; did you mean 'iris'?",
        ),
        (
            "data: {python: load}\n",
            "1: data.python: 'load' does not name a function; write module:function, ",
        ),
        ("data: {sklearn: iris, target: 3}\n", "1: data.target: 3 is not text; in quotes it would be: '3'"),
        ("data: {sklearn: iris, target: []}\n", "1: data.target: an empty list; name at least one column"),
        ("data: {sklearn: iris, target: [a, a]}\n", "1: data.target: 'a' is given twice"),
        ("data: {sklearn: iris, drop: a}\n", "1: data.drop: 'a' is not a list; write [a, b]"),
        ("data: {sklearn: iris, target: y, drop: [y]}\n", "1: data.drop: 'y' is the target, "),
        (
            "data: {sklearn: iris, target: y, group: y}\n",
            "1: data.group: 'y' is the target; name another column",
        ),
        (
            "data: {sklearn: iris, time: t, group: g}\n",
            "1: data.group: folds are by group or in time order, not both",
        ),
        (SMALL + "name: a/b\n", "3: name: 'a/b' cannot name a folder; "),
        (SMALL + "name: ..\n", "3: name: '..' cannot name a folder; "),
        (SMALL + "name: ''\n", "3: name: an empty text"),
        (SMALL + "name: 5\n", "3: name: 5 is not text; in quotes it would be: '5'"),
        (
            SMALL + "task: multi_class\n",
            "3: task: 'multi_class' is not a task; one of: auto, regression, binary, multiclass, multilabel; "
            "did you mean 'multiclass'?",
        ),
        (SMALL + "positive: [1]\n", "3: positive: a list is not a label; "),
        (SMALL + "task: regression\npositive: 1\n", "4: positive: only a binary task has a positive label; "),
        (
            SMALL + "test: 1.0\n",
            "3: test: 1.0 is not a share of at least 0 and below 1, nor the path of a file",
        ),
        (SMALL + "test: true\n", "3: test: true is not a share of at least 0 and below 1, "),
        (SMALL + "test: -0.1\n", "3: test: -0.1 is not a share "),
        (SMALL + "test: u.csv\n", "3: test: 'u.csv' does not exist in .; did you mean 't.csv'?"),
        (SMALL + "cv: {folds: 1}\n", "3: cv.folds: 1 is too small; at least 2"),
        (SMALL + "cv: {folds: '5'}\n", "3: cv.folds: '5' is not a whole number"),
        (SMALL + "cv: {folds: true}\n", "3: cv.folds: true is not a whole number"),
        (SMALL + "cv: {folds: 5.5}\n", "3: cv.folds: 5.5 is not a whole number"),
        (SMALL + "cv: {repeats: 0}\n", "3: cv.repeats: 0 is too small; at least 1"),
        (SMALL + "cv: {shuffle: yes}\n", "3: cv.shuffle: 'yes' is not true or false"),
        (
            SMALL + "cv: {repeats: 2, shuffle: false}\n",
            "3: cv.repeats: without shuffling every repeat has the same",
        ),
        (SMALL + "cv: 5\n", "3: cv: 5 is not a section; write its keys below it: folds, repeats, shuffle"),
        (
            SMALL + "preprocess: {numeric: standrd}\n",
            "3: preprocess.numeric: 'standrd' is not a way to scale numbers; one of: standard, minmax, max, "
            "robust, robust_clip, quantile, none; did you mean 'standard'?",
        ),
        (
            SMALL + "preprocess: {datetime: [year, mont]}\n",
            "3: preprocess.datetime: 'mont' is not a part of a date; one of: year, ",
        ),
        (
            SMALL + "preprocess: {datetime: yes}\n",
            "3: preprocess.datetime: 'yes' is not auto, none or a list of ",
        ),
        (
            SMALL + "preprocess: {missing: {numeric: avg}}\n",
            "3: preprocess.missing.numeric: 'avg' is not a way to ",
        ),
        (
            SMALL + "preprocess: {missing: {numerc: mean}}\n",
            "3: preprocess.missing.numerc: unknown key; did you mean ",
        ),
        (
            SMALL + "objective: acuracy\n",
            "3: objective: 'acuracy' is not a metric; one of: accuracy, ",
        ),
        (
            SMALL + "task: regression\nobjective: auc\n",
            "4: objective: 'auc' is not a metric for regression; one of: mae, mse, rmse, r2, ",
        ),
        (SMALL + "objective: []\n", "3: objective: an empty list; "),
        (SMALL + "objective: [roc_auc, roc_auc]\n", "3: objective: 'roc_auc' is given twice"),
        (
            SMALL + "objective: [latency_ms, roc_auc]\n",
            "3: objective: 'latency_ms' is what a network costs; ",
        ),
        (
            SMALL + "objective: [roc_auc, auto]\n",
            "3: objective: 'auto' is the metric of the task, and comes first",
        ),
        (SMALL + "objective: [roc_auc, 3]\n", "3: objective: 3 is not text"),
        (SMALL + "objective: [roc_auc, latency]\n", "3: objective[1]: 'latency' is not a metric; one of: "),
        (SMALL + "objective: [auc, parameters]\n", "3: objective[0]: 'auc' is not a metric; one of: "),
        (
            SMALL + "task: regression\nobjective: [rmse, f1]\n",
            "4: objective[1]: 'f1' is not a metric for regression",
        ),
        (
            SMALL + "constraints: {parameters: 0}\n",
            "3: constraints.parameters: 0 is not a whole number of at least 1",
        ),
        (SMALL + "constraints: {parameters: 2.5}\n", "3: constraints.parameters: 2.5 is not a whole number"),
        (
            SMALL + "constraints: {parameters: true}\n",
            "3: constraints.parameters: true is not a whole number",
        ),
        (SMALL + "constraints: {latency_ms: 0}\n", "3: constraints.latency_ms: 0 is not a number above 0"),
        (
            SMALL + "constraints: {latency_ms: -1}\n",
            "3: constraints.latency_ms: -1 is not a number of at least 0",
        ),
        (SMALL + "constraints: {latency_ms: 2ms}\n", "3: constraints.latency_ms: '2ms' is not a number"),
        (
            SMALL + "constraints: {parameter: 9}\n",
            "3: constraints.parameter: unknown key; did you mean 'parameters'?",
        ),
        (SMALL + "constraints: {roc_auc: 0.9}\n", "3: constraints.roc_auc: unknown key; "),
        (SMALL + "constraints: 5\n", "3: constraints: 5 is neither none nor keys and values"),
        (SMALL + "metrics: accuracy\n", "3: metrics: 'accuracy' is not a list; write [accuracy]"),
        (SMALL + "metrics:\n  - accuracy\n  - f2\n", "5: metrics[1]: 'f2' is not a metric; one of: "),
        (
            SMALL + "task: binary\nmetrics: [rmse]\n",
            "4: metrics[0]: 'rmse' is not a metric for binary; one of: ",
        ),
        (SMALL + "metrics: [f1, f1]\n", "3: metrics: 'f1' is given twice"),
        (
            SMALL + "training: {loss: msee}\n",
            "3: training.loss: 'msee' is not a loss; one of: auto, mse, mae, ",
        ),
        (
            SMALL + "task: binary\ntraining: {loss: mse}\n",
            "4: training.loss: 'mse' is not a loss for binary; one of: binary_crossentropy",
        ),
        (
            SMALL + "training: {output: sigmod}\n",
            "3: training.output: 'sigmod' is not an output; one of: auto, linear, sigmoid, tanh, softplus, relu; "
            "did you mean 'sigmoid'?",
        ),
        (SMALL + "training: {output: 1}\n", "3: training.output: 1 is not an output; one of: auto, "),
        (
            SMALL + "task: binary\ntraining: {output: tanh}\n",
            "4: training.output: 'tanh' is an output for regression; that of binary follows from its classes: "
            "write auto",
        ),
        (
            "data: {sklearn: iris}\nsearch_space: {schedule: plateau}\ntraining:\n  epochs: 9\n",
            "3: training.early_stopping: schedule: plateau follows the validation loss, and the scored rows must "
            "not steer training; write early_stopping: {rows: inner}, or take plateau out of the search space",
        ),
        (
            "data: {sklearn: iris}\n"
            "search_space: {schedule: {type: choice, options: [constant, plateau]}}\n"
            "training: {early_stopping: none}\n",
            "3: training.early_stopping: schedule: plateau follows the validation loss, ",
        ),
        (
            "data: {sklearn: iris}\nsearch_space:\n  clipnorm: 1.0\n"
            "  clipvalue: {type: float, low: 0, high: 1}\n",
            "2: search_space: clipnorm and clipvalue: gradients have one bound; leave out the others, or let each ",
        ),
        (SMALL + "training: {epochs: 0}\n", "3: training.epochs: 0 is too small; at least 1"),
        (SMALL + "training: {epochs: 1.0e2}\n", "3: training.epochs: 100.0 is not a whole number"),
        (
            SMALL + "training:\n  epochs:\n",
            "4: training.epochs: has no value; write one, or leave the key out",
        ),
        (
            SMALL + "training: {early_stopping: true}\n",
            "3: training.early_stopping: true is neither none nor keys ",
        ),
        (
            SMALL + "training: {early_stopping: {monitor: loss}}\n",
            "3: training.early_stopping.monitor: 'loss' cannot be watched; write val_loss, or ",
        ),
        (
            SMALL + "training: {early_stopping: {monitor: val_acc}}\n",
            "3: training.early_stopping.monitor: 'acc' is not a metric; one of: ",
        ),
        (
            SMALL + "training: {early_stopping: {patience: 0}}\n",
            "3: training.early_stopping.patience: 0 is too small",
        ),
        (
            SMALL + "training: {early_stopping: {min_delta: -1}}\n",
            "3: training.early_stopping.min_delta: -1 is not a number of at least 0",
        ),
        (
            SMALL + "training: {early_stopping: {scope: all}}\n",
            "3: training.early_stopping.scope: 'all' is not a scope; one of: mean, fold",
        ),
        (SMALL + "search: {trials: 0}\n", "3: search.trials: 0 is too small; at least 1"),
        (
            SMALL + "search: {timeout: 90}\n",
            "3: search.timeout: 90 is not a time; write none, or a number with a unit: 90s, 10m, 2h, 1d",
        ),
        (SMALL + "search: {trial_timeout: 5}\n", "3: search.trial_timeout: 5 is not a time; "),
        (
            SMALL + "search: {trial_memory: 2}\n",
            "3: search.trial_memory: 2 is not an amount of memory; write none, or a number with a unit: 500MB, ",
        ),
        (
            SMALL + "search: {trial_memory: 2gb}\n",
            "3: search.trial_memory: '2gb' is not an amount of memory; ",
        ),
        (SMALL + "search: {timeout: 0s}\n", "3: search.timeout: '0s' is not a time; "),
        (
            SMALL + "search: {sampler: tpee}\n",
            "3: search.sampler: 'tpee' is not a sampler; one of: tpe, random, grid, ",
        ),
        (SMALL + "search: {window: 0}\n", "3: search.window: 0 is too small; at least 1"),
        (SMALL + "search: {seed: -1}\n", "3: search.seed: -1 is too small; at least 0"),
        (
            SMALL + "search: {first: {layers: 2}}\n",
            "3: search.first: a mapping is not a list; write [{layers: 2}]",
        ),
        (SMALL + "search: {first: [2]}\n", "3: search.first: 2 is no configuration; "),
        (
            SMALL + "search:\n  first:\n    - {layers: 2}\n    - {layrs: 2}\n",
            "6: search.first[1].layrs: not in the search space, which has: layers; did you mean 'layers'?",
        ),
        (
            SMALL + "search: {first: [{layers: 3}]}\n",
            "3: search.first[0].layers: 3 is not its constant value, 2",
        ),
        (
            SMALL + "tracking: {uri: mlruns}\n",
            "3: tracking.uri: 'mlruns' is no tracking store; write auto, none, or an ",
        ),
        (SMALL + "tsk: auto\n", "3: tsk: unknown key; did you mean 'task'?"),
        (SMALL + "trials: 5\n", "3: trials: unknown key here; did you mean 'search.trials'?"),
        (SMALL + "training: {epoch: 5}\n", "3: training.epoch: unknown key; did you mean 'epochs'?"),
        (SMALL + "cv: {zzz: 5}\n", "3: cv.zzz: unknown key; 'cv' has: folds, repeats, shuffle"),
        (SMALL + "task: auto\ntask: auto\n", "4: task: a repeated key; it stands in line 3 already"),
        (
            "data: {sklearn: iris}\nsearch_space: {layers: 2, epochs: 5}\ntraining: {epochs: 5}\n",
            "3: training.epochs: the search space has epochs too; give it in one place",
        ),
        (
            "data: {sklearn: iris}\nsearch_space: 5\n",
            "2: search_space: 5 is not a name, a path or a mapping of ",
        ),
        (
            "data: {sklearn: iris}\nsearch_space: mpl\n",
            "2: search_space: 'mpl' is not a search space, nor the path of one; there are: cnn, mlp, mlp_small",
        ),
        (
            "data: {sklearn: iris}\nsearch_space: spce.yaml\n",
            "2: search_space: 'spce.yaml' is not a search space, nor the path of one; there are: space.yaml, "
            "study.yaml; did you mean 'space.yaml'?",
        ),
        (
            "data: {sklearn: iris}\nsearch_space:\n  layers: 2\n  l2: {type: flaot}\n",
            "4: search_space.l2.type: 'flaot' is no type; one of: int, float, choice; did you mean 'float'?",
        ),
        (
            "data: {sklearn: iris}\nsearch_space:\n  params:\n    l2: [1]\n",
            "4: search_space.params.l2: a list alone; ",
        ),
    ],
)
def test_a_mistake_is_a_line(tmp_path, monkeypatch, content, line):
    monkeypatch.chdir(tmp_path)
    for name in ("t.csv", "t.xlsx"):
        Path(name).write_text("x,y\n1,2\n")
    Path("space.yaml").write_text("params: {layers: 2}\n")
    Path("study.yaml").write_text(content)
    with pytest.raises(StudyFileError) as raised:
        load_config("study.yaml")
    [found] = raised.value.problems
    expected = f"study.yaml:{line}"
    assert found.replace(f"{tmp_path}/", "").replace(str(tmp_path), ".").startswith(expected)
