"""ROC AUC and average precision from one sort for all folds and units."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tuner.model.fold_rows import ScoredRows, Values
from tuner.model.sklearn_metrics import one_hot


@dataclass(frozen=True, slots=True, eq=False)
class Ties:
    """Rows of one fold and unit with equal outputs, tie after tie, from the smallest output to the largest.

    Attributes:
        start: (n_ties,) place of the tie's first row among all rows of all groups.
        end: (n_ties,) place after its last row.
        positives: (n_ties,) rows that are positive.
        first: (n_groups,) place of each group's first tie.
    """

    start: np.ndarray
    end: np.ndarray
    positives: np.ndarray
    first: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The rows of each fold and unit; group ``fold * n_units + unit``.

    Attributes:
        starts: (n_groups,) place of the first row.
        ends: (n_groups,) place after the last row.
        positives: (n_groups,) rows that are positive.
        negatives: (n_groups,) the others.
        n_units: of the head.
    """

    starts: np.ndarray
    ends: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    n_units: int

    def mean_over_units(self, defined: np.ndarray) -> Values:
        """Return a function from (n_groups,) values to (n_folds,) means over defined units, or NaN."""
        share = defined.reshape(-1, self.n_units).astype(float)
        number = share.sum(axis=1, keepdims=True)
        share = np.where(number > 0, share / np.maximum(number, 1), np.nan)
        return lambda values: (values.reshape(share.shape) * share).sum(axis=1)


def roc_auc(rows: ScoredRows) -> Values:
    """Return the area under the ROC curve: the share of pairs in order, ties for half (Mann-Whitney U)."""
    groups, sort = _sorter(rows)
    defined = (groups.positives > 0) & (groups.negatives > 0)
    mean = groups.mean_over_units(defined)
    pairs = np.maximum(2 * groups.positives * groups.negatives, 1)
    # Twice the sum of midranks that the positives have where no negative of their group is below one.
    offset = groups.positives * (2 * groups.starts + groups.positives + 1)

    def values(outputs: np.ndarray) -> np.ndarray:
        ties = sort(outputs)
        rank_sums = np.add.reduceat(ties.positives * (ties.start + ties.end + 1), ties.first)
        return mean((rank_sums - offset) / pairs)

    return values


def average_precision(rows: ScoredRows) -> Values:
    """Return the mean over positive rows of the precision at their output, as scikit-learn defines it."""
    groups, sort = _sorter(rows)
    mean = groups.mean_over_units(groups.positives > 0)
    before = np.cumsum(groups.positives) - groups.positives
    divisor = np.maximum(groups.positives, 1)

    def values(outputs: np.ndarray) -> np.ndarray:
        ties = sort(outputs)
        n_ties = np.diff(ties.first, append=len(ties.start))
        lower = np.cumsum(ties.positives) - ties.positives
        above = np.repeat(before + groups.positives, n_ties) - lower
        precision = above / (np.repeat(groups.ends, n_ties) - ties.start)
        return mean(np.add.reduceat(ties.positives * precision, ties.first) / divisor)

    return values


def _sorter(rows: ScoredRows) -> tuple[Groups, Callable[[np.ndarray], Ties]]:
    """Return the groups, and a function that sorts outputs within them."""
    n_units = rows.head.units
    positive = one_hot(rows.head.task, rows.target, n_units)
    sizes = np.repeat(rows.counts.astype(np.int64), n_units)
    ends = np.cumsum(sizes)
    positives = np.add.reduceat(positive, rows.starts, axis=0, dtype=np.int64).ravel()
    groups = Groups(ends - sizes, ends, positives, sizes - positives, n_units)
    group = rows.fold[:, None] * n_units + np.arange(n_units)
    # One integer holds group, output and truth, in this order of weight: sorting plain integers is several
    # times faster than sorting indices.
    base = (group << _OUTPUT_BITS + 1) + (1 << _OUTPUT_BITS) + positive

    def sort(outputs: np.ndarray) -> Ties:
        keys = (base + (_ordered(outputs) << 1)).ravel()
        keys.sort()
        identity = keys >> 1
        start = np.concatenate([_ZERO, np.flatnonzero(identity[1:] != identity[:-1]) + 1])
        end = np.append(start[1:], len(keys))
        return Ties(start, end, np.add.reduceat(keys & 1, start), np.searchsorted(start, groups.starts))

    return groups, sort


def _ordered(outputs: np.ndarray) -> np.ndarray:
    """Return int64 numbers in [-2**31, 2**31) in the order of the outputs, and equal where those are."""
    if outputs.dtype != np.float32:
        ranks = np.unique(outputs, return_inverse=True)[1]
        return ranks.reshape(outputs.shape).astype(np.int64)
    bits = (outputs + _PLUS_ZERO).view(np.int32)
    # Floats of one sign are ordered as their bits are, negative ones the other way round.
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64)


_OUTPUT_BITS = 32
_ZERO = np.zeros(1, np.int64)
_PLUS_ZERO = np.float32(0)  # makes -0 and 0 the same bits
