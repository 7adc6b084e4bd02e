"""What the tests of tracking share."""

import shutil
from pathlib import Path

import pytest

from tuner.tracking.mlflow_store import connect, sqlite_uri


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without a study; to create one takes seconds, so it is copied."""
    database = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(sqlite_uri(database))
    return database


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    """The address of a store of the test's own."""
    return sqlite_uri(Path(shutil.copy(empty_store, tmp_path / "mlflow.db")))
