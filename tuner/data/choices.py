"""The names that a study file may use for preparing columns, and what each one stands for.

This module imports nothing heavy, so that names can be checked before pandas and scikit-learn are loaded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from tuner.tasks import Task

SCALERS: Mapping[str, str] = MappingProxyType(
    {
        "standard": "tuner.data.scalers:standard",
        "minmax": "tuner.data.scalers:minmax",
        "max": "tuner.data.scalers:maximum",
        "robust": "tuner.data.scalers:robust",
        "robust_clip": "tuner.data.scalers:robust_clip",
        "quantile": "tuner.data.scalers:quantile",
        "none": "tuner.data.scalers:unscaled",
    }
)
"""``preprocess.numeric`` -> a function ``(n_rows, seed) -> transformer``."""

CATEGORICAL: Mapping[str, str] = MappingProxyType(
    {
        "onehot": "tuner.data.encoders:OneHotBlock",
        "ordinal": "tuner.data.encoders:OrdinalBlock",
        "embedding": "tuner.data.embedding_encoder:EmbeddingBlock",
    }
)
"""``preprocess.categorical`` -> a block of columns."""

MISSING_NUMERIC: Mapping[str, str] = MappingProxyType(
    {
        "median": "numpy:median",
        "mean": "numpy:mean",
        "most_frequent": "tuner.data.encoders:most_frequent",
        "zero": "tuner.data.encoders:zero",
    }
)
"""``preprocess.missing.numeric`` -> a function of the (n_present,) values that are there."""

MISSING_CATEGORICAL: Mapping[str, str] = MappingProxyType(
    {
        "constant": "tuner.data.encoders:category_of_its_own",
        "most_frequent": "tuner.data.encoders:most_frequent_category",
    }
)
"""``preprocess.missing.categorical`` -> ``(codes, n_categories) -> code`` in place of a missing one."""


@dataclass(frozen=True, slots=True)
class DatePart:
    """A number that is read off a point in time.

    Attributes:
        read: a function of a pandas Series of points in time.
        period: how many values until it starts again, so that it becomes a sine and a cosine; None for
            a number that only grows, which is standardised.
        labels: the names of its values 0, 1, ..., of which each becomes a column of 0 and 1; () for a number.
    """

    read: Callable[[Any], Any]
    period: int | None
    labels: tuple[str, ...] = ()


DATE_PARTS: Mapping[str, DatePart] = MappingProxyType(
    {
        "year": DatePart(lambda dates: dates.dt.year, None),
        "quarter": DatePart(lambda dates: dates.dt.quarter, 4),
        "month": DatePart(lambda dates: dates.dt.month, 12),
        "day": DatePart(lambda dates: dates.dt.day, 31),
        "dayofweek": DatePart(lambda dates: dates.dt.day_of_week, 7),
        "dayofyear": DatePart(lambda dates: dates.dt.day_of_year, 366),
        "weekofyear": DatePart(lambda dates: dates.dt.isocalendar()["week"], 53),
        "hour": DatePart(lambda dates: dates.dt.hour, 24),
        "minute": DatePart(lambda dates: dates.dt.minute, 60),
        "second": DatePart(lambda dates: dates.dt.second, 60),
        "partofday": DatePart(
            lambda dates: dates.dt.hour // 6, None, ("night", "morning", "afternoon", "evening")
        ),
    }
)
"""The names in a list under ``preprocess.datetime``."""

AUTO_DATE_PARTS = ("year", "month", "day", "dayofweek", "hour", "minute", "second")
"""``preprocess.datetime: auto`` takes those of them that vary in the data set."""

DATETIME_WORDS = ("auto", "none")
"""What ``preprocess.datetime`` may be instead of a list."""

BALANCES: Mapping[str, str] = MappingProxyType(
    {
        "none": "tuner.data.balance:unchanged",
        "class_weight": "tuner.data.balance:class_weight",
        "oversample": "tuner.data.balance:oversample",
        "undersample": "tuner.data.balance:undersample",
        "smote": "tuner.data.balance:smote",
    }
)
"""``preprocess.balance`` -> a function ``(Learnt, seed) -> Learnt`` of ``tuner.data.balance``."""


def balance_problem(method: str, task: Task) -> str | None:
    """Return why classes cannot be balanced in one phrase, or None.

    Args:
        method: a key of ``BALANCES``.
        task: what the target asks for.
    """
    if method == "none" or task.has_classes:
        return None
    return f"'{method}' balances classes, and {task} has no single class in a row; write none"


def resolve(place: str) -> Any:
    """Import what a table's ``module:name`` stands for."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
