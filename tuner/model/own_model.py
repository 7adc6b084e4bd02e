"""A network that a function of the user's builds: what it is given, and which parameters are not its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tuner.hooks import Hook
from tuner.model.mlp_parameters import PARAMETERS
from tuner.model.optimizers import CLIPS, OPTIMIZERS
from tuner.model.parameters import Parameter
from tuner.model.schedules import SCHEDULES
from tuner.records import Params, ParamValue

_TRAINING = frozenset(
    {
        *(
            "optimizer",
            "learning_rate",
            "weight_decay",
            *CLIPS,
            "schedule",
            "schedule_warmup",
            "schedule_momentum",
        ),
        *("batch_size", "epochs"),
        *(name for spec in OPTIMIZERS.values() for name, _ in spec.settings),
        *(f"schedule_{name}" for spec in SCHEDULES.values() for name, _ in spec.settings),
    }
)

TRAINING: Mapping[str, Parameter] = MappingProxyType(
    {name: parameter for name, parameter in PARAMETERS.items() if name in _TRAINING}
)
"""The parameters that say how a network is trained, whatever it is made of; all others belong to the function."""


WITH_CODE = frozenset({"Lambda", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
"""Layers of Keras that hold code of a user's, which no file should bring."""


def is_own(model: str) -> bool:
    """Return whether ``training.model`` names a function of the user's, ``module:function``."""
    return ":" in model


def own_params(params: Params) -> dict[str, ParamValue]:
    """Return the parameters that the function is given: those that neither training nor preprocessing reads."""
    return {
        name: value
        for name, value in params.items()
        if name not in TRAINING and not name.startswith("preprocess.")
    }


@dataclass(frozen=True, slots=True)
class OwnModel:
    """What a user's function builds a network from; picklable.

    Attributes:
        hook: the function, ``build(params, inputs, head)``.
        params: names and values of its parameters.
        columns: name, first place and the place after the last of what each column became among the inputs; None
            where each fold keeps inputs of its own.
        backend: what Keras computes with where the function is called.
    """

    hook: Hook
    params: tuple[tuple[str, ParamValue], ...]
    columns: tuple[tuple[str, int, int], ...] | None
    backend: str = "tensorflow"


class ReadParams(Mapping[str, ParamValue]):
    """Parameters that know which of them were read, and which were looked for in vain.

    Args:
        params: names and values.

    Attributes:
        read: the names that were read, by ``params[name]``, ``params.get(name)``, ``**params`` or ``params.items()``.
        missed: the names that were asked for with ``params[name]`` or ``params.get(name)``, and are not there.
    """

    def __init__(self, params: Mapping[str, ParamValue]) -> None:
        self._params = dict(params)
        self.read: set[str] = set()
        self.missed: list[str] = []

    def __getitem__(self, name: str) -> ParamValue:
        """Return a parameter's value; a KeyError where the trial has no such parameter."""
        if name not in self._params:
            self.missed.append(name)
            raise KeyError(name)
        self.read.add(name)
        return self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)
