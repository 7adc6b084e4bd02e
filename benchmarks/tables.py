"""The benchmarks' tables. Each function returns one frame whose last column, ``target``, is to be predicted."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
"""Where california and adult lie, if they do; beside the checkout."""


def iris() -> pd.DataFrame:
    """Return 150 x 4 numbers and three classes."""
    from sklearn.datasets import load_iris

    return _frame(load_iris())


def digits() -> pd.DataFrame:
    """Return 1,797 x 64 numbers and ten classes."""
    from sklearn.datasets import load_digits

    return _frame(load_digits())


def california() -> pd.DataFrame:
    """Return 20,640 x 8 numbers and one number to predict; generated where the file is not there."""
    path = SHARED / "california.csv.gz"
    if path.is_file():
        return pd.read_csv(path).rename(columns={"MedHouseVal": "target"})
    random = np.random.default_rng(0)
    inputs = random.lognormal(0.0, 0.5, (20_640, 8))
    target = inputs[:, 0] * inputs[:, 1] - np.sin(3.0 * inputs[:, 2]) + random.normal(0.0, 0.3, len(inputs))
    return pd.DataFrame(inputs, columns=[f"x{column}" for column in range(8)]).assign(target=target)


def adult() -> pd.DataFrame:
    """Return 48,842 rows of six numbers and eight categories, and two classes; generated where the file is not there.

    One-hot, with missing categories as one more, they are 108 inputs.
    """
    path = SHARED / "adult.csv.gz"
    if path.is_file():
        return pd.read_csv(path).rename(columns={"income": "target"})
    random = np.random.default_rng(0)
    n_rows = 48_842
    numbers = random.normal(0.0, 1.0, (n_rows, 6))
    codes = {
        f"c{column}": random.integers(0, size, n_rows)
        for column, size in enumerate((9, 16, 7, 15, 6, 5, 2, 42))
    }
    score = numbers[:, 0] + 0.5 * numbers[:, 1] * numbers[:, 2] + 0.1 * codes["c1"] - 1.9
    above = random.random(n_rows) < 1.0 / (1.0 + np.exp(-2.0 * score))
    frame = pd.DataFrame(numbers, columns=[f"x{column}" for column in range(6)])
    for name, values in codes.items():
        frame[name] = [f"level {value}" for value in values]
    return frame.assign(target=np.where(above, ">50K", "<=50K"))


def is_generated(name: str) -> bool:
    """Return whether a table is made up, because its file is not there."""
    return name in ("california", "adult") and not (SHARED / f"{name}.csv.gz").is_file()


def _frame(bunch: Any) -> pd.DataFrame:
    names = [f"x{column}" for column in range(bunch.data.shape[1])]
    return pd.DataFrame(bunch.data, columns=names).assign(target=bunch.target)
