"""The GPUs of this machine, and which of them a worker sees."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable that says which GPUs a process may use: numbers or ids with commas between."""

NO_DEVICE = "-1"
"""Its value for none."""

SHAPING = (
    "TF_",
    "XLA_",
    "OMP_",
    "KMP_",
    "MKL_",
    "OPENBLAS_",
    "BLIS_",
    "ONEDNN_",
    "DNNL_",
    "NPY_",
    "TORCH_",
    "JAX_",
)
"""How variables begin that may change with how many threads, and by which kernels, a worker computes."""


def gpu_ids(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them.

    Args:
        environment: where that variable bounds them, if it is set.
    """
    if (bound := environment.get(VISIBLE)) is not None:
        ids = [name.strip() for name in bound.split(",")]
        # The driver takes all up to the first that does not exist.
        return tuple(ids[: ids.index(NO_DEVICE)] if NO_DEVICE in ids else filter(None, ids))
    if (program := shutil.which("nvidia-smi")) is not None:
        told = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            n_devices = sum(line.startswith("GPU ") for line in told.stdout.splitlines())
            return tuple(map(str, range(n_devices)))
    return tuple(
        sorted((place.name.removeprefix("nvidia") for place in Path("/dev").glob("nvidia[0-9]*")), key=int)
    )


def room_on(n_devices: int, share: float) -> int:
    """Return how many workers find a place on devices of which each takes a share, above 0 and at most 1."""
    return n_devices * int(1 / share + 1e-9)


def deal(ids: Sequence[str], share: float, workers: int) -> tuple[str, ...]:
    """Return the value of ``CUDA_VISIBLE_DEVICES`` for each worker.

    Workers go round the devices, so that none is shared while another is free.

    Args:
        ids: the devices.
        share: of a device that a worker takes, 0 for none, at most 1.
        workers: at most ``room_on`` of them where they take a share.
    """
    if not share:
        return (NO_DEVICE,) * workers
    return tuple(ids[number % len(ids)] for number in range(workers))


def worker_environment(environment: Mapping[str, str], devices: str) -> dict[str, str]:
    """Return the environment that a worker's process gets.

    Args:
        environment: that of the process that starts it.
        devices: the value of ``CUDA_VISIBLE_DEVICES``.
    """
    return {
        **environment,
        VISIBLE: devices,
        # Without it the first worker on a device would take all of its memory.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        # A GPU would round float32 inputs to 10 bits otherwise, unlike a CPU.
        "NVIDIA_TF32_OVERRIDE": "0",
    }


def shaping(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the part of an environment that may change the bits of a result."""
    return {name: value for name, value in environment.items() if name.startswith(SHAPING)}


def shaped_as(environment: Mapping[str, str], like: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a worker computes as it would in another.

    Ray sets ``OMP_NUM_THREADS`` for its processes, say, and machines differ.

    Args:
        environment: that of the process that starts the worker.
        like: ``shaping`` of the other environment.
    """
    own = {name: value for name, value in environment.items() if not name.startswith(SHAPING)}
    return {**own, **like}
