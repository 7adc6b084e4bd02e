import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.small import study_of
from tuner.driver import Driver
from tuner.executors.executor import Executor
from tuner.executors.in_process import InProcess
from tuner.glimpses import Heard
from tuner.records import State, TrialResult
from tuner.run import make_header
from tuner.search.storage import StudyStore
from tuner.study import Study
from tuner.summary import summarise
from tuner.trial import TrialTask

N_TRIALS = 8
MANY = 24

WIDE = {
    "layers": {"type": "int", "low": 1, "high": 3},
    "neurons": {"type": "int", "low": 2, "high": 64, "log": True, "per": "layer"},
    "optimizer": {"type": "choice", "options": ["sgd", "momentum", "adam"]},
    "momentum": {"type": "float", "low": 0.5, "high": 0.99, "when": {"optimizer": "momentum"}},
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
}


class Told:
    """A tracker that counts what it is told."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def finished(self, result: TrialResult) -> None:
        self.numbers.append(result.number)


class Killed(BaseException):
    """Stands for the end of the process."""


def learnt_by_formula(task: TrialTask) -> TrialResult:
    """Return what a network would have learnt if curves followed a formula of the parameters."""
    random = np.random.default_rng(task.number)
    if task.number % 11 == 5:
        return TrialResult(number=task.number, state=State.FAILED, params=task.params)
    height = 1 / (1 + abs(np.log10(float(task.params["learning_rate"])) + 2)) + 0.05 * int(
        task.params["layers"]
    )
    curve: list[float] = []
    state = State.COMPLETE
    for epoch in range(1, 13):
        curve.append(height * (1 - 0.8**epoch) + random.normal(0, 0.03))
        if task.bar.prunes(curve):
            state = State.PRUNED
            break
    best = max(curve)
    return TrialResult(
        number=task.number,
        state=state,
        params=task.params,
        values=(best,),
        fold_values=((best, best),),
        best_epoch=curve.index(best) + 1,
        epochs=len(curve),
        metrics={"accuracy": best},
        curve=tuple(curve),
    )


class AtOnce:
    """Evaluates by the formula while ``submit`` is called."""

    slots = 1

    def listen(self, heard: Heard) -> None:
        pass

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        future: Future[TrialResult] = Future()
        future.set_result(learnt_by_formula(task))
        return future

    def close(self) -> None:
        pass


class Minutes(AtOnce):
    """Says that each trial took a minute, and keeps what the driver expects to come."""

    def __init__(self) -> None:
        self.expected: list[float] = []

    @property
    def ahead(self) -> float:
        return self.expected[-1]

    @ahead.setter
    def ahead(self, seconds: float) -> None:
        self.expected.append(seconds)

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        future: Future[TrialResult] = Future()
        future.set_result(replace(learnt_by_formula(task), seconds=60.0))
        return future


class OutOfOrder:
    """Evaluates by the formula in threads, which end in an order of their own."""

    def __init__(self, slots: int, seed: int) -> None:
        self.slots = slots
        self._random = np.random.default_rng(seed)
        self._threads = ThreadPoolExecutor(slots)
        self.order: list[int] = []
        self._lock = threading.Lock()

    def listen(self, heard: Heard) -> None:
        pass

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        return self._threads.submit(self._evaluate, task, float(self._random.choice([0.0, 0.1])))

    def _evaluate(self, task: TrialTask, seconds: float) -> TrialResult:
        threading.Event().wait(seconds)
        result = learnt_by_formula(task)
        with self._lock:
            self.order.append(task.number)
        return result

    def close(self) -> None:
        self._threads.shutdown()


class EndsAfter:
    """Passes trials on, until the process is killed in the trial after ``n`` of them."""

    def __init__(self, inner: Executor, n: int) -> None:
        self.slots = inner.slots
        self._inner = inner
        self._left = n

    def listen(self, heard: Heard) -> None:
        pass

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        if self._left == 0:
            raise Killed
        self._left -= 1
        return self._inner.submit(task)

    def close(self) -> None:
        self._inner.close()


def drive(study: Study, folder: Path, executor: Executor, n_trials: int) -> list[int]:
    """Bring a study to its trials, from whatever its records hold; returns the numbers that the tracker was told."""
    tracker = Told()
    with closing(StudyStore(folder, study.config.name)) as store, closing(executor):
        if not store.exists:
            store.create(make_header(study), maximize=study.direction == "maximize")
        driver = Driver(study, store, tracker, executor)  # type: ignore[arg-type]
        try:
            for _ in driver.run(n_trials, training=nullcontext):
                pass
        except Killed:
            pass
    return tracker.numbers


def table(study: Study, folder: Path) -> str:
    """Return the study's table of trials, without their seconds."""
    with closing(StudyStore(folder, study.config.name)) as store:
        shown = summarise(store).to_json()
    return json.dumps([{**trial, "seconds": None} for trial in shown["trials"]], indent=1)


def states(text: str) -> set[str]:
    return {trial["state"] for trial in json.loads(text)}


Make = Callable[[], Executor]


