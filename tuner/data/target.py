"""The target: which task it asks for, whether it fits a given task, and its codes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from tuner.data.columns import (
    Rows,
    almost_numbers,
    as_text,
    check_finite,
    is_number,
    is_numeral,
    shorten,
    to_dates,
    to_floats,
)
from tuner.errors import DataError, nearest
from tuner.tasks import Task

MOST_CLASSES = 20
"""Integers with more distinct values than this are taken for a quantity, not for classes."""

MOST_DISTINCT_LABELS = 0.5
"""A share of the rows; with more classes than this, nearly every row is a class of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The target of every row.

    Attributes:
        task: what it asks a network to predict.
        values: (n_rows,) int64 codes for one class a row; else (n_rows, n_targets) float64.
        classes: the labels as text in the order of their codes; () where a row has no single class.
    """

    task: Task
    values: np.ndarray
    classes: tuple[str, ...]


def read_target(
    frame: pd.DataFrame, rows: Rows, row_numbers: np.ndarray, task: Task | None, positive: object
) -> Target:
    """Encode a target for the task that it asks for.

    Args:
        frame: (n_rows, n_targets) without missing values.
        rows: how messages name a row.
        row_numbers: (n_rows,) each row's number in the table as read.
        task: None to find it by ``find_task``.
        positive: the label of a binary target that counts as 1; None for the rarer one (of two equally
            frequent ones the last in sorted order).

    Raises:
        DataError: the target does not fit the task, has one value only, or holds dates or infinite numbers.
    """
    for name in frame.columns:
        _check_column(frame[name], rows, row_numbers)
    found = task or find_task(frame, rows)
    if positive is not None and found is not Task.BINARY:
        raise DataError(
            f"{rows.place}: positive is '{as_text(positive)}', but the task is {found}; "
            "only a binary task has a positive label: remove it, or set task: binary"
        )
    return ENCODERS[found](frame, rows, positive)


def find_task(frame: pd.DataFrame, rows: Rows) -> Task:
    """Return the task that a target asks for.

    One column: truth values or exactly two distinct values -> binary; texts -> multiclass; numbers with a
    fraction, or more than 20 distinct integers -> regression; other integers -> multiclass.
    Several columns: all of them 0 or 1 -> multilabel; all numbers -> regression.

    Args:
        frame: (n_rows, n_targets) without missing values.
        rows: how messages name the table.

    Raises:
        DataError: several columns of which one holds texts.
    """
    if frame.shape[1] == 1:
        values = frame.iloc[:, 0]
        if values.nunique() == 2:
            return Task.BINARY
        if not is_number(values):
            return Task.MULTICLASS
        return (
            Task.REGRESSION if _has_fraction(values) or values.nunique() > MOST_CLASSES else Task.MULTICLASS
        )
    if all(_is_zero_or_one(frame[name]) for name in frame.columns):
        return Task.MULTILABEL
    if all(is_number(frame[name]) for name in frame.columns):
        return Task.REGRESSION
    texts = [f"'{name}'" for name in frame.columns if not is_number(frame[name])]
    raise DataError(
        f"{rows.place}: targets {shorten(texts)} hold texts; a list of targets is all 0 or 1 "
        "(multilabel) or all numbers (regression): name one column of classes instead, or turn each "
        "into columns of 0 and 1"
    )


def _check_column(values: pd.Series, rows: Rows, row_numbers: np.ndarray) -> None:
    name = str(values.name)
    if values.dtype.kind == "M":
        raise DataError(
            f"{rows.place}: target '{name}' holds dates; a target is numbers, truth values or labels"
        )
    if is_number(values):
        way_out = "correct the value, or leave it empty so that the row is dropped"
        check_finite(name, to_floats(values), rows, row_numbers, what="target", way_out=way_out)
    if values.nunique() == 1:
        raise DataError(
            f"{rows.place}: target '{name}' is '{as_text(values.iloc[0])}' in each of {len(values)} rows; "
            "there is nothing to learn: choose another column"
        )


def _has_fraction(values: pd.Series) -> bool:
    return not bool(np.equal(np.mod(to_floats(values), 1), 0).all())


def _is_zero_or_one(values: pd.Series) -> bool:
    return is_number(values) and bool(np.isin(to_floats(values), (0.0, 1.0)).all())


def _labels(frame: pd.DataFrame, rows: Rows, task: Task) -> tuple[np.ndarray, list[object]]:
    """Return each row's code and the labels in the order of the codes: numbers by size, texts as sorted."""
    if frame.shape[1] > 1:
        raise DataError(
            f"{rows.place}: task is {task}, but there are {frame.shape[1]} targets "
            f"({shorten(frame.columns)}); name one column, or set task: multilabel or regression"
        )
    values = frame.iloc[:, 0]
    codes, uniques = pd.factorize(values)
    by_text: dict[str, object] = {}
    for unique in uniques:
        by_text.setdefault(as_text(unique), unique)
    numeric = is_number(values)
    texts = sorted(by_text, key=lambda text: (float(by_text[text]) if numeric else 0.0, text))  # type: ignore[arg-type]
    place = {text: code for code, text in enumerate(texts)}
    order = np.array([place[as_text(unique)] for unique in uniques], np.int64)
    return order[codes], [by_text[text] for text in texts]


