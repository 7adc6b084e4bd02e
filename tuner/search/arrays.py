"""Where the curves and out-of-fold predictions of trials lie: files in a folder, or rows of a database."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, select

from tuner.search.database import Database

_TABLE = Table(
    "tuner_arrays",
    MetaData(),
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("trial", Integer, primary_key=True, autoincrement=False),
    Column("npz", LargeBinary, nullable=False),
)


class Arrays(Protocol):
    """Keeps named arrays for each trial of one study."""

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep a trial's arrays in place of those before; a crash leaves either the one or the other."""

    def read(self, number: int, name: str | None = None) -> dict[str, np.ndarray]:
        """Return a trial's arrays, or only the one of a name; raises FileNotFoundError where none were kept."""


class FolderArrays:
    """A file ``trial-0007.npz`` a trial.

    Args:
        folder: made when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """See ``Arrays.write``."""
        path = self._path(number)
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        unfinished.replace(path)

    def read(self, number: int, name: str | None = None) -> dict[str, np.ndarray]:
        """See ``Arrays.read``."""
        with self._path(number).open("rb") as file:
            return _unpacked(file, name)

    def _path(self, number: int) -> Path:
        return self._folder / f"trial-{number:04d}.npz"


class DatabaseArrays:
    """A row a trial in a table beside Optuna's, so that another machine finds them too.

    Args:
        database: where the study is stored.
        study_id: Optuna's number of the study.
    """

    def __init__(self, database: Database, study_id: int) -> None:
        self._database = database
        self._study_id = study_id

    @staticmethod
    def make_table(database: Database) -> None:
        """Make the table where it is missing."""
        database.make_table(_TABLE)

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """See ``Arrays.write``."""
        packed = io.BytesIO()
        np.savez(packed, **arrays)  # type: ignore[arg-type]
        key = {"study_id": self._study_id, "trial": number}
        with self._database.reading(), self._database.engine.begin() as connection:
            connection.execute(_TABLE.delete().filter_by(**key))
            connection.execute(_TABLE.insert().values(**key, npz=packed.getvalue()))

    def read(self, number: int, name: str | None = None) -> dict[str, np.ndarray]:
        """See ``Arrays.read``."""
        found = select(_TABLE.c.npz).filter_by(study_id=self._study_id, trial=number)
        with self._database.reading(), self._database.engine.connect() as connection:
            packed = connection.execute(found).scalar()
        if packed is None:
            raise FileNotFoundError(f"{self._database.place} has no arrays of trial {number}")
        return _unpacked(io.BytesIO(packed), name)


def _unpacked(file: io.BufferedIOBase, name: str | None) -> dict[str, np.ndarray]:
    with np.load(file) as arrays:
        names = arrays.files if name is None else [each for each in arrays.files if each == name]
        return {each: arrays[each] for each in names}
