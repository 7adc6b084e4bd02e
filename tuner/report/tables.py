"""Numbers behind the report's pictures and tables, from targets and predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.model import label_counts as counts

MAX_POINTS = 400
"""Points of a curve at most; a picture shows no more."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the residuals, in a residual summary."""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """How one class is predicted.

    Attributes:
        name: of the class, as text.
        precision: share of the predicted rows that are right; 0 where none is predicted.
        recall: share of the true rows that are found; 0 where none is true.
        f1: their harmonic mean; 0 where there is nothing.
        support: true rows.
        predicted: predicted rows.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, slots=True)
class LabelRow:
    """How one label of several is predicted.

    Attributes:
        given: whether it is given, as the class of one row is.
        roc_auc: of its probability; NaN where all rows or none have the label.
        average_precision: likewise; NaN where none has it.
    """

    given: ClassRow
    roc_auc: float
    average_precision: float


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve over all thresholds, thinned for a picture.

    Attributes:
        x: (n_points,) at most ``MAX_POINTS`` in the order of the curve.
        y: (n_points,) likewise.
        area: of all points, before thinning: ROC AUC or average precision; NaN where it is undefined.
    """

    x: np.ndarray
    y: np.ndarray
    area: float


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Predicted probabilities beside how often they came true, in bins of about equally many rows.

    Attributes:
        predicted: (n_bins,) mean predicted probability of each bin, ascending.
        observed: (n_bins,) share of positive rows.
        counts: (n_bins,) rows.
        brier: mean squared difference of probability and outcome over all rows, 0 to 1.
        expected_error: expected calibration error, the mean of |predicted - observed| weighted by rows, 0 to 1.
    """

    predicted: np.ndarray
    observed: np.ndarray
    counts: np.ndarray
    brier: float
    expected_error: float


@dataclass(frozen=True, slots=True)
class ResidualRow:
    """The errors of one target; a residual is output - target, in the target's unit.

    Attributes:
        name: of the target, as text.
        bias: mean residual; above 0 where predictions are too large.
        mae: mean absolute residual.
        rmse: root of the mean squared residual.
        r2: share of the target's variance that is explained; NaN where the target does not vary.
        skew: third standardised moment of the residuals; NaN where they do not vary.
        quantiles: of the residuals, for each of ``QUANTILES``.
    """

    name: str
    bias: float
    mae: float
    rmse: float
    r2: float
    skew: float
    quantiles: Mapping[float, float]


def confusion(target: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return (n_classes, n_classes) int64 rows by true class (first axis) and predicted class.

    Args:
        target: (n_rows,) true codes 0 .. n_classes - 1.
        labels: (n_rows,) predicted codes.
        n_classes: at least 2.
    """
    cells = np.asarray(target, np.int64).reshape(-1) * n_classes + np.asarray(labels, np.int64).reshape(-1)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_table(target: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> tuple[ClassRow, ...]:
    """Return how each class is predicted, in the order of the codes.

    Args:
        target: (n_rows,) true codes, for binary or multiclass.
        labels: (n_rows,) predicted codes.
        names: (n_classes,) of the classes.
    """
    true, called = (np.asarray(codes, np.int64).reshape(-1) for codes in (target, labels))
    n_classes = len(names)
    support, predicted, hits = (
        np.bincount(codes, minlength=n_classes) for codes in (true, called, true[true == called])
    )
    return _rows(names, hits, predicted, support)


def label_table(
    target: np.ndarray, outputs: np.ndarray, names: Sequence[str], thresholds: np.ndarray | float = 0.5
) -> tuple[LabelRow, ...]:
    """Return how each label is predicted.

    Args:
        target: (n_rows, n_labels) 0/1.
        outputs: (n_rows, n_labels) probabilities.
        names: (n_labels,) of the labels.
        thresholds: the probability above which a label is given: one for all, or (n_labels,).
    """
    true, called = np.asarray(target, bool), outputs > thresholds
    given = _rows(names, (true & called).sum(axis=0), called.sum(axis=0), true.sum(axis=0))
    areas = [
        (roc_points(true[:, k], outputs[:, k]).area, pr_points(true[:, k], outputs[:, k]).area)
        for k in range(len(names))
    ]
    return tuple(LabelRow(row, *area) for row, area in zip(given, areas, strict=True))


def _rows(
    names: Sequence[str], hits: np.ndarray, predicted: np.ndarray, support: np.ndarray
) -> tuple[ClassRow, ...]:
    rates = (rate(hits, predicted, support) for rate in (counts.precision, counts.recall, counts.f1))
    columns = (each.tolist() for each in (*rates, support, predicted))
    return tuple(ClassRow(*row) for row in zip(names, *columns, strict=True))


def roc_points(positive: np.ndarray, chances: np.ndarray) -> Curve:
    """Return the ROC curve: false positive rate (x) and true positive rate (y), from (0, 0) to (1, 1).

    Args:
        positive: (n_rows,) truth values.
        chances: (n_rows,) finite scores, larger for more likely positive.

    Returns:
        The curve; without points where all rows are of one kind.
    """
    n_rows, n_hits = _passed(positive, chances)
    n_positive = n_hits[-1] if len(n_hits) else 0
    n_negative = len(positive) - n_positive
    if n_positive == 0 or n_negative == 0:
        return Curve(np.empty(0), np.empty(0), float("nan"))
    x = np.concatenate([[0], n_rows - n_hits]) / n_negative
    y = np.concatenate([[0], n_hits]) / n_positive
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))
    kept = _thinned(x, y)
    return Curve(x[kept], y[kept], area)


