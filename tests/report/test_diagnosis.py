import math

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.model_selection import KFold

from tuner.model.heads import make_head
from tuner.report.diagnosis import constant_score, diagnose
from tuner.tasks import Task

EPOCHS = np.arange(60)
SETTLED = 0.3 + 0.5 * np.exp(-EPOCHS / 5)
"""A validation loss that falls and stays."""


def curves_of(train, validation):
    return {"train_loss": np.stack([train] * 3, axis=1), "val_loss": np.stack([validation] * 3, axis=1)}


def name_of(train=SETTLED - 0.02, validation=SETTLED, *, best_epoch=40, max_epochs=100, **scores):
    told = {"metric": "accuracy", "score": 0.9, "constant": 0.6, "train_score": 0.92, **scores}
    found = diagnose(curves_of(train, validation), best_epoch=best_epoch, max_epochs=max_epochs, **told)
    assert found.rule
    assert found.evidence
    assert found.advice
    return found.name


def test_training_rows_much_better_predicted_than_scored_ones_are_overfitting():
    # 0.6 -> 0.8 of the way to 1.0 is a half, 0.6 -> 1.0 all of it: half of what was learned is lost.
    assert name_of(score=0.8, train_score=1.0) == "overfitting"
    assert name_of(metric="rmse", constant=10.0, score=5.0, train_score=1.0) == "overfitting"


def test_training_rows_badly_predicted_too_are_underfitting():
    assert name_of(score=0.70, train_score=0.72) == "underfitting"
    assert name_of(metric="rmse", constant=10.0, score=8.0, train_score=7.5) == "underfitting"


def test_training_and_scored_rows_well_predicted_are_about_right():
    assert name_of() == "about right"
    assert name_of(score=0.9, train_score=0.88) == "about right"
    assert name_of(metric="rmse", constant=10.0, score=2.5, train_score=2.0) == "about right"


def test_a_score_near_that_of_a_constant_prediction_has_learned_nothing():
    assert name_of(score=0.61, train_score=1.0) == "no better than a constant"
    assert name_of(metric="rmse", constant=10.0, score=11.0) == "no better than a constant"


def test_a_loss_that_still_falls_at_the_last_epoch_allowed_is_still_improving():
    falling = 1.0 - 0.01 * EPOCHS
    assert name_of(falling, falling, best_epoch=60, max_epochs=60) == "still improving"
    # Ended by early stopping, or level at the end: no.
    assert name_of(falling, falling, best_epoch=60, max_epochs=100) == "about right"
    assert name_of(best_epoch=60, max_epochs=60) == "about right"


def test_a_loss_that_jumps_up_again_and_again_is_unstable():
    jumping = SETTLED + 0.4 * (EPOCHS % 4 == 3)
    assert name_of(SETTLED, jumping) == "unstable"
    trembling = 0.5 + 0.001 * (EPOCHS % 2)
    assert name_of(trembling, trembling) == "about right"


def test_without_a_score_on_training_rows_the_losses_tell_overfitting():
    assert name_of(train_score=None) == "about right"
    assert name_of(SETTLED - 0.25, SETTLED, train_score=None) == "overfitting"


def test_too_few_epochs_and_no_scale_are_unclear():
    assert name_of(SETTLED[:3], SETTLED[:3], best_epoch=3, train_score=None) == "unclear"
    assert name_of(constant=math.nan) == "unclear"
    assert name_of(1.0 + 0.01 * EPOCHS, SETTLED, train_score=None) == "unclear"  # the training loss rises


def test_a_diagnosis_shows_the_numbers_that_it_was_made_from():
    found = diagnose(
        curves_of(SETTLED, SETTLED),
        best_epoch=40,
        max_epochs=100,
        metric="accuracy",
        score=0.8,
        constant=0.6,
        train_score=1.0,
    )
    assert found.evidence == (
        "accuracy 1.000 on training rows, 0.8000 on scored rows, 0.6000 for a prediction that ignores the features: "
        "50 % is lost"
    )


@pytest.mark.parametrize(
    ("task", "metric", "dummy", "truth"),
    [
        (Task.REGRESSION, "rmse", DummyRegressor(), root_mean_squared_error),
        (Task.BINARY, "accuracy", DummyClassifier(), accuracy_score),
        (Task.MULTICLASS, "accuracy", DummyClassifier(), accuracy_score),
        (Task.MULTICLASS, "log_loss", DummyClassifier(), log_loss),
    ],
)
def test_the_constant_prediction_scores_as_scikit_learns_dummy(task, metric, dummy, truth):
    random = np.random.default_rng(0)
    n_classes = 2 if task is Task.BINARY else 3
    target = random.normal(size=50) if task is Task.REGRESSION else random.integers(0, n_classes, 50)
    splits = list(KFold(4, shuffle=True, random_state=0).split(target))
    expected = []
    for train, rows in splits:
        fitted = dummy.fit(np.zeros((len(train), 1)), target[train])
        predict = fitted.predict_proba if metric == "log_loss" else fitted.predict
        expected.append(truth(target[rows], predict(np.zeros((len(rows), 1)))))
    score = constant_score(
        metric, make_head(task, 1, n_classes), target, [t for t, _ in splits], [s for _, s in splits]
    )
    assert score == pytest.approx(np.mean(expected))


def test_a_constant_prediction_orders_nothing():
    target = np.arange(20) % 2
    trains, folds = [np.arange(10)], [np.arange(10, 20)]
    assert constant_score("roc_auc", make_head(Task.BINARY, 1, 2), target, trains, folds) == 0.5
    assert math.isnan(
        constant_score("roc_auc", make_head(Task.BINARY, 1, 2), target, trains, [np.arange(0, 20, 2)])
    )
