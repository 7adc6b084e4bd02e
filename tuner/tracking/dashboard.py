"""Serve MLflow's pages for a study on this machine, until the user has seen enough."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from types import FrameType
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from tuner.errors import TunerError
from tuner.tracking.mlflow_store import Experiment, connect, find_experiment, runs_page, shown, sqlite_path
from tuner.tracking.mlflow_view import view_key, view_tag

FIRST_PORT = 5000
"""Where a free port is looked for, upwards; MLflow's own default."""

START_S = 90.0
"""Seconds for the server to start; five to ten on two idle cores."""

END_S = 5.0
"""Seconds for the server to end before it is killed."""

_ANY_ADDRESS: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""Where this machine's browser finds a server that listens at every address."""


def serve_dashboard(
    uri: str,
    experiment: str,
    study: str,
    ready: Callable[[str], None],
    host: str = "127.0.0.1",
    port: int | None = None,
    browse: Callable[[str], object] = webbrowser.open,
) -> None:
    """Show an experiment's runs in a browser.

    For a store on this machine an MLflow server is started, and ended with Ctrl-C; then this returns. For a
    server (``http(s)://``) this returns at once.

    Args:
        uri: the tracking store.
        experiment: the experiment's name.
        study: the study's name, whose view of the runs is shown.
        ready: called with the page's address once it can be opened.
        host: the address to listen at; other machines can reach the server only at another one than this.
        port: the port to listen at; None takes the first free one from 5000.
        browse: opens the address.

    Raises:
        TunerError: there is no such experiment, the port is taken, or the server does not start.
    """
    database = sqlite_path(uri)
    if database is not None and not database.is_file():
        raise _no_experiment(uri, experiment)
    if urlsplit(uri).scheme in ("http", "https"):
        page = _page(uri, _found(uri, experiment), study)
        ready(page)
        browse(page)
        return
    chosen = _free_port(host) if port is None else _checked_port(host, port)
    with (
        suppress(KeyboardInterrupt),
        _interruptible(),
        tempfile.TemporaryFile() as log,
        _server(uri, host, chosen, log) as server,
    ):
        # The look-up imports MLflow, which takes as long as a part of the server's start.
        found = _found(uri, experiment)
        address = f"http://{_ANY_ADDRESS.get(host) or (f'[{host}]' if ':' in host else host)}:{chosen}"
        _wait_until_it_answers(server, address, log)
        page = _page(address, found, study)
        ready(page)
        browse(page)
        _wait_for_the_end(server, log)


def _found(uri: str, name: str) -> Experiment:
    found = find_experiment(connect(uri), uri, name)
    if found is None:
        raise _no_experiment(uri, name)
    return found


def _page(address: str, experiment: Experiment, study: str) -> str:
    view = view_key(study) if view_tag(study) in experiment.tags else None
    return runs_page(address, experiment.id, view)


def _no_experiment(uri: str, name: str) -> TunerError:
    return TunerError(f"tracking: there is no experiment '{name}' in {shown(uri)} yet; first: tune run STUDY")


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        if os.name == "posix":
            # Lets a port be taken again whose last connections are still closing, as the server does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _free_port(host: str) -> int:
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        if _is_free(host, port):
            return port
    raise TunerError(f"{host}: no free port in {FIRST_PORT} .. {FIRST_PORT + 99}; give one with --port")


def _checked_port(host: str, port: int) -> int:
    if not 1 <= port <= 65535:
        raise TunerError(f"port {port}: a port is a number in 1 .. 65535")
    if not _is_free(host, port):
        raise TunerError(
            f"{host}:{port} is taken by another program, or is no address of this machine; "
            "without --port a free one is found"
        )
    return port


@contextmanager
def _server(uri: str, host: str, port: int, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``mlflow server``; on leaving, it and its children have ended."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port)]
    environment = {
        **os.environ,
        # Not an argument, because it may hold a password, and anyone can list a process's arguments.
        "MLFLOW_BACKEND_STORE_URI": uri,
        # Without its job queue and with one worker MLflow is 2 processes instead of 15.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    # A session of its own: Ctrl-C reaches this process alone, which then ends the server and its children.
    server = subprocess.Popen(
        [*command, "--workers", "1"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=environment,
        start_new_session=True,
    )
    try:
        yield server
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(server.pid)], capture_output=True, check=False)
        server.wait()
        return
    # A second Ctrl-C says that the first one takes too long.
    with suppress(KeyboardInterrupt):
        _signal_group(server.pid, signal.SIGTERM)
        if _group_ends(server):
            return
    _signal_group(server.pid, signal.SIGKILL)
    _group_ends(server)


def _group_ends(server: subprocess.Popen[bytes]) -> bool:
    """Wait until the server and all its children have ended; the server may end before they do."""
    deadline = time.monotonic() + END_S
    while time.monotonic() < deadline:
        server.poll()
        if not _signal_group(server.pid, 0):
            return True
        time.sleep(0.05)
    return False


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group (0 only asks); whether there is such a group."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _wait_until_it_answers(server: subprocess.Popen[bytes], address: str, log: IO[bytes]) -> None:
    # A proxy that the environment names cannot reach this machine's loopback.
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise TunerError(f"the MLflow server ended at once: {_last_lines(log)}")
        try:
            with opener.open(f"{address}/health", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise TunerError(f"the MLflow server did not answer within {START_S:.0f} s: {_last_lines(log)}")


def _wait_for_the_end(server: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    """Wait for a KeyboardInterrupt, or for the server to end by itself, which is an error."""
    while server.poll() is None:
        time.sleep(0.2)
    raise TunerError(f"the MLflow server has ended: {_last_lines(log)}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a closed terminal and a polite kill end the server like Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # Python lets only the main thread set them
    # One that is ignored, as under nohup, stays ignored.
    before = {
        number: signal.signal(number, interrupt)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _last_lines(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return "\n".join(lines[-5:]) or "it wrote nothing"
