"""A final model's networks: what they learn from, for how long, and that they are the same bits each time."""

import json
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, root_mean_squared_error

from tests.export.made import put_down, same_bits, trained_of, trials_of
from tests.small import study_of, write_table
from tests.test_scored_rows import with_dataset, with_rows_changed
from tuner.engines.base import FoldData
from tuner.engines.choice import make_engine
from tuner.errors import StudyFileError, TunerError
from tuner.export.folder import load_model
from tuner.final import Trained
from tuner.model.augment import Augment
from tuner.model.network import plan_network
from tuner.model.schedules import following
from tuner.prepared import PreparedFold, prepare, prepare_rows
from tuner.seeds import derive


def weights_of(trained: Trained, folder) -> list[list[np.ndarray]]:
    model = load_model(put_down(trained, folder))
    return [keras.get_weights() for keras in model.keras_models()]


def test_a_refit_learns_all_rows_of_the_search_for_the_epochs_that_the_folds_chose(tmp_path):
    study = study_of(tmp_path, target="amount", training={"epochs": 30, "early_stopping": {"patience": 3}})
    (result,) = trials_of(study)
    trained = trained_of(study, "refit", [result])
    assert trained.members[0].epochs == (result.best_epoch,)
    whole = replace(study.problem.folds[0], train=study.search_rows)
    problem = replace(study.problem, folds=(whole,), early_stopping=None)
    (prepared,) = prepare(problem, result.params)
    epochs = make_engine("keras").train(
        plan_network(result.params),
        problem.head,
        problem.loss,
        [prepared.data],
        epochs=result.best_epoch,
        seed=derive(problem.seed, "final", 0),
    )
    *_, last = (epoch.weights()[0] for epoch in epochs)
    (weights,) = weights_of(trained, tmp_path / "model")
    assert [weight.shape for weight in weights] == [weight.shape for weight in last]
    for ours, theirs in zip(weights, last, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_refits_rate_falls_when_those_of_its_folds_did_and_its_schedule_is_as_long_as_theirs(tmp_path):
    stopping = {"patience": 3, "rows": "inner"}
    study = study_of(tmp_path, target="amount", training={"epochs": 30, "early_stopping": stopping})
    rate = {"optimizer": "sgd", "learning_rate": 0.2, "schedule_patience": 1}
    results = trials_of(study, {**rate, "schedule": "plateau"}, {**rate, "schedule": "one_cycle"})
    whole = replace(study.problem.folds[0], train=study.search_rows)
    problem = replace(study.problem, folds=(whole,), early_stopping=None)
    for result in results:
        trained = trained_of(study, "refit", [result])
        network = plan_network(result.params)
        if "plateau" in result.params.values():
            network = replace(network, schedule=following(network.schedule, result.curves["val_loss"]))
            assert network.schedule.reductions[result.best_epoch - 1] > 0
        (prepared,) = prepare(problem, result.params)
        seed = derive(problem.seed, "final", result.number)
        epochs = make_engine("keras").train(
            network, problem.head, problem.loss, [prepared.data], epochs=30, seed=seed
        )
        last = [epoch.weights()[0] for epoch in islice(epochs, result.best_epoch)][-1]
        (weights,) = weights_of(trained, tmp_path / f"model-{result.number}")
        for ours, theirs in zip(weights, last, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("output", ["sigmoid", "softplus"])
def test_a_bounded_output_is_in_the_targets_own_unit_in_scores_and_in_the_folder(tmp_path, output):
    study = study_of(tmp_path, target="amount", training={"epochs": 8, "output": output})
    (result,) = trials_of(study)
    trained = trained_of(study, "folds", [result])
    model = load_model(put_down(trained, tmp_path / "model"))
    assert model.manifest.output == output
    target = study.dataset.target
    for fold, branch in zip(study.problem.folds, model.branches, strict=True):
        inputs = branch.preprocessor.transform(study.dataset.features.iloc[fold.score])
        outputs = branch.target_scaler.inverse(branch.network.outputs(inputs))
        np.testing.assert_allclose(outputs, result.oof[0, fold.score], rtol=1e-5)
        low, high = (
            (0.0, np.inf) if output == "softplus" else (target[fold.train].min(), target[fold.train].max())
        )
        assert ((outputs >= low) & (outputs <= high)).all()
    errors = [
        root_mean_squared_error(target[fold.score], result.oof[0, fold.score]) for fold in study.problem.folds
    ]
    assert result.values[0] == pytest.approx(np.mean(errors))


def test_a_positive_output_refuses_a_negative_target_with_the_line_of_its_key(tmp_path):
    write_table(tmp_path / "table.csv")
    frame = pd.read_csv(tmp_path / "table.csv")
    frame.assign(amount=frame["amount"] - 5000).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(
        StudyFileError, match=r"yaml:\d+: training.output: 'relu' is never negative, and target 'amou"
    ):
        study_of(tmp_path, target="amount", training={"output": "relu"})
    with pytest.raises(StudyFileError, match=r"training.output: 'relu' is an output for regression"):
        study_of(tmp_path, target="kind", training={"output": "relu"})


def test_a_refit_chooses_balances_and_varies_as_its_trial_did_and_predicts_from_all_columns(tmp_path):
    refined = {"select": {"k": 6}, "balance": "smote", "augment": {"noise": 0.1, "mixup": 0.2}}
    study = study_of(tmp_path, target="yes", preprocess=refined, training={"epochs": 3})
    (result,) = trials_of(study)
    trained = trained_of(study, "refit", [result])
    problem = study.problem
    prepared = prepare_rows(
        problem,
        problem.preprocess,
        train=study.search_rows,
        watched=study.search_rows[:1],
        scored=study.test_rows,
        seed=derive(problem.seed, "final", "preprocess"),
    )
    counts = np.bincount(prepared.data.train.target[:, 0].astype(int))
    assert counts[0] == counts[1] > len(study.search_rows) / 2
    epochs = make_engine("stacked").train(
        replace(plan_network(result.params), augment=Augment(noise=0.1, mixup=0.2)),
        problem.head,
        problem.loss,
        [prepared.data],
        epochs=result.best_epoch,
        seed=derive(problem.seed, "final", 0),
    )
    *_, last = ((epoch.weights()[0], epoch.scored) for epoch in epochs)
    (weights,) = weights_of(trained, tmp_path / "model")
    assert all(map(same_bits, weights, last[0]))
    model = load_model(tmp_path / "model")
    assert model.branches[0].preprocessor.input_names == prepared.preprocessor.input_names
    outputs = model.outputs(study.dataset.features.iloc[study.test_rows])
    np.testing.assert_allclose(outputs, last[1], rtol=1e-4, atol=1e-6)


SCOPES: dict[str, dict[str, Any]] = {
    "one epoch for all": {"patience": 2},
    "an epoch for each fold": {"patience": 2, "scope": "fold"},
    "by a metric on inner rows": {"monitor": "val_rmse", "patience": 2, "scope": "fold", "rows": "inner"},
}


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_fold_networks_give_the_outputs_that_their_trial_was_scored_by(tmp_path, scope):
    training = {"epochs": 25, "early_stopping": SCOPES[scope]}
    study = study_of(tmp_path, target="amount", cv={"folds": 3}, training=training)
    (result,) = trials_of(study, {"learning_rate": 0.1, "neurons": 8})
    trained = trained_of(study, "folds", [result])
    model = load_model(put_down(trained, tmp_path / "model"))
    assert len(model.branches) == 3
    assert round(float(np.median(trained.members[0].epochs))) == result.best_epoch
    if "fold" in scope:
        assert len(set(trained.members[0].epochs)) > 1
    for fold, branch in zip(study.problem.folds, model.branches, strict=True):
        inputs = branch.preprocessor.transform(study.dataset.features.iloc[fold.score])
        outputs = branch.target_scaler.inverse(branch.network.outputs(inputs))
        np.testing.assert_allclose(outputs, result.oof[0, fold.score], rtol=1e-5)


def test_fold_networks_are_those_of_the_trial_to_the_bit(tmp_path):
    study = study_of(tmp_path, training={"epochs": 3, "early_stopping": "none"})
    (result,) = trials_of(study, {"dropout": 0.3, "layers": 2})
    problem = study.problem
    epochs = make_engine(problem.engine).train(
        plan_network(result.params),
        problem.head,
        problem.loss,
        [fold.data for fold in prepare(problem, result.params)],
        epochs=3,
        seed=derive(problem.seed, "trial", 0),
    )
    *_, last = (epoch.weights() for epoch in epochs)
    again = weights_of(trained_of(study, "folds", [result]), tmp_path / "model")
    for ours, theirs in zip(again, last, strict=True):
        assert all(same_bits(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("kind", ["refit", "folds", "ensemble"])
def test_a_model_is_the_same_bits_each_time(tmp_path, kind):
    study = study_of(tmp_path, target="yes", data={"weight": "weight"})
    results = trials_of(study, {}, {"neurons": 6})[: 2 if kind == "ensemble" else 1]
    one, other = trained_of(study, kind, results), trained_of(study, kind, results)
    first, second = weights_of(one, tmp_path / "one"), weights_of(other, tmp_path / "other")
    for ours, theirs in zip(first, second, strict=True):
        assert all(same_bits(weight, again) for weight, again in zip(ours, theirs, strict=True))
    assert same_bits(one.held_out, other.held_out)
    assert one.train_scores == other.train_scores
    texts = [name for name in one.files if name.endswith(".json")]
    assert {name: one.files[name] for name in texts} == {name: other.files[name] for name in texts}


@pytest.mark.parametrize("kind", ["refit", "folds"])
def test_what_held_out_rows_hold_reaches_no_weight(tmp_path, kind):
    study = study_of(tmp_path, target="amount", data={"weight": "weight"})
    changed = with_dataset(study, with_rows_changed(study.dataset, study.test_rows))
    results = trials_of(study)
    before, after = trained_of(study, kind, results), trained_of(changed, kind, results)
    for name in before.files:
        if name.startswith("preprocess"):
            assert before.files[name] == after.files[name]
    first, second = weights_of(before, tmp_path / "one"), weights_of(after, tmp_path / "other")
    for ours, theirs in zip(first, second, strict=True):
        assert all(same_bits(weight, again) for weight, again in zip(ours, theirs, strict=True))
    assert not np.array_equal(before.held_out, after.held_out)


def test_training_scores_are_those_of_the_models_predictions(tmp_path):
    study = study_of(tmp_path, target="amount", objective="rmse", metrics=["r2"])
    trained = trained_of(study, "refit", trials_of(study))
    rows, dataset = study.search_rows, study.dataset
    outputs = load_model(put_down(trained, tmp_path / "model")).outputs(dataset.features.iloc[rows])
    assert trained.train_scores["rmse"] == pytest.approx(
        root_mean_squared_error(dataset.target[rows], outputs)
    )
    assert set(trained.train_scores) == {"rmse", "r2"}


def test_members_of_an_ensemble_keep_their_own_preprocessing_and_are_weighted(tmp_path):
    study = study_of(tmp_path, cv={"folds": 2})
    results = trials_of(study, {"preprocess.numeric": "minmax"}, {"preprocess.categorical": "ordinal"})
    trained = trained_of(study, "ensemble", results)
    plans = [json.loads(trained.files[f"preprocess-0{number}.json"])["plan"] for number in range(2)]
    assert [plan["numeric"] for plan in plans] == ["minmax", "standard"]
    assert [plan["categorical"] for plan in plans] == ["onehot", "ordinal"]
    model = load_model(put_down(trained, tmp_path / "model"))
    features = study.dataset.features
    parts = [branch.network.outputs(branch.preprocessor.transform(features)) for branch in model.branches]
    np.testing.assert_allclose(model.outputs(features), 0.5 * parts[0] + 0.5 * parts[1], rtol=1e-6)
    labels = model.outputs(features.iloc[study.test_rows]).argmax(axis=1)
    assert accuracy_score(study.dataset.target[study.test_rows], labels) > 0.3


def test_a_batch_may_be_larger_than_the_table(tmp_path):
    study = study_of(tmp_path)
    trained = trained_of(study, "refit", trials_of(study, {"batch_size": 5000}))
    assert np.isfinite(trained.held_out).all()


def test_without_held_out_rows_there_are_no_outputs_for_them(tmp_path):
    study = study_of(tmp_path, test=0)
    trained = trained_of(study, "refit", trials_of(study))
    assert trained.held_out is None
    assert len(study.search_rows) == 90


def test_a_network_that_diverges_on_all_rows_is_told_with_the_way_out(tmp_path):
    study = study_of(tmp_path, target="amount")
    (result,) = trials_of(study)
    broken = replace(result, params={**result.params, "learning_rate": 1e30})
    with pytest.raises(
        TunerError, match=r"trial 0, trained on all rows of the search, diverged in epoch 1.*--trial N"
    ):
        trained_of(study, "refit", [broken])


def test_a_row_that_is_looked_at_is_one_that_is_learned_from_and_has_weight(tmp_path, monkeypatch):
    study = study_of(tmp_path, data={"weight": "weight"})
    weight = study.dataset.weight.copy()
    weight[study.search_rows[0]] = 0.0
    study = with_dataset(study, replace(study.dataset, weight=weight))
    seen: list[FoldData] = []
    original = PreparedFold.__init__

    def note(self: PreparedFold, data: FoldData, *rest: Any, **named: Any) -> None:
        seen.append(data)
        original(self, data, *rest, **named)

    results = trials_of(study)
    monkeypatch.setattr(PreparedFold, "__init__", note)
    trained_of(study, "refit", results)
    (data,) = seen
    assert (len(data.train), len(data.watch)) == (len(study.search_rows), 1)
    assert data.watch.weight[0] > 1
    assert any((data.train.inputs == data.watch.inputs).all(axis=1))
