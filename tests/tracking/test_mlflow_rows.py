"""Runs that are written as rows: those that MLflow's client would have written, whole or not at all."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

from tests.tracking.tracked import (
    NOTHING,
    card,
    complete,
    failed,
    nothing_to_load,
    pruned,
    runs,
    track,
    wait_for,
)
from tuner.records import State, TrialResult
from tuner.tracking.mlflow_store import sqlite_path
from tuner.tracking.mlflow_tracker import MlflowTracker
from tuner.tracking.tracker import Ending

RESULTS = (complete(0), pruned(1), failed(12))

OF_A_RUN = {
    "tags": "SELECT key, value FROM tags WHERE run_uuid = :run AND key <> 'mlflow.parentRunId'",
    "params": "SELECT key, value FROM params WHERE run_uuid = :run",
    "metrics": "SELECT key, value, timestamp - :start, step, is_nan FROM metrics WHERE run_uuid = :run",
    "latest": "SELECT key, value, timestamp - :start, step, is_nan FROM latest_metrics WHERE run_uuid = :run",
    "inputs": "SELECT source_type, destination_type, step, name, digest, dataset_schema, dataset_profile "
    "FROM inputs JOIN datasets ON source_id = dataset_uuid WHERE destination_id = :run",
    "input tags": "SELECT name, value FROM input_tags JOIN inputs USING (input_uuid) WHERE destination_id = :run",
}
"""What MLflow's database has of a run, without ids, with times since its start."""


def rows_of(uri: str) -> list[dict[str, Any]]:
    """What the database has of each trial's run."""
    found = []
    with sqlite3.connect(sqlite_path(uri) or "") as database:
        database.row_factory = sqlite3.Row
        for run in database.execute("SELECT * FROM runs WHERE name LIKE 'trial-%' ORDER BY name").fetchall():
            of_run = {"run": run["run_uuid"], "start": run["start_time"]}
            parts = {
                name: sorted(map(tuple, database.execute(query, of_run))) for name, query in OF_A_RUN.items()
            }
            place = run["artifact_uri"].replace(run["run_uuid"], "")
            own = {"run_uuid": "", "start_time": 0, "end_time": run["end_time"] - run["start_time"]}
            found.append({**dict(run), **own, "artifact_uri": place, **parts})
    return found


def track_by_the_client(uri: str, results: tuple[TrialResult, ...]) -> None:
    """Write trials as to a server."""
    tracker = MlflowTracker(uri, Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts")
    tracker.started(card(), (), nothing_to_load)
    tracker._rows = None
    for result in results:
        tracker.finished(result)
    assert tracker.closed(Ending.FINISHED, NOTHING).unsent == ()


def test_the_rows_of_a_run_are_those_that_mlflows_own_client_writes(
    empty_store: Path, tmp_path: Path
) -> None:
    ours, theirs = (f"sqlite:///{shutil.copy(empty_store, tmp_path / name)}" for name in ("a.db", "b.db"))
    track_by_the_client(theirs, RESULTS)
    assert track(ours, RESULTS, outcome=NOTHING).unsent == ()
    expected = rows_of(theirs)
    assert [len(run["metrics"]) for run in expected] == [len(set(run["metrics"])) for run in expected]
    assert len(expected[0]["metrics"]) > len(expected[0]["latest"]) > 10
    assert rows_of(ours) == expected


def test_a_run_that_could_not_be_written_whole_is_not_there_and_is_written_once_later(
    uri: str, tmp_path: Path
) -> None:
    tracker = MlflowTracker(uri, None)
    tracker.started(card(), [], nothing_to_load)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("ALTER TABLE latest_metrics RENAME TO away")
    tracker.finished(complete(0))
    wait_for(lambda: tracker.trouble is not None)
    assert rows_of_trials(tmp_path) == 0
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("ALTER TABLE away RENAME TO latest_metrics")
    assert tracker.closed(Ending.FINISHED, NOTHING).unsent == ()
    assert [run.info.status for run in runs(uri, "trial")] == ["FINISHED"]


def rows_of_trials(folder: Path) -> int:
    with sqlite3.connect(folder / "mlflow.db") as database:
        return int(database.execute("SELECT count(*) FROM runs WHERE name LIKE 'trial-%'").fetchone()[0])


def test_metrics_that_mlflow_knows_by_one_name_do_not_stand_in_each_others_way(uri: str) -> None:
    scores = {"f1 > 0.5": 0.25, "f1 < 0.5": 0.25}
    assert track(uri, [TrialResult(0, State.COMPLETE, {}, (0.25,), metrics=scores)]).unsent == ()
    (run,) = runs(uri, "trial")
    assert run.data.metrics["cv/f1 _ 0.5"] == 0.25
