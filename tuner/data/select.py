"""Which inputs a network reads: those that vary, and those that tell the most of the target."""

import numpy as np
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

from tuner.errors import DataError
from tuner.seeds import derive, generator
from tuner.tasks import Task

MOST_ROWS = 10_000
"""Of more training rows, a sample of so many says what an input tells of the target."""


def relevance(
    inputs: np.ndarray, groups: np.ndarray, target: np.ndarray, task: Task, seed: int
) -> np.ndarray:
    """Return the mutual information of each input with the target, estimated as scikit-learn does.

    Categories are counted; for numbers, the estimate is that of the three nearest neighbours (Kraskov, Stoegbauer and
    Grassberger 2004; Ross 2014). With several targets it is the mean over them.

    Args:
        inputs: (n_train, n_inputs) of training rows.
        groups: (n_inputs,) -1 for a number; other inputs are categories.
        target: (n_train,) codes, or (n_train, n_targets).
        task: what the target asks for.
        seed: of the sample, and of the noise that parts equal numbers.

    Returns:
        (n_inputs,) float64 nats, from 0 upwards.
    """
    if len(inputs) > MOST_ROWS:
        rows = np.sort(generator(seed, "select", "rows").choice(len(inputs), MOST_ROWS, replace=False))
        inputs, target = inputs[rows], target[rows]
    discrete = groups >= 0
    values = inputs.astype(np.float64)
    for place in np.flatnonzero(discrete):
        values[:, place] = np.unique(values[:, place], return_inverse=True)[1]
    information = mutual_info_regression if task is Task.REGRESSION else mutual_info_classif
    # One column of few rows has fewer neighbours to give.
    neighbours = min(3, len(values) - 1)
    targets = target.reshape(len(target), -1).T
    told = [
        information(
            values,
            each,
            discrete_features=discrete,
            n_neighbors=neighbours,
            random_state=derive(seed, "select"),
        )
        for each in targets
    ]
    return np.asarray(np.mean(told, axis=0))


def kept_places(
    inputs: np.ndarray, told: np.ndarray | None, *, k: int | None, variance: float | None
) -> np.ndarray:
    """Return the places of the inputs to keep, ascending; their number does not depend on the rows.

    Args:
        inputs: (n_train, n_inputs) of training rows.
        told: (n_inputs,) what each input tells of the target, as ``relevance`` gives it; not read where ``k`` is None.
        k: how many to keep, capped at those that there are; of inputs that tell the same, the first; None for all.
        variance: what the variance over the training rows must exceed; None for any.

    Returns:
        (min(k, n_inputs),) int64; or (n_inputs,) without ``k``. -1 stands for an input that is 0 in every row: it takes
        the place of one that varies too little, so that folds agree in their width.

    Raises:
        DataError: no input varies enough.
    """
    n_inputs = inputs.shape[1]
    varies = np.ones(n_inputs, bool)
    if variance is not None:
        varies = inputs.var(axis=0, dtype=np.float64) > variance
        if not varies.any():
            raise DataError(
                f"no inputs are left: none of {n_inputs} has a variance above {variance:g} in the training rows; "
                "lower preprocess.select.variance"
            )
    if k is None:
        return np.where(varies, np.arange(n_inputs), -1)
    assert told is not None
    ranked = np.lexsort((-told, ~varies))  # those that vary first, the most telling first of all
    chosen = np.sort(ranked[: min(k, int(varies.sum()))])
    return np.concatenate([chosen, np.full(min(k, n_inputs) - len(chosen), -1)])


def keep(inputs: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return (n_rows, n_kept) of (n_rows, n_inputs) inputs; zeros where ``kept`` is -1."""
    chosen = np.zeros((len(inputs), len(kept)), inputs.dtype)
    there = kept >= 0
    chosen[:, there] = inputs[:, kept[there]]
    return chosen
