"""What scored and held-out rows hold must not reach training: neither through statistics nor through weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.small import PARAMS, study_of
from tuner.data.columns import Kind
from tuner.data.dataset import Dataset
from tuner.engines.choice import ENGINES, make_engine
from tuner.model.network import plan_network
from tuner.prepared import prepare
from tuner.problem import Problem
from tuner.records import Params
from tuner.study import Study


def with_dataset(study: Study, dataset: Dataset) -> Study:
    return replace(study, problem=replace(study.problem, dataset=dataset))


def with_rows_changed(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Return the data set with other, extreme and missing values in some rows: features, target and weight."""
    features = dataset.features.copy()
    place = np.arange(len(rows))
    booleans = {column.name for column in dataset.columns if column.kind is Kind.BOOLEAN}
    for name, values in features.items():
        if name in booleans:
            changed = 1 - values.iloc[rows]
        elif isinstance(values.dtype, pd.CategoricalDtype):
            known = list(values.cat.categories)
            changed = pd.Series([known[-1], None], dtype=values.dtype)[place % 2]
        elif pd.api.types.is_datetime64_any_dtype(values):
            changed = pd.Series(pd.to_datetime(["1970-01-01", None]))[place % 2]
        else:
            changed = pd.Series([1e30, -1e30, np.nan])[place % 3]
        features.loc[rows, name] = changed.to_numpy()
    target = dataset.target.copy()
    target[rows] = 1e6 if target.dtype.kind == "f" else (target[rows] + 1) % len(dataset.classes)
    weight = None if dataset.weight is None else dataset.weight.copy()
    if weight is not None:
        weight[rows] = 1e6
    return replace(dataset, features=features, target=target, weight=weight)


def trained_weights(engine: str, problem: Problem, params: Params = PARAMS) -> list[np.ndarray]:
    """Return the weights of fold 0's network after four epochs."""
    folds = [fold.data for fold in prepare(problem, params)]
    epochs = make_engine(engine).train(
        plan_network(params), problem.head, problem.loss, folds, epochs=4, seed=5
    )
    return [epoch.weights()[0] for epoch in epochs][-1]


PREPROCESS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "quantile, ordinal": {"numeric": "quantile", "categorical": "ordinal", "missing": {"numeric": "mean"}},
    "minmax, most frequent": {
        "numeric": "minmax",
        "missing": {"numeric": "most_frequent", "categorical": "most_frequent", "indicator": True},
    },
    "max": {"numeric": "max", "datetime": ["month", "dayofweek"], "missing": {"numeric": "zero"}},
    "robust": {"numeric": "robust", "datetime": "none"},
    "robust_clip": {"numeric": "robust_clip"},
    "none": {"numeric": "none", "missing": {"indicator": True}},
    "embedding": {"categorical": "embedding"},
}


@pytest.mark.parametrize("target", ["kind", "amount"])
@pytest.mark.parametrize("preprocess", sorted(PREPROCESS))
def test_what_a_network_learns_from_is_the_same_bits_whatever_its_scored_rows_hold(
    tmp_path, preprocess, target
):
    study = study_of(tmp_path, target=target, data={"weight": "weight"}, preprocess=PREPROCESS[preprocess])
    scored = study.problem.folds[0].score
    changed = with_dataset(study, with_rows_changed(study.dataset, scored))
    before, after = (prepare(each.problem, PARAMS)[0] for each in (study, changed))
    for part in ("inputs", "target", "weight"):
        assert getattr(before.data.train, part).tobytes() == getattr(after.data.train, part).tobytes()
        assert getattr(before.data.score, part).tobytes() != getattr(after.data.score, part).tobytes()


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("target", ["kind", "amount"])
def test_trained_weights_are_the_same_bits_whatever_the_scored_rows_hold(tmp_path, target, engine):
    study = study_of(tmp_path, target=target, data={"weight": "weight"})
    scored = study.problem.folds[0].score
    changed = with_dataset(study, with_rows_changed(study.dataset, scored))
    before, after = (trained_weights(engine, each.problem) for each in (study, changed))
    assert [weight.tobytes() for weight in before] == [weight.tobytes() for weight in after]
    learnt_from = with_dataset(study, with_rows_changed(study.dataset, study.problem.folds[0].train[:3]))
    other = trained_weights(engine, learnt_from.problem)
    assert [weight.tobytes() for weight in before] != [weight.tobytes() for weight in other]


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_a_rate_on_a_plateau_does_not_know_what_the_scored_rows_hold(tmp_path, engine):
    training = {"epochs": 4, "early_stopping": {"rows": "inner"}}
    study = study_of(tmp_path, target="amount", training=training)
    params = {**PARAMS, "learning_rate": 0.8, "schedule": "plateau", "schedule_patience": 1}
    changed = with_dataset(study, with_rows_changed(study.dataset, study.problem.folds[0].score))
    before, after = (trained_weights(engine, each.problem, params) for each in (study, changed))
    assert [weight.tobytes() for weight in before] == [weight.tobytes() for weight in after]
    steady = trained_weights(engine, study.problem, {**params, "schedule": "constant"})
    assert [weight.tobytes() for weight in before] != [weight.tobytes() for weight in steady]


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"cv": {"folds": 3, "repeats": 2}},
        {"data": {"group": "household"}},
        {"data": {"time": "day"}},
        {"target": "amount"},
        {"target": ["label0", "label1"]},
    ],
    ids=["classes", "repeats", "groups", "time", "numbers", "labels"],
)
def test_held_out_rows_are_in_no_fold(tmp_path, keys):
    study = study_of(tmp_path, **keys)
    assert 0.1 * 90 < len(study.test_rows) < 0.35 * 90
    for fold in study.problem.folds:
        assert not set(study.test_rows) & {*fold.train, *fold.score}
        assert not set(fold.train) & set(fold.score)
    assert set(study.search_rows) | set(study.test_rows) == set(range(90))


@pytest.mark.parametrize(
    "data", [{}, {"group": "household"}, {"time": "day"}], ids=["rows", "groups", "time"]
)
def test_inner_rows_are_training_rows_that_are_not_learnt_from(tmp_path, data):
    study = study_of(tmp_path, data=data, training={"epochs": 2, "early_stopping": {"rows": "inner"}})
    for fold, prepared in zip(study.problem.folds, prepare(study.problem, PARAMS), strict=True):
        watched = prepared.watched
        learnt = np.setdiff1d(fold.train, watched)
        assert set(watched) < set(fold.train)
        assert 0.05 < len(watched) / len(fold.train) < 0.3
        assert len(prepared.data.train) == len(learnt)
        assert len(prepared.data.watch) == len(watched)
        assert np.array_equal(prepared.data.watch.target, study.dataset.target[watched])
        if "group" in data:
            assert not set(study.dataset.group[watched]) & set(study.dataset.group[learnt])
        if "time" in data:
            assert study.dataset.time[learnt].max() < study.dataset.time[watched].min()