def pr_points(positive: np.ndarray, chances: np.ndarray) -> Curve:
    """Return the precision-recall curve: recall (x) and precision (y), recall ascending.

    Args:
        positive: (n_rows,) truth values.
        chances: (n_rows,) finite scores, larger for more likely positive.

    Returns:
        The curve, its area being average precision, the sum of precision times the growth of recall; without points
        where no row is positive. It begins at recall 0 with precision 1, as scikit-learn's does.
    """
    n_rows, n_hits = _passed(positive, chances)
    if not len(n_hits) or n_hits[-1] == 0:
        return Curve(np.empty(0), np.empty(0), float("nan"))
    recall, precision = n_hits / n_hits[-1], n_hits / n_rows
    area = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    x, y = np.concatenate([[0.0], recall]), np.concatenate([[1.0], precision])
    kept = _thinned(x, y)
    return Curve(x[kept], y[kept], area)


def _passed(positive: np.ndarray, chances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each distinct score, the largest first, how many rows and positive rows have at least it."""
    order = np.argsort(-chances, kind="stable")
    falls = np.flatnonzero(np.diff(chances[order], append=-np.inf))
    return falls + 1, np.cumsum(np.asarray(positive, bool)[order])[falls]


def _thinned(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the places of at most ``MAX_POINTS`` points, evenly along the curve's length, both ends included."""
    if len(x) <= MAX_POINTS:
        return np.arange(len(x))
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    steps = np.linspace(0.0, length[-1], MAX_POINTS - 1)
    return np.unique(np.append(np.searchsorted(length, steps), len(x) - 1))


def calibration(positive: np.ndarray, chances: np.ndarray, n_bins: int = 10) -> Calibration:
    """Return how probabilities compare with outcomes.

    Bins hold about equally many rows (quantile bins): with bins of equal width most rows of a rare class would fall
    into the first, and the others would show noise. Equal probabilities are never torn apart, so there may be fewer
    bins. The error depends on the bins (Naeini, Cooper and Hauskrecht 2015, Obtaining well calibrated probabilities
    using Bayesian binning, equation 2).

    Args:
        positive: (n_rows,) truth values; at least one row.
        chances: (n_rows,) probabilities that they are true, 0 to 1.
        n_bins: at most so many bins, at least 1.
    """
    true, chances = np.asarray(positive, np.float64).reshape(-1), np.asarray(chances, np.float64).reshape(-1)
    edges = np.quantile(chances, np.arange(1, n_bins) / n_bins, method="inverted_cdf")
    bins = np.unique(np.searchsorted(edges, chances, side="left"), return_inverse=True)[1]
    number = np.bincount(bins)
    predicted, observed = np.bincount(bins, chances) / number, np.bincount(bins, true) / number
    return Calibration(
        predicted=predicted,
        observed=observed,
        counts=number,
        brier=float(np.mean((chances - true) ** 2)),
        expected_error=float(np.average(np.abs(predicted - observed), weights=number)),
    )


def residual_summary(
    target: np.ndarray, outputs: np.ndarray, names: Sequence[str]
) -> tuple[ResidualRow, ...]:
    """Return the errors of each target.

    Args:
        target: (n_rows, n_targets) or, for one target, (n_rows,) values; at least one row.
        outputs: (n_rows, n_targets) in the target's own unit.
        names: (n_targets,) of the targets.
    """
    true = np.asarray(target, np.float64).reshape(outputs.shape)
    return tuple(_residuals(name, true[:, k], outputs[:, k] - true[:, k]) for k, name in enumerate(names))


def _residuals(name: str, true: np.ndarray, residuals: np.ndarray) -> ResidualRow:
    bias, square = float(residuals.mean()), float(np.mean(residuals**2))
    spread, about = float(residuals.std()), residuals - bias
    varies = bool(np.ptp(true) > 0)
    return ResidualRow(
        name=name,
        bias=bias,
        mae=float(np.abs(residuals).mean()),
        rmse=float(np.sqrt(square)),
        r2=1 - square / float(true.var()) if varies else float("nan"),
        skew=float(np.mean((about / spread) ** 3)) if np.ptp(residuals) > 0 else float("nan"),
        quantiles=dict(zip(QUANTILES, np.quantile(residuals, QUANTILES).tolist(), strict=True)),
    )
