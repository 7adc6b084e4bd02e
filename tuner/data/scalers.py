"""Scalers of numbers: scikit-learn's, and the one of RealMLP."""

from typing import Any, Self

import numpy as np
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from tuner.seeds import derive

MOST_QUANTILES = 1000


def standard(n_rows: int, seed: int) -> Any:
    """Mean 0 and standard deviation 1."""
    return StandardScaler()


def minmax(n_rows: int, seed: int) -> Any:
    """From 0 to 1 on the training rows."""
    return MinMaxScaler()


def maximum(n_rows: int, seed: int) -> Any:
    """Divided by the largest absolute value, so that 0 stays 0."""
    return MaxAbsScaler()


def robust(n_rows: int, seed: int) -> Any:
    """Median 0 and interquartile range 1."""
    return RobustScaler()


def robust_clip(n_rows: int, seed: int) -> Any:
    """Median 0 and interquartile range 1, outliers drawn in smoothly."""
    return RobustClipScaler()


def quantile(n_rows: int, seed: int) -> Any:
    """Quantiles of the training rows, mapped to a normal distribution."""
    return QuantileTransformer(
        n_quantiles=min(MOST_QUANTILES, n_rows),
        output_distribution="normal",
        random_state=derive(seed, "quantile"),
    )


def unscaled(n_rows: int, seed: int) -> Any:
    """The numbers as they are."""
    return Unscaled()


class Unscaled:
    """Leaves numbers as they are."""

    def fit(self, values: np.ndarray) -> Self:
        """Learn nothing."""
        return self

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return the values."""
        return values


class RobustClipScaler:
    """Centres by the median, scales by the interquartile range, draws outliers in to within -3 and 3.

    ``z = (x - median) / IQR``, then ``z / sqrt(1 + (z / 3)^2)``. Where the interquartile range is 0, half
    the range takes its place; a constant column becomes 0. Holzmueller, Grinsztajn and Steinwart 2024,
    "Better by Default", section 3 (robust scaling and smooth clipping).

    Attributes:
        center_: (n_columns,) medians of the training rows.
        factor_: (n_columns,) what the centred values are multiplied by.
    """

    center_: np.ndarray
    factor_: np.ndarray

    def fit(self, values: np.ndarray) -> Self:
        """Learn the quartiles of (n_rows, n_columns) finite values."""
        low, self.center_, high = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
        spread = high - low
        half_range = 0.5 * values.max(axis=0) - 0.5 * values.min(axis=0)
        spread = np.where(spread == 0, half_range, spread)
        self.factor_ = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > np.finfo(float).tiny)
        return self

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_columns) float64 between -3 and 3."""
        scaled = (values - self.center_) * self.factor_
        clipped: np.ndarray = scaled / np.hypot(1.0, scaled / 3.0)
        return clipped


class AsOneColumn:
    """Scales all columns by one scaler of one column: the pixels of images keep their relations.

    Attributes:
        scaler: of one column.
    """

    def __init__(self, scaler: Any) -> None:
        self.scaler = scaler

    def fit(self, values: np.ndarray) -> Self:
        """Learn from all of (n_rows, n_columns) finite values."""
        self.scaler.fit(values.reshape(-1, 1))
        return self

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_columns) float64."""
        scaled: np.ndarray = self.scaler.transform(values.reshape(-1, 1)).reshape(values.shape)
        return scaled
