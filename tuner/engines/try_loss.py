"""A user's loss is tried on a few rows before any training, without Keras in the driver's process."""

import pickle
import subprocess
import sys
from contextlib import redirect_stdout

from tuner.engines.runtime import is_loaded, use_backend
from tuner.errors import TunerError
from tuner.model.heads import Head
from tuner.model.losses import LossPlan

FAULTY = 3
"""What the process ends with that has found something wrong."""


def try_loss(loss: LossPlan, head: Head, backend: str) -> None:
    """Try a loss on a few rows: in this process where its backend is loaded anyway, else in one of its own.

    Args:
        loss: a function of the user's.
        head: the end of the networks that it is for.
        backend: what Keras computes with.

    Raises:
        TunerError: it cannot be loaded, fails, or does not return one number for each row.
    """
    if is_loaded(backend):
        from tuner.engines.row_losses import check_loss_function

        check_loss_function(loss, head)
        return
    command = [sys.executable, "-P", "-m", __name__]
    tried = subprocess.run(
        command, input=pickle.dumps((loss, head, backend)), capture_output=True, check=False
    )
    if tried.returncode:
        said = tried.stdout if tried.returncode == FAULTY else tried.stderr[-2000:]
        raise TunerError(said.decode(errors="replace").strip())


def main() -> None:
    """Try the loss that comes in, and say what is wrong with it."""
    loss, head, backend = pickle.load(sys.stdin.buffer)
    use_backend(backend)
    try:
        with redirect_stdout(sys.stderr):  # what the user's module prints is not what was found
            from tuner.engines.row_losses import check_loss_function

            check_loss_function(loss, head)
    except TunerError as error:
        print(error)  # noqa: T201  (the answer to the process that asks)
        sys.exit(FAULTY)


if __name__ == "__main__":
    main()
