import math
from time import perf_counter

import numpy as np
import pytest

from tests.small import study_of, task_of
from tuner.model.heads import make_head
from tuner.model.metrics import METRICS, metrics_for, score
from tuner.report import selection
from tuner.report.bootstrap import CELLS, FEWEST, N_BOOTSTRAP, bootstrap_interval, draw, resamples_for
from tuner.report.selection import bias_corrected
from tuner.seeds import generator
from tuner.tasks import Task
from tuner.trial import evaluate

BINARY = make_head(Task.BINARY, 1, 2)


def guesses(task, n_rows, n_trials, seed=0, n_units=3, n_repeats=1):
    """A target, and for each trial outputs of (n_repeats, n_rows, n_units) that know a little of it."""
    random = np.random.default_rng(seed)
    head = make_head(task, n_units, 2 if task is Task.BINARY else n_units)
    shape = (n_repeats, n_rows, head.units)
    if task is Task.REGRESSION:
        target = random.normal(size=(n_rows, n_units)) + 3
        outputs = {k: target + random.normal(size=shape) for k in range(n_trials)}
        return head, target, outputs
    if task is Task.MULTILABEL:
        target = random.integers(0, 2, (n_rows, n_units))
        known = target
    else:
        target = random.integers(0, max(head.units, 2), n_rows)
        known = target[:, None] if task is Task.BINARY else np.eye(n_units)[target]
    chances = {k: 1 / (1 + np.exp(0.5 - known - random.normal(size=shape))) for k in range(n_trials)}
    if task is Task.MULTICLASS:
        chances = {k: each / each.sum(axis=2, keepdims=True) for k, each in chances.items()}
    return head, target, {k: each.astype(np.float32) for k, each in chances.items()}


def the_obvious_way(metric, head, target, outputs, folds, seed, n_draws):
    """BBC-CV by resampling rows and calling the metric; (chosen, score on the others) of each resample."""
    drawn = draw(
        np.unique(np.concatenate(folds)),
        len(target),
        n_draws,
        generator(seed, "bootstrap", "out_of_fold"),
        None,
    )
    sign = 1 if METRICS[metric].direction == "maximize" else -1
    per_repeat = len(folds) // len(outputs[0])

    def mean_over_folds(each, times):
        values = []
        for number, rows in enumerate(folds):
            chosen = np.repeat(rows, times[rows])
            if len(chosen):
                values.append(score(metric, head, target[chosen], each[number // per_repeat, chosen]))
        return np.mean([value for value in values if not math.isnan(value)])

    ones = np.ones(len(target), int)
    naive = np.array([mean_over_folds(each, ones) for each in outputs.values()])
    inside = np.array([[mean_over_folds(each, times) for times in drawn.T] for each in outputs.values()])
    others = (drawn == 0).astype(int)
    outside = np.array([[mean_over_folds(each, times) for times in others.T] for each in outputs.values()])
    outside += (naive - outside.mean(axis=1))[:, None]
    chosen = (sign * inside).argmax(axis=0)
    return naive, chosen, outside[chosen, np.arange(n_draws)], sign


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_trials_taken_in_one_by_one_and_in_any_order_give_the_same_correction(metric, monkeypatch):
    head, target, outputs = guesses(Task.MULTICLASS, 40, 7)
    folds = np.array_split(np.arange(40), 3)
    outputs[9] = outputs[2]  # of equals the first wins, wherever it comes
    given = {"metric": metric, "head": head, "seed": 3, "n_bootstrap": 300}
    together = bias_corrected(outputs.items(), target, folds, **given)
    monkeypatch.setattr(selection, "TOGETHER", 1)
    one_by_one = bias_corrected(reversed(outputs.items()), target, folds, **given)
    assert one_by_one.winner == together.winner
    assert one_by_one.corrected == pytest.approx(together.corrected, rel=1e-12)
    assert one_by_one.gain is not None
    assert one_by_one.gain.value == pytest.approx(together.gain.value, rel=1e-9)
    shares = {number: share for number, share in together.winner_shares.items() if number not in (2, 9)}
    assert shares.items() <= one_by_one.winner_shares.items()
    assert 9 not in one_by_one.winner_shares


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        (Task.BINARY, "roc_auc"),
        (Task.BINARY, "f1"),
        (Task.MULTICLASS, "log_loss"),
        (Task.MULTILABEL, "f1_micro"),
        (Task.REGRESSION, "rmse"),
    ],
)
def test_the_correction_is_that_of_resampling_rows_and_calling_the_metric(task, metric):
    head, target, outputs = guesses(task, 70, 4, n_repeats=2)
    random = np.random.default_rng(1)
    # Two repeats of folds of unequal size; the last five rows are in no fold.
    folds = [*np.split(random.permutation(65), [25, 48]), *np.split(random.permutation(65), [20, 40])]
    naive, chosen, values, sign = the_obvious_way(metric, head, target, outputs, folds, 3, 10)
    for each in outputs.values():
        each[:, 65:] = np.nan
    found = bias_corrected(outputs.items(), target, folds, metric=metric, head=head, seed=3, n_bootstrap=10)
    assert found.naive == pytest.approx(sign * (sign * naive).max(), rel=1e-6)
    assert found.winner == (sign * naive).argmax()
    assert found.corrected == pytest.approx(values.mean(), rel=1e-6)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])), rel=1e-6)
    assert found.winner_shares == {k: np.mean(chosen == k) for k in found.winner_shares}
    assert (found.n_bootstrap, found.n_undefined, found.n_trials) == (10, 0, 4)


