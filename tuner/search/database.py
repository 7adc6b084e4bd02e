"""The database that a study's trials are stored in: reached once it is needed, and what is said where it is not."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import Engine, Table, create_engine, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, ProgrammingError

from tuner.errors import TunerError
from tuner.search.url import SQLITE, without_passwords

_LOCK_SECONDS = 60  # how long a write to SQLite waits while another process, a viewer say, reads it
_CONNECT_SECONDS = 4  # for each address of a server's name, of which there may be two


class Database:
    """A database with Optuna's tables, and with some of our own beside them.

    Args:
        url: its address, as ``complete_url`` gives it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._storage: RDBStorage | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is a file of SQLite."""
        return self._url.startswith(SQLITE)

    @property
    def place(self) -> str:
        """What messages call it: the file, or the address without its password."""
        if self.is_file:
            return self._url.removeprefix(SQLITE).partition("?")[0]
        return without_passwords(self._url)

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's connections to it."""
        return self.storage.engine

    @property
    def storage(self) -> RDBStorage:
        """Optuna's view of it; its tables are made where they are missing.

        Raises:
            TunerError: it cannot be reached, or is no study's database.
        """
        if self._storage is None:
            with self.reading(), self._address():
                try:
                    self._storage = RDBStorage(self._url, engine_kwargs=self._options())
                except (IntegrityError, ProgrammingError):
                    # Another process has just made the tables; if that was not the reason, the second try says so.
                    self._storage = RDBStorage(self._url, engine_kwargs=self._options())
        return self._storage

    def has_tables(self) -> bool:
        """Return whether a study may be stored in it, without making anything.

        Raises:
            TunerError: it cannot be reached.
        """
        if self._storage is not None:
            return True
        if self.is_file and not Path(self.place).is_file():
            return False
        with self.reading(), self._address():
            engine = create_engine(make_url(self._url), **self._options())
            try:
                return inspect(engine).has_table("studies")
            finally:
                engine.dispose()

    def make_table(self, table: Table) -> None:
        """Make a table of our own where it is missing."""
        with self.reading():
            try:
                table.create(self.engine, checkfirst=True)
            except (IntegrityError, ProgrammingError):
                # Another process has just made it; if that was not the reason, the second try says so.
                table.create(self.engine, checkfirst=True)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn what the database raises into a TunerError that names it and says what to do."""
        try:
            yield
        except (DBAPIError, StorageInternalError) as error:
            reason = _reason(error)
            if self.is_file:
                raise TunerError(
                    f"{self.place}: not a study's database, or damaged: {reason}; "
                    "put a copy in its place, or move it away to start anew"
                ) from None
            raise TunerError(
                f"{self.place}: the database cannot be used: {without_passwords(reason)}; what was recorded before "
                "is not lost; see that the server runs and the address is right, then type the same command again"
            ) from None

    def close(self) -> None:
        """Let go of it."""
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()
        self._storage = None

    @contextmanager
    def _address(self) -> Iterator[None]:
        """Turn what is wrong with the address, or missing for it, into a TunerError."""
        try:
            yield
        except ImportError:
            raise TunerError(
                f"{self.place}: PostgreSQL needs psycopg; type: pip install 'tuner[postgres]'"
            ) from None
        except (ArgumentError, ValueError):
            # The error's own text may hold the password.
            raise TunerError(
                f"{self.place}: not an address that SQLAlchemy reads; write "
                "postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE, with %40 for @ in a password"
            ) from None

    def _options(self) -> dict[str, Any]:
        if self.is_file:
            return {"connect_args": {"timeout": _LOCK_SECONDS}}
        # A server that was restarted between two trials is found again.
        return {"connect_args": {"connect_timeout": _CONNECT_SECONDS}, "pool_pre_ping": True}


def _reason(error: BaseException) -> str:
    """Return the first line of what the driver said."""
    cause = error.__cause__ or error
    if isinstance(cause, DBAPIError) and cause.orig is not None:
        cause = cause.orig
    text = str(cause).strip().partition("\n")[0]
    return re.sub(r"^connection failed: ", "", text)
