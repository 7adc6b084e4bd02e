import pickle
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris, make_blobs
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from tests.api.conftest import QUICK, SPACE
from tuner import TunedClassifier, TunedRegressor, load_study
from tuner.study import open_study

RANDOM = np.random.default_rng(5)
N_ROWS = 80


def mixed_table():
    """Return columns of several kinds, and a target that two of them give away."""
    colour = RANDOM.choice(["red", "green", "blue"], N_ROWS)
    height = RANDOM.normal(170, 9, N_ROWS)
    table = pd.DataFrame(
        {
            "height": np.where(RANDOM.random(N_ROWS) < 0.1, np.nan, height),
            "colour <b>": np.where(RANDOM.random(N_ROWS) < 0.1, None, colour),
            "target": RANDOM.normal(size=N_ROWS),
        },
        index=np.arange(N_ROWS) + 1000,
    )
    return table, np.where((height > 170) & (colour != "red"), "yes", "no")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A classifier whose study is kept, fitted with weights to a table of several kinds of columns."""
    table, y = mixed_table()
    weight = np.where(np.arange(N_ROWS) % 7 == 0, 0.0, 2.0)
    estimator = TunedClassifier(SPACE, **QUICK, folder=tmp_path_factory.mktemp("kept"), name="colours")
    return estimator.fit(table, y, sample_weight=weight), table, y, weight


def test_a_table_of_any_columns_is_learned_with_weights(kept):
    estimator, table, y, weight = kept
    assert list(estimator.classes_) == ["no", "yes"]
    assert list(estimator.feature_names_in_) == list(table.columns)
    chances = estimator.predict_proba(table)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    np.testing.assert_array_equal(
        estimator.predict(table), np.where(chances[:, 1] > chances[:, 0], "yes", "no")
    )
    dataset = open_study(load_study(estimator.study_.path).config).dataset
    np.testing.assert_array_equal(dataset.weight, weight)
    np.testing.assert_array_equal(dataset.target, y == "yes")
    assert dataset.target_names == ("target_",)


def test_the_study_that_is_kept_says_the_same(kept):
    estimator, _, _, _ = kept
    study = load_study(estimator.study_.path)
    assert estimator.best_score_ == study.best_score
    assert estimator.best_params_ == study.best_params
    assert estimator.cv_results_["rank_test_score"][estimator.best_index_] == 1
    assert len(estimator.trials_) == len(estimator.cv_results_["params"]) == 2


def test_the_same_fit_goes_on_with_the_study_and_another_is_refused(kept):
    estimator, table, y, weight = kept
    again = clone(estimator).set_params(trials=3).fit(table, y, sample_weight=weight)
    assert again.cv_results_["mean_test_score"][:2].tolist() == estimator.trials_["roc_auc"].tolist()
    with pytest.raises(ValueError, match=r"^the study has records, and they are of another table"):
        clone(estimator).fit(table, y)


def test_a_fitted_estimator_goes_through_pickle_without_its_study(kept):
    with_study, table, y, _ = kept
    assert not hasattr(pickle.loads(pickle.dumps(with_study)), "study_")
    fitted = TunedClassifier(SPACE, **QUICK).fit(table, y)
    assert not hasattr(fitted, "study_")
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict_proba(table), fitted.predict_proba(table))
    np.testing.assert_array_equal(
        TunedClassifier(SPACE, **QUICK).fit(table, y).predict_proba(table), fitted.predict_proba(table)
    )


def test_the_columns_of_fit_are_asked_for(kept):
    estimator, table, _, _ = kept
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(table.rename(columns={"height": "hight"}))


def test_a_search_of_each_outer_fold_is_nested_and_the_same_in_threads():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), TunedClassifier(SPACE, **QUICK))
    scores = cross_val_score(pipeline, X, y, cv=2)
    assert scores.min() > 0.7
    with joblib.parallel_backend("threading"):
        np.testing.assert_array_equal(cross_val_score(pipeline, X, y, cv=2, n_jobs=2), scores)


def test_a_regressor_finds_a_plane_as_least_squares_does():
    X = RANDOM.normal(size=(200, 2))
    y = 300 + X @ [40.0, -20.0] + RANDOM.normal(size=200)
    tuned = TunedRegressor(SPACE, trials=1, cv=2, training={"epochs": 12}, objective="rmse").fit(X, y)
    plane = LinearRegression().fit(X, y)
    assert tuned.predict(X).shape == (200,)
    np.testing.assert_allclose(tuned.predict(X), plane.predict(X), atol=5)
    assert tuned.best_score_ == tuned.cv_results_["mean_test_score"][0] == -tuned.trials_["rmse"][0]
    assert tuned.corrected_.value > 0


def test_several_values_and_several_labels_are_predicted():
    X = RANDOM.normal(size=(60, 3))
    values = np.column_stack([X[:, 0], 5 * X[:, 1]])
    assert TunedRegressor(SPACE, **QUICK).fit(X, values).predict(X).shape == (60, 2)
    labels = (values > 0).astype(int)
    several = TunedClassifier(SPACE, **QUICK).fit(X, labels)
    assert several.predict_proba(X).shape == (60, 2)
    np.testing.assert_array_equal(several.predict(X), several.predict_proba(X) > 0.5)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"trials": 0}, "^search.trials: 0 is too small; at least 1"),
        ({"trials": "many"}, "^search.trials: 'many' is not a whole number"),
        ({"cv": 1}, "^cv.folds: 1 is too small"),
        ({"cv": [([0], [1])]}, "^cv: a list is neither a number of folds nor the section"),
        ({"cv": 50}, "^50 folds, but 30 rows"),
        ({"objective": "roc"}, "^objective: 'roc' is not a metric"),
        ({"training": {"epoch": 3}}, "^training.epoch: unknown key; did you mean 'epochs'"),
        ({"preprocess": "standard"}, "^preprocess: "),
        ({"settings": {"search": {"trials": 2}}}, "search.trials is given by an argument too"),
        ({"search_space": "mpl"}, "'mpl' is not a search space"),
        ({"workers": 0}, "workers: 0 is not"),
        ({"random_state": -1}, "search.seed: -1 is too small"),
        ({"random_state": "seven"}, "cannot be used to seed"),
        ({"name": ".."}, "cannot be the name of a folder"),
    ],
)
def test_a_wrong_parameter_is_a_value_error_of_fit(given, told):
    X, y = make_blobs(30, centers=2, random_state=0)
    with pytest.raises(ValueError, match=told):
        TunedClassifier(**{"search_space": SPACE, **QUICK, **given}).fit(X, y)


def test_data_that_cannot_be_learned_from_is_a_value_error():
    X, y = make_blobs(30, centers=2, random_state=0)
    quick = TunedClassifier(SPACE, **QUICK)
    with pytest.raises(ValueError, match="y has one class only"):
        quick.fit(X, np.ones(30))
    with pytest.raises(ValueError, match="y has one class only"):
        quick.fit(X, y, sample_weight=(y == 1).astype(float))
    with pytest.raises(ValueError, match="Negative values"):
        quick.fit(X, y, sample_weight=-np.ones(30))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        quick.fit(pd.DataFrame(X), y[:20])
    with pytest.raises(TypeError, match="parse"):
        quick.fit(csr_matrix(X), y)


def test_another_random_state_is_another_search():
    X, y = make_blobs(60, centers=3, cluster_std=4.0, random_state=0)
    seeds = [7, np.random.RandomState(0)]
    rates = [
        TunedClassifier(SPACE, **QUICK, random_state=seed).fit(X, y).cv_results_["param_learning_rate"][1]
        for seed in seeds
    ]
    assert len(set(rates)) == 2


def test_scikit_learn_knows_what_they_are():
    assert is_classifier(TunedClassifier())
    assert is_regressor(TunedRegressor())
    assert "search_space" in TunedClassifier().get_params()
    assert not list(Path.cwd().glob("runs/search"))


EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "it gives folds as lists of rows, and a study makes them itself; "
    "a row without weight is a row of a fold and of a batch, so that to leave it out is another draw",
}


LINEAR = {
    "search_space": {"layers": 0, "learning_rate": 0.1, "batch_size": 16, "optimizer": "adam"},
    "trials": 1,
    "cv": 2,
    "training": {"epochs": 12, "early_stopping": None},
}


@pytest.mark.slow
def test_the_checks_of_scikit_learn_pass_but_those_that_are_listed():
    results = check_estimator(TunedClassifier(**LINEAR), on_skip=None, expected_failed_checks=EXPECTED)
    assert len(results) > 40
    assert {result["check_name"] for result in results if result["status"] == "xfail"} == set(EXPECTED)


@pytest.mark.slow
def test_the_checks_that_scikit_learn_has_for_regressors_alone_pass():
    names = []
    for regressor, check in estimator_checks_generator(TunedRegressor(**LINEAR)):
        if "regressor" in check.func.__name__:
            check(regressor)
            names.append(check.func.__name__)
    assert len(names) >= 4
