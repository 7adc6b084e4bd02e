"""Study files: what they mean, what they leave out, and every mistake in writing one."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tuner.config.sections import EarlyStoppingSection
from tuner.config.study_file import StudyConfig, load_config
from tuner.errors import TunerError

STUDIES = Path(__file__).parents[2] / "studies"
SMALL = "data: {sklearn: iris}\nsearch_space: {layers: 2}\n"


def load(folder: Path, content: str) -> StudyConfig:
    path = folder / "study.yaml"
    path.write_text(dedent(content))
    return load_config(path)


# What a study file means


def test_a_file_with_data_alone_has_every_default_of_the_contract(tmp_path):
    config = load(tmp_path, "data: {sklearn: iris}\n")
    assert (config.name, config.task, config.test, config.objective, config.metrics) == (
        "study",
        "auto",
        0.2,
        "auto",
        (),
    )
    assert (config.cv.folds, config.cv.repeats, config.cv.shuffle) == (5, 1, True)
    assert (config.preprocess.numeric, config.preprocess.categorical, config.preprocess.datetime) == (
        "standard",
        "onehot",
        "auto",
    )
    missing = config.preprocess.missing
    assert (missing.numeric, missing.categorical, missing.indicator) == ("median", "constant", False)
    assert config.search_space == "mlp"
    assert (config.training.loss, config.training.epochs, config.training.model) == ("auto", 100, "mlp")
    assert config.training.early_stopping == EarlyStoppingSection(
        monitor="val_loss", patience=10, min_delta=0.0, scope="mean", rows="fold"
    )
    search = config.search
    assert (search.trials, search.timeout, search.sampler, search.pruner) == (50, None, "tpe", "halving")
    assert (search.window, search.seed, search.first) == (4, 7, ())
    assert (config.tracking.uri, config.tracking.experiment, config.storage) == ("auto", "auto", "auto")


def test_a_full_file_is_read_as_it_is_written(tmp_path):
    (tmp_path / "churn.csv").write_text("customer_id,churn\n1,yes\n")
    config = load(
        tmp_path,
        """
        name: my-churn
        data:
          path: churn.csv
          target: churn
          drop: [customer_id]
          weight: survey_weight
          group: household
        task: binary
        positive: yes
        test: 0
        cv: {folds: 3, repeats: 2, shuffle: true}
        preprocess:
          numeric: robust
          categorical: ordinal
          datetime: [year, hour]
          missing: {numeric: mean, indicator: true}
          select: none
        search_space:
          description: Two parameters.
          params:
            layers: {type: int, low: 1, high: 3}
            neurons: {type: int, low: 8, high: 64, default: 16, per: layer}
        objective: [accuracy]
        metrics: [f1_macro, log_loss]
        training:
          loss: binary_crossentropy
          epochs: 7
          early_stopping: {monitor: val_f1, min_delta: 1}
          engine: keras
        search:
          trials: 5
          timeout: 1.5h
          sampler: random
          pruner: none
          window: 2
          seed: 0
          first: [{layers: 3, neurons: 64}]
        tracking: {uri: "sqlite:///x.db", experiment: here}
        """,
    )
    assert (config.name, config.positive, config.test) == ("my-churn", "yes", 0.0)
    assert config.data.target == ("churn",)
    assert config.data.drop == ("customer_id",)
    assert (config.objective, config.metrics) == ("accuracy", ("f1_macro", "log_loss"))
    assert config.preprocess.datetime == ("year", "hour")
    assert config.preprocess.missing.categorical == "constant"
    assert config.search.timeout == 5400.0
    assert config.training.early_stopping == EarlyStoppingSection(monitor="val_f1", min_delta=1.0)
    assert config.space.description == "Two parameters."
    assert config.first == ({"layers": 3, "neurons.0": 64, "neurons.1": 64, "neurons.2": 64},)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("none", None), ("90s", 90.0), ("10m", 600.0), ("2h", 7200.0), ("1d", 86400.0)],
)
def test_a_timeout_has_a_unit(tmp_path, text, seconds):
    assert load(tmp_path, f"{SMALL}search: {{timeout: {text}}}\n").search.timeout == seconds


def test_none_switches_early_stopping_off(tmp_path):
    assert load(tmp_path, SMALL + "training: {early_stopping: none}\n").training.early_stopping is None


def test_a_section_whose_keys_are_all_commented_out_has_its_defaults(tmp_path):
    assert load(tmp_path, SMALL + "training:\n  # epochs: 5\ncv:\n").training.epochs == 100


def test_outputs_go_to_runs_beside_the_folder_of_the_study(tmp_path, monkeypatch):
    folder = tmp_path / "studies"
    folder.mkdir()
    (folder / "a.yaml").write_text(SMALL)
    assert load_config(folder / "a.yaml").runs_folder == tmp_path / "runs" / "a"
    monkeypatch.chdir(folder)
    config = load_config("a.yaml")
    assert (config.path, config.folder) == (Path("a.yaml"), folder)
    assert config.runs_folder == tmp_path / "runs" / "a"


def test_a_search_space_may_be_a_file_beside_the_study(tmp_path):
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "one.yaml").write_text("params: {layers: 3}\n")
    config = load(tmp_path, "data: {sklearn: iris}\nsearch_space: spaces/one.yaml\n")
    assert config.space.default() == {"layers": 3}


def test_a_config_is_frozen_and_crosses_to_another_process(tmp_path):
    config = load(tmp_path, SMALL)
    with pytest.raises(ValueError, match="frozen"):
        config.task = "binary"
    copy = pickle.loads(pickle.dumps(config))
    assert copy.canonical() == config.canonical()


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_study_that_comes_with_the_package_is_right(path):
    config = load_config(path)
    assert config.name == path.stem
    assert config.data.sklearn == path.stem.removesuffix("_cnn")


# What determines the result


@pytest.mark.parametrize(
    ("text", "amount"),
    [("none", None), ("500MB", 500_000_000), ("2GB", 2_000_000_000), ("1.5 GiB", 3 * 2**29)],
)
def test_an_amount_of_memory_has_a_unit(tmp_path, text, amount):
    assert load(tmp_path, f"{SMALL}search: {{trial_memory: {text}}}\n").search.trial_memory == amount


def test_canonical_is_plain_json_and_ignores_what_does_not_determine_the_result(tmp_path):
    plain = load(tmp_path, SMALL).canonical()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    other = """\
    # a comment
    name: other
    search_space: {description: Layers., params: {layers: 2}}
    data: {sklearn: iris}
    task: auto
    cv: {shuffle: true}
    search: {trials: 3, timeout: 1h, trial_timeout: 5m, trial_memory: 2GB}
    tracking: {experiment: x}
    storage: auto
    """
    assert load(tmp_path, other).canonical() == plain


def test_differences_are_sentences_with_the_old_and_the_new_value(tmp_path):
    def canonical(high: float, rest: str) -> dict[str, object]:
        space = f"{{layers: 2, l2: {{type: float, low: 0, high: {high}, default: 0}}}}"
        return load(tmp_path, f"data: {{sklearn: iris}}\nsearch_space: {space}\n{rest}").canonical()

    old = canonical(0.5, "search: {seed: 7}\nmetrics: [f1]\ntraining: {early_stopping: none}\n")
    new = canonical(0.6, "search: {seed: 8}\n")
    assert StudyConfig.differences(old, old) == []
    assert StudyConfig.differences(old, new) == [
        'metrics: ["f1"] -> []',
        'training.early_stopping: none -> {"monitor": "val_loss", "patience": 10, "min_delta": 0.0, '
        '"scope": "mean", "rows": "fold"}',
        "search.seed: 7 -> 8",
        "params.l2.high: 0.5 -> 0.6",
    ]
    assert StudyConfig.differences({**old, "storage": "auto"}, old) == []
    earlier = {**old, "training": {key: old["training"][key] for key in ("loss", "epochs")}}
    assert (
        StudyConfig.differences(earlier, {**old, "training": {**earlier["training"], "output": "auto"}}) == []
    )
    changed = {**old, "training": {**earlier["training"], "output": "tanh"}}
    assert StudyConfig.differences(earlier, changed) == ["training.output: added"]
    fewer = load(tmp_path, SMALL + "metrics: [f1]\ntraining: {early_stopping: none}\n").canonical()
    assert StudyConfig.differences(old, fewer) == ["params.l2: removed"]
    assert StudyConfig.differences(fewer, old) == ["params.l2: added"]
    turned = load(tmp_path, "data: {sklearn: iris}\nsearch_space: {l1: 0.0, layers: 2}\n").canonical()
    back = load(tmp_path, "data: {sklearn: iris}\nsearch_space: {layers: 2, l1: 0.0}\n").canonical()
    assert StudyConfig.differences(turned, back) == ['order: ["l1", "layers"] -> ["layers", "l1"]']


# Speed


def test_a_study_file_is_read_without_any_heavy_package():
    program = f"""
