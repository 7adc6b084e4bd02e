import os
import signal
import socket
from pathlib import Path

import pytest

from tuner.errors import TunerError
from tuner.tracking.dashboard import _interruptible, serve_dashboard
from tuner.tracking.mlflow_store import sqlite_uri


def never(page: str) -> None:
    raise AssertionError(f"{page} should not have been opened")


def test_before_the_first_run_the_error_says_to_run_the_study(tmp_path: Path) -> None:
    with pytest.raises(TunerError, match=r"there is no experiment 'iris' in sqlite:///.*; first: tune run"):
        serve_dashboard(sqlite_uri(tmp_path / "mlflow.db"), "iris", "iris", never, browse=never)
    assert list(tmp_path.iterdir()) == []


def test_a_given_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(TunerError, match=f"127.0.0.1:{port} is taken"):
            serve_dashboard(
                sqlite_uri(tmp_path / "mlflow.db"), "iris", "iris", never, port=port, browse=never
            )


@pytest.mark.parametrize("port", [0, -1, 70000])
def test_a_number_that_is_no_port_is_an_error(tmp_path: Path, port: int) -> None:
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(TunerError, match=r"a port is a number in 1 \.\. 65535"):
        serve_dashboard(sqlite_uri(tmp_path / "mlflow.db"), "iris", "iris", never, port=port, browse=never)


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_kill_and_a_closed_terminal_end_the_server_like_ctrl_c(number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), _interruptible():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before
