"""The executor that a study file and the command line ask for."""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType

from tuner.config.study_file import StudyConfig
from tuner.engines.choice import TENSORFLOW
from tuner.engines.runtime import loaded_backend
from tuner.executors.devices import gpu_ids, room_on
from tuner.executors.executor import Executor, Limits
from tuner.executors.in_process import InProcess
from tuner.executors.kinds import Kind
from tuner.executors.local import LocalWorkers
from tuner.executors.machine import usable_cores


def choose_workers(workers: int | None, window: int, room: int) -> int:
    """Return how many workers train at the same time, at least 1.

    Args:
        workers: how many are asked for, at least 1; None for as many as there is room for.
        window: the study's trials in flight; more workers would have nothing to do.
        room: how many find a place.
    """
    return max(1, min(workers or room, window))


def local_workers(config: StudyConfig, workers: int | None) -> LocalWorkers:
    """Return an executor with processes of this machine.

    Args:
        config: the study file.
        workers: how many, from the start; None for as many as cores allow, of which all but the first start once they
            are worth it. GPUs bound them in any case.

    Raises:
        TunerError: the study asks for a GPU, and there is none.
    """
    resources, window = config.resources, config.search.window
    if resources.gpus:
        window = min(window, room_on(_check_gpus(config), resources.gpus))
    most = choose_workers(workers, window, usable_cores() // resources.cpus)
    return LocalWorkers(
        config.engine.name,
        workers=most,
        limits=_limits(config),
        gpus=resources.gpus,
        at_once=most if workers else 1,
    )


def one_worker(config: StudyConfig) -> LocalWorkers:
    """Return an executor with one process of this machine and no limits, for what is not a search.

    Raises:
        TunerError: the study asks for a GPU, and there is none.
    """
    _check_gpus(config)
    return LocalWorkers(config.engine.name, gpus=config.resources.gpus)


def alone(config: StudyConfig) -> Executor:
    """Return what trains when nothing else is asked for: this process, or one beside it.

    A process has one backend, and torch and JAX compute as they should only where nobody used them before: with them,
    or where Keras is loaded with another one, a process of its own trains. So it does where a study asks for a GPU.

    Raises:
        TunerError: the study asks for a GPU, and there is none.
    """
    here = config.training.backend == TENSORFLOW and loaded_backend() in (None, TENSORFLOW)
    return InProcess(config.engine.name) if here and not config.resources.gpus else one_worker(config)


def sole_worker(config: StudyConfig) -> Executor:
    """Return what trains one trial after the other: as ``alone``, or a worker that can be ended.

    This process cannot be ended where the study bounds what a trial may take.

    Raises:
        TunerError: the study asks for a GPU, and there is none.
    """
    return local_workers(config, 1) if _limits(config).any else alone(config)


def ray_workers(config: StudyConfig, workers: int | None) -> Executor:
    """Return an executor with workers on the nodes of a Ray cluster, which this process joins or starts.

    Args:
        config: the study file.
        workers: how many at most; None for as many as the cluster has room for.

    Raises:
        TunerError: there is no cluster, or none of its nodes has what one worker takes.
    """
    from tuner.executors.ray_cluster import join_cluster, room_in
    from tuner.executors.ray_workers import RayWorkers

    resources = config.resources
    cluster = join_cluster()
    room = room_in(cluster.nodes, resources.cpus, resources.gpus)
    if not room:
        cluster.close()
        largest = max((node.get("CPU", 0.0) for node in cluster.nodes), default=0.0)
        n_devices = sum(node.get("GPU", 0.0) for node in cluster.nodes)
        raise config.problem(
            "resources",
            f"a worker takes {resources.cpus} cpus and {resources.gpus:g} gpus, which no node of the Ray cluster has; "
            f"its nodes have up to {largest:g} cpus, and {n_devices:g} gpus in all",
        )
    return RayWorkers(
        cluster,
        config.engine.name,
        workers=choose_workers(workers, config.search.window, room),
        limits=_limits(config),
        cpus=resources.cpus,
        gpus=resources.gpus,
    )


def _check_gpus(config: StudyConfig) -> int:
    """Return how many GPUs this machine has; refuse a study that asks for one where there is none."""
    n_devices, share = len(gpu_ids(os.environ)), config.resources.gpus
    if share and not n_devices:
        raise config.problem(
            "resources.gpus",
            f"{share:g}, but no GPU is to be seen here (by CUDA_VISIBLE_DEVICES, nvidia-smi or /dev/nvidia0); "
            "write 0: small networks train faster on the CPU",
        )
    return n_devices


def _limits(config: StudyConfig) -> Limits:
    return Limits(config.search.trial_timeout, config.search.trial_memory)


EXECUTORS: Mapping[Kind, Callable[[StudyConfig, int | None], Executor]] = MappingProxyType(
    {Kind.LOCAL: local_workers, Kind.RAY: ray_workers}
)
"""What makes an executor, given a study file and how many workers are asked for."""
