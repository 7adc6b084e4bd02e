"""What the tests of tracking share."""

import shutil
from pathlib import Path

import pytest

from tuner.tracking.mlflow_store import sqlite_uri


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    """The address of a store of the test's own."""
    return sqlite_uri(Path(shutil.copy(empty_store, tmp_path / "mlflow.db")))
