import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from tests.small import PARAMS, config_of, study_of, task_of
from tuner.engines.runtime import load_tensorflow
from tuner.prepared import prepare
from tuner.records import Reason, State, TrialResult
from tuner.search.pruning import Bar
from tuner.study import Study, open_study
from tuner.trial import evaluate

load_tensorflow()
import keras  # noqa: E402  (after the settings above)

STUDIES: dict[str, dict[str, Any]] = {
    "binary": {"target": "yes", "objective": "roc_auc", "metrics": ["accuracy", "f1", "log_loss"]},
    "multiclass": {"objective": "accuracy", "metrics": ["f1_macro", "log_loss"]},
    "multilabel": {"target": ["label0", "label1"], "objective": "f1_micro", "metrics": ["hamming_loss"]},
    "regression": {"target": "amount", "objective": "rmse", "metrics": ["r2"]},
    "repeats": {"cv": {"folds": 2, "repeats": 2}, "objective": "accuracy"},
    "weights": {"target": "yes", "data": {"weight": "weight"}, "objective": "log_loss"},
    "fold scope": {
        "cv": {"folds": 3},
        "training": {"epochs": 20, "early_stopping": {"patience": 2, "scope": "fold"}},
        "objective": "accuracy",
        "metrics": ["log_loss"],
    },
    "metric monitor": {
        "training": {"epochs": 8, "early_stopping": {"monitor": "val_accuracy", "patience": 2}},
        "objective": "accuracy",
        "metrics": ["log_loss"],
    },
    "inner rows": {
        "target": "amount",
        "training": {
            "epochs": 6,
            "early_stopping": {"monitor": "val_rmse", "scope": "fold", "rows": "inner"},
        },
    },
    "no stopping": {"training": {"epochs": 3, "early_stopping": "none"}},
}

