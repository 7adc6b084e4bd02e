"""What all tests share."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets; tests that need it are skipped where it is missing."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the data sets are not here: {folder}")
    return folder


@pytest.fixture(scope="session")
def begin(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes folders with an MLflow store and no study; to create a store takes MLflow seconds, so it is copied."""
    from tuner.tracking.mlflow_store import connect, sqlite_uri

    store = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(sqlite_uri(store))

    def folder(name: str) -> Path:
        made = tmp_path_factory.mktemp(name)
        (made / "runs").mkdir()
        shutil.copy(store, made / "runs")
        return made

    return folder
