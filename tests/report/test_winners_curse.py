"""The best of many trials on labels that mean nothing: its own score says otherwise, the corrected one does not."""

from dataclasses import replace

import numpy as np
import pytest

from tests.small import study_of, task_of
from tuner.data.folds import make_folds
from tuner.model.fold_metrics import FoldScorer
from tuner.model.heads import make_head
from tuner.records import State
from tuner.report.bootstrap import bootstrap_interval
from tuner.report.selection import bias_corrected, fold_outputs
from tuner.seeds import derive
from tuner.tasks import Task
from tuner.trial import evaluate

HEAD = make_head(Task.BINARY, 1, 2)
CHANCE = 0.5


def judge(outputs, target, folds, seed, metric="roc_auc"):
    """The corrected score, and the interval that the winner's own predictions seem to give."""
    corrected = bias_corrected(
        outputs.items(), target, folds, metric=metric, head=HEAD, seed=seed, n_bootstrap=400
    )
    rows = np.concatenate(folds)
    winner = fold_outputs(outputs[corrected.winner], folds)
    own = bootstrap_interval(winner, target[rows], metric=metric, head=HEAD, seed=seed, n_bootstrap=400)
    return corrected, own


def share_covering_chance(intervals):
    return np.mean([interval.low <= CHANCE <= interval.high for interval in intervals])


@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_the_best_of_many_guesses_is_corrected_to_chance_however_alike_the_guesses_are(alike):
    n_rows, n_trials, n_studies = 100, 30, 80
    judged = []
    for study in range(n_studies):
        random = np.random.default_rng(study)
        target = np.arange(n_rows) % 2
        shared, own = random.normal(size=n_rows), random.normal(size=(n_trials, n_rows))
        guesses = 1 / (1 + np.exp(-np.sqrt(alike) * shared - np.sqrt(1 - alike) * own))
        outputs = {k: each.astype(np.float32).reshape(1, -1, 1) for k, each in enumerate(guesses)}
        folds = np.array_split(random.permutation(n_rows), 5)
        judged.append(judge(outputs, target, folds, study, "accuracy"))
    naive = np.mean([corrected.naive for corrected, _ in judged]) - CHANCE
    left = np.mean([corrected.corrected for corrected, _ in judged]) - CHANCE
    assert naive > 0.06
    assert abs(left) < 0.015
    assert share_covering_chance([corrected for corrected, _ in judged]) >= 0.95
    assert share_covering_chance([own for _, own in judged]) < 0.85
    assert all(corrected.winner_shares[corrected.winner] < 0.9 for corrected, _ in judged)


def test_the_score_of_a_winner_that_deserves_it_is_left_nearly_as_it_is():
    n_rows, differences = 400, []
    for study in range(20):
        random = np.random.default_rng(study)
        target = np.arange(n_rows) % 2
        signal = np.array([0.0] * 9 + [2.0])[:, None] * (target - 0.5)
        chances = 1 / (1 + np.exp(-signal - random.normal(size=(10, n_rows))))
        outputs = {k: each.astype(np.float32).reshape(1, -1, 1) for k, each in enumerate(chances)}
        corrected, _ = judge(outputs, target, np.array_split(random.permutation(n_rows), 5), study)
        assert corrected.winner == 9
        assert corrected.winner_shares == {9: 1.0}
        assert corrected.gain is not None
        assert corrected.gain.low > 0.2
        differences.append(corrected.naive - corrected.corrected)
    assert np.abs(differences).max() < 1e-12  # it wins every resample: no luck to take off


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """What 50 searches of 16 small networks each find on shuffled labels: (trained trials, target, folds) of each."""
    folder = tmp_path_factory.mktemp("shuffled")
    keys = {"cv": {"folds": 3}, "test": 0.0, "training": {"epochs": 3, "early_stopping": None}}
    study = study_of(folder, target="yes", **keys)
    searches = []
    for number in range(50):
        random = np.random.default_rng(number)
        dataset = replace(study.dataset, target=random.permutation(study.dataset.target))
        rows = np.arange(len(dataset.target))
        folds = make_folds(dataset, rows, n_folds=3, repeats=1, shuffle=True, seed=number)
        problem = replace(study.problem, dataset=dataset, folds=folds, seed=derive("search", number))
        outputs = {}
        for trial in range(16):
            rate = float(10 ** random.uniform(-3, -0.5))
            result = evaluate(task_of(replace(study, problem=problem), trial, learning_rate=rate))
            assert result.state is State.COMPLETE, result.message
            outputs[trial] = result.oof
        searches.append((outputs, dataset.target, [fold.score for fold in folds]))
    return searches


@pytest.mark.slow
def test_searches_on_shuffled_labels_are_told_that_they_found_nothing(searched):
    judged = [judge(*search, seed=number) for number, search in enumerate(searched)]
    assert len(judged) == 50
    naive = np.mean([corrected.naive for corrected, _ in judged])
    left = np.mean([corrected.corrected for corrected, _ in judged])
    assert naive > 0.58
    assert abs(left - CHANCE) < 0.03
    assert share_covering_chance([corrected for corrected, _ in judged]) >= 0.95
    assert share_covering_chance([own for _, own in judged]) < 0.85
    every = [
        FoldScorer("roc_auc", HEAD, target, folds)(fold_outputs(trial, folds)).mean()
        for outputs, target, folds in searched
        for trial in outputs.values()
    ]
    assert (
        abs(np.mean(every) - CHANCE) < 0.03
    )  # a single trial is at chance: what the winner has more is luck
