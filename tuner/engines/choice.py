"""Which engine trains a study's networks. Imports nothing heavy: an engine is loaded when it is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

from tuner.engines.base import Engine
from tuner.model.own_model import is_own

ENGINES: Mapping[str, str] = MappingProxyType(
    {
        "stacked": "tuner.engines.stacked_engine:StackedEngine",
        "keras": "tuner.engines.keras_engine:KerasEngine",
    }
)
"""The engines; ``auto`` takes the first that can train a study's networks."""

STACKED_MODELS = frozenset({"mlp"})
"""The families of networks whose folds train as one program."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine, and why it.

    Attributes:
        name: a name in ``ENGINES``.
        reason: a phrase for the user.
    """

    name: str
    reason: str


def choose_engine(wanted: str, model: str) -> EngineChoice:
    """Return the engine for a study.

    Args:
        wanted: ``auto`` or a name in ``ENGINES``.
        model: the family of the study's networks.

    Raises:
        ValueError: the wanted engine cannot train such networks; the message says why.
    """
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
    """Return an engine by its name in ``ENGINES``; the first time this loads TensorFlow."""
    module, _, attribute = ENGINES[name].partition(":")
    engine: Engine = getattr(import_module(module), attribute)()
    return engine
