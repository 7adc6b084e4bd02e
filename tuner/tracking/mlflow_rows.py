"""Runs as rows of MLflow's database, each of them with all that it has in one transaction.

MLflow's client makes an object of every point, and writes a run in six transactions, which costs more than training a
small network does. The rows are those that it would write, and it reads them. A server is told through its client.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import Connection, Table, insert, select

from tuner.tracking.mlflow_records import TimedPoint

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Dataset


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended, with names and texts as MLflow accepts them.

    Attributes:
        name: what it is called.
        status: how it ended, in MLflow's words.
        start: when it began, in milliseconds since 1970.
        end: when it ended.
        tags: all of its tags but its name.
        params: its params.
        points: its metrics.
    """

    name: str
    status: str
    start: int
    end: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: Sequence[TimedPoint]


class RunRows:
    """Adds ended runs to a database: in the experiment of a run that MLflow has made, and on the data of that one.

    Args:
        client: a client of the database, whose tables are those of this MLflow: it has checked that.
        beside: the id of the run.
        data: the data set, which the run has among its inputs.
    """

    def __init__(self, client: "MlflowClient", beside: str, data: "Dataset") -> None:
        self._store: Any = client._tracking_client.store
        self._beside = beside
        tables = _tables()
        runs, inputs, datasets = tables["runs"], tables["inputs"], tables["datasets"]
        with self._store.ManagedSessionMaker() as session:
            connection = session.connection()
            # A column that nothing here speaks of has in other runs what it has in this one.
            of_run = select(runs).where(runs.c.run_uuid == beside)
            self._run = dict(connection.execute(of_run).mappings().one())
            of_data = (
                select(inputs)
                .join(datasets, datasets.c.dataset_uuid == inputs.c.source_id)
                .where(inputs.c.destination_type == "RUN", inputs.c.destination_id == beside)
                .where(datasets.c.name == data.name, datasets.c.digest == data.digest)
            )
            self._input = dict(connection.execute(of_data).mappings().one())
            input_tags = tables["input_tags"]
            of_input = select(input_tags).where(input_tags.c.input_uuid == self._input["input_uuid"])
            self._input_tags = [dict(row) for row in connection.execute(of_input).mappings()]

    def add(self, run: EndedRun) -> str:
        """Add a run and return its id; all of it is there then, or nothing.

        Raises:
            MlflowException: it could not be written, or it is not known whether it was.
        """
        run_id, input_id = uuid4().hex, uuid4().hex
        row = {
            "run_uuid": run_id,
            "name": run.name,
            "status": run.status,
            "start_time": run.start,
            "end_time": run.end,
            "user_id": run.tags["mlflow.user"],
            "artifact_uri": self._run["artifact_uri"].replace(self._beside, run_id),
        }
        points = [_point(point) for point in dict.fromkeys(run.points)]
        rows: Mapping[str, Iterable[Mapping[str, Any]]] = {
            "tags": _texts({**run.tags, "mlflow.runName": run.name}),
            "params": _texts(run.params),
            "metrics": points,
            "latest_metrics": _latest(points),
        }
        with self._store.ManagedSessionMaker(read_only=False) as session:
            connection, tables = session.connection(), _tables()
            _insert(connection, tables["runs"], [{**self._run, **row}])
            for name, entries in rows.items():
                _insert(connection, tables[name], [{**entry, "run_uuid": run_id} for entry in entries])
            data = {**self._input, "input_uuid": input_id, "destination_id": run_id}
            _insert(connection, tables["inputs"], [data])
            _insert(
                connection,
                tables["input_tags"],
                [{**tag, "input_uuid": input_id} for tag in self._input_tags],
            )
        return run_id


def rows_beside(client: "MlflowClient", uri: str, run_id: str, data: "Dataset") -> RunRows | None:
    """Return what adds runs beside one to the database at ``uri``; None where that is a server's address."""
    if urlsplit(uri).scheme in ("http", "https"):
        return None
    return RunRows(client, run_id, data)


def _tables() -> Mapping[str, Table]:
    """Return MLflow's tables by name."""
    from mlflow.store.db.base_sql_model import Base

    return Base.metadata.tables  # type: ignore[no-any-return]


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _texts(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": text} for name, text in texts.items()]


def _point(point: TimedPoint) -> dict[str, Any]:
    name, value, time, step = point
    return {"key": name, "value": value, "timestamp": time, "step": step, "is_nan": False}


def _latest(points: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the point of each metric that MLflow shows as its value: that of the last step, and of it the last."""
    latest: dict[str, dict[str, Any]] = {}
    for point in points:
        known = latest.setdefault(point["key"], point)
        if _age(point) > _age(known):
            latest[point["key"]] = point
    return list(latest.values())


def _age(point: Mapping[str, Any]) -> tuple[int, int, float]:
    return point["step"], point["timestamp"], point["value"]