import sys, time
from tuner.config.study_file import load_config
from tuner.config.schema import schema
start = time.process_time()
load_config({str(STUDIES / "breast_cancer.yaml")!r})
assert time.process_time() - start < 0.15
heavy = {{"pandas", "sklearn", "scipy", "tensorflow", "keras", "mlflow", "optuna", "pyarrow"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_file_of_sqlite_lies_relative_to_the_study_file_and_postgresql_gets_its_driver(tmp_path):
    addresses = {
        "auto": None,
        "sqlite:///../all.db": f"sqlite:///{tmp_path}/../all.db",
        "postgresql://me@host/db": "postgresql+psycopg://me@host/db",
    }
    for storage, database in addresses.items():
        path = tmp_path / "study.yaml"
        path.write_text(f"data: {{sklearn: iris}}\nstorage: {storage}\n")
        assert load_config(path).database == database


def test_a_wrong_storage_is_told_with_its_line_and_without_its_password(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("data: {sklearn: iris}\nstorage: mysql://me:s3cret@host/db\n")
    with pytest.raises(TunerError) as raised:
        load_config(path)
    assert str(raised.value) == (
        f"{path}:2: storage: 'mysql://me@host/db' is no database; write auto, sqlite:///FILE, or "
        "postgresql+psycopg://USER@HOST/DATABASE"
    )


def test_several_objectives_and_bounds_belong_to_what_a_study_is_recorded_with(tmp_path):
    config = load(
        tmp_path,
        """
        data: {sklearn: breast_cancer}
        search_space: {layers: {type: int, low: 1, high: 2}}
        objective: [auto, parameters, log_loss]
        constraints: {parameters: 50000, latency_ms: 2}
        """,
    )
    assert config.objectives == ("auto", "parameters", "log_loss")
    assert config.canonical()["objective"] == ["auto", "parameters", "log_loss"]
    assert config.canonical()["constraints"] == {"parameters": 50000, "latency_ms": 2.0}


@pytest.mark.parametrize("lines", ["", "constraints: none\n", "constraints: {}\n", "objective: [auto]\n"])
def test_one_objective_without_bounds_is_recorded_as_ever(tmp_path, lines):
    config = load(tmp_path, f"data: {{sklearn: iris}}\nsearch_space: {{layers: 1}}\n{lines}")
    assert (config.canonical()["objective"], config.canonical()["constraints"]) == ("auto", "none")
