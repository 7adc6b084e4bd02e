"""Loads tables for tests with the settings of an empty study file."""

from pathlib import Path
from typing import Any

import pandas as pd

from tuner.data.dataset import Dataset, load_dataset
from tuner.data.sources import Source


def load(source: Source, folder: Path, **settings: Any) -> Dataset:
    nothing = {"target": None, "drop": [], "weight": None, "group": None, "time": None}
    defaults = {**nothing, "task": None, "positive": None, "test_path": None}
    return load_dataset(source, folder=folder, **{**defaults, **settings})


def load_csv(text: str, folder: Path, target: str | list[str], **settings: Any) -> Dataset:
    """Load a CSV file of this text."""
    (folder / "table.csv").write_text(text, encoding="utf-8")
    return load(Source("path", "table.csv"), folder, target=target, **settings)


def load_frame(frame: pd.DataFrame, folder: Path, target: str | list[str], **settings: Any) -> Dataset:
    """Load a Parquet file of this table."""
    frame.to_parquet(folder / "table.parquet")
    return load(Source("path", "table.parquet"), folder, target=target, **settings)
