"""TensorFlow as every engine needs it: one thread, deterministic kernels, silent."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

from tuner.errors import TunerError


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


def missing_gpu() -> str | None:
    """Return, in a sentence, that this process was given a GPU which TensorFlow cannot use; None where all is well."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "-1")
    if given in ("", "-1") or load_tensorflow().config.list_physical_devices("GPU"):
        return None
    return (
        f"TensorFlow cannot use the GPU that a worker was given (CUDA_VISIBLE_DEVICES={given}); "
        "type: pip install 'tuner[gpu]', or write resources: {gpus: 0}"
    )


@cache
def load_tensorflow() -> ModuleType:
    """Import TensorFlow once, with one thread inside an operation and deterministic kernels.

    The bits of a result then do not depend on how many cores a machine has or what else runs on them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
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