@pytest.fixture(scope="module")
def by_formula(tmp_path_factory) -> Callable[[int], tuple[Study, str]]:
    """Gives, for a window, a study with a wide space and the table of its trials."""
    made: dict[int, tuple[Study, str]] = {}

    def study_with(window: int) -> tuple[Study, str]:
        if window not in made:
            folder = tmp_path_factory.mktemp(f"window{window}")
            search = {"trials": MANY, "window": window, "pruner": "halving", "first": [{"layers": 3}]}
            study = study_of(
                folder, search_space=WIDE, search=search, training={"epochs": 12}, objective="accuracy"
            )
            assert drive(study, folder / "once", AtOnce(), MANY) == list(range(MANY))
            made[window] = study, table(study, folder / "once")
            assert states(made[window][1]) == {"complete", "pruned", "failed"}
        return made[window]

    return study_with


@pytest.mark.parametrize("window", [1, 7])
def test_the_table_is_the_same_if_the_driver_is_killed_in_every_trial(tmp_path, by_formula, window):
    study, expected = by_formula(window)
    told: list[int] = []
    while len(told) < MANY:
        told += drive(study, tmp_path, EndsAfter(AtOnce(), 1), MANY)
    assert told == list(range(MANY))
    assert table(study, tmp_path) == expected


@pytest.mark.parametrize(("window", "slots"), [(4, 4), (7, 3), (1, 4)])
def test_the_table_is_the_same_for_any_number_of_workers_in_whatever_order_they_end(
    tmp_path, by_formula, window, slots
):
    study, expected = by_formula(window)
    executor = OutOfOrder(slots, seed=slots)
    told = drive(study, tmp_path, executor, MANY)
    assert sorted(told) == list(range(MANY))
    assert (executor.order == list(range(MANY))) == (window == 1)
    assert table(study, tmp_path) == expected


def test_the_table_is_the_same_if_workers_are_killed_while_several_trials_run(tmp_path, by_formula):
    study, expected = by_formula(7)
    told: list[int] = []
    for seed in range(60):
        told += drive(study, tmp_path, EndsAfter(OutOfOrder(5, seed), 6), MANY)
        if len(told) == MANY:
            break
    assert sorted(told) == list(range(MANY))
    assert table(study, tmp_path) == expected


def test_a_study_extended_by_trials_has_the_table_of_a_longer_one(tmp_path, by_formula):
    study, expected = by_formula(4)
    for n_trials in (1, 5, 6, 17, MANY):
        drive(study, tmp_path, AtOnce(), n_trials)
        assert json.loads(table(study, tmp_path)) == json.loads(expected)[:n_trials]
    assert table(study, tmp_path) == expected


def test_a_study_that_has_its_trials_is_left_as_it_is(tmp_path, by_formula):
    study, _ = by_formula(4)
    drive(study, tmp_path, AtOnce(), 6)
    before = table(study, tmp_path)
    assert drive(study, tmp_path, AtOnce(), 6) == []
    assert drive(study, tmp_path, AtOnce(), 3) == []
    assert table(study, tmp_path) == before


def test_windows_change_what_is_sampled(by_formula):
    assert by_formula(1)[1] != by_formula(4)[1] != by_formula(7)[1]