@pytest.mark.parametrize(
    ("task", "metric"), [(task, metric) for task in Task for metric in metrics_for(task)]
)
def test_any_metric_of_any_task_can_be_corrected(task, metric):
    head, target, outputs = guesses(task, 60, 6)
    folds = np.array_split(np.arange(60), 3)
    found = bias_corrected(outputs.items(), target, folds, metric=metric, head=head, seed=0, n_bootstrap=100)
    worse = (found.corrected - found.naive) * (-1 if METRICS[metric].direction == "maximize" else 1)
    assert worse > 0
    assert found.low < found.corrected < found.high
    assert sum(found.winner_shares.values()) == pytest.approx(1)
    assert found.gain is not None
    assert found.interval.value == found.corrected


def test_a_lone_trial_was_not_chosen_and_keeps_its_score():
    for metric in ("roc_auc", "log_loss", "average_precision"):
        _, target, outputs = guesses(Task.BINARY, 60, 1)
        found = bias_corrected(
            outputs.items(), target, np.array_split(np.arange(60), 3), metric=metric, head=BINARY, seed=0
        )
        assert found.corrected == pytest.approx(found.naive, abs=1e-12)
        assert found.winner_shares == {0: 1.0}
        assert found.gain is not None
        assert (found.gain.value, found.gain.low, found.gain.high) == (0.0, 0.0, 0.0)


def test_the_same_outputs_give_the_same_numbers_in_any_order_and_from_a_generator():
    _, target, outputs = guesses(Task.BINARY, 80, 5)
    folds, known = np.array_split(np.arange(80), 4), {"metric": "roc_auc", "head": BINARY}
    first = bias_corrected(outputs.items(), target, folds, seed=7, **known)
    backwards = ((number, outputs[number]) for number in reversed(outputs))
    assert bias_corrected(backwards, target, folds, seed=7, **known) == first
    assert bias_corrected(outputs.items(), target, folds, seed=8, **known).corrected != first.corrected


def test_of_equal_trials_the_first_wins_as_in_the_study():
    _, target, outputs = guesses(Task.BINARY, 40, 1)
    twins = [(9, outputs[0]), (4, outputs[0])]
    found = bias_corrected(
        twins, target, [np.arange(20), np.arange(20, 40)], metric="roc_auc", head=BINARY, seed=0
    )
    assert found.winner == 4
    assert found.winner_shares == {4: 1.0}
    assert found.gain is None  # trial 0 is not among them


