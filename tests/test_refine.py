"""Inputs that are kept and classes that are balanced, in the folds of a study: fitted on training rows alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, VarianceThreshold, mutual_info_classif

from tests.small import PARAMS, study_of, task_of
from tests.test_scored_rows import with_dataset, with_rows_changed
from tuner.data.choices import BALANCES
from tuner.errors import StudyFileError, TunerError
from tuner.prepared import PreparedFold, network_of, prepare, prepare_by, prepare_rows
from tuner.problem import plan_of
from tuner.seeds import derive
from tuner.study import Study
from tuner.trial import evaluate

REFINED: dict[str, dict[str, Any]] = {
    "k": {"select": {"k": 4}},
    "variance": {"select": {"variance": 0.2}},
    "class_weight": {"balance": "class_weight"},
    "oversample": {"balance": "oversample"},
    "undersample": {"balance": "undersample"},
    "smote, k": {"balance": "smote", "select": {"k": 4}},
}


def counts(study: Study, fold: PreparedFold) -> list[int]:
    """Rows of each class that a fold's network learns from."""
    return np.bincount(
        fold.data.train.target.astype(int).ravel(), minlength=len(study.dataset.classes)
    ).tolist()


def test_every_fold_keeps_the_k_inputs_that_scikit_learn_finds_in_its_training_rows(tmp_path):
    study = study_of(tmp_path, preprocess={"select": {"k": 5}})
    plain = prepare_by(study.problem, study.problem.preprocess.bare)
    for number, (fold, whole) in enumerate(zip(prepare(study.problem, PARAMS), plain, strict=True)):
        train = whole.data.train.inputs.astype(float)
        discrete = whole.preprocessor.groups() >= 0
        # numbers in one-hot columns are 0 and 1, so that scikit-learn counts them as they are
        told = mutual_info_classif(
            train,
            study.dataset.target[whole.learnt],
            discrete_features=discrete,
            random_state=derive(derive(study.problem.seed, "preprocess", number), "select"),
        )
        chosen = SelectKBest(lambda inputs, target, told=told: told, k=5).fit(train, np.zeros(len(train)))
        names = np.array(whole.preprocessor.input_names)[chosen.get_support()]
        assert fold.preprocessor.input_names == tuple(names)
        for part in ("train", "score"):
            expected = getattr(whole.data, part).inputs[:, chosen.get_support()]
            np.testing.assert_array_equal(getattr(fold.data, part).inputs, expected)


def test_a_variance_leaves_zeros_where_scikit_learn_leaves_an_input_out(tmp_path):
    study = study_of(tmp_path, preprocess={"select": {"variance": 0.22}})
    plain = prepare_by(study.problem, study.problem.preprocess.bare)
    for fold, whole in zip(prepare(study.problem, PARAMS), plain, strict=True):
        kept = VarianceThreshold(0.22).fit(whole.data.train.inputs.astype(float)).get_support()
        assert 0 < kept.sum() < len(kept)
        np.testing.assert_array_equal(fold.data.score.inputs, whole.data.score.inputs * kept)


@pytest.mark.parametrize("select", [{"k": 3}, {"variance": 0.22}])
def test_embedded_categories_are_kept_whatever_is_chosen_among_the_other_inputs(tmp_path, select):
    study = study_of(tmp_path, preprocess={"select": select, "categorical": "embedding"})
    plain = prepare_by(study.problem, study.problem.preprocess.bare)
    others = study_of(
        tmp_path, preprocess={"select": select}, data={"drop": [*study.config.data.drop, "colour"]}
    )
    for fold, whole, without in zip(
        prepare(study.problem, PARAMS), plain, prepare(others.problem, PARAMS), strict=True
    ):
        assert fold.preprocessor.input_names == (*without.preprocessor.input_names, "colour")
        for part in ("train", "score"):
            inputs = getattr(fold.data, part).inputs
            np.testing.assert_array_equal(inputs[:, -1], getattr(whole.data, part).inputs[:, -1])
            np.testing.assert_array_equal(inputs[:, :-1], getattr(without.data, part).inputs)


