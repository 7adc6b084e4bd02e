"""What is measured: each case's table, network, epochs and folds. Both sides read this and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

N_FOLDS = 5

SEED = 7

Split = tuple[np.ndarray, np.ndarray]
"""Row numbers to learn from and to score on."""


@dataclass(frozen=True, slots=True)
class Case:
    """One network that is cross-validated again and again.

    Attributes:
        table: a function of ``benchmarks.tables``.
        shape: rows x columns, in words.
        task: ``regression``, ``binary`` or ``multiclass``.
        neurons: units of each hidden layer.
        batch_size: rows of a step.
        epochs: passes over the training rows; there is no early stopping.
        metric: the score; ``accuracy``, or ``rmse`` in the target's unit.
        target: the least ratio of the usual way's seconds a trial to ours.
        usual_trials: how many trials the usual way is given.
    """

    table: str
    shape: str
    task: str
    neurons: tuple[int, ...]
    batch_size: int
    epochs: int
    metric: str
    target: float
    usual_trials: int

    @property
    def params(self) -> dict[str, int | float | str | bool]:
        """The trial's parameters, by the names of ``search_spaces/mlp.yaml``."""
        return {
            "layers": len(self.neurons),
            **{f"neurons.{layer}": units for layer, units in enumerate(self.neurons)},
            "activation": "relu",
            "batch_norm": False,
            **{f"dropout.{layer}": 0.1 for layer in range(len(self.neurons))},
            "l1": 1e-6,
            "l2": 1e-5,
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "beta_1": 0.9,
            "batch_size": self.batch_size,
        }

    @property
    def network(self) -> str:
        """The network and its training in words."""
        return f"{'-'.join(map(str, self.neurons))}, batch {self.batch_size}, {self.epochs} epochs"


CASES: Mapping[str, Case] = MappingProxyType(
    {
        "iris": Case("iris", "150 x 4", "multiclass", (64, 32), 10, 50, "accuracy", 100.0, 3),
        "digits": Case("digits", "1797 x 64", "multiclass", (64, 32), 32, 20, "accuracy", 50.0, 3),
        "california": Case("california", "20640 x 8", "regression", (128, 128), 256, 20, "rmse", 8.0, 3),
        "adult": Case("adult", "48842 x 14, one-hot", "binary", (256, 256), 256, 10, "accuracy", 3.0, 2),
    }
)
"""The cases, by name."""


def splits(target: pd.Series, task: str) -> list[Split]:
    """Return the folds of both sides: five, shuffled, stratified where there are classes."""
    from sklearn.model_selection import KFold, StratifiedKFold

    splitter = (KFold if task == "regression" else StratifiedKFold)(N_FOLDS, shuffle=True, random_state=SEED)
    return list(splitter.split(np.zeros(len(target)), target))
