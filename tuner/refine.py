"""What is done to a fold's rows once its columns are inputs: some inputs are kept, and classes are balanced."""

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from tuner.data.balance import Learnt, balanced
from tuner.data.preprocess import Preprocessor, PreprocessPlan
from tuner.data.select import keep, kept_places, relevance
from tuner.engines.base import FoldData, Rows
from tuner.model.heads import Head
from tuner.seeds import derive

_TOLD: WeakKeyDictionary[FoldData, np.ndarray] = WeakKeyDictionary()
"""What each input of a fold tells of the target: the same for every number of inputs to keep."""


def refine(
    data: FoldData,
    preprocessor: Preprocessor,
    plan: PreprocessPlan,
    *,
    target: np.ndarray,
    head: Head,
    seed: int,
) -> tuple[FoldData, Preprocessor]:
    """Return a fold as its network reads it; what is learned is learned from the training rows.

    Args:
        data: the fold with all inputs, and the training rows that there are.
        preprocessor: that has made them.
        plan: which inputs are kept, and how classes are balanced.
        target: (n_train,) codes, or (n_train, n_targets) numbers, of the training rows.
        head: the end of the network.
        seed: of what is random here.

    Raises:
        DataError: no input is left.
    """
    if plan.selects:
        told = _told(data, preprocessor, target, head, seed) if plan.select_k is not None else None
        kept = _kept(data.train.inputs, told, plan, len(preprocessor.tables))
        data, preprocessor = _with_inputs(data, kept), preprocessor.keeping(kept)
    if plan.balance != "none":
        groups = preprocessor.groups()
        rows = Learnt(data.train.inputs, target.astype(np.int64), data.train.weight, groups)
        learnt = balanced(plan.balance, rows, derive(seed, "balance"))
        train = Rows(learnt.inputs, head.encode(learnt.label), learnt.weight)
        data = FoldData(train, data.watch, data.score)
    return data, preprocessor


def _kept(inputs: np.ndarray, told: np.ndarray | None, plan: PreprocessPlan, n_embedded: int) -> np.ndarray:
    """Return the places of the inputs to keep; embedded categories, the last ones, are not chosen among."""
    n_inputs = inputs.shape[1]
    n_others = n_inputs - n_embedded
    if not n_others:
        return np.arange(n_inputs)
    others = None if told is None else told[:n_others]
    kept = kept_places(inputs[:, :n_others], others, k=plan.select_k, variance=plan.select_variance)
    return np.concatenate([kept, np.arange(n_others, n_inputs)])


def _told(
    data: FoldData, preprocessor: Preprocessor, target: np.ndarray, head: Head, seed: int
) -> np.ndarray:
    told = _TOLD.get(data)
    if told is None:
        told = relevance(data.train.inputs, preprocessor.groups(), target, head.task, seed)
        _TOLD[data] = told
    return told


def _with_inputs(data: FoldData, kept: np.ndarray) -> FoldData:
    score = replace(data.score, inputs=keep(data.score.inputs, kept))
    watch = score if data.watch is data.score else replace(data.watch, inputs=keep(data.watch.inputs, kept))
    return FoldData(replace(data.train, inputs=keep(data.train.inputs, kept)), watch, score)
