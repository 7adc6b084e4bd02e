"""A user's build function is tried before any training: here where its backend is loaded, else in a process."""

import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tuner.engines.runtime import is_loaded, use_backend
from tuner.errors import TunerError
from tuner.export.keras_files import save_network
from tuner.export.module_file import read_module
from tuner.export.own_file import read_own
from tuner.model.heads import Head
from tuner.model.network import Network


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration to try; picklable.

    Attributes:
        network: its plan, which the user's function builds.
        n_inputs: columns that enter it.
    """

    network: Network
    n_inputs: int


def try_models(candidates: Sequence[Candidate], head: Head) -> frozenset[str]:
    """Build each candidate, look at what it gives for a few rows; save the first one and open it again.

    Returns:
        The parameters that were read, of any candidate.

    Raises:
        TunerError: the function fails, or a network does not fit its inputs, its head, or a file.
    """
    backend = candidates[0].network.own.backend if candidates[0].network.own else ""
    if is_loaded(backend):
        return _tried(candidates, head)
    command = [sys.executable, "-P", "-m", __name__]
    asked = pickle.dumps((tuple(candidates), head, backend))
    answer = subprocess.run(command, input=asked, capture_output=True, check=False)
    if answer.returncode:
        raise TunerError(answer.stderr.decode(errors="replace")[-2000:].strip())
    found: frozenset[str] | TunerError = pickle.loads(answer.stdout)
    if isinstance(found, TunerError):
        raise found
    return found


def _tried(candidates: Sequence[Candidate], head: Head) -> frozenset[str]:
    from tuner.engines.own_keras import check_layers, check_outputs
    from tuner.engines.own_model import build_own

    read: set[str] = set()
    for number, candidate in enumerate(candidates):
        own = candidate.network.own
        assert own is not None, "only models of the user's are tried"
        try:
            built = build_own(own, head, candidate.n_inputs, seed=0)
            if hasattr(built.model, "save"):  # a module of torch's is checked when it is built
                check_layers(own.hook, built.model)
                check_outputs(own.hook, built.model, head, candidate.n_inputs)
            if number == 0:
                _save_and_open(candidate, head, built.model.get_weights())
        except TunerError as error:
            listed = ", ".join(f"{name} {value}" for name, value in own.params)
            raise TunerError(f"{error} (tried with {listed or 'no parameters'})") from error
        read |= built.params.read
    return frozenset(read)


def _save_and_open(candidate: Candidate, head: Head, weights: list[np.ndarray]) -> None:
    with TemporaryDirectory(prefix="tuner-model-") as folder:
        path = Path(folder) / "model.keras"
        try:
            written = save_network(candidate.network, head, candidate.n_inputs, weights, path)
            if written == path:
                read_own(path, candidate.n_inputs, head)
            elif candidate.network.own is not None:
                read_module(written, candidate.network.own, head, candidate.n_inputs)
        except TunerError as error:
            raise TunerError(
                f"the model could not be opened again once saved: {error}".replace(f"{path}: ", "")
            ) from None
        except Exception as error:
            text = " ".join(str(error).split())
            raise TunerError(f"the model cannot be saved: {type(error).__name__}: {text}") from error


def main() -> None:
    """Try the candidates that come in, and answer with what was read or what is wrong."""
    candidates, head, backend = pickle.load(sys.stdin.buffer)
    answer: frozenset[str] | TunerError
    with redirect_stdout(sys.stderr):  # what the user's module prints is not what was found
        try:
            use_backend(backend)
            answer = _tried(candidates, head)
        except TunerError as error:
            answer = TunerError(str(error))
    sys.stdout.buffer.write(pickle.dumps(answer))


if __name__ == "__main__":
    main()
