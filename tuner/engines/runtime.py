"""What Keras computes with, as every engine needs it: one thread, deterministic kernels, silent.

A process has one backend, since Keras reads its name once, when it is imported. ``use_backend`` says which one; without
it that is TensorFlow.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from types import MappingProxyType, ModuleType
from typing import Any

from tuner.errors import TunerError

_VARIABLE = "KERAS_BACKEND"
"""The variable that Keras reads its backend from; it goes before the user's own configuration of Keras."""

_WAYS_OUT: Mapping[str, str] = MappingProxyType(
    {
        "tensorflow": "type: pip install 'tuner[gpu]'",
        "torch": "install a build of torch with CUDA",
        "jax": "install jax with CUDA",
    }
)
"""Backend -> how it learns to use a GPU."""

_wanted = "tensorflow"


def loaded_backend() -> str | None:
    """Return what Keras computes with in this process; None where it is not imported yet."""
    keras = sys.modules.get("keras")
    return None if keras is None else str(keras.config.backend())


def use_backend(backend: str) -> None:
    """Have Keras compute with a backend in this process, once it is imported.

    Raises:
        TunerError: Keras is imported already, with another one.
    """
    global _wanted
    loaded = loaded_backend()
    if loaded not in (None, backend):
        raise TunerError(
            f"Keras computes with {loaded} in this process already, and should with {backend}: start a new Python "
            "process for it"
        )
    _wanted = backend
    os.environ[_VARIABLE] = backend


def is_loaded(backend: str) -> bool:
    """Return whether this process computes with a backend already, so that another one need not load it as well."""
    return backend in sys.modules and loaded_backend() in (None, backend) and _wanted == backend


def load_keras() -> ModuleType:
    """Import Keras with the backend of this process, which is made ready before."""
    backend = loaded_backend() or _wanted
    _LOADERS[backend]()
    os.environ[_VARIABLE] = backend
    import keras

    return keras  # type: ignore[no-any-return]


@contextmanager
def without(package: str) -> Iterator[None]:
    """Have an import of a package fail where it is not imported yet: Keras looks for some that it can do without."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # Python's sign for what cannot be imported
    try:
        yield
    finally:
        del sys.modules[package]


@contextmanager
def _native_messages_held_back() -> Iterator[None]:
    """Hold back what native code writes to standard error; show it if the block fails.

    TensorFlow writes of oneDNN and CUDA while it is loaded, before any of its settings can be heard.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@contextmanager
def without_tensorflow() -> Iterator[None]:
    """Keep Keras, where it computes with another backend, from importing TensorFlow to see whether it is there."""
    with nullcontext() if loaded_backend() == "tensorflow" else without("tensorflow"):
        yield


def missing_gpu() -> str | None:
    """Return, in a sentence, that this process was given a GPU which its backend cannot use; None where all is well."""
    if not _has_gpu() or _SEES_GPU[_wanted]():
        return None
    return (
        f"{_wanted} cannot use the GPU that a worker was given (CUDA_VISIBLE_DEVICES="
        f"{os.environ['CUDA_VISIBLE_DEVICES']}); {_WAYS_OUT[_wanted]}, or write resources: {{gpus: 0}}"
    )


def _has_gpu() -> bool:
    """Return whether this process was given a GPU; without a word of it, it computes on the CPU."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "-1") not in ("", "-1")


@cache
def load_tensorflow() -> ModuleType:
    """Import TensorFlow once, with one thread inside an operation and deterministic kernels.

    The bits of a result then do not depend on how many cores a machine has or what else runs on them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ[_VARIABLE] = "tensorflow"
    with _native_messages_held_back():
        import tensorflow as tf

        try:
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:
            raise TunerError(
                "TensorFlow has computed in this process already, with settings under which results do not repeat; "
                "let tuner be the first to use it"
            ) from None
        tf.config.experimental.enable_op_determinism()
        # Each structure of a network is a program of its own; TensorFlow would take that for a mistake.
        tf.get_logger().setLevel("ERROR")
        tf.constant(0.0)
    return tf  # type: ignore[no-any-return]


@cache
def load_torch() -> ModuleType:
    """Import torch once, with one thread inside an operation and deterministic kernels.

    Raises:
        TunerError: it is not installed.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else CUDA's products are not deterministic
    try:
        import torch
    except ImportError as error:
        raise not_installed("torch") from error
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    device = "cuda" if _has_gpu() and torch.cuda.is_available() else "cpu"
    os.environ.setdefault("KERAS_TORCH_DEVICE", device)
    return torch  # type: ignore[no-any-return]


@cache
def load_jax() -> ModuleType:
    """Import JAX once, with one thread and exact products.

    Raises:
        TunerError: it is not installed, or was imported before, with settings under which results may not repeat.
    """
    if "jax" in sys.modules:
        raise TunerError(
            "JAX was imported in this process before, with settings under which results may not repeat; let tuner be "
            "the first to use it"
        )
    flags = (
        "--xla_cpu_multi_thread_eigen=false --xla_gpu_deterministic_ops=true intra_op_parallelism_threads=1"
    )
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    os.environ["NPROC"] = "1"  # threads of XLA on a CPU
    os.environ["JAX_PLATFORMS"] = "cuda" if _has_gpu() else "cpu"
    try:
        import jax
    except ImportError as error:
        raise not_installed("jax") from error
    jax.config.update("jax_default_matmul_precision", "highest")
    return jax  # type: ignore[no-any-return]


def not_installed(backend: str) -> TunerError:
    """Return the error for a backend that is not there."""
    return TunerError(
        f"the backend {backend} needs the package of this name, which is not installed; type: pip install "
        f"'tuner[{backend}]'"
    )


def _jax_sees_gpu() -> bool:
    try:
        return bool(load_jax().devices("gpu"))
    except RuntimeError:
        return False


_LOADERS: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {"tensorflow": load_tensorflow, "torch": load_torch, "jax": load_jax}
)

_SEES_GPU: Mapping[str, Callable[[], bool]] = MappingProxyType(
    {
        "tensorflow": lambda: bool(load_tensorflow().config.list_physical_devices("GPU")),
        "torch": lambda: bool(load_torch().cuda.is_available()),
        "jax": _jax_sees_gpu,
    }
)
