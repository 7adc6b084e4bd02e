import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tuner.errors import TunerError
from tuner.tracking.dashboard import _interruptible, serve_dashboard
from tuner.tracking.mlflow_store import connect, sqlite_uri, take_experiment

SERVE = """
import sys
from tuner.tracking.dashboard import serve_dashboard
serve_dashboard(sys.argv[1], "iris", "iris", lambda page: print(page, flush=True), browse=lambda page: None)
print("ended", flush=True)
"""


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


def post(address: str, body: dict[str, object]) -> dict[str, object]:
    request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))


def children_of(process: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    direct = [pid for pid, parent in pairs if parent == process]
    return direct + [grandchild for child in direct for grandchild in children_of(child)]


def exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals and asks ps")
def test_the_server_shows_the_experiment_and_ends_with_its_children(tmp_path: Path) -> None:
    uri = sqlite_uri(tmp_path / "mlflow.db")
    client = connect(uri)
    experiment = take_experiment(client, uri, "iris", tmp_path / "mlartifacts")
    client.create_run(experiment.id, run_name="trial-0000")
    with subprocess.Popen([sys.executable, "-c", SERVE, uri], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        page = command.stdout.readline().strip()
        parts = urlsplit(page)
        assert parts.hostname == "127.0.0.1"
        assert (
            parts.fragment
            == f"/experiments/{experiment.id}/runs?orderByKey=attributes.start_time&orderByAsc=false"
        )
        with urlopen(page, timeout=10) as answer:
            assert "<title>MLflow</title>" in answer.read().decode()
        origin = f"{parts.scheme}://{parts.netloc}"
        found = post(f"{origin}/api/2.0/mlflow/runs/search", {"experiment_ids": [experiment.id]})
        assert [run["info"]["run_name"] for run in found["runs"]] == ["trial-0000"]  # type: ignore[attr-defined]
        servers = children_of(command.pid)
        assert len(servers) == 2
        command.send_signal(signal.SIGINT)
        assert command.stdout.read() == "ended\n"
        assert command.wait(timeout=10) == 0
    deadline = time.monotonic() + 1
    while any(map(exists, servers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(exists, servers))