def test_resamples_without_a_class_are_left_out_and_counted():
    _, target, outputs = guesses(Task.BINARY, 12, 3)
    target = np.zeros(12, int)
    target[[2, 9]] = 1
    found = bias_corrected(
        outputs.items(), target, [np.arange(6), np.arange(6, 12)], metric="roc_auc", head=BINARY, seed=0
    )
    assert found.n_undefined > 100
    assert found.n_bootstrap + found.n_undefined == N_BOOTSTRAP
    assert np.isfinite([found.corrected, found.low, found.high]).all()


def test_a_metric_that_no_resample_defines_has_no_interval():
    _, _, outputs = guesses(Task.BINARY, 12, 2)
    found = bias_corrected(
        outputs.items(),
        np.ones(12, int),
        [np.arange(12)],
        metric="roc_auc",
        head=BINARY,
        seed=0,
        n_bootstrap=20,
    )
    assert math.isnan(found.corrected)
    assert math.isnan(found.low)
    assert (found.n_bootstrap, found.n_undefined) == (0, 20)


def test_the_bounds_do_not_reach_past_the_worst_score():
    # Ten of 600 rows are positive and the outputs know nothing: resamples of average precision are moved far down.
    random = np.random.default_rng(4)
    target = (np.arange(600) % 61 == 0).astype(np.int64)
    outputs = {k: random.random((1, 600, 1)).astype(np.float32) for k in range(3)}
    folds = [np.arange(place, 600, 3) for place in range(3)]
    found = bias_corrected(outputs.items(), target, folds, metric="average_precision", head=BINARY, seed=1)
    assert 0.0 <= found.low < found.corrected
    assert [METRICS[name].worst for name in ("accuracy", "mcc", "r2", "rmse", "brier")] == [
        0.0,
        -1.0,
        -math.inf,
        math.inf,
        1.0,
    ]


def test_the_bounds_do_not_reach_past_the_perfect_score():
    target = np.arange(60) % 2
    chances = np.where(target[:, None] == 1, 0.9, 0.1).astype(np.float32)
    chances[0] = 0.9  # one row is wrong
    found = bias_corrected(
        [(0, chances[None])], target, np.array_split(np.arange(60), 3), metric="accuracy", head=BINARY, seed=0
    )
    assert found.naive < found.high <= 1.0


def test_no_trial_is_refused():
    with pytest.raises(ValueError, match="no trial"):
        bias_corrected([], np.ones(4), [np.arange(4)], metric="roc_auc", head=BINARY, seed=0)


def test_folds_of_one_row_can_be_corrected():
    _, target, outputs = guesses(Task.BINARY, 20, 4)
    folds = [np.array([row]) for row in range(20)]
    found = bias_corrected(outputs.items(), target, folds, metric="accuracy", head=BINARY, seed=0)
    assert found.low <= found.corrected <= found.naive
    assert found.n_undefined == 0


def test_whole_groups_are_drawn():
    groups = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    times = draw(np.arange(1, 8), 8, 200, np.random.default_rng(0), groups)
    assert (times[0] == 0).all()  # not to be drawn
    for group in range(4):
        rows = np.flatnonzero(groups == group)
        rows = rows[rows > 0]
        assert (times[rows] == times[rows[0]]).all()
    assert set((times[[1, 3, 5, 6]]).sum(axis=0).tolist()) == {4}


def test_repeated_rows_in_groups_have_a_wider_interval_than_as_rows_of_their_own():
    random = np.random.default_rng(0)
    target, chances = random.integers(0, 2, 40), random.random((40, 1)).astype(np.float32)
    copied, outputs = np.repeat(target, 25), np.repeat(chances, 25, axis=0)
    known = {"metric": "log_loss", "head": BINARY, "seed": 0}
    alone = bootstrap_interval(outputs, copied, **known)
    grouped = bootstrap_interval(outputs, copied, **known, groups=np.repeat(np.arange(40), 25))
    once = bootstrap_interval(chances, target, **known)
    assert grouped.high - grouped.low > 4 * (alone.high - alone.low)
    assert grouped.high - grouped.low == pytest.approx(once.high - once.low, rel=0.15)
    folds = np.array_split(np.arange(1000), 4)
    trials = [(k, random.permuted(outputs, axis=0)[None]) for k in range(3)]
    by_group = bias_corrected(trials, copied, folds, **known, groups=np.repeat(np.arange(40), 25))
    assert by_group.high - by_group.low > bias_corrected(trials, copied, folds, **known).high - by_group.low


