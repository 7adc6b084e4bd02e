import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tuner.errors import TunerError
from tuner.lease import driving, is_driven

HOLD = """
import sys
from pathlib import Path
from tuner.lease import driving
with driving(Path(sys.argv[1]), "s"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Drive the study in another process, from here to the end of the block."""
    arguments = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_driver_is_refused_with_the_first_ones_process_and_host(tmp_path):
    with (
        another_process(tmp_path / "s") as process,
        pytest.raises(TunerError) as raised,
        driving(tmp_path / "s", "s"),
    ):
        pass
    said = str(raised.value)
    assert f"study 's' is being run by process {process.pid} on {socket.gethostname()} since 20" in said
    assert "wait for it" in said


def test_one_that_was_refused_leaves_the_first_ones_hold_as_it_is(tmp_path):
    folder = tmp_path / "s"
    with another_process(folder) as process:
        for _ in range(2):
            with pytest.raises(TunerError, match="is being run by"), driving(folder, "s"):
                pass
        assert json.loads((folder / "driver.json").read_text())["pid"] == process.pid


def test_a_driver_that_was_killed_holds_nothing(tmp_path):
    folder = tmp_path / "s"
    with another_process(folder) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (folder / "driver.json").exists()
        with driving(folder, "s"):
            assert json.loads((folder / "driver.json").read_text())["pid"] == os.getpid()


def test_a_study_can_be_driven_again_after_the_driver_has_ended(tmp_path):
    for _ in range(2):
        with driving(tmp_path / "s", "s"):
            (tmp_path / "s" / "study.db").touch()
    assert [place.name for place in (tmp_path / "s").iterdir()] == ["study.db"]


def test_the_lock_is_not_taken_away_from_the_next_driver(tmp_path, monkeypatch):
    """What says who drives goes before the lock is let go, never after."""
    from filelock import FileLock

    left: list[list[str]] = []
    release = FileLock.release

    def watched(lock: FileLock, *arguments: object, **options: object) -> None:
        left.append(sorted(place.name for place in (tmp_path / "s").iterdir()))
        release(lock, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(FileLock, "release", watched)
    with driving(tmp_path / "s", "s"):
        (tmp_path / "s" / "study.db").touch()
    assert left[0] == ["study.db"]


@pytest.mark.parametrize("made_before", [[], ["runs"], ["runs", "runs/s"]])
def test_a_driver_that_fails_leaves_no_folder_that_was_not_there(tmp_path, made_before):
    for name in made_before:
        (tmp_path / name).mkdir()
    with pytest.raises(ZeroDivisionError), driving(tmp_path / "runs" / "s", "s"):
        raise ZeroDivisionError
    assert sorted(str(place.relative_to(tmp_path)) for place in tmp_path.rglob("*")) == made_before


def test_a_study_is_driven_while_a_process_holds_it_and_not_after_that_was_killed(tmp_path):
    assert not is_driven(tmp_path / "none", "s")
    with another_process(tmp_path) as process:
        assert is_driven(tmp_path, "s")
        process.kill()
        process.wait()
        assert (tmp_path / "driver.lock").exists()
        assert not is_driven(tmp_path, "s")
