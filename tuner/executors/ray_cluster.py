"""A Ray cluster: joined where ``RAY_ADDRESS`` says, or started on this machine for as long as the study runs."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType

from tuner.errors import TunerError
from tuner.executors.devices import room_on
from tuner.executors.machine import usable_cores

ADDRESS = "RAY_ADDRESS"
"""The variable with the cluster's address."""

PATIENCE = 5.0
"""Seconds within which a cluster must answer."""

SETTINGS: Mapping[str, str] = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a worker says itself which devices it sees
}
"""Variables of Ray that are set where the user has not."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster that this process has joined.

    Attributes:
        ray: the package.
        nodes: what each node has: ``CPU``, ``GPU`` and others, in units of Ray.
    """

    ray: ModuleType
    nodes: tuple[Mapping[str, float], ...]

    def close(self) -> None:
        """Leave the cluster, which ends all of this process's in it; end it too if this process has started it."""
        self.ray.shutdown()


def room_in(nodes: Sequence[Mapping[str, float]], cpus: int, gpus: float) -> int:
    """Return how many workers find a place.

    Args:
        nodes: what each node has.
        cpus: cores that a worker takes, at least 1.
        gpus: the share of a GPU that it takes, 0 to 1.
    """
    by_cpus = [int(node.get("CPU", 0.0)) // cpus for node in nodes]
    if not gpus:
        return sum(by_cpus)
    by_gpus = [room_on(int(node.get("GPU", 0.0)), gpus) for node in nodes]
    return sum(map(min, by_cpus, by_gpus))


def join_cluster() -> Cluster:
    """Join the cluster at ``RAY_ADDRESS``, or start one on this machine with as many cores as may be used.

    Raises:
        TunerError: Ray is not installed, or there is no cluster at that address that takes this process in; told
            within seconds.
    """
    if find_spec("ray") is None:
        raise TunerError("--executor ray: Ray is not installed; type: pip install 'tuner[ray]'")
    address = os.environ.get(ADDRESS) or "local"
    named = address not in ("local", "auto")
    if named:
        _check_answers(address)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)

    import ray

    if named:
        _check_token(address)
    own = {"num_cpus": usable_cores(), "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        if address == "local":
            raise TunerError(
                f"--executor ray: Ray does not start on this machine: {last_line(error)}"
            ) from None
        raise TunerError(
            f"{ADDRESS}={address}: this machine cannot join the Ray cluster: {last_line(error)}; a study is run on a "
            f"node of its cluster: type 'ray start --address={address}' here first"
        ) from None
    return Cluster(ray, tuple(node["Resources"] for node in ray.nodes() if node["Alive"]))


def _check_answers(address: str) -> None:
    """Refuse an address where nobody listens; Ray would take seconds to be imported, and then try for long."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise TunerError(
            f"{ADDRESS}={address}: not an address; write host:port, such as 10.0.0.1:6379, or auto"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _nobody(address, getattr(error, "strerror", None) or str(error)) from None


def _check_token(address: str) -> None:
    """Refuse a cluster that does not take this process in; Ray would try for 20 seconds."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # made by a compiler
    from ray.exceptions import RayError

    try:
        GcsClient(address=address)
    except RayError as error:
        if "token" not in str(error).lower():
            raise _nobody(address, last_line(error)) from None
        raise TunerError(
            f"{ADDRESS}={address}: the Ray cluster refuses this process's token; set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN to what its head was started with (there, 'ray get-auth-token' prints it)"
        ) from None


def _nobody(address: str, why: str) -> TunerError:
    return TunerError(
        f"{ADDRESS}={address}: no Ray cluster answers there ({why}); start one with 'ray start --head', or leave "
        f"{ADDRESS} out to use this machine alone"
    )


def last_line(error: BaseException) -> str:
    """Return the gist of an error of Ray, which ends with its cause."""
    return (str(error) or type(error).__name__).strip().splitlines()[-1]
