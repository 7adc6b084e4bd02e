"""A long trial is seen while it trains, and is the same trial."""

import threading
from concurrent.futures import Future
from contextlib import closing, nullcontext

import numpy as np
import pytest

from tests.small import study_of, task_of
from tests.test_driver import AtOnce, learnt_by_formula
from tuner.driver import Driver
from tuner.glimpses import Glimpses, Heard
from tuner.header import make_header
from tuner.records import Glimpse, Params, TrialResult
from tuner.search.storage import StudyStore
from tuner.trial import TrialTask, evaluate


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return study_of(tmp_path_factory.mktemp("glimpses"), objective="accuracy")


def test_what_is_seen_is_the_beginning_of_the_result_and_changes_no_bit_of_it(study):
    seen: list[Glimpse] = []
    task = task_of(study)
    result, unseen = evaluate(task, seen.append, every=0.0), evaluate(task)
    assert result.epochs == 4
    assert [(each.number, each.epochs, each.epochs_at_most) for each in seen] == [
        (0, epoch, 4) for epoch in range(1, 5)
    ]
    for glimpse in seen:
        assert set(glimpse.curves) == {"train_loss", "val_loss", "val_accuracy"}
        for name, curve in glimpse.curves.items():
            np.testing.assert_array_equal(curve, result.curves[name][: glimpse.epochs])
    assert [each.seconds for each in seen] == sorted(each.seconds for each in seen)
    np.testing.assert_array_equal(result.oof, unseen.oof)
    assert result.curve == unseen.curve


def test_a_trial_that_ends_before_the_first_glimpse_is_due_gives_none():
    seen: list[Glimpse] = []
    glimpses = Glimpses(3, 100, seen.append, every=3600.0)
    for epochs in range(1, 50):
        glimpses.see({"val_loss": [np.zeros(2)] * epochs})
    assert seen == []


class TakesLong:
    """Evaluates by the formula in threads, and lets itself be seen until it is let go on."""

    slots = 2

    def __init__(self) -> None:
        self.heard: Heard = lambda glimpse: None
        self.go_on = threading.Event()

    def listen(self, heard: Heard) -> None:
        self.heard = heard

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        future: Future[TrialResult] = Future()

        def train() -> None:
            for epochs in (1, 2):
                self.heard(Glimpse(task.number, epochs, 12, {"val_accuracy": np.zeros((epochs, 2))}))
            assert self.go_on.wait(30)
            future.set_result(learnt_by_formula(task))
            self.heard(Glimpse(task.number, 12, 12, {"val_accuracy": np.zeros((12, 2))}))

        threading.Thread(target=train, daemon=True).start()
        return future

    def close(self) -> None:
        pass


class Told:
    """A tracker that keeps what it is told."""

    def __init__(self) -> None:
        self.glimpses: list[tuple[int, int, Params]] = []

    def glimpsed(self, glimpse: Glimpse, params: Params) -> None:
        self.glimpses.append((glimpse.number, glimpse.epochs, params))

    def finished(self, result: TrialResult) -> None:
        pass


def test_trials_are_seen_while_none_ends_and_not_after_their_end(tmp_path, study):
    executor, told = TakesLong(), Told()
    events: list[TrialResult | Glimpse] = []
    with closing(StudyStore(tmp_path, "small")) as store:
        store.create(make_header(study), maximize=True)
        driver = Driver(study, store, told, executor)  # type: ignore[arg-type]
        for event in driver.run(2, training=nullcontext):
            events.append(event)
            if {each.number for each in events} == {0, 1}:
                executor.go_on.set()
        params = [asked.params for asked in store.asked_trials()]
    for number in (0, 1):
        mine = [event for event in events if event.number == number]
        assert len(mine) > 1
        assert [isinstance(event, TrialResult) for event in mine] == [False] * (len(mine) - 1) + [True]
        told_of_it = [each for each in told.glimpses if each[0] == number]
        assert told_of_it[:2] == [(number, 1, params[number]), (number, 2, params[number])]


def test_the_table_is_the_same_whether_or_not_trials_are_seen(tmp_path, study):
    executor = TakesLong()
    executor.go_on.set()
    tables = []
    for folder, evaluator in ((tmp_path / "seen", executor), (tmp_path / "unseen", AtOnce())):
        with closing(StudyStore(folder, "small")) as store:
            store.create(make_header(study), maximize=True)
            driver = Driver(study, store, Told(), evaluator)  # type: ignore[arg-type]
            assert (
                len([each for each in driver.run(8, training=nullcontext) if isinstance(each, TrialResult)])
                == 8
            )
            tables.append([(each.number, each.params, each.values) for each in store.results().values()])
    assert sorted(tables[0], key=lambda row: row[0]) == tables[1]