Trained = tuple[Study, TrialResult]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Gives a study of ``STUDIES`` and the result of its trial 0, trained once."""
    done: dict[str, Trained] = {}

    def train(name: str) -> Trained:
        if name not in done:
            study = study_of(tmp_path_factory.mktemp("study"), **STUDIES[name])
            done[name] = study, evaluate(task_of(study))
            assert done[name][1].message is None
        return done[name]

    return train


def out_of_fold(study: Study, result: TrialResult) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return each fold's scored rows, their target, and the outputs that the result kept for them."""
    problem = study.problem
    per_repeat = len(problem.folds) // problem.n_repeats
    assert result.oof is not None
    return [
        (fold.score, study.dataset.target[fold.score], result.oof[fold.number // per_repeat, fold.score])
        for fold in problem.folds
    ]


def differences(one: TrialResult, other: TrialResult) -> list[str]:
    """Return the fields, but for the time, that are not equal to the bit."""
    names = [field.name for field in fields(TrialResult) if field.name != "seconds"]
    return [name for name in names if pickle.dumps(getattr(one, name)) != pickle.dumps(getattr(other, name))]


# Scores, against scikit-learn


def f1_of_each_label(target: np.ndarray, outputs: np.ndarray) -> float:
    return f1_score(target, outputs > 0.5, average="micro")


@pytest.mark.parametrize(
    ("name", "metric", "score"),
    [
        ("binary", "roc_auc", lambda true, out: roc_auc_score(true, out[:, 0])),
        ("binary", "accuracy", lambda true, out: accuracy_score(true, out[:, 0] > 0.5)),
        ("binary", "f1", lambda true, out: f1_score(true, out[:, 0] > 0.5)),
        ("binary", "log_loss", lambda true, out: log_loss(true, out[:, 0].astype(float))),
        ("multiclass", "accuracy", lambda true, out: accuracy_score(true, out.argmax(1))),
        ("multiclass", "f1_macro", lambda true, out: f1_score(true, out.argmax(1), average="macro")),
        ("multilabel", "f1_micro", f1_of_each_label),
        ("multilabel", "hamming_loss", lambda true, out: np.mean((out > 0.5) != true)),
        ("regression", "rmse", root_mean_squared_error),
        ("regression", "r2", r2_score),
        ("repeats", "accuracy", lambda true, out: accuracy_score(true, out.argmax(1))),
        ("fold scope", "accuracy", lambda true, out: accuracy_score(true, out.argmax(1))),
        ("inner rows", "rmse", root_mean_squared_error),
    ],
)
def test_scores_are_scikit_learns_on_the_out_of_fold_predictions_of_each_fold(trained, name, metric, score):
    study, result = trained(name)
    expected = [score(target, outputs) for _, target, outputs in out_of_fold(study, result)]
    assert result.fold_metrics[metric] == pytest.approx(expected, rel=1e-5)
    assert result.metrics[metric] == pytest.approx(np.mean(expected), rel=1e-5)
    if metric == study.objective:
        assert result.fold_values == (result.fold_metrics[metric],)
        assert result.values == (result.metrics[metric],)


def each_class(outputs: np.ndarray) -> np.ndarray:
    """Return (n_rows, n_classes) probabilities in float64, which add up to 1."""
    chances = outputs.astype(float)
    if chances.shape[1] == 1:
        return np.hstack([1 - chances, chances])
    return chances / chances.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["binary", "multiclass", "repeats", "no stopping"])
def test_the_validation_loss_at_the_best_epoch_is_the_log_loss_of_the_kept_predictions(trained, name):
    study, result = trained(name)
    labels = range(len(study.dataset.classes))
    expected = [
        log_loss(target, each_class(outputs), labels=labels)
        for _, target, outputs in out_of_fold(study, result)
    ]
    assert result.curves["val_loss"][result.best_epoch - 1] == pytest.approx(expected, rel=1e-5)


def test_the_validation_loss_is_weighted_by_the_weight_of_rows(trained):
    study, result = trained("weights")
    weight = study.dataset.weight
    expected = [
        log_loss(target, outputs[:, 0].astype(float), sample_weight=weight[rows])
        for rows, target, outputs in out_of_fold(study, result)
    ]
    assert len(np.unique(weight)) == 4
    assert result.curves["val_loss"][result.best_epoch - 1] == pytest.approx(expected, rel=1e-5)


def test_a_regression_is_scored_in_the_unit_of_its_target(trained):
    study, result = trained("regression")
    target, outputs = study.dataset.target[:, 0], result.oof[0, :, 0]
    assert abs(np.nanmean(outputs) - target.mean()) < 500 < target.mean() / 5
    assert result.values[0] < 2 * target.std()


def test_an_untrained_regression_predicts_near_the_mean_of_the_training_rows(tmp_path):
    study = study_of(tmp_path, target="amount", training={"epochs": 1})
    result = evaluate(task_of(study, learning_rate=1e-12, layers=0))
    for fold, (_, _, outputs) in zip(study.problem.folds, out_of_fold(study, result), strict=True):
        mean = study.dataset.target[fold.train].mean()
        assert abs(outputs.mean() - mean) < 2 * study.dataset.target[fold.train].std()


def test_the_curve_is_the_mean_over_folds_of_the_objective(trained):
    study, result = trained("multiclass")
    assert result.curve == pytest.approx(result.curves["val_accuracy"].mean(axis=1))
    assert result.curves["val_accuracy"].shape == (result.epochs, len(study.problem.folds))
    assert result.curve[result.best_epoch - 1] == pytest.approx(result.values[0])


def test_the_weights_of_a_network_are_counted(trained):
    study, result = trained("multiclass")
    n_inputs = prepare(study.problem, PARAMS)[0].data.train.inputs.shape[1]
    assert result.parameters == (n_inputs + 1) * 4 + (4 + 1) * 3


# Which epoch counts


def keras_course(curve: np.ndarray, *, patience: int, maximize: bool) -> tuple[int, int]:
    """Return the best and the last epoch of Keras' early stopping on a curve."""
    stopper = keras.callbacks.EarlyStopping("watched", patience=patience, mode="max" if maximize else "min")
    model = keras.Sequential()
    stopper.set_model(model)
    model.stop_training = False
    stopper.on_train_begin()
    for epoch, value in enumerate(curve):
        stopper.on_epoch_end(epoch, {"watched": value})
        if model.stop_training:
            break
    return stopper.best_epoch + 1, epoch + 1


def test_a_monitored_metric_chooses_the_epoch_as_keras_would(trained):
    _, result = trained("metric monitor")
    curve = result.curves["val_accuracy"].mean(axis=1)
    assert (result.best_epoch, result.epochs) == keras_course(curve, patience=2, maximize=True)
    assert result.values[0] == curve.max()


def test_with_scope_fold_each_fold_has_the_score_of_its_own_best_epoch(trained):
    study, _ = trained("fold scope")
    result = evaluate(task_of(study, learning_rate=0.2))
    loss, accuracy = result.curves["val_loss"], result.curves["val_accuracy"]
    courses = [keras_course(loss[:, fold], patience=2, maximize=False) for fold in range(3)]
    best = [epoch for epoch, _ in courses]
    assert len(set(best)) > 1
    assert result.fold_values[0] == tuple(accuracy[epoch - 1, fold] for fold, epoch in enumerate(best))
    assert result.fold_metrics["log_loss"] == pytest.approx(
        [loss[epoch - 1, fold] for fold, epoch in enumerate(best)], rel=1e-5
    )
    assert result.best_epoch == round(np.median(best))
    assert result.epochs == max(last for _, last in courses)


def test_without_early_stopping_the_last_epoch_counts(trained):
    _, result = trained("no stopping")
    assert (result.best_epoch, result.epochs) == (3, 3)
    assert result.values[0] == result.curve[-1]


def test_a_trials_own_number_of_epochs_goes_before_the_study_files(tmp_path):
    study = study_of(tmp_path, training={"epochs": 5, "early_stopping": "none"})
    assert evaluate(task_of(study, epochs=2)).epochs == 2


def test_with_inner_rows_the_scored_rows_never_choose_the_epoch(trained):
    """Fold 0 keeps its predictions and its losses whatever the target of its scored rows is."""
    study, result = trained("inner rows")
    scored = study.problem.folds[0].score
    target = study.dataset.target.copy()
    target[scored] = target[scored][::-1] * 3 - 1e4
    changed = replace(study.dataset, target=target)
    other = evaluate(task_of(replace(study, problem=replace(study.problem, dataset=changed))))
    assert np.array_equal(other.oof[0, scored], result.oof[0, scored])
    for curve in ("train_loss", "val_loss"):
        assert np.array_equal(other.curves[curve][:, 0], result.curves[curve][:, 0])
    assert other.fold_values[0][0] != result.fold_values[0][0]


# Predictions


@pytest.mark.parametrize("name", ["multiclass", "repeats", "regression"])
def test_predictions_are_kept_for_every_searched_row_once_a_repeat_and_for_no_held_out_row(trained, name):
    study, result = trained(name)
    assert result.oof.shape == (study.problem.n_repeats, 90, study.problem.head.units)
    assert result.oof.dtype == (np.float64 if name == "regression" else np.float32)
    assert np.isnan(result.oof[:, study.test_rows]).all()
    assert np.isfinite(result.oof[:, study.search_rows]).all()


def test_repeats_split_anew(trained):
    study, result = trained("repeats")
    first, second = (study.problem.folds[number] for number in (0, 2))
    assert set(first.score) != set(second.score)
    assert len(result.fold_values[0]) == 4
    assert not np.array_equal(result.oof[0], result.oof[1], equal_nan=True)


# Repeatability


@pytest.mark.parametrize("name", ["multiclass", "inner rows"])
def test_the_same_task_gives_the_same_result_to_the_bit_also_after_it_was_sent_elsewhere(trained, name):
    study, result = trained(name)
    sent = pickle.loads(pickle.dumps(task_of(study)))
    assert differences(evaluate(sent), result) == []


def test_another_trial_or_another_seed_of_the_study_trains_other_weights(trained):
    study, result = trained("multiclass")
    reseeded = replace(study, problem=replace(study.problem, seed=8))
    for task in (task_of(study, number=1), task_of(reseeded)):
        assert {"curves", "oof"} <= set(differences(evaluate(task), result))


def test_putting_a_study_together_twice_gives_the_same_rows_and_the_same_result(trained, tmp_path):
    study, result = trained("binary")
    again = open_study(config_of(tmp_path, **STUDIES["binary"]))
    assert again.splits == study.splits
    assert differences(evaluate(task_of(again)), result) == []


# Ends before the end


def test_a_trial_below_the_bar_is_pruned_at_that_epoch(trained):
    study, result = trained("multiclass")
    pruned = evaluate(task_of(study, bar=Bar({3: 2.0}, maximize=True)))
    assert (pruned.state, pruned.epochs, pruned.oof) == (State.PRUNED, 3, None)
    assert pruned.curve == result.curve[:3]
    assert pruned.values == (pruned.metrics["accuracy"],)
    assert pruned.values[0] == pruned.curve[pruned.best_epoch - 1]
    passed = evaluate(task_of(study, bar=Bar({3: 0.0}, maximize=True)))
    assert differences(passed, result) == []


@pytest.mark.parametrize("target", ["kind", "amount"])
def test_a_trial_that_diverges_fails_for_that_reason_in_its_first_epoch(tmp_path, target):
    study = study_of(tmp_path, target=target, training={"epochs": 200})
    result = evaluate(task_of(study, learning_rate=1e30, layers=2))
    assert (result.state, result.reason, result.epochs) == (State.FAILED, Reason.DIVERGED, 0)
    assert result.message == "the loss was no longer finite in epoch 1 (folds: 0, 1)"
    assert (result.values, result.fold_values, result.best_epoch, result.oof) == ((), (), None, None)
    assert result.curve == ()


def test_a_trial_that_raises_fails_with_the_exception_and_the_search_goes_on(tmp_path):
    study = study_of(tmp_path)
    result = evaluate(task_of(study, optimizer="no such optimizer"))
    assert (result.state, result.reason) == (State.FAILED, Reason.ERROR)
    assert "no such optimizer" in result.message


def test_searched_preprocessing_goes_before_the_study_files(tmp_path: Path):
    study = study_of(tmp_path, target="amount", preprocess={"numeric": "none"})
    plain = prepare(study.problem, PARAMS)[0].data.train.inputs
    scaled = prepare(study.problem, {**PARAMS, "preprocess.numeric": "standard"})[0].data.train.inputs
    assert np.abs(plain).max() > 1000
    assert np.abs(scaled[:, :2].mean(axis=0)).max() < 1e-5
