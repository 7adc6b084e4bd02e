import sys
import time
from dataclasses import replace

import pytest

from tests.small import study_of, task_of
from tuner.engines import stacked_program
from tuner.engines.stacked_program import program
from tuner.model.goals import Bound
from tuner.rehearsals import Rehearsals, rehearse_trial
from tuner.trial import evaluate

PATIENCE = 120.0
"""Seconds, on a busy machine."""


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return task_of(study_of(tmp_path_factory.mktemp("rehearsals")))


@pytest.fixture
def nothing_traced(monkeypatch):
    interval = sys.getswitchinterval()
    monkeypatch.setattr(stacked_program, "_TURNS", {})
    program.cache_clear()
    yield
    sys.setswitchinterval(interval)


def test_the_program_of_a_coming_trial_is_traced_once_beside_the_trial_and_changes_no_bit(
    task, nothing_traced
):
    before = evaluate(task)
    stacked_program._TURNS.clear()
    program.cache_clear()
    Rehearsals().expect(task.problem, [task.params, {**task.params, "neurons": 7}])
    end = time.monotonic() + PATIENCE
    while not program.cache_info().currsize:
        assert time.monotonic() < end, "it is not traced"
        time.sleep(0.01)
    after = evaluate(task)
    assert program.cache_info().misses == 1
    assert not rehearse_trial(task.problem, task.params)
    assert (after.values, after.curve) == (before.values, before.curve)


def test_what_has_no_program_to_make_ready_is_left_alone(task, nothing_traced):
    assert not rehearse_trial(replace(task.problem, engine="keras"), task.params)
    timed = replace(task.problem, goals=replace(task.problem.goals, bounds=(Bound("latency_ms", 1.0),)))
    assert not rehearse_trial(timed, task.params)
    assert not program.cache_info().currsize
