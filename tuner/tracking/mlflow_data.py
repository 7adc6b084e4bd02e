"""A study's table as MLflow's runs name it: name, digest, columns and size; never its content."""

import json
from typing import TYPE_CHECKING

from tuner.tracking.mlflow_records import cut
from tuner.tracking.tracker import DataCard

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

LONGEST_DATA_NAME = 500
SHOWN_DIGEST = 16
LONGEST_SCHEMA = 1_000_000
"""Characters (MLflow's limits); a table whose columns need more is named without them."""

_TYPES = {"numeric": "double", "boolean": "boolean", "category": "string", "datetime": "datetime"}


def data_input(data: DataCard, *, described: bool = True) -> "DatasetInput":
    """Return the table as an input of a run.

    Args:
        data: the table.
        described: whether columns and size go with it. Once is enough: MLflow keeps one entry for a name and
            a digest.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = {"rows": data.rows, "held_out_rows": data.held_out, "columns": len(data.columns)}
    entry = Dataset(
        name=cut(data.name, LONGEST_DATA_NAME),
        digest=data.digest[:SHOWN_DIGEST],
        source_type="local",
        source=json.dumps({"uri": data.place}),
        schema=_schema(data) if described else None,
        profile=json.dumps(profile) if described else None,
    )
    return DatasetInput(entry, [InputTag("mlflow.data.context", "training")])


def _schema(data: DataCard) -> str | None:
    columns = [{"type": _TYPES[kind], "name": name, "required": False} for name, kind in data.columns.items()]
    columns += [{"type": "string", "name": f"{name} (target)", "required": True} for name in data.target]
    schema = json.dumps({"mlflow_colspec": columns}, ensure_ascii=False)
    return schema if len(schema) <= LONGEST_SCHEMA else None
