"""A study's final model in MLflow: what ``mlflow.pyfunc.load_model`` opens and ``mlflow models serve`` serves."""

import tempfile
import warnings
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tuner.tracking.mlflow_records import legal_name
from tuner.tracking.tracker import ModelCard

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

NAME = "model"
"""The model's name in its run: ``runs:/<run>/model``."""

_DIGEST = "tuner.digest"


def send_model(
    client: "MlflowClient", experiment_id: str, run_id: str, card: ModelCard, scores: Mapping[str, float]
) -> str:
    """Keep a model with a run; where the run's newest model is the same already, it stays.

    An earlier one stays too: MLflow opens the newest under ``runs:/<run>/model``.

    Args:
        client: a client of the store.
        experiment_id: the run's experiment.
        run_id: the study's run.
        card: the model.
        scores: shown with the model; those that are not finite are left out.

    Returns:
        The model's id: ``models:/<id>`` opens it.
    """
    from mlflow.entities import LoggedModelOutput, Metric

    model = _newest(client, experiment_id, run_id)
    if model is None or model.tags.get(_DIGEST) != card.digest:
        tags = {_DIGEST: card.digest}
        model = client.create_logged_model(
            experiment_id, name=NAME, source_run_id=run_id, tags=tags, model_type="tuner"
        )
    if model.status != "READY":
        with tempfile.TemporaryDirectory() as folder:
            packed = Path(folder) / "packed"
            _pack(packed, model, run_id, card)
            client.log_model_artifacts(model.model_id, str(packed))
        moment = int(model.creation_timestamp)
        points = [
            Metric(legal_name(name), value, moment, 0, model_id=model.model_id, run_id=run_id)
            for name, value in scores.items()
            if isfinite(value)
        ]
        client.log_batch(run_id, metrics=points, synchronous=True)
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)


def _newest(client: "MlflowClient", experiment_id: str, run_id: str) -> "LoggedModel | None":
    """Return the run's newest model, whether all of it arrived or not."""
    of_run = f"source_run_id = '{run_id}' AND name = '{NAME}'"
    found = client.search_logged_models([experiment_id], of_run)
    return max(found, key=lambda model: int(model.creation_timestamp), default=None)


def _pack(folder: Path, model: "LoggedModel", run_id: str, card: ModelCard) -> None:
    """Write what MLflow opens: the model folder, how it is loaded, its columns, an example and its requirements."""
    with warnings.catch_warnings():
        # MLflow warns of its own type hints, and uses what pandas will drop; a user of ours can mend neither.
        warnings.simplefilter("ignore")
        from mlflow import pyfunc
        from mlflow.models import Model, ModelSignature
        from mlflow.types.schema import AnyType

        about = Model(
            artifact_path=model.artifact_location,
            model_uuid=model.model_id,
            model_id=model.model_id,
            run_id=run_id,
        )
        pyfunc.save_model(
            str(folder),
            loader_module=card.loader,
            data_path=str(card.folder),
            mlflow_model=about,
            signature=ModelSignature(_schema(card.inputs, AnyType()), _schema(card.outputs, "double")),
            input_example=pd.DataFrame(list(card.example), columns=list(card.inputs)),
            pip_requirements=list(card.requirements),
        )


def _schema(kinds: Mapping[str, str], other: Any) -> Any:
    """Return MLflow's schema of some columns: categories are text, all others of the type ``other``.

    What a model reads is of any type: MLflow refuses whole numbers where a column is a double, and a missing value
    where it is an integer, before the model is asked, which reads both.
    """
    from mlflow.types import ColSpec, Schema

    return Schema(
        [
            ColSpec("string" if kind == "category" else other, name, required=False)
            for name, kind in kinds.items()
        ]
    )
