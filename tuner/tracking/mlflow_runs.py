"""Runs in an MLflow store: searched over all pages, freed of second ones, written in batches."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from tuner.records import State
from tuner.tracking.mlflow_records import SHOWN, STATE, STATUS, TimedPoint

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ENDED = frozenset(STATUS.values())
"""The status of a run whose trial has ended."""


def all_runs(client: "MlflowClient", experiment_id: str, kind: str, condition: str) -> list["Run"]:
    """Return every run of a kind (``study`` or ``trial``) for which the condition holds, over all pages."""
    found: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], f"tags.`tuner.kind` = '{kind}' and {condition}", page_token=token
        )
        found += page
        token = page.token
        if not token:
            return found


def keep_first(client: "MlflowClient", runs: list["Run"]) -> "Run":
    """Return the run of ``runs``, one or more, that was created first, and delete the others.

    Two runs of one trial exist where a server carried out a call that it could not answer any more. They
    have one start time; then the complete one is kept.
    """
    ranked = sorted(
        runs, key=lambda run: (run.info.start_time, run.info.status not in ENDED, run.info.run_id)
    )
    for second in ranked[1:]:
        client.delete_run(second.info.run_id)
    return ranked[0]


def is_left(run: "Run") -> bool:
    """Return whether a run was shown while its trial was evaluated, and never completed."""
    tags = run.data.tags
    return SHOWN in tags and (run.info.status not in ENDED or tags.get(STATE) == State.RUNNING)


def log(
    client: "MlflowClient",
    run_id: str,
    points: Collection[TimedPoint] = (),
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write points, params and tags; the client cuts batches of 1,000."""
    from mlflow.entities import Metric, Param, RunTag

    client.log_batch(
        run_id,
        [Metric(*point) for point in points],
        [Param(name, text) for name, text in (params or {}).items()],
        [RunTag(name, text) for name, text in (tags or {}).items()],
        synchronous=True,
    )
