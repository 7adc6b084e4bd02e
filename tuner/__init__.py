"""Hyperparameter search for neural networks: cross-validated, repeatable, honest, fast.

The names below are all that is public. Each is imported when it is first used (PEP 562), so that ``import tuner``
takes no time.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuner.api.keras_estimators import KerasClassifier, KerasRegressor
    from tuner.api.run import StopSearch, load_study, run_study, search_table
    from tuner.api.tuned_estimators import TunedClassifier, TunedRegressor
    from tuner.api.tuned_study import TunedStudy
    from tuner.errors import TunerError
    from tuner.export.folder import load_model

__all__ = [
    "KerasClassifier",
    "KerasRegressor",
    "StopSearch",
    "TunedClassifier",
    "TunedRegressor",
    "TunedStudy",
    "TunerError",
    "load_model",
    "load_study",
    "run_study",
    "search_table",
]

_HOMES = {
    "KerasClassifier": "tuner.api.keras_estimators",
    "KerasRegressor": "tuner.api.keras_estimators",
    "StopSearch": "tuner.api.run",
    "TunedClassifier": "tuner.api.tuned_estimators",
    "TunedRegressor": "tuner.api.tuned_estimators",
    "TunedStudy": "tuner.api.tuned_study",
    "TunerError": "tuner.errors",
    "load_model": "tuner.export.folder",
    "load_study": "tuner.api.run",
    "run_study": "tuner.api.run",
    "search_table": "tuner.api.run",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'tuner' has no attribute {name!r}; it has: {', '.join(__all__)}")
    with warnings.catch_warnings():
        # Optuna's progress bar, which is not used, asks in a notebook for an extension as it is imported.
        warnings.filterwarnings("ignore", "IProgress not found")
        found: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
