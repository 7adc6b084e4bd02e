"""What is told where a Ray cluster cannot be joined; studies on one are in ``tests/test_repeats.py``."""

import socket
import sys
from importlib.metadata import version

import pytest

from tests.command import tune
from tests.small import config_of, write_study
from tuner.errors import TunerError
from tuner.executors.choice import ray_workers
from tuner.executors.ray_workers import SAME, Station


def test_without_ray_the_extra_that_brings_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # Python's sign for what cannot be imported
    with pytest.raises(TunerError, match=r"Ray is not installed; type: pip install 'tuner\[ray\]'"):
        ray_workers(config_of(tmp_path), None)


def test_an_executor_that_there_is_not_is_refused_with_those_that_there_are(tmp_path):
    said = tune("run", write_study(tmp_path), "--executor", "cloud")
    assert said.code == 2
    assert all(word in said.err for word in ("--executor", "cloud", "local", "ray"))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "127.0.0.1:{closed}",
            "no Ray cluster answers there (Connection refused); start one with 'ray start",
        ),
        ("127.0.0.1:700000", "no Ray cluster answers there ("),
        ("ray://127.0.0.1:10001", "not an address; write host:port, such as 10.0.0.1:6379, or auto"),
        ("nonsense", "not an address; write host:port"),
    ],
)
def test_an_address_without_a_cluster_is_told_before_the_data_is_looked_at(
    tmp_path, monkeypatch, address, words
):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = address.format(closed=unused.getsockname()[1])
        monkeypatch.setenv("RAY_ADDRESS", address)
        path = write_study(tmp_path)
        (tmp_path / "table.csv").write_text("not what the study asks for")
        said = tune("run", path, "--executor", "ray")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"RAY_ADDRESS={address}: {words}")
    assert said.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_node_with_another_version_is_told_and_gets_no_work():
    driver = {name: version(name) for name in SAME} | {"keras": "3.0.1"}
    obstacle, _ = Station("stacked", {}, driver, with_gpu=False).load()
    assert obstacle is not None
    assert obstacle.lasting
    assert (
        f"has keras {version('keras')} (the driver has 3.0.1); results would not repeat" in obstacle.message
    )
