"""Ray nodes on this machine, for tests: each can be killed with all of its processes, like a machine."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    """Return a port that nobody listens at; Ray gives its processes ports from 10002 on."""
    for port in range(9000, 9900):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port is free")


class Nodes:
    """The nodes of one cluster; the first holds it together and evaluates nothing."""

    def __init__(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._folder = folder
        self._port = self.address.partition(":")[2]
        self._started: list[subprocess.Popen[str]] = []

    def begin(self) -> None:
        """Start the head, and wait until nodes may join it."""
        head = ("--head", f"--port={self._port}", f"--temp-dir={self._folder}", "--include-dashboard=false")
        self._start(*head, "--num-cpus=0")

    def add(self) -> subprocess.Popen[str]:
        """Start a node with one core, and wait until it has joined."""
        return self._start(f"--address={self.address}", "--num-cpus=1")

    def kill(self, node: subprocess.Popen[str]) -> None:
        """End a node and all of its processes at once, as a power failure would."""
        for pid in (*descendants(node.pid), node.pid):
            os.kill(pid, signal.SIGKILL)
        node.communicate()
        self._started.remove(node)

    def end(self) -> None:
        """End all nodes."""
        for node in tuple(self._started):
            self.kill(node)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-u", "-m", "ray.scripts.scripts", "start", "--block", *options]
        node = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._started.append(node)
        assert node.stdout is not None
        assert any("Ray runtime started" in line for line in node.stdout)
        return node


def descendants(pid: int) -> list[int]:
    """Return the ids of a process's children and of theirs, those of sessions of their own included."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(words[1]), []).append(int(status.parent.name))
    found, below = [], [pid]
    while below:
        children = parents.get(below.pop(), [])
        found += children
        below += children
    return found


@contextmanager
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    """A cluster whose address and token are in the environment."""
    pytest.importorskip("ray")
    nodes = Nodes(Path(tempfile.mkdtemp(prefix="ray")))  # its sockets' paths must be short
    for name, value in {
        "RAY_ADDRESS": nodes.address,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
        "RAY_USAGE_STATS_ENABLED": "0",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        nodes.begin()
        yield nodes
    finally:
        nodes.end()
