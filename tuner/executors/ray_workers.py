"""Evaluates trials on the machines of a Ray cluster.

On a node, a worker is what it is on the driver's machine: a process of ``tuner.worker`` that keeps Keras loaded.
A Ray actor beside it, the ``Station``, starts it, hands it orders and watches what they take. So the limits of a trial,
its crashes and its bits are those of a local worker, and what takes the actor away (a lost node, ``ray stop``) is no
doing of the trial. A process ends with its station, and a station with the driver.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from tuner.engines.choice import packages_of
from tuner.executors.attempt import Answered, Attempt, Crashed, Exceeded, Lost, Obstacle
from tuner.executors.crew import Crew
from tuner.executors.devices import NO_DEVICE, VISIBLE, shaped_as, shaping, worker_environment
from tuner.executors.executor import NO_LIMITS, Limits
from tuner.executors.process import WorkerProcess
from tuner.executors.ray_cluster import Cluster, last_line
from tuner.glimpses import Heard
from tuner.records import Glimpse, Reason
from tuner.worker import Order

if TYPE_CHECKING:  # scikit-learn and pandas, which a worker should not have to wait for
    from tuner.final import FinalPlan
    from tuner.problem import Problem

FAREWELL = 3.0
"""Seconds within which it is known of a lost actor whether its node is lost too."""

SAME = ("tuner", "tensorflow", "keras", "numpy", "scikit-learn", "pandas")
"""Packages that must have one version on all nodes, since the bits of a result depend on them."""


class RayWorkers(Crew):
    """A ``Crew`` of workers on the nodes of a cluster, spread over them."""

    def __init__(
        self,
        cluster: Cluster,
        engine: str,
        *,
        workers: int = 1,
        limits: Limits = NO_LIMITS,
        cpus: int = 1,
        gpus: float = 0.0,
    ) -> None:
        """Start the first worker; it is ready some seconds later.

        Args:
            cluster: left when the executor is closed.
            engine: the name of an ``EngineChoice``.
            workers: the most at a time, at least 1; those for which there is no room wait for it.
            limits: what a trial may take; a final model may take what it needs.
            cpus: cores that each takes of its node, at least 1.
            gpus: the share of a GPU that each takes, 0 to 1.
        """
        self._cluster = cluster
        station = cluster.ray.remote(Station).options(
            num_cpus=cpus, num_gpus=gpus, max_restarts=0, scheduling_strategy="SPREAD"
        )
        begin = partial(station.remote, engine, shaping(os.environ), _versions(engine), gpus > 0)
        problems = PlacedProblems(cluster.ray)
        super().__init__([lambda: NodeWorker(cluster.ray, begin(), problems)] * workers, limits)

    def close(self) -> None:
        """See ``Crew.close``; then leave the cluster."""
        super().close()
        self._cluster.close()


class Station:
    """An actor that has one worker process beside it."""

    def __init__(self, engine: str, like: Mapping[str, str], same: Mapping[str, str], with_gpu: bool) -> None:
        """Start the process.

        Args:
            engine: the name of an ``EngineChoice``.
            like: ``shaping`` of the driver's environment.
            same: the driver's versions of what must be the same here.
            with_gpu: whether Ray gives this actor a GPU.
        """
        devices = os.environ.get(VISIBLE, NO_DEVICE) if with_gpu else NO_DEVICE
        environment = worker_environment(shaped_as(os.environ, like), devices)
        self._others = _differences(same, _versions(engine))
        self._process = None if self._others else WorkerProcess(engine, environment)
        self._problem = b""

    def node(self) -> str:
        """Return the id of the node that this is on."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def load(self) -> tuple[Obstacle | None, float]:
        """Wait until the process has loaded; returns what keeps it from work, and the seconds it took."""
        if self._process is None:
            message = f"a node of the Ray cluster has {self._others}; results would not repeat: install the same there"
            return Obstacle(message, lasting=True), 0.0
        obstacle = self._process.load()
        return obstacle, self._process.load_seconds or 0.0

    def take(self, problem: bytes) -> None:
        """Keep the problem, pickled, that the orders from now on are for."""
        self._problem = problem

    def attempt(self, order: Order | FinalPlan, limits: Limits) -> Iterator[Glimpse | Attempt]:
        """Have the process carry out an order; yields glimpses, and what comes of it last.

        After any but an answer this actor is of no more use.
        """
        process = self._process
        assert process is not None, "what keeps a worker from work is told when it loads"
        said: SimpleQueue[Glimpse | Attempt | Exception] = SimpleQueue()

        def work() -> None:
            try:
                said.put(process.attempt(self._problem, order, limits, said.put))
            except Exception as error:
                said.put(error)

        threading.Thread(target=work, daemon=True).start()
        while isinstance(each := said.get(), Glimpse):
            yield each
        if isinstance(each, Exception):
            raise each
        yield each


