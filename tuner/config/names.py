"""Which names a study file's keys take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tuner.data.choices import (
    BALANCES,
    CATEGORICAL,
    DATE_PARTS,
    MISSING_CATEGORICAL,
    MISSING_NUMERIC,
    SCALERS,
)
from tuner.data.sources import SKLEARN
from tuner.engines.choice import BACKENDS, ENGINES
from tuner.errors import nearest, shown
from tuner.export.kinds import EXPORTS
from tuner.model.asked_metrics import FAMILIES
from tuner.model.heads import AUTO_OUTPUT, OUTPUTS
from tuner.model.losses import ALIASES as LOSS_ALIASES
from tuner.model.losses import BY_TASK, LOSSES
from tuner.model.metrics import ALIASES, METRICS
from tuner.model.network import MODELS
from tuner.search.pruners import PRUNERS
from tuner.tasks import Task

HOOK = "module:function"
"""Stands for any function of the user's."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a key may be.

    Attributes:
        what: the noun for one of them.
        now: the names.
        aliases: what other tools call them, for a hint.
    """

    what: str
    now: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def problem(self, value: object) -> str | None:
        """Return what is wrong with a value in one phrase, or None."""
        if isinstance(value, str) and value in self.now:
            return None
        known = ", ".join(self.now)
        alias = self.aliases.get(str(value))
        hint = f"; did you mean '{alias}'?" if alias in self.now else nearest(value, self.now)
        return f"{shown(value)} is not {self.what}; one of: {known}{hint}"


NAMES: Mapping[str, Names] = MappingProxyType(
    {
        "data.sklearn": Names("a data set that scikit-learn ships", tuple(SKLEARN)),
        "task": Names("a task", ("auto", *Task)),
        "preprocess.numeric": Names("a way to scale numbers", tuple(SCALERS)),
        "preprocess.categorical": Names("a way to encode categories", tuple(CATEGORICAL)),
        "preprocess.datetime": Names("a part of a date", tuple(DATE_PARTS)),
        "preprocess.missing.numeric": Names("a way to fill missing numbers", tuple(MISSING_NUMERIC)),
        "preprocess.missing.categorical": Names("a way to fill categories", tuple(MISSING_CATEGORICAL)),
        "preprocess.balance": Names("a way to balance classes", tuple(BALANCES)),
        "metrics": Names("a metric", (*METRICS, *FAMILIES), aliases=ALIASES),
        "training.loss": Names("a loss", ("auto", *LOSSES, *BY_TASK), aliases=LOSS_ALIASES),
        "training.output": Names("an output", (AUTO_OUTPUT, *OUTPUTS)),
        "training.engine": Names("an engine", ("auto", *ENGINES)),
        "training.backend": Names("a backend", BACKENDS, aliases={"pytorch": "torch", "tf": "tensorflow"}),
        "training.model": Names("a model", tuple(MODELS)),
        "training.early_stopping.scope": Names("a scope", ("mean", "fold")),
        "training.early_stopping.rows": Names("a choice of rows", ("fold", "inner")),
        "search.sampler": Names(
            "a sampler", ("tpe", "random", "grid", "qmc", "cmaes", "gp", "nsga2", "nsga3")
        ),
        "search.pruner": Names("a pruner", tuple(PRUNERS)),
        "export": Names("a kind of final model", EXPORTS),
    }
)
"""The keys that take a name."""

EXTRAS: Mapping[str, str] = MappingProxyType({"cmaes": "cmaes", "gp": "torch"})
"""The samplers that need a package which is not installed with tuner; the extra has the sampler's name."""

ONE_OBJECTIVE = frozenset({"cmaes"})
"""The samplers that know one objective only."""
