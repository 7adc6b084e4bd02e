"""Who drives a study in a database that machines share."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy

from tuner.errors import TunerError
from tuner.lease import driving
from tuner.search import database_lease
from tuner.search.database_lease import LEASES, STALE_SECONDS, holding, is_held

HOLD = """
import sys
from tuner.search.database_lease import holding
with holding(sys.argv[1], "s"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path_factory) -> str:
    """The address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('lease') / 'all.db'}"
    make: Callable[[str], str] = request.getfixturevalue("postgresql")
    return make(f"lease-{time.monotonic_ns()}")


@contextmanager
def another_process(url: str) -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-c", HOLD, url]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def change(url: str, **values: Any) -> None:
    """Change the lease, as a process of another machine would."""
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        assert connection.execute(LEASES.update().values(**values)).rowcount == 1
    engine.dispose()


def beat(url: str) -> float:
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.select(LEASES.c.beat)).scalar_one()
    engine.dispose()
    return float(found)


def test_a_second_driver_is_refused_wherever_it_runs_and_a_killed_one_is_taken_over_at_once(tmp_path, url):
    with another_process(url) as process:
        assert is_held(url, "s")
        for folder in ("here", "there"):
            with pytest.raises(TunerError) as raised, driving(tmp_path / folder, "s", url):
                pass
            said = str(raised.value)
            expected = f"study 's' is being run by process {process.pid} on {socket.gethostname()} since 20"
            assert expected in said
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not is_held(url, "s")
        with driving(tmp_path / "there", "s", url) as still_mine:
            still_mine()
            assert is_held(url, "s")
    assert not is_held(url, "s")
    assert list(tmp_path.iterdir()) == []


def test_a_driver_on_another_machine_is_taken_over_once_its_last_sign_of_life_is_old(url):
    with holding(url, "s"):
        # Its process number is of another machine, so that no process of this one tells anything.
        change(url, machine="elsewhere", host="far", pid=2**22 + 1)
        assert is_held(url, "s")
        with (
            pytest.raises(TunerError, match=r"is being run by process 4194305 on far since"),
            holding(url, "s"),
        ):
            pass
        change(url, beat=beat(url) - STALE_SECONDS + 5)
        with pytest.raises(TunerError, match="on far"), holding(url, "s"):
            pass
        change(url, beat=beat(url) - 10)
        assert not is_held(url, "s")
        with holding(url, "s") as still_mine:
            still_mine()


def test_a_driver_whose_study_was_taken_over_is_told_and_leaves_the_other_its_lease(url):
    with holding(url, "s") as still_mine:
        still_mine()
        change(url, token="another", host="far", machine="elsewhere", pid=77)
        with pytest.raises(TunerError) as raised:
            still_mine()
    said = str(raised.value)
    assert "study 's' was taken over by process 77 on far since" in said
    assert "writes nothing more" in said
    assert is_held(url, "s")


def test_a_driver_gives_signs_of_life(url, monkeypatch):
    monkeypatch.setattr(database_lease, "BEAT_SECONDS", 0.05)
    with holding(url, "s") as still_mine:
        first = beat(url)
        change(url, beat=first - 1000)
        deadline = time.monotonic() + 10
        while beat(url) < first and time.monotonic() < deadline:
            time.sleep(0.05)
        assert beat(url) >= first
        still_mine()


def test_two_studies_of_one_database_are_driven_at_the_same_time(url):
    with holding(url, "s"), holding(url, "other"):
        assert is_held(url, "s")
        assert is_held(url, "other")
    assert not is_held(url, "s")


def test_a_process_number_that_another_process_has_got_does_not_count_as_dead(url):
    with holding(url, "s"):
        change(url, pid=os.getppid())
        assert is_held(url, "s")
