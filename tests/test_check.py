import numpy as np

from tests.small import config_of
from tuner.check import check_study
from tuner.engines.base import Rows
from tuner.prepared import prepare

SIZES = {
    "layers": {"type": "int", "low": 1, "high": 3},
    "neurons": {"type": "int", "low": 2, "high": 16, "per": "layer"},
    "dropout": {"type": "float", "low": 0.0, "high": 0.4, "default": 0.1},
    "batch_size": 16,
}


def test_check_trains_one_batch_of_the_smallest_and_the_largest_network(tmp_path):
    config = config_of(tmp_path, search_space=SIZES)
    report = check_study(config)
    smallest, largest = report.networks
    assert (smallest.name, largest.name) == ("smallest", "largest")
    assert smallest.params == {"layers": 1, "neurons.0": 2, "dropout": 0.1, "batch_size": 16}
    sizes = {"layers": 3, "neurons.0": 16, "neurons.1": 16, "neurons.2": 16}
    assert largest.params == {**sizes, "dropout": 0.1, "batch_size": 16}
    n = smallest.inputs
    assert n == prepare(report.study.problem, {})[0].data.train.inputs.shape[1]
    assert smallest.parameters == (n + 1) * 2 + (2 + 1) * 3
    assert largest.parameters == (n + 1) * 16 + 2 * (16 + 1) * 16 + (16 + 1) * 3
    for network in report.networks:
        assert 0.5 < network.loss < 3  # chance among three classes is log(3) = 1.1
    assert not (tmp_path / "runs").exists()


def test_check_leaves_the_rows_of_the_study_as_they_are(tmp_path):
    config = config_of(tmp_path, training={"epochs": 2, "early_stopping": {"rows": "inner"}})
    report = check_study(config)
    fold = prepare(report.study.problem, {})[0].data
    lengths = [len(rows) for rows in (fold.train, fold.watch, fold.score)]
    assert lengths[0] + lengths[1] == len(report.study.problem.folds[0].train)
    assert isinstance(fold.score, Rows)
    assert lengths[2] == len(report.study.problem.folds[0].score)
    assert np.isfinite(report.networks[0].loss)
