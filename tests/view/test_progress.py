"""How a search is shown while it goes: what it has come to, how long it still takes, and its long trials."""

import io

import numpy as np
import pytest
from rich.console import Console

from tests.small import PARAMS, study_of
from tuner.records import Glimpse, State, TrialResult
from tuner.run import Opened
from tuner.summary import StudySummary
from tuner.view.progress import Bar, Lines, Tally

ABOUT = {"study": "small", "objective": [{"metric": "accuracy", "direction": "maximize"}]}

OBJECTIVES = [
    {"metric": "roc_auc", "direction": "maximize"},
    {"metric": "parameters", "direction": "minimize"},
]


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return study_of(tmp_path_factory.mktemp("progress"))


def opened(study, n_trials: int, *, seconds: float | None = None, before: int = 0) -> Opened:
    results = {number: ended(number, 500.0) for number in range(before)}
    return Opened(study, n_trials, StudySummary(ABOUT, results, {}), seconds, ())


def ended(number: int, seconds: float, same_as: int | None = None) -> TrialResult:
    return TrialResult(
        number,
        State.COMPLETE,
        {},
        values=(0.5,),
        fold_values=((0.5, 0.5),),
        best_epoch=1,
        epochs=1,
        seconds=seconds,
        same_as=same_as,
    )


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.079, "0.079 s a trial"), (31.4, "31 s a trial"), (123.6, "2 min 4 s a trial")]
)
def test_the_time_of_a_trial_is_told_in_its_own_unit(study, seconds, told):
    tally = Tally(opened(study, 10), Clock())
    tally.add(ended(0, seconds))
    assert f"| {told} |" in tally.in_words()


def test_one_worker_that_needs_ten_seconds_a_trial_needs_eighty_for_eight_more(study):
    clock = Clock()
    tally = Tally(opened(study, 10), clock)
    assert tally.left is None
    for number in range(2):
        clock.now += 10.0
        tally.add(ended(number, 10.0))
    assert tally.left == pytest.approx(80.0)
    assert "10 s a trial | 1 min 20 s left" in tally.in_words()


def test_the_time_that_the_first_worker_needs_to_load_is_not_taken_for_training(study):
    clock = Clock()
    tally = Tally(opened(study, 11), clock)
    clock.now += 60.0
    tally.add(ended(0, 2.0))
    assert tally.left == pytest.approx(20.0)


def test_trials_side_by_side_need_half_the_time(study):
    clock = Clock()
    tally = Tally(opened(study, 10), clock)
    for number in range(0, 4, 2):
        clock.now += 10.0
        tally.add(ended(number, 10.0))
        tally.add(ended(number + 1, 10.0))
    assert tally.left == pytest.approx(6 * 5.0)


def test_trials_that_need_no_training_shorten_the_rest(study):
    clock = Clock()
    tally = Tally(opened(study, 8), clock)
    for number in range(2):
        clock.now += 10.0
        tally.add(ended(2 * number, 10.0))
        tally.add(ended(2 * number + 1, 0.0, same_as=0))
    assert tally.left == pytest.approx(4 * 5.0)
    assert tally.pace == pytest.approx(10.0)


def test_trials_of_an_earlier_run_are_done_and_do_not_count_for_the_pace(study):
    clock = Clock()
    tally = Tally(opened(study, 10, before=5), clock)
    clock.now += 3.0
    tally.add(ended(5, 3.0))
    assert (tally.done, tally.left) == (6, pytest.approx(12.0))


def test_the_rest_shrinks_while_no_trial_ends_and_is_never_below_nothing(study):
    clock = Clock()
    tally = Tally(opened(study, 3), clock)
    clock.now += 10.0
    tally.add(ended(0, 10.0))
    clock.now += 15.0
    assert tally.left == pytest.approx(5.0)
    clock.now += 15.0
    assert tally.left == 0.0


def test_a_timeout_ends_a_search_before_its_last_trial_would(study):
    clock = Clock()
    tally = Tally(opened(study, 1000, seconds=60.0), clock)
    clock.now += 10.0
    tally.add(ended(0, 10.0))
    assert tally.left == pytest.approx(50.0 + 10.0)


def test_a_trial_that_takes_long_has_a_line_until_it_ends(study):
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=160, color_system=None)
    bar = Bar(opened(study, 10), console)
    curve = np.array([[0.5, 0.6], [0.8, 0.9], [0.7, 0.8]])
    bar.glimpsed(Glimpse(3, 3, 100, {"val_accuracy": curve}, 30.0))
    assert "trial 3: epoch 3 of 100, accuracy 0.7500 (best 0.8500)" in written.getvalue()
    bar.ended(ended(3, 40.0))
    written.truncate(0)
    bar.ended(ended(4, 1.0))
    bar.glimpsed(Glimpse(5, 1, 100, {"val_accuracy": curve[:1]}, 10.0))
    assert "trial 3:" not in written.getvalue()
    bar.stop()
    assert "trial 5: epoch 1 of 100" in written.getvalue()
    assert "2/10" in written.getvalue()


def test_a_log_has_a_line_a_trial_that_ended_and_none_for_glimpses(study):
    said: list[str] = []
    lines = Lines(opened(study, 2), said.append)
    lines.glimpsed(Glimpse(0, 3, 100, {"val_accuracy": np.zeros((3, 2))}, 30.0))
    assert said == []
    lines.ended(ended(0, 40.0))
    assert said[0].startswith("trial 0 complete (1/2, 40.0 s): accuracy 0.5000 ± 0.0000")


def complete(number: int, score: float, weights: float) -> TrialResult:
    values, folds = (score, weights), ((score,) * 2, (weights,) * 2)
    return TrialResult(number, State.COMPLETE, PARAMS, values, folds, best_epoch=2, epochs=4)


def test_a_line_a_trial_tells_the_best_one_the_size_of_the_front_and_what_was_not_trained(tmp_path):
    said: list[str] = []
    summary = StudySummary({"study": "s", "objective": OBJECTIVES}, {}, {})
    view = Lines(Opened(study_of(tmp_path), 4, summary, None, ()), said.append)
    broken = {"message": "61 parameters, more than 50 (constraints.parameters)", "constraints": {"p": 0.22}}
    for result in (
        complete(0, 0.8, 40.0),
        complete(1, 0.9, 50.0),
        complete(2, 0.7, 45.0),
        TrialResult(3, State.PRUNED, PARAMS, **broken),
    ):
        view.ended(result)
    assert "roc_auc 0.8000 ± 0.0000, best epoch 2 of 4 | 1 complete" in said[0]
    assert [line.split(" | ")[2:4] for line in said] == [
        ["best roc_auc 0.8000 ± 0.0000 (trial 0)", "1 on the Pareto front"],
        *[["best roc_auc 0.9000 ± 0.0000 (trial 1)", "2 on the Pareto front"]] * 3,
    ]
    assert f"): {broken['message']} | 3 complete, 1 pruned" in said[3]
