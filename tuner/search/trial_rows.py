"""A trial's rows in Optuna's database, each step of it written by a few statements in one transaction.

Optuna writes parameter by parameter and looks up trial and study for each, which costs more than training a small
network does. The rows are those that it would write, and it reads them.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages._rdb.models import (
    TrialModel,
    TrialParamModel,
    TrialSystemAttributeModel,
    TrialUserAttributeModel,
    TrialValueModel,
)
from optuna.trial import TrialState
from sqlalchemy import Connection, Table, delete, insert, update

from tuner.records import Params

_TRIALS: Table = TrialModel.__table__
_PARAMS: Table = TrialParamModel.__table__
_ATTRIBUTES: Table = TrialUserAttributeModel.__table__
_NOTES: Table = TrialSystemAttributeModel.__table__
_VALUES: Table = TrialValueModel.__table__


def insert_trial(
    connection: Connection,
    study_id: int,
    number: int,
    sampled: Params,
    distributions: Mapping[str, BaseDistribution],
    attributes: Mapping[str, Any],
) -> int:
    """Add a running trial and return Optuna's id of it.

    Args:
        connection: in a transaction.
        study_id: Optuna's number of the study.
        number: the trial's number, that of the trials before.
        sampled: its parameters.
        distributions: what each of them was drawn from.
        attributes: JSON values, by name.
    """
    trial = {
        "study_id": study_id,
        "number": number,
        "state": TrialState.RUNNING,
        "datetime_start": _now(),
    }
    added = insert(_TRIALS).values(trial).returning(_TRIALS.c.trial_id)
    trial_id = int(connection.execute(added).scalar_one())
    params = [
        {
            "trial_id": trial_id,
            "param_name": name,
            "param_value": distributions[name].to_internal_repr(value),
            "distribution_json": distribution_to_json(distributions[name]),
        }
        for name, value in sampled.items()
    ]
    if params:
        connection.execute(insert(_PARAMS), params)
    _set_attributes(connection, _ATTRIBUTES, trial_id, attributes)
    return trial_id


def end_trial(
    connection: Connection,
    trial_id: int,
    state: TrialState,
    values: Sequence[float],
    attributes: Mapping[str, Any],
    notes: Mapping[str, Any],
) -> None:
    """End a trial that runs.

    Args:
        connection: in a transaction.
        trial_id: Optuna's id of the trial.
        state: how it ended.
        values: its scores; () for none.
        attributes: JSON values, by name, in place of those it has.
        notes: Optuna's own, likewise.

    Raises:
        RuntimeError: it does not run.
    """
    running = (_TRIALS.c.trial_id == trial_id, _TRIALS.c.state == TrialState.RUNNING)
    ended = update(_TRIALS).where(*running).values({"state": state, "datetime_complete": _now()})
    if connection.execute(ended).rowcount != 1:
        raise RuntimeError(f"the trial with Optuna's id {trial_id} has ended already")
    _set_attributes(connection, _ATTRIBUTES, trial_id, attributes)
    _set_attributes(connection, _NOTES, trial_id, notes)
    connection.execute(delete(_VALUES).where(_VALUES.c.trial_id == trial_id))
    stored = [TrialValueModel.value_to_stored_repr(value) for value in values]
    if stored:
        rows = [
            {"trial_id": trial_id, "objective": place, "value": value, "value_type": kind}
            for place, (value, kind) in enumerate(stored)
        ]
        connection.execute(insert(_VALUES), rows)


def _set_attributes(
    connection: Connection, table: Table, trial_id: int, attributes: Mapping[str, Any]
) -> None:
    """Write attributes in place of those of the same names."""
    if not attributes:
        return
    of_trial = table.c.trial_id == trial_id
    connection.execute(delete(table).where(of_trial, table.c.key.in_(list(attributes))))
    rows = [
        {"trial_id": trial_id, "key": name, "value_json": json.dumps(value)}
        for name, value in attributes.items()
    ]
    connection.execute(insert(table), rows)


def _now() -> datetime:
    """Return the time as Optuna stores it: UTC, without saying so."""
    return datetime.now(UTC).replace(tzinfo=None)