def _encode_binary(frame: pd.DataFrame, rows: Rows, positive: object) -> Target:
    codes, labels = _labels(frame, rows, Task.BINARY)
    texts = [as_text(label) for label in labels]
    name = frame.columns[0]
    if len(labels) != 2:
        way_out = (
            "task: regression"
            if is_number(frame.iloc[:, 0]) and len(labels) > MOST_CLASSES
            else "task: multiclass"
        )
        raise DataError(
            f"{rows.place}: task is binary, but target '{name}' has {len(labels)} distinct values: "
            f"{shorten(texts)}; set {way_out}"
        )
    one = int(np.sum(codes == 1))
    place = 0 if one > len(codes) - one else 1
    if positive is not None:
        place = _find_label(labels, positive)
        if place < 0:
            raise DataError(
                f"{rows.place}: positive is '{as_text(positive)}', which target '{name}' does not hold"
                f"{nearest(as_text(positive), texts)}; its labels are: {', '.join(texts)}"
            )
    return Target(Task.BINARY, (codes == place).astype(np.int64), (texts[1 - place], texts[place]))


def _find_label(labels: Sequence[object], wanted: object) -> int:
    """Return the place of a label, by its value or by its text (1.0 is ``1``, too); -1 if there is no such label."""
    text = as_text(wanted).strip()
    number = float(text) if is_numeral(text) else wanted
    for place, label in enumerate(labels):
        if as_text(label) == text or (not isinstance(label, str) and label in (wanted, number)):
            return place
    return -1


def _encode_classes(frame: pd.DataFrame, rows: Rows, positive: object) -> Target:
    codes, labels = _labels(frame, rows, Task.MULTICLASS)
    texts = tuple(as_text(label) for label in labels)
    values = frame.iloc[:, 0]
    place = f"{rows.place}: target '{values.name}'"
    if len(labels) == 2:
        raise DataError(
            f"{place} has two values ({', '.join(texts)}), but the task is multiclass; set task: binary"
        )
    if is_number(values) and _has_fraction(values):
        raise DataError(
            f"{place} holds numbers with fractions, but the task is multiclass; set task: regression"
        )
    if len(labels) > max(MOST_CLASSES, MOST_DISTINCT_LABELS * len(values)):
        raise DataError(
            f"{place} has {len(labels)} classes in {len(values)} rows: nearly every row is a class of its own"
            f"{_why_so_many(values, rows)}; choose another column"
        )
    return Target(Task.MULTICLASS, codes, texts)


def _why_so_many(values: pd.Series, rows: Rows) -> str:
    """Return what a column of many texts may be meant as."""
    if is_number(values):
        return " (set task: regression if it is a quantity)"
    if to_dates(values) is not None:
        return " (they are dates; a target is numbers, truth values or labels)"
    odd = almost_numbers([as_text(value) for value in values.unique()])
    found = shorten([repr(text) for text in odd], 3)
    return f" (it would be numbers but for {found}: correct or empty them)" if odd else ""


def _encode_numbers(frame: pd.DataFrame, rows: Rows, positive: object) -> Target:
    for name in frame.columns:
        if not is_number(frame[name]):
            texts = [value for value in frame[name].unique() if not is_numeral(as_text(value))]
            raise DataError(
                f"{rows.place}: task is regression, but target '{name}' holds texts: "
                f"{shorten([repr(str(text)) for text in texts], 5)}; set task: multiclass, or correct them"
            )
    return Target(Task.REGRESSION, _stack(frame), ())


def _encode_labels(frame: pd.DataFrame, rows: Rows, positive: object) -> Target:
    if frame.shape[1] == 1:
        raise DataError(
            f"{rows.place}: task is multilabel, but there is one target, '{frame.columns[0]}'; "
            "name a list of columns of 0 and 1, or set task: binary"
        )
    for name in frame.columns:
        if not _is_zero_or_one(frame[name]):
            values = sorted({as_text(value) for value in frame[name].unique()} - {"0", "1"})
            raise DataError(
                f"{rows.place}: task is multilabel, but target '{name}' holds other values than 0 and 1: "
                f"{shorten(values, 5)}"
            )
    return Target(Task.MULTILABEL, _stack(frame), ())


def _stack(frame: pd.DataFrame) -> np.ndarray:
    return np.column_stack([to_floats(frame[name]) for name in frame.columns])


ENCODERS: Mapping[Task, Callable[[pd.DataFrame, Rows, object], Target]] = MappingProxyType(
    {
        Task.REGRESSION: _encode_numbers,
        Task.BINARY: _encode_binary,
        Task.MULTICLASS: _encode_classes,
        Task.MULTILABEL: _encode_labels,
    }
)
