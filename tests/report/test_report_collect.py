from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report.recorded import TARGETS, outputs_for, record, report_of
from tuner.export.final_record import write_final
from tuner.model.metrics import score
from tuner.records import Final, Interval, Member, State, Verification
from tuner.report.collect import Report
from tuner.report.importance import importance_of
from tuner.search.sampling import Sampling
from tuner.search.storage import StudyStore
from tuner.search.verification import write_verification
from tuner.study import Study
from tuner.tasks import Task


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return record(tmp_path_factory.mktemp("binary"), target="yes", objective="roc_auc", metrics=["accuracy"])


@pytest.fixture(scope="module")
def report(study) -> Report:
    return report_of(study)


def test_the_winner_is_the_complete_trial_with_the_best_score(report) -> None:
    scores = {
        number: each.values[0]
        for number, each in report.summary.results.items()
        if each.state is State.COMPLETE
    }
    assert len(scores) == 8
    assert report.winner.number == max(scores, key=scores.get)


def test_the_winner_is_compared_with_the_default_and_the_runner_up_over_the_same_folds(report) -> None:
    ranked = report.summary.ranked()
    assert [rivalry.second for rivalry in report.rivalries] == [0, ranked[1].number]
    against_default = report.rivalries[0]
    mine, default = (np.array(each.fold_values[0]) for each in (ranked[0], report.default))
    assert against_default.comparison.difference == pytest.approx((mine - default).mean())
    assert "the default (trial 0)" in against_default.sentence


def test_the_correction_lowers_no_more_than_the_interval_allows(report) -> None:
    assert report.corrected.naive == pytest.approx(report.winner.values[0])
    assert report.corrected.n_trials == len(report.summary.ranked())
    assert report.corrected.low <= report.corrected.corrected <= report.corrected.high


def test_curves_are_read_for_the_best_three_trials_and_the_default_only(report) -> None:
    ranked = [each.number for each in report.summary.ranked()]
    assert [each.number for each in report.shown] == [*ranked[:3], 0]
    assert all(each.oof is None for each in report.shown)


def test_without_a_final_model_predictions_are_the_out_of_fold_ones_of_the_winner(study, report) -> None:
    assert report.predictions.held_out is False
    np.testing.assert_array_equal(report.predictions.rows, study.search_rows)
    store = StudyStore(study.config.runs_folder, study.config.name)
    oof = store.load(report.winner.number).oof
    store.close()
    np.testing.assert_array_equal(report.predictions.outputs, oof[0, study.search_rows])


def test_repeats_of_cross_validation_are_averaged_row_by_row(tmp_path: Path) -> None:
    study = record(tmp_path, n_trials=3, target="kind", cv={"folds": 2, "repeats": 3})
    report = report_of(study)
    store = StudyStore(study.config.runs_folder, study.config.name)
    oof = store.load(report.winner.number).oof
    store.close()
    by_hand = (oof[0] + oof[1] + oof[2])[study.search_rows] / 3
    np.testing.assert_allclose(report.predictions.outputs, by_hand, rtol=1e-6)


def test_rows_before_the_first_block_in_time_have_no_predictions(tmp_path: Path) -> None:
    study = record(
        tmp_path, n_trials=3, target="amount", data={"time": "day"}, cv={"folds": 3, "shuffle": False}
    )
    scored = np.unique(np.concatenate([fold.score for fold in study.problem.folds]))
    assert len(scored) < len(study.search_rows)
    np.testing.assert_array_equal(report_of(study).predictions.rows, scored)


def final_of(study: Study, rows: np.ndarray) -> Final:
    outputs = outputs_for(study, rows, 0.6, np.random.default_rng(0))
    value = score(study.objective, study.problem.head, study.dataset.target[rows], outputs)
    return Final(
        kind="refit",
        members=(Member(11, {"layers": 1}, 1.0, (5,)),),
        rows=len(rows),
        scores={study.objective: Interval(value, value - 0.1, value + 0.05)},
        looks=1,
        created="2026-01-02T03:04:05+00:00",
        train_scores={study.objective: 0.95},
        held_out=outputs,
    )


def test_held_out_rows_are_scored_from_the_final_models_own_predictions(tmp_path: Path) -> None:
    study = record(tmp_path, n_trials=3, target="yes")
    final = final_of(study, study.test_rows)
    write_final(study.config.runs_folder, final)
    found = report_of(study).predictions
    assert found.held_out
    np.testing.assert_array_equal(found.rows, study.test_rows)
    assert score(study.objective, study.problem.head, found.target, found.outputs) == pytest.approx(
        final.scores[study.objective].value
    )


def test_without_a_final_model_the_targets_of_held_out_rows_change_nothing(tmp_path: Path) -> None:
    study = record(tmp_path, n_trials=6, target="amount")
    other = study.dataset.target.copy()
    other[study.test_rows] = 1e9
    dataset = replace(study.dataset, target=other)
    spoiled = replace(study, problem=replace(study.problem, dataset=dataset))
    one, two = report_of(study), report_of(spoiled)
    assert one.corrected == two.corrected
    assert one.diagnosis == two.diagnosis
    assert one.rivalries == two.rivalries
    np.testing.assert_array_equal(one.predictions.target, two.predictions.target)


def test_the_last_verification_is_read(tmp_path: Path) -> None:
    study = record(tmp_path, n_trials=2, target="yes")
    assert report_of(study).verification is None
    verification = Verification(1, "2026-01-02T03:04:05+00:00", "same", "100 numbers agree")
    write_verification(study.config.runs_folder, verification)
    assert report_of(study).verification == verification


def test_importance_finds_the_parameter_that_decides_the_score(tmp_path: Path) -> None:
    study = record(tmp_path, n_trials=1, target="yes")
    sampling = Sampling(study.config.space, "random", seed=1, window=1000, maximize=True)
    asked = [sampling.ask({}) for _ in range(80)]
    example = report_of(study).winner
    results = {
        each.number: replace(example, number=each.number, values=(-abs(np.log(each.params["learning_rate"] / 0.01)),))
        for each in asked
    }  # fmt: skip
    found = importance_of(asked, results, maximize=True)
    assert found.names[0] == "learning_rate"
    assert found.shares[0] > 0.6
    assert sum(found.shares) == pytest.approx(1.0)
    assert importance_of(asked[:9], results, maximize=True) is None
    same = {number: replace(result, values=(0.5,)) for number, result in results.items()}
    assert importance_of(asked, same, maximize=True) is None


@pytest.mark.parametrize("task", TARGETS)
def test_every_task_has_a_corrected_score_and_predictions(tmp_path: Path, task: Task) -> None:
    report = report_of(record(tmp_path, n_trials=3, target=TARGETS[task]))
    assert report.study.dataset.task is task
    assert np.isfinite(report.corrected.corrected)
    assert report.diagnosis is not None
    assert len(report.predictions.outputs) == len(report.study.search_rows)