def test_the_interval_of_held_out_rows_is_the_percentile_bootstrap():
    random = np.random.default_rng(2)
    target = random.integers(0, 2, 150)
    outputs = (0.3 * target[:, None] + random.random((150, 1))).astype(np.float32) / 1.3
    known = {"metric": "brier", "head": BINARY, "seed": 1}
    errors = (outputs[:, 0].astype(float) - target) ** 2
    again = errors[random.integers(0, 150, (20_000, 150))].mean(axis=1)
    found = bootstrap_interval(outputs, target, **known)
    assert found.value == pytest.approx(errors.mean())
    reach = again.std()
    assert (found.low, found.high) == pytest.approx(
        tuple(np.quantile(again, [0.025, 0.975])), abs=0.15 * reach
    )
    assert found.level == 0.95
    narrow = bootstrap_interval(outputs, target, **known, level=0.5)
    assert found.low < narrow.low < narrow.value < narrow.high < found.high


def test_held_out_rows_of_one_class_have_no_interval():
    found = bootstrap_interval(
        np.full((5, 1), 0.5, np.float32), np.ones(5, int), metric="roc_auc", head=BINARY, seed=0
    )
    assert math.isnan(found.value)
    assert math.isnan(found.low)


def test_large_tables_get_fewer_resamples():
    assert resamples_for(500) == N_BOOTSTRAP
    assert resamples_for(40_000) == CELLS // 40_000
    assert resamples_for(10**7) == FEWEST


def test_the_naive_score_is_the_one_that_the_study_records(tmp_path):
    for target, keys in (("amount", {"objective": "r2"}), ("kind", {"cv": {"folds": 3, "repeats": 2}})):
        study = study_of(tmp_path, target=target, name=target, **keys)
        results = [
            evaluate(task_of(study, k, learning_rate=rate)) for k, rate in enumerate((0.01, 0.03, 0.1))
        ]
        found = bias_corrected(
            [(result.number, result.oof) for result in results],
            study.dataset.target,
            [fold.score for fold in study.problem.folds],
            metric=study.objective,
            head=study.problem.head,
            seed=study.problem.seed,
        )
        assert found.naive == max(result.values[0] for result in results)
        assert found.low < found.corrected <= found.naive


def test_rows_in_time_order_that_no_fold_scores_are_not_read(tmp_path):
    study = study_of(tmp_path, target="yes", data={"time": "day"}, objective="log_loss")
    results = [evaluate(task_of(study, k, learning_rate=rate)) for k, rate in enumerate((0.01, 0.1))]
    folds = [fold.score for fold in study.problem.folds]
    assert np.isnan(results[0].oof[0, np.setdiff1d(np.arange(90), np.concatenate(folds))]).all()
    found = bias_corrected(
        [(result.number, result.oof) for result in results],
        study.dataset.target,
        folds,
        metric="log_loss",
        head=study.problem.head,
        seed=0,
    )
    assert found.naive == min(result.values[0] for result in results)
    assert np.isfinite([found.corrected, found.low, found.high]).all()


def test_a_correction_costs_little_at_the_end_of_a_run():
    _, target, outputs = guesses(Task.BINARY, 200, 10)
    folds = np.array_split(np.arange(200), 5)
    seconds = []
    for _ in range(3):
        start = perf_counter()
        bias_corrected(outputs.items(), target, folds, metric="roc_auc", head=BINARY, seed=0)
        seconds.append(perf_counter() - start)
    assert min(seconds) < 0.5
