"""One driver a study: who drives it, for as long as the process lives."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from tuner.errors import TunerError
from tuner.search.database_lease import holding, is_held


@contextmanager
def driving(folder: Path, name: str, database: str | None = None) -> Iterator[Callable[[], None]]:
    """Hold a study for this process: its folder, and its records where they are in a database that machines share.

    Args:
        folder: the study's outputs.
        name: the study's name.
        database: the address of that database; None where the records lie in the folder.

    Yields:
        A function that raises TunerError once another process has taken the study over.

    Raises:
        TunerError: another process drives the study, or the folder or the database cannot be used.
    """
    with _driving_folder(folder, name):
        if database is None:
            yield lambda: None
        else:
            with holding(database, name) as still_mine:
                yield still_mine


@contextmanager
def _driving_folder(folder: Path, name: str) -> Iterator[None]:
    """Hold a study's folder for this process; the operating system lets go of it when the process ends.

    The folder is made where it is missing, and removed again if the block fails before anything was put into it.

    Args:
        folder: the study's outputs.
        name: the study's name, for the message.

    Raises:
        TunerError: another process drives the study, or the folder cannot be written.
    """
    lock = FileLock(folder / "driver.lock", timeout=1)  # a look at who drives takes it for a moment
    made = _make(folder)
    try:
        lock.acquire()
    except Timeout:
        raise TunerError(
            f"study '{name}' is being run by {_holder(folder)}; wait for it, or end it there"
        ) from None
    except OSError as error:
        raise TunerError(
            f"{folder}: cannot be written: {error.strerror}; the study keeps its records there"
        ) from None
    try:
        me = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": f"{datetime.now().astimezone():%Y-%m-%d %H:%M}",
        }
        (folder / "driver.json").write_text(json.dumps(me), encoding="utf-8")
        yield
    finally:
        # Before the lock is let go: after that, the same names may be those of the next driver. Windows refuses
        # this for a locked file, and removes it by itself.
        for name in ("driver.json", "driver.lock"):
            with suppress(PermissionError):
                (folder / name).unlink(missing_ok=True)
        lock.release()
        _tidy(made)


def is_driven(folder: Path, name: str, database: str | None = None) -> bool:
    """Return whether a process drives a study now; see ``driving``."""
    return _is_folder_driven(folder) if database is None else is_held(database, name)


def _is_folder_driven(folder: Path) -> bool:
    if not (folder / "driver.lock").is_file():
        return False
    try:
        with FileLock(folder / "driver.lock", timeout=0):
            return False
    except (Timeout, OSError):
        return True


def _make(folder: Path) -> list[Path]:
    """Make a folder with its parents and return those that were made, the innermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TunerError(
            f"{folder}: cannot be made: {error.strerror}; the study keeps its records there"
        ) from None
    return missing


def _tidy(made: list[Path]) -> None:
    """Take away the folders that were made if nothing is in them."""
    for place in made:
        if not place.is_dir() or any(place.iterdir()):
            return
        place.rmdir()


def _holder(folder: Path) -> str:
    """Return who drives, as ``process 123 on host since 2026-01-31 12:00``."""
    try:
        who = json.loads((folder / "driver.json").read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
