import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from tuner.search.sampling import constraint_notes
from tuner.search.trial_rows import end_trial, insert_trial

SAMPLED = {"rate": 0.003, "layers": 2, "optimizer": "adam", "norm": True}
DRAWN = {
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
    "layers": IntDistribution(1, 4),
    "optimizer": CategoricalDistribution(("sgd", "adam")),
    "norm": CategoricalDistribution((False, True)),
}
ATTRIBUTES = {"params": {**SAMPLED, "epochs": 30, "größe": "<b>|"}}


@dataclass(frozen=True)
class Both:
    """One study of Optuna's own writing, one of ours, in one database."""

    storage: RDBStorage
    theirs: int
    ours: int

    def trials(self) -> list[list[FrozenTrial]]:
        return [self.storage.get_all_trials(study, deepcopy=False) for study in (self.theirs, self.ours)]


@pytest.fixture
def both(tmp_path: Path) -> Both:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'both.db'}")
    ids = [optuna.create_study(storage=storage, study_name=name)._study_id for name in ("theirs", "ours")]
    return Both(storage, *ids)


def add(both: Both, number: int) -> tuple[int, int]:
    trial = create_trial(state=TrialState.RUNNING, params=SAMPLED, distributions=DRAWN, user_attrs=ATTRIBUTES)
    theirs = both.storage.create_new_trial(both.theirs, trial)
    with both.storage.engine.begin() as connection:
        return theirs, insert_trial(connection, both.ours, number, SAMPLED, DRAWN, ATTRIBUTES)


def without_ids(trial: FrozenTrial) -> dict[str, Any]:
    kept = ("number", "state", "params", "distributions", "user_attrs", "system_attrs", "values")
    ended = trial.datetime_complete is not None
    return {name: getattr(trial, name) for name in kept} | {
        "began": trial.datetime_start is not None,
        "ended": ended,
    }


def test_optuna_reads_a_running_trial_as_if_it_had_written_it(both):
    for number in range(3):
        add(both, number)
    theirs, ours = both.trials()
    assert [without_ids(trial) for trial in ours] == [without_ids(trial) for trial in theirs]
    assert [list(trial.params) for trial in ours] == [list(SAMPLED)] * 3
    gap = max(
        abs(a.datetime_start - b.datetime_start).total_seconds() for a, b in zip(ours, theirs, strict=True)
    )
    assert gap < 3600  # the same time zone


@pytest.mark.parametrize(
    ("state", "values"),
    [
        (TrialState.COMPLETE, (0.1 + 0.2,)),
        (TrialState.PRUNED, (-math.inf,)),
        (TrialState.PRUNED, (math.inf,)),
        (TrialState.FAIL, ()),
    ],
)
def test_optuna_reads_an_ended_trial_as_if_it_had_written_it(both, state, values):
    theirs, ours = add(both, 0)
    both.storage.set_trial_user_attr(theirs, "result", {"a": [1, None]})
    for name, excess in constraint_notes({"parameters": 0.25}).items():
        both.storage.set_trial_system_attr(theirs, name, excess)
    both.storage.set_trial_state_values(theirs, state, values or None)
    notes = constraint_notes({"parameters": 0.25})
    with both.storage.engine.begin() as connection:
        end_trial(connection, ours, state, values, {"result": {"a": [1, None]}}, notes)
    (their_trial,), (our_trial,) = both.trials()
    assert without_ids(our_trial) == without_ids(their_trial)


def test_a_record_that_a_crash_left_half_written_is_replaced(both):
    _, ours = add(both, 0)
    both.storage.set_trial_user_attr(ours, "result", {"of": "the first time"})
    with both.storage.engine.begin() as connection:
        end_trial(connection, ours, TrialState.COMPLETE, (1.0,), {"result": {"of": "the second time"}}, {})
    assert both.trials()[1][0].user_attrs["result"] == {"of": "the second time"}


def test_a_trial_ends_once(both):
    _, ours = add(both, 0)
    with both.storage.engine.begin() as connection:
        end_trial(connection, ours, TrialState.COMPLETE, (1.0,), {}, {})
    with pytest.raises(RuntimeError, match="ended already"), both.storage.engine.begin() as connection:
        end_trial(connection, ours, TrialState.FAIL, (), {"result": {}}, {})
    assert both.trials()[1][0].state is TrialState.COMPLETE