@pytest.mark.parametrize("method", sorted(set(BALANCES) - {"none"}))
@pytest.mark.parametrize("target", ["yes", "kind"])
def test_training_rows_are_balanced_and_watched_and_scored_ones_are_not(tmp_path, method, target):
    keys = {"target": target, "training": {"epochs": 2, "early_stopping": {"rows": "inner"}}}
    study = study_of(tmp_path, preprocess={"balance": method}, **keys)
    plain = prepare_by(study.problem, study.problem.preprocess.bare)
    for fold, whole in zip(prepare(study.problem, PARAMS), plain, strict=True):
        before, after = counts(study, whole), counts(study, fold)
        size = {"oversample": max, "smote": max, "undersample": min}.get(method)
        assert after == ([size(before)] * len(before) if size else before)
        weights = np.bincount(fold.data.train.target.astype(int).ravel(), fold.data.train.weight)
        np.testing.assert_allclose(weights, weights[0], rtol=1e-5)
        assert fold.data.train.target.dtype == whole.data.train.target.dtype
        assert fold.data.train.target.shape[1:] == whole.data.train.target.shape[1:]
        for part in ("watch", "score"):
            assert getattr(fold.data, part) is getattr(whole.data, part)


@pytest.mark.parametrize("name", sorted(REFINED))
def test_what_is_learned_from_is_the_same_bits_whatever_scored_rows_hold(tmp_path, name):
    study = study_of(tmp_path, data={"weight": "weight"}, preprocess=REFINED[name])
    fold = study.problem.folds[0]
    changed = with_dataset(study, with_rows_changed(study.dataset, fold.score))
    before, after = (prepare(each.problem, PARAMS)[0] for each in (study, changed))
    assert before.preprocessor.input_names == after.preprocessor.input_names
    for part in ("inputs", "target", "weight"):
        assert getattr(before.data.train, part).tobytes() == getattr(after.data.train, part).tobytes()
    learnt = with_dataset(study, with_rows_changed(study.dataset, fold.train[:5]))
    assert (
        prepare(learnt.problem, PARAMS)[0].data.train.inputs.tobytes() != before.data.train.inputs.tobytes()
    )


def test_folds_draw_apart_and_again_the_same(tmp_path):
    study = study_of(tmp_path, preprocess={"balance": "smote"})
    first = [fold.data.train.inputs.tobytes() for fold in prepare(study.problem, PARAMS)]
    again = [fold.data.train.inputs.tobytes() for fold in prepare(replace(study.problem), PARAMS)]
    assert first == again
    rows = study.problem.folds[0].train
    drawn = {
        prepare_rows(
            study.problem,
            study.problem.preprocess,
            train=rows,
            watched=rows[:1],
            scored=rows[:1],
            seed=derive(study.problem.seed, "preprocess", number),
        ).data.train.inputs.tobytes()
        for number in (0, 1)
    }
    assert len(drawn) == 2
    assert first[0] in drawn


def test_in_time_order_each_fold_learns_from_the_past_alone(tmp_path):
    study = study_of(
        tmp_path, data={"time": "day"}, preprocess={"select": {"k": 6}, "missing": {"indicator": True}}
    )
    time, last = study.dataset.time, study.problem.folds[-1]
    for fold in study.problem.folds:
        assert time[fold.train].max() < time[fold.score].min()
    assert time[last.score].max() < time[study.test_rows].min()
    later = np.union1d(last.score, study.test_rows)
    changed = with_dataset(study, with_rows_changed(study.dataset, later))
    for before, after in zip(prepare(study.problem, PARAMS), prepare(changed.problem, PARAMS), strict=True):
        assert before.data.train.inputs.tobytes() == after.data.train.inputs.tobytes()


