import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris, make_blobs
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from tuner import KerasClassifier, KerasRegressor
from tuner.api.winner import winner_estimator
from tuner.engines.compiled import Scheduled, compile_network
from tuner.model.heads import make_head
from tuner.model.network import count_parameters, plan_network
from tuner.tasks import Task

PARAMS = {"layers": 1, "neurons": 6, "learning_rate": 0.05, "batch_size": 8, "optimizer": "adam"}


def test_scikit_learn_knows_what_they_are():
    assert is_classifier(KerasClassifier())
    assert is_regressor(KerasRegressor())
    for estimator in (KerasClassifier(), KerasRegressor()):
        assert get_tags(estimator).target_tags.required
    assert get_tags(KerasClassifier()).classifier_tags.multi_class


def test_a_score_by_probability_is_a_number():
    X, y = make_blobs(60, centers=2, cluster_std=1.0, random_state=0)
    estimator = make_pipeline(StandardScaler(), winner_estimator(PARAMS, 8, "binary"))
    scores = cross_val_score(clone(estimator), X, y, cv=2, scoring="roc_auc")
    assert scores.min() > 0.9


def test_a_pipeline_fits_the_winner_of_a_study_anew(page):
    fitted = page["pipeline"].steps[-1][1]
    assert fitted.batch_size == page["search"].best_params_["batch_size"]
    assert len(fitted.history_["loss"]) == page["search"].best_epoch_
    X, y = load_iris(return_X_y=True, as_frame=True)
    assert page["pipeline"].score(X, y) > 0.8
    plan = plan_network(page["search"].best_params_)
    weights = sum(np.prod(weight.shape) for weight in fitted.model_.trainable_weights)
    assert weights == count_parameters(plan, 4, make_head(Task.MULTICLASS, 1, 3))


@pytest.mark.parametrize("params", [PARAMS, {**PARAMS, "schedule": "cosine", "epochs": 40}])
def test_values_are_found_in_their_own_unit(params):
    X = np.random.default_rng(0).normal(size=(100, 1)).astype(np.float32)
    y = 5000 + 700 * X[:, 0]
    fitted = winner_estimator(params, 20, "regression").fit(X, y)
    assert fitted.score(X, y) > 0.9


def test_the_rate_of_each_step_is_that_of_the_schedule():
    params = {**PARAMS, "schedule": "cosine"}
    model = compile_network(params, Task.REGRESSION, n_inputs=1, n_targets=1, n_classes=0)
    x = np.zeros((16, 1), np.float32)
    seen = []

    class Look(Scheduled):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(float(self.model.optimizer.learning_rate.numpy()))

    model.fit(x, x, epochs=2, batch_size=8, verbose=0, callbacks=[Look(params, 4)])
    moments = np.array([0.0, 0.5, 1.0, 1.5])  # epochs
    np.testing.assert_allclose(seen, 0.05 * 0.5 * (1 + np.cos(np.pi * moments / 4)), rtol=1e-5)
