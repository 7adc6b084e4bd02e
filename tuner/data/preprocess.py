"""From the rows of a data set to what a network reads; all statistics are those of the training rows."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import pandas as pd

from tuner.data.choices import CATEGORICAL, MISSING_CATEGORICAL, MISSING_NUMERIC, SCALERS, resolve
from tuner.data.columns import FLOAT32_MAX, Column, Kind
from tuner.data.date_encoder import DateBlock
from tuner.data.embedding_encoder import EmbeddingBlock
from tuner.data.encoders import Block, IndicatorBlock, NumericBlock, most_frequent
from tuner.data.scalers import AsOneColumn
from tuner.data.select import keep
from tuner.errors import DataError


@dataclass(frozen=True, slots=True)
class PreprocessPlan:
    """How columns become inputs; the section ``preprocess`` of a study file as one hashable value.

    Attributes:
        numeric: a key of ``SCALERS``.
        categorical: a key of ``CATEGORICAL``.
        datetime: ``auto`` for the parts that vary in the data set, ``none``, or keys of ``DATE_PARTS``.
        missing_numeric: a key of ``MISSING_NUMERIC``.
        missing_categorical: a key of ``MISSING_CATEGORICAL``.
        indicator: whether each numeric column that lacks values gets an input that says where.
        cyclic: whether a part of a date that recurs becomes a sine and a cosine rather than a number.
        select_k: how many inputs are kept, those that tell the most of the target; None for all.
        select_variance: the variance that an input must exceed to be kept; None where any is.
        balance: a key of ``BALANCES``.
        as_one: whether all numbers go through the scaler as values of one column, as the pixels of images do.
    """

    numeric: str = "standard"
    categorical: str = "onehot"
    datetime: str | tuple[str, ...] = "auto"
    missing_numeric: str = "median"
    missing_categorical: str = "constant"
    indicator: bool = False
    cyclic: bool = True
    select_k: int | None = None
    select_variance: float | None = None
    balance: str = "none"
    as_one: bool = False

    @property
    def selects(self) -> bool:
        """Whether inputs are left out."""
        return self.select_k is not None or self.select_variance is not None

    @property
    def bare(self) -> "PreprocessPlan":
        """The plan up to the inputs of each row: nothing is left out, no class is balanced."""
        return replace(self, select_k=None, select_variance=None, balance="none")


class Preprocessor:
    """Turns columns into float32 inputs.

    The inputs are, in this order: numbers, ordinal categories, truth values, one-hot categories, parts of
    dates, indicators of missing numbers, codes of categories that the network embeds. Their number depends on the
    columns and the plan alone, so folds agree. ``keeping`` leaves some of them out.

    Attributes:
        scaled_: the fitted blocks whose values go through the scaler.
        unscaled_: the fitted blocks whose values do not.
        scaler_: the fitted scaler; None where nothing is scaled.
        kept_: (n_inputs,) int64 places, among all inputs, of those that are kept; -1 for an input that is 0 in every
            row; None where all are kept.
    """

    scaled_: tuple[Block, ...]
    unscaled_: tuple[Block, ...]
    scaler_: Any
    kept_: np.ndarray | None

    def __init__(self, columns: Sequence[Column], plan: PreprocessPlan, seed: int) -> None:
        self.columns = columns
        self.plan = plan
        self.seed = seed
        self.kept_ = None

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn from training rows.

        Args:
            frame: (n_train, n_columns) of a data set's features.

        Raises:
            DataError: the plan leaves no inputs.
        """
        scaled, unscaled = self.blocks()
        self.scaled_ = tuple(block.fit(frame) for block in scaled)
        self.unscaled_ = tuple(block.fit(frame) for block in unscaled)
        if not scaled and not unscaled:
            raise DataError(
                f"no inputs are left: all columns are dates, and preprocess.datetime is {self.plan.datetime}"
            )
        self.scaler_ = None
        if scaled:
            scaler = resolve(SCALERS[self.plan.numeric])(len(frame), self.seed)
            if self.plan.as_one:
                scaler = AsOneColumn(scaler)
            self.scaler_ = scaler.fit(self._numbers(frame))
        return self

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, n_inputs) float32, finite, in C order.

        Args:
            frame: (n_rows, n_columns) with the columns that ``fit`` saw. A category that the data set did
                not have becomes zeros; an infinite number the largest float32.
        """
        inputs = np.empty((len(frame), len(self._all_names())), np.float32)
        start = 0
        if self.scaled_:
            values = self.scaler_.transform(self._numbers(frame))
            start = values.shape[1]
            inputs[:, :start] = np.clip(values, -FLOAT32_MAX, FLOAT32_MAX)
        for block in self.unscaled_:
            values = block.transform(frame)
            inputs[:, start : start + values.shape[1]] = values
            start += values.shape[1]
        return inputs if self.kept_ is None else keep(inputs, self.kept_)

    def keeping(self, kept: np.ndarray) -> "Preprocessor":
        """Return this preprocessor, after ``fit``, with some of its inputs only; see ``kept_``."""
        chosen = copy(self)
        chosen.kept_ = kept
        return chosen

    def groups(self) -> np.ndarray:
        """Return (n_inputs,) int64: inputs of one number from 0 upwards tell of one category; -1 for a number."""
        found: list[int] = []
        for block in (*self.scaled_, *self.unscaled_):
            first = max(found, default=-1) + 1
            found += [-1 if place < 0 else first + place for place in block.groups()]
        groups = np.array(found, np.int64)
        return groups if self.kept_ is None else np.where(self.kept_ < 0, -1, groups[self.kept_])

    @property
    def n_inputs(self) -> int:
        """The number of inputs, after ``fit``."""
        return len(self._all_names()) if self.kept_ is None else len(self.kept_)

    @property
    def tables(self) -> tuple[int, ...]:
        """The (n_embedded,) numbers of codes of the last inputs, those that the network embeds; before ``fit`` too."""
        _, unscaled = self.blocks()
        return tuple(
            rows for block in unscaled if isinstance(block, EmbeddingBlock) for rows in block.tables()
        )

    @property
    def input_names(self) -> tuple[str, ...]:
        """The (n_inputs,) names of the inputs, after ``fit``; ``unused <n>`` for one that is always 0."""
        names = self._all_names()
        if self.kept_ is None:
            return names
        return tuple(
            f"unused {number}" if place < 0 else names[place]
            for number, place in enumerate(self.kept_.tolist())
        )

    def _all_names(self) -> tuple[str, ...]:
        return tuple(name for block in (*self.scaled_, *self.unscaled_) for name in block.input_names())

    def _numbers(self, frame: pd.DataFrame) -> np.ndarray:
        return np.hstack([block.transform(frame) for block in self.scaled_])

    def blocks(self) -> tuple[list[Block], list[Block]]:
        """Return unfitted blocks: those that are scaled and those that are not, without ones that have no inputs."""
        of_kind = {kind: [column for column in self.columns if column.kind is kind] for kind in Kind}
        scaled: list[Block] = []
        unscaled: list[Block] = []
        embedded: list[Block] = []
        if of_kind[Kind.NUMERIC]:
            scaled.append(
                NumericBlock(of_kind[Kind.NUMERIC], resolve(MISSING_NUMERIC[self.plan.missing_numeric]))
            )
        if of_kind[Kind.BOOLEAN]:
            unscaled.append(NumericBlock(of_kind[Kind.BOOLEAN], most_frequent))
        if of_kind[Kind.CATEGORY]:
            fill = resolve(MISSING_CATEGORICAL[self.plan.missing_categorical])
            block = resolve(CATEGORICAL[self.plan.categorical])(of_kind[Kind.CATEGORY], fill)
            if isinstance(block, EmbeddingBlock):
                embedded.append(block)
            else:
                (scaled if block.scaled else unscaled).append(block)
        dates = DateBlock(of_kind[Kind.DATETIME], self.plan.datetime, cyclic=self.plan.cyclic)
        if dates.pairs():
            unscaled.append(dates)
        indicators = IndicatorBlock(of_kind[Kind.NUMERIC])
        if self.plan.indicator and indicators.columns:
            unscaled.append(indicators)
        return scaled, [*unscaled, *embedded]


def _standard(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return target.mean(axis=0), _deviation(target)


def _unit_range(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return target.min(axis=0), np.ptp(target, axis=0)


def _range_around_zero(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (target.min(axis=0) + target.max(axis=0)) / 2.0, np.ptp(target, axis=0) / 2.0


def _zero_stays(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(target.shape[1]), _deviation(target)


def _deviation(target: np.ndarray) -> np.ndarray:
    """Return exactly 0 where rounding would leave something of equal values."""
    return np.where(np.ptp(target, axis=0) == 0, 0.0, target.std(axis=0))


TARGET_SCALES: Mapping[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = MappingProxyType(
    {
        "linear": _standard,
        "sigmoid": _unit_range,
        "tanh": _range_around_zero,
        "softplus": _zero_stays,
        "relu": _zero_stays,
    }
)
"""Output activation -> from (n_train, n_targets) to what becomes 0 and how much becomes 1."""


class TargetScaler:
    """Scales the targets of a regression: losses and learning rates then do not depend on their unit.

    For a linear output targets are standardised; for a sigmoid they fill 0 .. 1 and for a tanh -1 .. 1, by the extremes
    of the training rows; for an output without negative values they are divided by their deviation, so that 0 stays 0.

    Args:
        output: the activation of the output layer, a name in ``TARGET_SCALES``.

    Attributes:
        shift_: (n_targets,) float64 what becomes 0.
        scale_: (n_targets,) float64 how much becomes 1; 1 where the training rows have one value only.
    """

    shift_: np.ndarray
    scale_: np.ndarray

    def __init__(self, output: str = "linear") -> None:
        self.output = output

    def fit(self, target: np.ndarray) -> Self:
        """Learn from (n_train, n_targets) targets."""
        self.shift_, scale = TARGET_SCALES[self.output](target)
        self.scale_ = np.where(scale > 0, scale, 1.0)
        return self

    def transform(self, target: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_targets) float64 as the network's outputs are."""
        scaled: np.ndarray = (target - self.shift_) / self.scale_
        return scaled

    def inverse(self, scaled: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_targets) in the target's own unit."""
        target: np.ndarray = scaled * self.scale_ + self.shift_
        return target
