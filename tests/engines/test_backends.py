"""Plain Keras gives with torch and with JAX what it gives with TensorFlow; each backend in a process of its own."""

import os
import pickle
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.contracts.test_engines import trained
from tuner.engines.choice import backend_of, choose_engine, make_engine
from tuner.errors import TunerError

NAMES = (
    "one cycle of rate and momentum, nesterov, folds that differ in steps",
    "batch norm, dropout, penalties",
    "one cycle of rate and beta_1 after a warm-up",
)
ROOT = Path(__file__).parents[2]


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


def run_in(backend: str, reference: Path, *arguments: str) -> None:
    """Run pytest in a process that computes with a backend."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments]
    environment = {**os.environ, "TUNER_BACKEND": backend, "TUNER_REFERENCE": str(reference)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What plain Keras gives with TensorFlow."""
    keys = ("train_loss", "val_loss", "scored")
    found = {
        name: [
            ({key: getattr(seen.epoch, key) for key in keys}, seen.weights) for seen in trained("keras", name)
        ]
        for name in NAMES
    }
    path = tmp_path_factory.mktemp("reference") / "tensorflow.pickle"
    path.write_bytes(pickle.dumps(found))
    return path


@needs("torch")
def test_torch_trains_as_tensorflow_and_takes_modules_of_its_own(reference):
    run_in("torch", reference, "tests/engines/in_backend.py", "tests/engines/in_torch.py")


@needs("jax")
def test_jax_trains_as_tensorflow(reference):
    # It compiles each case for seconds: one will do.
    run_in("jax", reference, "tests/engines/in_backend.py", "-k", "not penalties and not beta_1")


def test_a_process_has_one_backend():
    make_engine("keras")
    with pytest.raises(
        TunerError, match=r"Keras computes with tensorflow in this process already, and should with torch"
    ):
        make_engine("keras-torch")


def test_the_engine_of_another_backend_is_plain_keras():
    assert choose_engine("auto", "mlp").name == "stacked"
    assert choose_engine("auto", "mlp", "torch").name == "keras-torch"
    assert (
        choose_engine("keras", "my_models:build", "jax").reason
        == "Keras computes with jax; folds one after the other"
    )
    assert [backend_of(name) for name in ("stacked", "keras", "keras-jax")] == [
        "tensorflow",
        "tensorflow",
        "jax",
    ]
    with pytest.raises(
        ValueError, match="stacked is a program of TensorFlow, and the backend is torch; use auto or keras"
    ):
        choose_engine("stacked", "mlp", "torch")
