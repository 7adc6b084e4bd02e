"""Where a study's trials are shown, as its file says."""

from pathlib import Path

from tuner.config.study_file import StudyConfig
from tuner.tracking.mlflow_store import sqlite_uri


def is_tracked(config: StudyConfig) -> bool:
    """Return whether trials are shown anywhere beside the study's own records."""
    return config.tracking.uri != "none"


def tracking_place(config: StudyConfig) -> tuple[str, Path | None]:
    """Return the URI of a tracked study's store, and where it keeps files if that is for this side to say."""
    runs = config.runs_folder.parent
    uri = sqlite_uri(runs / "mlflow.db") if config.tracking.uri == "auto" else config.tracking.uri
    return uri, None if uri.startswith(("http://", "https://")) else runs / "mlartifacts"


def experiment_name(config: StudyConfig) -> str:
    """Return the name of the MLflow experiment."""
    return config.name if config.tracking.experiment == "auto" else config.tracking.experiment
