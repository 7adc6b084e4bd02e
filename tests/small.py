"""Small studies for tests: a table with every kind of column and target, and study files on it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tuner.config.study_file import StudyConfig, load_config
from tuner.records import Params
from tuner.search.pruning import Bar
from tuner.study import Study, open_study
from tuner.trial import TrialTask

N_ROWS = 90
TARGETS = ("yes", "kind", "amount", "label0", "label1")
OTHERS = ("weight", "household")

SPACE = {
    "layers": 1,
    "neurons": {"type": "int", "low": 2, "high": 8, "default": 4},
    "learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True, "default": 3e-2},
    "batch_size": 32,
}
"""Networks of one structure that train in a moment."""

PARAMS: Params = {"layers": 1, "neurons": 4, "learning_rate": 0.03, "batch_size": 32}
"""One of them."""

NO_BAR = Bar({}, maximize=True)


def write_table(path: Path) -> None:
    """Write ``N_ROWS`` rows with numbers (some missing, one skewed), truth values, categories, dates and targets."""
    random = np.random.default_rng(3)
    height, income = random.normal(170, 9, N_ROWS), random.lognormal(8, 1, N_ROWS)
    colour, flag = random.integers(0, 3, N_ROWS), random.integers(0, 2, N_ROWS)
    signal = (height - 170) / 9 + (colour - 1) + flag + random.normal(0, 0.5, N_ROWS)
    frame = pd.DataFrame(
        {
            "height": np.where(random.random(N_ROWS) < 0.15, np.nan, height.round(2)),
            "income": income.round(1),
            "flag": flag.astype(bool),
            "colour": np.where(random.random(N_ROWS) < 0.1, None, np.array(["red", "green", "blue"])[colour]),
            "day": pd.date_range("2024-01-01", periods=N_ROWS, freq="9D").strftime("%Y-%m-%d"),
            "weight": random.integers(1, 5, N_ROWS),
            "household": random.integers(0, 30, N_ROWS),
            "yes": np.where(signal > 1.0, "y", "n"),
            "kind": np.array(["low", "mid", "top"])[np.digitize(signal, [0.0, 1.2])],
            "amount": (5000 + 900 * signal).round(1),
            "label0": (signal > 0.2).astype(int),
            "label1": ((height > 172) ^ (flag == 1)).astype(int),
        }
    )
    frame.to_csv(path, index=False)


def write_study(
    folder: Path,
    *,
    target: str | list[str] = "kind",
    name: str = "small",
    data: dict[str, Any] | None = None,
    **keys: Any,
) -> Path:
    """Write ``folder/studies/<name>.yaml`` and, beside it, its table; returns the study file.

    Args:
        folder: an empty one, or that of another small study.
        target: of ``TARGETS``.
        name: of the study.
        data: keys of the section ``data`` beside path and target.
        **keys: other sections and keys; a section that is given replaces the default one.
    """
    studies = folder / "studies"
    studies.mkdir(exist_ok=True)
    if not (folder / "table.csv").exists():
        write_table(folder / "table.csv")
    used = {target} if isinstance(target, str) else set(target)
    drop = [column for column in TARGETS if column not in used]
    drop += [column for column in OTHERS if column not in (data or {}).values()]
    study = {
        "data": {"path": "../table.csv", "target": target, "drop": drop, **(data or {})},
        "test": 0.2,
        "cv": {"folds": 2},
        "search_space": SPACE,
        "training": {"epochs": 4},
        "search": {"trials": 4, "pruner": "none"},
        **keys,
    }
    path = studies / f"{name}.yaml"
    path.write_text(json.dumps(study, indent=1))  # JSON is YAML
    return path


def config_of(folder: Path, **keys: Any) -> StudyConfig:
    """Write a study as ``write_study`` does, and load its file."""
    return load_config(write_study(folder, **keys))


def study_of(folder: Path, **keys: Any) -> Study:
    """Write a study as ``write_study`` does, and put it together."""
    return open_study(config_of(folder, **keys))


def task_of(study: Study, number: int = 0, bar: Bar = NO_BAR, **params: Any) -> TrialTask:
    """Return a trial of a study with ``PARAMS``, changed by ``params``."""
    return TrialTask(study.problem, number, {**PARAMS, **params}, bar)
