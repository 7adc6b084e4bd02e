"""Which engine trains a study's networks. Imports nothing heavy: an engine is loaded when it is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

from tuner.engines.base import Engine
from tuner.engines.runtime import use_backend
from tuner.model.own_model import is_own

ENGINES: Mapping[str, str] = MappingProxyType(
    {
        "stacked": "tuner.engines.stacked_engine:StackedEngine",
        "keras": "tuner.engines.keras_engine:KerasEngine",
    }
)
"""The engines; ``auto`` takes the first that can train a study's networks."""

TENSORFLOW = "tensorflow"

BACKENDS = (TENSORFLOW, "torch", "jax")
"""What Keras computes with; the engine ``keras`` trains with each of them, ``stacked`` with TensorFlow alone."""

STACKED_MODELS = frozenset({"mlp"})
"""The families of networks whose folds train as one program."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine, and why it.

    Attributes:
        name: a name in ``ENGINES``; ``keras-torch`` and ``keras-jax`` are ``keras`` with another backend.
        reason: a phrase for the user.
    """

    name: str
    reason: str


def choose_engine(wanted: str, model: str, backend: str = TENSORFLOW) -> EngineChoice:
    """Return the engine for a study.

    Args:
        wanted: ``auto`` or a name in ``ENGINES``.
        model: the family of the study's networks.
        backend: a name in ``BACKENDS``.

    Raises:
        ValueError: the wanted engine cannot train such networks; the message says why.
    """
    if backend != TENSORFLOW:
        if wanted == "stacked":
            raise ValueError(
                f"stacked is a program of TensorFlow, and the backend is {backend}; use auto or keras"
            )
        return EngineChoice(f"keras-{backend}", f"Keras computes with {backend}; folds one after the other")
    kind = f"model of your own ('{model}')" if is_own(model) else f"'{model}'"
    obstacle = None if model in STACKED_MODELS else f"the folds of a {kind} cannot be trained as one program"
    if wanted == "keras":
        return EngineChoice("keras", "as the study file asks; folds one after the other")
    if obstacle is None:
        return EngineChoice("stacked", "all folds of a trial train as one program")
    if wanted == "stacked":
        raise ValueError(f"{obstacle}; use auto or keras")
    return EngineChoice("keras", f"not stacked, since {obstacle}")


def make_engine(name: str) -> Engine:
    """Return an engine by the name of an ``EngineChoice``; the first time this loads TensorFlow, or another backend.

    Raises:
        TunerError: this process has loaded another backend, or the backend is not installed.
    """
    use_backend(backend_of(name))
    module, _, attribute = ENGINES[name.partition("-")[0]].partition(":")
    engine: Engine = getattr(import_module(module), attribute)()
    return engine


def backend_of(engine: str) -> str:
    """Return the backend of an engine by the name of an ``EngineChoice``."""
    return engine.partition("-")[2] or TENSORFLOW


def packages_of(engine: str) -> tuple[str, ...]:
    """Return the packages of an engine's backend that are not installed with tuner."""
    backend = backend_of(engine)
    return () if backend == TENSORFLOW else (backend,)