def test_a_trial_is_judged_by_the_trials_that_its_number_may_know_and_no_others(tmp_path, by_formula):
    """Trial n may know 0 .. n - window; so the first window + 2 trials know fewer than three, and have no bar."""
    study, _ = by_formula(4)
    bars: dict[int, Mapping[int, float]] = {}

    class Watched(AtOnce):
        def submit(self, task: TrialTask) -> Future[TrialResult]:
            bars[task.number] = task.bar.heights
            return super().submit(task)

    drive(study, tmp_path, Watched(), 16)
    with closing(StudyStore(tmp_path, study.config.name)) as store:
        results = store.results()
    assert [number for number in range(16) if not bars[number]] == list(range(6))
    known = [results[number] for number in range(12 - 4 + 1)]
    at_3 = sorted((max(result.curve[:3]) for result in known if result.curve), reverse=True)
    assert bars[12][3] == at_3[(len(at_3) + 1) // 3 - 1]


def test_no_trial_starts_after_the_deadline(tmp_path, by_formula):
    study, _ = by_formula(4)
    with closing(StudyStore(tmp_path, study.config.name)) as store:
        store.create(make_header(study), maximize=True)
        driver = Driver(study, store, Told(), AtOnce())  # type: ignore[arg-type]
        assert list(driver.run(5, deadline=0.0, training=nullcontext)) == []
        assert store.asked_trials() == []


# With networks that are trained


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> tuple[Study, str]:
    """A study of small networks with a window and a pruner, and the table of its trials."""
    folder = tmp_path_factory.mktemp("networks")
    study = study_of(folder, **_NETWORKS)
    drive(study, folder / "once", InProcess(study.problem.engine), N_TRIALS)
    return study, table(study, folder / "once")


_NETWORKS: dict[str, Any] = {
    "search": {"trials": N_TRIALS, "window": 3, "pruner": "halving"},
    "objective": "log_loss",
    "metrics": ["accuracy"],
}


def test_trained_networks_give_the_same_table_if_every_trial_is_interrupted_once(tmp_path, networks):
    study, expected = networks
    assert states(expected) >= {"complete", "pruned"}
    told: list[int] = []
    while len(told) < N_TRIALS:
        told += drive(study, tmp_path, EndsAfter(InProcess(study.problem.engine), 1), N_TRIALS)
    assert told == list(range(N_TRIALS))
    assert table(study, tmp_path) == expected


def test_trained_networks_give_the_same_table_if_the_study_is_extended(tmp_path, networks):
    study, expected = networks
    for n_trials in (3, N_TRIALS):
        drive(study, tmp_path, InProcess(study.problem.engine), n_trials)
    assert table(study, tmp_path) == expected


class _Threads:
    """Trains networks in threads of this process."""

    slots = 3

    def __init__(self, engine: str) -> None:
        self._inner = InProcess(engine)
        self._threads = ThreadPoolExecutor(self.slots)

    def listen(self, heard: Heard) -> None:
        pass

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        return self._threads.submit(lambda: self._inner.submit(task).result())

    def close(self) -> None:
        self._threads.shutdown()


def test_trained_networks_give_the_same_table_side_by_side(tmp_path, networks):
    study, expected = networks
    drive(study, tmp_path, _Threads(study.problem.engine), N_TRIALS)
    assert table(study, tmp_path) == expected


def test_the_executor_is_told_how_much_training_is_still_to_come(tmp_path):
    study = study_of(tmp_path, search_space=WIDE, search={"trials": 4, "sampler": "random"})
    minutes = Minutes()
    drive(study, tmp_path / "records", minutes, 4)
    assert minutes.expected == [math.inf, 180.0, 120.0, 60.0, 0.0]
    goes_on = Minutes()
    drive(study, tmp_path / "records", goes_on, 6)
    assert goes_on.expected == [120.0, 60.0, 0.0]


def test_what_is_to_come_ends_with_the_time_of_the_study(tmp_path):
    study = study_of(tmp_path, search_space=WIDE, search={"trials": 4, "sampler": "random"})
    minutes = Minutes()
    with closing(StudyStore(tmp_path / "records", study.config.name)) as store:
        store.create(make_header(study), maximize=True)
        driver = Driver(study, store, Told(), minutes)
        assert len(list(driver.run(4, deadline=time.monotonic() + 100, training=nullcontext))) == 4
    assert [expected <= 100 for expected in minutes.expected] == [True] * 5
    assert minutes.expected[-2:] == [60.0, 0.0]


NARROW = {
    "layers": {"type": "int", "low": 1, "high": 2},
    "optimizer": {"type": "choice", "options": ["sgd", "momentum", "adam"]},
    "learning_rate": 0.01,
}


class Counts:
    """Passes trials on and keeps their numbers."""

    def __init__(self, inner: Executor) -> None:
        self.slots = inner.slots
        self._inner = inner
        self.numbers: list[int] = []

    def listen(self, heard: Heard) -> None:
        pass

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        self.numbers.append(task.number)
        return self._inner.submit(task)

    def close(self) -> None:
        self._inner.close()


def narrow(folder: Path) -> Study:
    search = {"trials": MANY, "window": 3, "pruner": "halving", "sampler": "random"}
    return study_of(folder, search_space=NARROW, search=search, training={"epochs": 12}, objective="accuracy")


def test_a_trial_with_the_parameters_of_an_earlier_one_that_it_may_know_of_is_answered_from_its_record(
    tmp_path,
):
    study = narrow(tmp_path)
    counts = Counts(AtOnce())
    told = drive(study, tmp_path / "records", counts, MANY)
    assert sorted(told) == list(range(MANY))
    with closing(StudyStore(tmp_path / "records", study.config.name)) as store:
        results = store.results()
        answered = {number for number, result in results.items() if result.same_as is not None}
        assert answered == set(range(MANY)) - set(counts.numbers)
        assert len(answered) > MANY // 3
        for number, result in results.items():
            alike = [
                other.number
                for other in results.values()
                if other.params == result.params and other.state is not State.FAILED
            ]
            known = [other for other in alike if other <= number - 3]
            assert result.same_as == (alike[0] if known else None)
            if known:
                first = store.load(alike[0])
                assert (result.values, result.curve, result.state) == (first.values, first.curve, first.state)
                assert (result.seconds, result.message) == (0.0, f"same parameters as trial {alike[0]}")


def test_which_trials_are_answered_depends_neither_on_the_pace_nor_on_restarts(tmp_path):
    study = narrow(tmp_path)
    drive(study, tmp_path / "once", AtOnce(), MANY)
    drive(study, tmp_path / "threads", OutOfOrder(3, seed=1), MANY)
    told: list[int] = []
    while len(told) < MANY:
        told += drive(study, tmp_path / "killed", EndsAfter(AtOnce(), 1), MANY)
    expected = table(study, tmp_path / "once")
    assert table(study, tmp_path / "threads") == expected
    assert table(study, tmp_path / "killed") == expected
