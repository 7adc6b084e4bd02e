"""Classes made to count alike: training rows of a fold are weighted, repeated, left out or made up.

Only rows that a network learns from come here, after preprocessing; watched and scored rows stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from tuner.data.choices import BALANCES, resolve

NEIGHBOURS = 5
"""Of a row's class, between which and the row SMOTE makes up new ones (Chawla et al. 2002, section 4.2)."""


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """Rows that a network learns from.

    Attributes:
        inputs: (n_rows, n_inputs) float32.
        label: (n_rows,) int64 codes of the classes.
        weight: (n_rows,) float32 sample weights.
        groups: (n_inputs,) int64: inputs of one number from 0 upwards tell of one category; -1 for a number.
    """

    inputs: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    groups: np.ndarray


def balanced(method: str, rows: Learnt, seed: int) -> Learnt:
    """Return rows whose classes count alike.

    Args:
        method: a key of ``BALANCES``.
        rows: of one fold.
        seed: of what is drawn.
    """
    function: Callable[[Learnt, int], Learnt] = resolve(BALANCES[method])
    return function(rows, seed)


def unchanged(rows: Learnt, seed: int) -> Learnt:
    """Return the rows as they are."""
    return rows


def class_weight(rows: Learnt, seed: int) -> Learnt:
    """Multiply each row's weight by n_rows / (n_classes * n_rows of its class), scikit-learn's ``balanced``."""
    counts = np.bincount(rows.label)
    factor = len(rows.label) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return replace(rows, weight=(rows.weight * factor[rows.label]).astype(np.float32))


def oversample(rows: Learnt, seed: int) -> Learnt:
    """Repeat rows, drawn at random, of each class until it has as many as the largest."""
    from imblearn.over_sampling import RandomOverSampler

    return _drawn(rows, RandomOverSampler(random_state=seed))


def undersample(rows: Learnt, seed: int) -> Learnt:
    """Keep as many rows of each class, drawn at random, as the smallest has."""
    from imblearn.under_sampling import RandomUnderSampler

    return _drawn(rows, RandomUnderSampler(random_state=seed))


def smote(rows: Learnt, seed: int) -> Learnt:
    """Make up rows of each class until it has as many as the largest, each between a row and one of its neighbours.

    Chawla et al. 2002: numbers lie on the line between the two (SMOTE); a category is the most frequent one among the
    neighbours (SMOTE-NC, or SMOTE-N where all inputs are categories), so that one-hot inputs stay 0 and 1. A class of
    five rows or fewer has as many neighbours as it has other rows. A row that was made up has its class's mean weight.

    Args:
        rows: of one fold, two or more of each class.
        seed: of what is drawn.
    """
    present = np.unique(rows.label, return_counts=True)[1]
    if present.min() == present.max():
        return rows
    coded = _Coded(rows, min(NEIGHBOURS, int(present.min()) - 1))
    with threadpool_limits(1):  # a worker has one core, and neighbours at equal distances one order
        values, label = coded.sampler(seed).fit_resample(coded.values, rows.label)
    n_rows = len(rows.label)  # the rows themselves come first
    totals, counts = np.bincount(rows.label, rows.weight), np.bincount(rows.label)
    made = label[n_rows:]
    return Learnt(
        inputs=np.concatenate([rows.inputs, coded.inputs(np.asarray(values)[n_rows:])]),
        label=label,
        weight=np.concatenate([rows.weight, (totals[made] / counts[made]).astype(np.float32)]),
        groups=rows.groups,
    )


def too_few(method: str, label: np.ndarray) -> int | None:
    """Return the class that has too few rows to be balanced, or None.

    Args:
        method: a key of ``BALANCES``.
        label: (n_rows,) codes of the rows that a network learns from.
    """
    counts = np.bincount(label)
    single = np.flatnonzero(counts == 1)
    return int(single[0]) if method == "smote" and len(single) and counts.max() > 1 else None


def _drawn(rows: Learnt, sampler: Any) -> Learnt:
    if (
        len(np.unique(rows.label)) == 1
    ):  # as the rows to learn from may be where others are set aside to watch
        return rows
    sampler.fit_resample(np.zeros((len(rows.label), 1)), rows.label)
    places = np.sort(sampler.sample_indices_)
    return Learnt(rows.inputs[places], rows.label[places], rows.weight[places], rows.groups)


class _Coded:
    """Rows with one column of codes for each category: the numbers first, then the categories.

    Attributes:
        values: (n_rows, n_numbers + n_categories) float64.
    """

    def __init__(self, rows: Learnt, neighbours: int) -> None:
        self.neighbours = neighbours
        self.width = rows.inputs.shape[1]
        self.numbers = np.flatnonzero(rows.groups < 0)
        known = np.unique(rows.groups[rows.groups >= 0])
        self.categories = [np.flatnonzero(rows.groups == group) for group in known]
        found = [np.unique(rows.inputs[:, places], axis=0, return_inverse=True) for places in self.categories]
        self.vocabulary = [distinct for distinct, _ in found]
        codes = [np.asarray(code).reshape(-1, 1) for _, code in found]
        self.values = np.hstack([rows.inputs[:, self.numbers], *codes]).astype(np.float64)

    def sampler(self, seed: int) -> Any:
        """Return what makes up rows of such columns."""
        from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC

        if not self.categories:
            return SMOTE(k_neighbors=self.neighbours, random_state=seed)
        if not len(self.numbers):
            return SMOTEN(k_neighbors=self.neighbours, random_state=seed)
        places = range(len(self.numbers), self.values.shape[1])
        return SMOTENC(list(places), k_neighbors=self.neighbours, random_state=seed)

    def inputs(self, values: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_inputs) float32 inputs of (n_rows, n_numbers + n_categories) values."""
        inputs = np.zeros((len(values), self.width), np.float32)
        inputs[:, self.numbers] = values[:, : len(self.numbers)]
        for place, (columns, distinct) in enumerate(zip(self.categories, self.vocabulary, strict=True)):
            inputs[:, columns] = distinct[values[:, len(self.numbers) + place].astype(np.int64)]
        return inputs
