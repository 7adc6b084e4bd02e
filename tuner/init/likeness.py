"""Columns that say the same as another one, or that give the target away.

A column gives the target away where a small decision tree on it alone predicts rows that it has not seen almost
without a mistake: as a rule it was written down after the target was known.
"""

import numpy as np
import pandas as pd
from sklearn.feature_selection import f_classif, f_regression
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tuner.data.columns import Kind
from tuner.data.dataset import Dataset
from tuner.init.facts import Concern
from tuner.seeds import generator
from tuner.tasks import Task

SAMPLE = 4000
"""Rows that are looked at; of a larger table a random sample."""

ALIKE = 0.9995
"""A correlation; two columns with a larger one, of either sign, say the same."""

FEW_VALUES = 100
"""Columns with up to so many distinct values, each of two rows on average, are compared value for value, too."""

ALMOST_PERFECT = 0.99
"""Mean share of each class that is found, or share of the variance that is explained, in rows not seen."""

FEWEST_ROWS = 40
FEWEST_OF_A_CLASS = 6
MOST_LEAVES = 50
MOST_TREES = 100
"""Columns that are tried one by one; of more, those with the largest F statistic."""


def sample_rows(n_rows: int) -> np.ndarray:
    """Return up to ``SAMPLE`` row numbers, sorted; the same ones each time."""
    if n_rows <= SAMPLE:
        return np.arange(n_rows)
    return np.sort(generator("init", "sample", n_rows).choice(n_rows, SAMPLE, replace=False))


def as_numbers(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Return (n, n_columns) float64: numbers as they are, codes of categories, times; NaN where missing."""
    numbers = np.empty((len(rows), len(dataset.columns)))
    for place, column in enumerate(dataset.columns):
        values = dataset.features.iloc[rows, place]
        if column.kind is Kind.CATEGORY:
            codes = values.cat.codes.to_numpy(np.float64)
            numbers[:, place] = np.where(codes < 0, np.nan, codes)
        elif column.kind is Kind.DATETIME:
            stamps = values.to_numpy().astype("datetime64[us]").astype(np.int64).astype(np.float64)
            numbers[:, place] = np.where(values.isna(), np.nan, stamps)
        else:
            numbers[:, place] = values.to_numpy(np.float64)
    return numbers


def twins(dataset: Dataset, numbers: np.ndarray) -> dict[str, Concern]:
    """Return the columns that say the same as one before them.

    Args:
        dataset: the table.
        numbers: (n, n_columns) of sampled rows, from ``as_numbers``.
    """
    found: dict[str, Concern] = {}
    earlier: dict[bytes, str] = {}
    names = [column.name for column in dataset.columns]
    for name, values in zip(names, numbers.T, strict=True):
        codes = pd.factorize(values)[0].astype(np.int32)
        n_values = int(codes.max()) + 1
        if (
            n_values <= min(FEW_VALUES, len(values) // 2)
            and (first := earlier.setdefault(codes.tobytes(), name)) != name
        ):
            found[name] = Concern("duplicate", f"says the same as '{first}', value for value", doubtful=True)
    numeric = [place for place, column in enumerate(dataset.columns) if column.kind is Kind.NUMERIC]
    for first_place, second_place, r in _correlated(numbers[:, numeric]):
        first, second = names[numeric[first_place]], names[numeric[second_place]]
        concern = Concern("duplicate", f"says the same as '{first}' (correlation {r:.4f})", doubtful=True)
        found.setdefault(second, concern)
    return found


def _correlated(numbers: np.ndarray) -> list[tuple[int, int, float]]:
    """Return (first, second, correlation) of the columns that are almost the same but for unit and offset."""
    if numbers.shape[1] < 2 or len(numbers) < FEWEST_ROWS:
        return []
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        means = np.nanmean(np.where(np.isfinite(numbers).any(axis=0), numbers, 0.0), axis=0)
        centred = np.where(np.isnan(numbers), 0.0, numbers - means)
        scaled = centred / np.sqrt((centred**2).sum(axis=0))
        r = np.nan_to_num(scaled.T @ scaled)
    pairs = np.argwhere(np.triu(np.abs(r) > ALIKE, k=1))
    return [(int(first), int(second), float(r[first, second])) for first, second in pairs]


def giveaways(dataset: Dataset, numbers: np.ndarray, rows: np.ndarray) -> dict[str, Concern]:
    """Return the columns that give a single target away.

    Args:
        dataset: the table.
        numbers: (n, n_columns) of sampled rows, from ``as_numbers``.
        rows: (n,) which rows those are.
    """
    target = dataset.target[rows]
    if dataset.task is Task.MULTILABEL or len(dataset.target_names) > 1:
        return {}
    if dataset.task.has_classes:
        frequent = np.bincount(target) >= FEWEST_OF_A_CLASS
        kept = frequent[target]
        if frequent.sum() < 2 or kept.sum() < FEWEST_ROWS:
            return {}
        numbers, target = numbers[kept], target[kept]
    elif len(target) < FEWEST_ROWS:
        return {}
    folds = _folds(target, dataset.task)
    found = {}
    for place in _promising(numbers, target, dataset.task):
        score = _alone(numbers[:, place], target, dataset.task, folds)
        if score > ALMOST_PERFECT:
            how = "finds {} of each class" if dataset.task.has_classes else "explains {} of the variance"
            told = how.format(f"{100 * score:.1f} %")
            reason = f"gives the target away: alone it {told} in rows not seen; was it known before?"
            found[dataset.columns[place].name] = Concern("gives the target away", reason, doubtful=True)
    return found


def _folds(target: np.ndarray, task: Task) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return three splits into rows to learn from and rows to predict."""
    splitter = (StratifiedKFold if task.has_classes else KFold)(3, shuffle=True, random_state=0)
    return list(splitter.split(target, target))


def _promising(numbers: np.ndarray, target: np.ndarray, task: Task) -> np.ndarray:
    """Return the places of up to ``MOST_TREES`` columns, those with the largest F statistic."""
    varying = np.flatnonzero([len(np.unique(column[~np.isnan(column)])) > 1 for column in numbers.T])
    if len(varying) <= MOST_TREES:
        return varying
    filled = np.nan_to_num(numbers[:, varying])
    with np.errstate(all="ignore"):
        statistic = (f_classif if task.has_classes else f_regression)(filled, target.reshape(len(target)))[0]
    order = np.argsort(-np.nan_to_num(statistic), kind="stable")
    return np.sort(varying[order[:MOST_TREES]])


def _alone(
    values: np.ndarray, target: np.ndarray, task: Task, folds: list[tuple[np.ndarray, np.ndarray]]
) -> float:
    """Return how well a small tree on one column predicts rows not seen: 1 without a mistake."""
    inputs, target = values.reshape(-1, 1), target.reshape(len(target))
    n_values, classes = min(len(np.unique(values)), MOST_LEAVES), np.unique(target)
    if task.has_classes:
        tree = DecisionTreeClassifier(max_leaf_nodes=n_values + 2 * len(classes), random_state=0)
    else:
        tree = DecisionTreeRegressor(max_leaf_nodes=max(8, n_values), random_state=0)
    predicted = np.empty_like(target)
    for train, score in folds:
        predicted[score] = tree.fit(inputs[train], target[train]).predict(inputs[score])
    if task.has_classes:
        return float(np.mean([(predicted[target == each] == each).mean() for each in classes]))
    spread = float(((target - target.mean()) ** 2).sum())
    return 1.0 - float(((target - predicted) ** 2).sum()) / spread if spread > 0 else 0.0
