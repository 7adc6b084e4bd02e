"""Who drives a study that machines share: a row of its database, kept fresh for as long as the driver lives.

Only the database's clock counts, so those of the machines need not agree.
"""

import os
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from types import MappingProxyType

from sqlalchemy import Column, Connection, Float, Integer, MetaData, String, Table, select, text
from sqlalchemy.exc import IntegrityError

from tuner.errors import TunerError
from tuner.search.database import Database

STALE_SECONDS = 60.0
"""After so long without a sign of life a driver on another machine counts as dead."""

BEAT_SECONDS = 10.0
"""How often a driver gives a sign of life."""

LEASES = Table(
    "tuner_leases",
    MetaData(),
    Column("study", String(200), primary_key=True),
    Column("token", String(32), nullable=False),
    Column("host", String(300), nullable=False),
    Column("machine", String(300), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("since", String(40), nullable=False),
    Column("beat", Float(53), nullable=False),
)

_CLOCKS: Mapping[str, str] = MappingProxyType(
    {
        "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
        "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
    }
)
"""Seconds since 1970 by the database's clock."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who drives.

    Attributes:
        token: unique to one hold of the lease.
        host: the machine's name.
        machine: tells machines of one name apart, and one start of a machine from the next.
        pid: the process.
        since: when it began, as people read it.
        beat: its last sign of life, in seconds by the database's clock.
    """

    token: str
    host: str
    machine: str
    pid: int
    since: str
    beat: float

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"

    def lives(self, now: float) -> bool:
        """Return whether it is to be taken for alive at a time of the database's clock."""
        return now - self.beat < STALE_SECONDS and not (self.machine == _machine() and _is_gone(self.pid))


@contextmanager
def holding(url: str, name: str) -> Iterator[Callable[[], None]]:
    """Hold a study for this process, and give signs of life until the block ends.

    Args:
        url: the database, as ``complete_url`` gives it.
        name: the study's name.

    Yields:
        A function that raises TunerError once another process has taken the study over.

    Raises:
        TunerError: another process drives the study, or the database cannot be used.
    """
    database = Database(url)
    ended = Event()
    try:
        database.make_table(LEASES)
        token = _take(database, name)
        beats = Thread(target=_beat, args=(database, token, ended), name="lease", daemon=True)
        beats.start()
        try:
            yield lambda: _check(database, name, token)
        finally:
            ended.set()
            beats.join()
            # Where the database is gone the lease ends by itself, when its last sign of life is old.
            with suppress(TunerError), database.reading(), database.engine.begin() as connection:
                connection.execute(LEASES.delete().where(LEASES.c.token == token))
    finally:
        database.close()


def is_held(url: str, name: str) -> bool:
    """Return whether a process drives a study now."""
    database = Database(url)
    try:
        database.make_table(LEASES)
        with database.reading(), database.engine.connect() as connection:
            holder = _holder(connection, name)
            return holder is not None and holder.lives(_now(connection))
    finally:
        database.close()


def _take(database: Database, name: str) -> str:
    """Write this process into the lease and return its token."""
    token = uuid.uuid4().hex
    me = {
        "token": token,
        "host": socket.gethostname(),
        "machine": _machine(),
        "pid": os.getpid(),
        "since": f"{datetime.now().astimezone():%Y-%m-%d %H:%M}",
    }
    with database.reading():
        try:
            with database.engine.begin() as connection:
                holder, now = _holder(connection, name), _now(connection)
                if holder is None:
                    connection.execute(LEASES.insert().values(study=name, beat=now, **me))
                    return token
                if not holder.lives(now):
                    mine = LEASES.update().where(LEASES.c.token == holder.token).values(beat=now, **me)
                    if connection.execute(mine).rowcount == 1:
                        return token
                    holder = None
        except IntegrityError:
            holder = None
    by = str(holder) if holder is not None else "another process, which was faster by a moment"
    raise TunerError(f"study '{name}' is being run by {by}; wait for it, or end it there")


def _check(database: Database, name: str, token: str) -> None:
    """Raise where the lease is another process's."""
    with database.reading(), database.engine.connect() as connection:
        holder = _holder(connection, name)
    if holder is None or holder.token != token:
        by = "another process" if holder is None else str(holder)
        raise TunerError(
            f"study '{name}' was taken over by {by}, since this process had given no sign of life for "
            f"{STALE_SECONDS:.0f} s; it ends here and writes nothing more"
        )


def _beat(database: Database, token: str, ended: Event) -> None:
    """Give signs of life until the lease ends or is lost; one that fails is made up for by the next."""
    while not ended.wait(BEAT_SECONDS):
        with suppress(TunerError), database.reading(), database.engine.begin() as connection:
            mine = LEASES.update().where(LEASES.c.token == token).values(beat=_now(connection))
            if connection.execute(mine).rowcount == 0:
                return


def _holder(connection: Connection, name: str) -> Holder | None:
    columns = [column for column in LEASES.c if column.name != "study"]
    row = connection.execute(select(*columns).where(LEASES.c.study == name)).first()
    return None if row is None else Holder(*row)


def _now(connection: Connection) -> float:
    return float(connection.execute(text(_CLOCKS[connection.dialect.name])).scalar_one())


def _machine() -> str:
    """Return what no other machine, container or start of this one has, as far as the system tells."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{uuid.getnode():x}"


def _is_gone(pid: int) -> bool:
    """Return whether no process of this machine has a number; False where the system cannot tell."""
    if os.name == "nt":
        return False  # os.kill would end the process
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
