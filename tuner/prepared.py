"""The folds of a problem as the networks of a trial read them; all that is fitted is fitted on training rows."""

from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from tuner.data.column_places import column_places
from tuner.data.folds import Fold
from tuner.data.inner import split_off
from tuner.data.kept import Kept
from tuner.data.preprocess import Preprocessor, PreprocessPlan, TargetScaler
from tuner.data.target_scaling import fit_scaler
from tuner.engines.base import FoldData, Rows
from tuner.engines.choice import backend_of
from tuner.export.costs import count_weights
from tuner.model.cnn import as_image
from tuner.model.network import MODELS, Network, embed, plan_own_network
from tuner.model.own_model import OwnModel, own_params
from tuner.problem import Problem, own_settings, plan_of
from tuner.records import Params
from tuner.refine import refine
from tuner.seeds import derive

INNER_SHARE = 0.15
"""Share of a fold's training rows that early stopping watches with ``rows: inner``."""

MOST_PREPARED = 256 * 2**20
"""Bytes of prepared folds that are kept for trials with the same preprocessing."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFold:
    """A fold as its network reads it, and the way back from outputs to the target's own unit.

    Attributes:
        data: the rows of the fold.
        learnt: row numbers of ``data.train`` in the data set, before classes are balanced.
        watched: row numbers of ``data.watch`` in the data set.
        preprocessor: fitted on the training rows.
        target_scaler: undoes the scaling of a regression target; None where the target is not scaled.
    """

    data: FoldData
    learnt: np.ndarray
    watched: np.ndarray
    preprocessor: Preprocessor
    target_scaler: TargetScaler | None


def prepare(problem: Problem, params: Params) -> tuple[PreparedFold, ...]:
    """Return what each fold's network reads; all that is fitted is fitted on the fold's training rows.

    The result is kept for the next trial with the same preprocessing.
    """
    return prepare_by(problem, plan_of(problem, params))


def network_of(problem: Problem, params: Params) -> Network:
    """Return the plan of a trial's networks, of the images that they read, and of how their batches are varied."""
    augment = replace(problem.augment, **own_settings(params, "preprocess.augment."))
    if problem.build is None:
        network = MODELS[problem.model].plan(params)
        image = as_image(problem.dataset.row_shape) if network.blocks else None
        tables = Preprocessor(problem.dataset.columns, plan_of(problem, params), problem.seed).tables
        return embed(replace(network, augment=augment, image=image), params, tables)
    columns = column_places(prepare_by(problem, _unbalanced(problem, params))[0].preprocessor)
    backend = backend_of(problem.engine)
    own = OwnModel(problem.build, tuple(own_params(params).items()), columns, backend)
    return replace(plan_own_network(own, params), augment=augment)


def width_of(problem: Problem, params: Params) -> int:
    """Return how many inputs a trial's networks have."""
    return _width(problem, _unbalanced(problem, params))


def _unbalanced(problem: Problem, params: Params) -> PreprocessPlan:
    """Return a trial's plan but for how classes are balanced, which changes rows and no inputs."""
    return replace(plan_of(problem, params), balance="none")


def parameters_of(problem: Problem, params: Params) -> int:
    """Return how many trainable weights each of a trial's networks has."""
    return count_weights(network_of(problem, params), width_of(problem, params), problem.head)


@lru_cache(maxsize=256)
def _width(problem: Problem, plan: PreprocessPlan) -> int:
    width: int = prepare_by(problem, plan)[0].data.train.inputs.shape[1]
    return width


def prepare_by(problem: Problem, plan: PreprocessPlan) -> tuple[PreparedFold, ...]:
    """Return what each fold's network reads by a plan; see ``prepare``."""
    return _PREPARED.get((problem, plan), partial(_prepare, problem, plan))


def _prepare(problem: Problem, plan: PreprocessPlan) -> tuple[PreparedFold, ...]:
    if plan == plan.bare:
        return tuple(_prepare_fold(problem, plan, fold) for fold in problem.folds)
    bare = zip(problem.folds, prepare_by(problem, plan.bare), strict=True)
    return tuple(
        _refined(problem, plan, prepared, derive(problem.seed, "preprocess", fold.number))
        for fold, prepared in bare
    )


def _refined(problem: Problem, plan: PreprocessPlan, fold: PreparedFold, seed: int) -> PreparedFold:
    target = problem.dataset.target[fold.learnt]
    data, preprocessor = refine(
        fold.data, fold.preprocessor, plan, target=target, head=problem.head, seed=seed
    )
    return replace(fold, data=data, preprocessor=preprocessor)


def _size(folds: tuple[PreparedFold, ...]) -> int:
    parts = [rows for fold in folds for rows in (fold.data.train, fold.data.watch, fold.data.score)]
    return sum(rows.inputs.nbytes for rows in parts)


_PREPARED: Kept[tuple[Problem, PreprocessPlan], tuple[PreparedFold, ...]] = Kept(MOST_PREPARED, _size)


def _prepare_fold(problem: Problem, plan: PreprocessPlan, fold: Fold) -> PreparedFold:
    train, watched = fold.train, fold.score
    if problem.early_stopping is not None and problem.early_stopping.inner:
        seed = derive(problem.seed, "inner", fold.number)
        train, watched = split_off(problem.dataset, fold.train, INNER_SHARE, seed)
    seed = derive(problem.seed, "preprocess", fold.number)
    return prepare_rows(problem, plan, train=train, watched=watched, scored=fold.score, seed=seed)


def prepare_rows(
    problem: Problem,
    plan: PreprocessPlan,
    *,
    train: np.ndarray,
    watched: np.ndarray,
    scored: np.ndarray,
    seed: int,
) -> PreparedFold:
    """Return what one network reads; all that is fitted is fitted on the rows to learn from.

    Args:
        problem: whose data set it is.
        plan: how columns become inputs.
        train: (n_train,) row numbers to learn from.
        watched: (n_watched,) row numbers that the validation loss is computed on; may be ``scored`` itself.
        scored: (n_scored,) row numbers to predict after each epoch.
        seed: of what is random in preprocessing.
    """
    dataset = problem.dataset
    preprocessor = Preprocessor(dataset.columns, plan, seed).fit(dataset.features.iloc[train])
    scaler = fit_scaler(problem.target_form, problem.head.activation, dataset.target[train])
    weight = np.ones(len(dataset.target)) if dataset.weight is None else dataset.weight
    weight = weight / weight[train].mean()

    def rows(numbers: np.ndarray) -> Rows:
        target = dataset.target[numbers]
        return Rows(
            inputs=preprocessor.transform(dataset.features.iloc[numbers]),
            target=problem.head.encode(target if scaler is None else scaler.transform(target)),
            weight=weight[numbers].astype(np.float32),
        )

    score = rows(scored)
    watch = score if watched is scored else rows(watched)
    bare = PreparedFold(FoldData(rows(train), watch, score), train, watched, preprocessor, scaler)
    return bare if plan == plan.bare else _refined(problem, plan, bare, seed)
