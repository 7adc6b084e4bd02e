"""Results that others have published, found again with the splits, the metrics and the networks of this package."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.config.study_file import load_config
from tuner.data.dataset import Dataset, load_dataset
from tuner.data.folds import Fold, make_folds
from tuner.data.sources import Source
from tuner.model.fold_metrics import FoldScorer
from tuner.model.heads import make_head
from tuner.records import TrialResult
from tuner.search.pruning import Bar
from tuner.study import open_study
from tuner.tasks import Task
from tuner.trial import TrialTask, evaluate


def pima(folder: Path, task: Task) -> Dataset:
    """Return the diabetes of the Pima as two classes, or as a number."""
    nothing = {"weight": None, "group": None, "time": None, "positive": None, "test_path": None}
    return load_dataset(
        Source("path", "pima.csv"), target="diabetes", drop=(), task=task, folder=folder, **nothing
    )


def accuracy_of_always_no(dataset: Dataset, folds: tuple[Fold, ...]) -> np.ndarray:
    """Return (n_folds,) the accuracy of a network that gives every row a probability of 0.35."""
    head = make_head(Task.BINARY, 1, 2)
    rows = [fold.score for fold in folds]
    scorer = FoldScorer("accuracy", head, dataset.target, rows)
    return scorer(np.full((sum(map(len, rows)), 1), 0.35, np.float32))


def test_a_constant_prediction_on_pima_has_the_published_accuracy_under_plain_folds(shared_data):
    """The folds of KFold(3) without shuffling are those of a number; the published figures are 0.651042 (0.024774)."""
    as_number = pima(shared_data, Task.REGRESSION)
    folds = make_folds(as_number, np.arange(768), n_folds=3, repeats=1, shuffle=False, seed=7)
    assert [fold.score.tolist() for fold in folds] == [
        list(range(first, first + 256)) for first in (0, 256, 512)
    ]
    values = accuracy_of_always_no(pima(shared_data, Task.BINARY), folds)
    assert round(values.mean(), 6) == 0.651042
    assert round(values.std(), 6) == 0.024774


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_constant_prediction_on_pima_hardly_varies_under_stratified_folds(shared_data, shuffle):
    dataset = pima(shared_data, Task.BINARY)
    folds = make_folds(dataset, np.arange(768), n_folds=3, repeats=1, shuffle=shuffle, seed=7)
    values = accuracy_of_always_no(dataset, folds)
    assert values.mean() == pytest.approx(500 / 768, abs=1e-4)
    assert values.std() == pytest.approx(0.0018, abs=1e-4)


def default_trial(folder: Path, study: dict[str, Any]) -> TrialResult:
    """Return the default trial of a study without held-out rows and early stopping, from the text of its file."""
    path = folder / "study.yaml"
    training = {"epochs": study.pop("epochs"), "early_stopping": "none"}
    path.write_text(json.dumps({"test": 0, "objective": "accuracy", "training": training, **study}))
    opened = open_study(load_config(path))
    return evaluate(TrialTask(opened.problem, 0, opened.config.space.default(), Bar({}, maximize=True)))


def test_a_network_that_is_kept_from_learning_has_the_accuracy_of_a_constant_on_pima(shared_data, tmp_path):
    """A penalty that takes four fifths of the weights off in each step; the rate is too small for the bias to move."""
    study = {
        "data": {"path": str(shared_data / "pima.csv"), "target": "diabetes"},
        "cv": {"folds": 3},
        "search_space": {
            "layers": 0,
            "l2": 1e4,
            "optimizer": "sgd",
            "learning_rate": 4e-5,
            "batch_size": 768,
        },
        "epochs": 30,
    }
    result = default_trial(tmp_path, study)
    assert np.ptp(result.oof) < 1e-4
    assert result.values[0] == pytest.approx(500 / 768, abs=1e-4)
    assert np.std(result.fold_values[0]) == pytest.approx(0.0018, abs=1e-4)


@pytest.mark.slow
def test_sonar_has_the_published_accuracy(shared_data, tmp_path):
    """Ten stratified folds, 60 units, standardised in the fold, 100 epochs, batches of 5: 84.6 (5.7) %."""
    study = {
        "data": {"path": str(shared_data / "sonar.csv"), "target": "object"},
        "cv": {"folds": 10},
        "preprocess": {"numeric": "standard"},
        "search_space": {
            "layers": 1,
            "neurons": 60,
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "batch_size": 5,
        },
        "epochs": 100,
    }
    result = default_trial(tmp_path, study)
    assert result.epochs == 100
    assert abs(result.values[0] - 0.846) < 0.04