def test_a_trials_own_preprocessing_goes_before_the_studys(tmp_path):
    study = study_of(tmp_path, preprocess={"balance": "smote", "select": {"k": 3}, "augment": {"noise": 0.5}})
    own = {
        "preprocess.balance": "none",
        "preprocess.select.k": 7,
        "preprocess.datetime": "month",
        "preprocess.augment.mixup": 0.2,
    }
    plan = plan_of(study.problem, {**PARAMS, **own})
    assert (plan.balance, plan.select_k, plan.datetime) == ("none", 7, ("month",))
    assert plan_of(study.problem, {**PARAMS, "preprocess.datetime": "none"}).datetime == "none"
    augment = network_of(study.problem, {**PARAMS, **own}).augment
    assert (augment.noise, augment.mixup) == (0.5, 0.2)
    assert prepare(study.problem, {**PARAMS, **own})[0].preprocessor.n_inputs == 7


def test_trials_that_differ_in_augmentation_alone_share_their_folds(tmp_path):
    study = study_of(tmp_path)
    folds = [prepare(study.problem, {**PARAMS, "preprocess.augment.noise": noise}) for noise in (0.1, 0.2)]
    assert folds[0] is folds[1]


def test_a_trial_gives_the_same_bits_whatever_was_prepared_before_it(tmp_path):
    refined = {"select": {"k": 5}, "balance": "smote", "augment": {"noise": 0.1, "mixup": 0.3}}
    study = study_of(tmp_path, preprocess=refined, training={"epochs": 2})
    task = task_of(study)
    evaluate(task_of(study, 1, **{"preprocess.balance": "none", "preprocess.select.k": 9}))
    first, again = evaluate(task), evaluate(replace(task, problem=replace(study.problem)))
    assert first.message is None
    assert first.oof.tobytes() == again.oof.tobytes()
    assert first.curve == again.curve
    assert first.parameters == 5 * 4 + 4 + 4 * 3 + 3
    plain = evaluate(task_of(study, **{"preprocess.augment.noise": 0.0, "preprocess.augment.mixup": 0.0}))
    assert plain.oof.tobytes() != first.oof.tobytes()


# What cannot work is said before any training


def few_of_a_class(folder: Path) -> None:
    rows = [f"{number},{'rare' if number in (3, 7) else 'often'}" for number in range(60)]
    (folder / "rare.csv").write_text("\n".join(["x,label", *rows]))


def test_smote_without_a_second_row_of_a_class_is_refused_even_where_only_some_trials_try_it(tmp_path):
    few_of_a_class(tmp_path)
    data = {"path": "../rare.csv", "target": "label", "drop": []}
    with pytest.raises(StudyFileError) as raised:
        study_of(tmp_path, data=data, preprocess={"balance": "smote"}, test=0)
    [line] = raised.value.problems
    assert "preprocess.balance: 'smote' needs two rows of each class" in line
    assert "class 'rare' has one among the training rows of fold 0; use oversample or class_weight" in line
    space = {"layers": 1, "preprocess.balance": {"type": "choice", "options": ["none", "smote"]}}
    with pytest.raises(StudyFileError, match=r"params\.preprocess\.balance: 'smote' needs two rows"):
        study_of(tmp_path, data=data, search_space={"params": space}, test=0)
    study_of(tmp_path, data=data, preprocess={"balance": "oversample"}, test=0)


def test_a_task_that_turns_out_to_have_no_classes_cannot_be_balanced(tmp_path):
    with pytest.raises(
        StudyFileError, match="'oversample' balances classes, and regression has no single class"
    ):
        study_of(tmp_path, target="amount", preprocess={"balance": "oversample"})


def test_a_variance_that_no_input_has_is_refused(tmp_path):
    with pytest.raises(TunerError, match=r"no inputs are left: .* lower preprocess\.select\.variance"):
        study_of(tmp_path, preprocess={"select": {"variance": 50}})
    searched = {
        "layers": 1,
        "preprocess.select.variance": {"type": "float", "low": 0, "high": 60, "default": 0},
    }
    with pytest.raises(TunerError, match=r"none of 14 has a variance above 60"):
        study_of(tmp_path, search_space=searched)