class PlacedProblems:
    """The problem in the cluster's object store, from which each node fetches it once."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._lock = threading.Lock()
        self._last: tuple[Problem, Any] | None = None

    def place_of(self, problem: Problem) -> Any:
        """Return the reference to a pickled problem; it is put there if it is not that of the last call."""
        with self._lock:
            if self._last is None or self._last[0] is not problem:
                pickled = pickle.dumps(problem, protocol=pickle.HIGHEST_PROTOCOL)
                self._last = (problem, self._ray.put(pickled))
            return self._last[1]


class NodeWorker:
    """The driver's end of a ``Station``; see ``Worker``."""

    def __init__(self, ray: Any, station: Any, problems: PlacedProblems) -> None:
        self._ray = ray
        self._station = station
        self._problems = problems
        self._problem: Problem | None = None
        self._node: str | None = None
        self._killed = False
        self.load_seconds: float | None = None

    def load(self) -> Obstacle | None:
        """See ``Worker.load``; waits as long as the cluster has no room."""
        try:
            self._node = self._ray.get(self._station.node.remote())
            obstacle, seconds = self._ray.get(self._station.load.remote())
        except self._ray.exceptions.RayError as error:
            self.kill()
            return Obstacle(f"Ray could not start a worker: {last_line(error)}", lasting=False)
        if obstacle is not None:
            self.kill()
            return obstacle  # type: ignore[no-any-return]
        self.load_seconds = seconds
        return None

    def attempt(self, problem: Problem, order: Order | FinalPlan, limits: Limits, heard: Heard) -> Attempt:
        """See ``Worker.attempt``."""
        errors = self._ray.exceptions
        try:
            if self._problem is not problem:
                self._station.take.remote(self._problems.place_of(problem))
                self._problem = problem
            attempt = self._outcome(order, limits, heard)
        except errors.ActorUnavailableError:
            # Its node does not say what became of it: the node or the way to it is lost.
            self.kill()
            return Lost()
        except errors.OutOfMemoryError:
            return Exceeded(Reason.MEMORY, "memory ran out on its node, and Ray ended the worker", 0.0)
        except errors.RayActorError:
            lost = self._killed or not self._node_lives()
            return Lost() if lost else Crashed("the Ray actor beside it was ended", 0.0)
        if not isinstance(attempt, Answered):
            self.kill()
        return attempt

    def _outcome(self, order: Order | FinalPlan, limits: Limits, heard: Heard) -> Attempt:
        """Return what comes of an order; raises Ray's errors where the station is lost."""
        for place in self._station.attempt.options(num_returns="streaming").remote(order, limits):
            said: Glimpse | Attempt = self._ray.get(place)
            if not isinstance(said, Glimpse):
                return said
            heard(said)
        raise RuntimeError("a station says what comes of an order before it ends")

    def kill(self) -> None:
        """See ``Worker.kill``."""
        self._killed = True
        self._ray.kill(self._station, no_restart=True)

    def let_go(self) -> None:
        """See ``Worker.let_go``; the driver holds nothing of it."""

    def _node_lives(self) -> bool:
        """Return whether the actor alone is lost; a node that shuts down ends its actors first."""
        end = time.monotonic() + FAREWELL
        while time.monotonic() < end and not self._killed:
            time.sleep(FAREWELL / 10)
            if not any(node["Alive"] and node["NodeID"] == self._node for node in self._ray.nodes()):
                return False
        return True


def _versions(engine: str) -> dict[str, str]:
    """Return what of ``SAME``, and of an engine's own packages, is installed here."""
    found = {}
    for name in (*SAME, *packages_of(engine)):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Return which versions are not those of the driver, in words; empty where all are."""
    return ", ".join(
        f"{name} {found[name]} (the driver has {wanted[name]})"
        for name in wanted
        if found[name] != wanted[name]
    )
