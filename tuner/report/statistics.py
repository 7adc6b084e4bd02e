"""What cross-validated scores are worth: an interval for one configuration, and a comparison of two."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from tuner.model.metrics import Metric, as_metric
from tuner.records import Interval

NAN = float("nan")
_EQUAL = 1e-12  # values this near to one another, relative to their size, differ by rounding only


@dataclass(frozen=True, slots=True)
class Estimate:
    """A cross-validated mean and how far it can be trusted.

    Attributes:
        mean: of the defined fold values; NaN where there are none.
        standard_error: of the mean, in the metric's unit; NaN for fewer than two values.
        low: the interval's lower bound; NaN where the values say nothing of their spread.
        high: its upper bound; likewise.
        level: the interval's confidence, 0 to 1.
        n_values: defined fold values.
        n_undefined: folds that leave the metric undefined; they do not enter.
    """

    mean: float
    standard_error: float
    low: float
    high: float
    level: float
    n_values: int
    n_undefined: int

    @property
    def interval(self) -> Interval:
        """The mean with its bounds."""
        return Interval(self.mean, self.low, self.high, self.level)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two configurations, scored on the same folds.

    Attributes:
        difference: how much better the first is, in the metric's unit; above 0 where it is better, whatever the
            metric's direction.
        low: lower bound of the difference; NaN where the folds say nothing of the spread.
        high: upper bound; likewise.
        level: the interval's confidence, 0 to 1.
        p_value: two-sided, of the hypothesis that there is no difference; 1 where no fold differs, NaN where the
            folds say nothing of the spread.
        folds_better: folds in which the first is better.
        folds_equal: folds in which neither is.
        n_folds: folds in which both are defined.
    """

    difference: float
    low: float
    high: float
    level: float
    p_value: float
    folds_better: int
    folds_equal: int
    n_folds: int

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval leaves out 0: false where there is none."""
        return self.low > 0 or self.high < 0


def perfect(metric: Metric | str) -> float:
    """Return the best value that a metric, or the one of a name in ``METRICS``, can have; infinite for none."""
    return as_metric(metric).best


def worst(metric: Metric | str) -> float:
    """Return the worst value that a metric, or the one of a name in ``METRICS``, can have; infinite for none."""
    return as_metric(metric).worst


def nadeau_bengio(
    fold_values: npt.ArrayLike, n_train: npt.ArrayLike, n_score: npt.ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Return the mean over folds with the corrected resampled t-interval.

    Folds share training rows, so their values are not independent and their plain standard error is too small. The
    variance of the mean is taken as ``s**2 * (1 / K + n_score / n_train)``, s being the standard deviation of the K
    values, and the interval is that of Student's t with K - 1 degrees of freedom (Nadeau and Bengio 2003, Inference
    for the generalization error, section 3; Bouckaert and Frank 2004 for repeated folds). It is a rule of thumb that
    holds well for five folds and more, not a theorem.

    With one value there is no standard error; of equal values the standard error is 0, which says that folds are
    small or the task is done, not that the score is certain: both have no interval. The bounds are symmetric and know
    nothing of the metric, so near a perfect score they may reach past it.

    Args:
        fold_values: (K,) values of the metric, all repeats one after the other; NaN where undefined.
        n_train: rows that a fold is trained on, one number or (K,); for folds in time order it grows.
        n_score: rows that a fold is scored on, likewise; the mean of the K ratios enters.
        level: confidence of the interval, 0 < level < 1.
    """
    values = np.asarray(fold_values, np.float64).reshape(-1)
    defined = ~np.isnan(values)
    n_values = int(defined.sum())
    n_undefined = len(values) - n_values
    if n_values == 0:
        return Estimate(NAN, NAN, NAN, NAN, level, 0, n_undefined)
    values = values[defined]
    mean = float(values.mean())
    if n_values == 1:
        return Estimate(mean, NAN, NAN, NAN, level, 1, n_undefined)
    if np.ptp(values) <= _EQUAL * np.abs(values).max():
        return Estimate(mean, 0.0, NAN, NAN, level, n_values, n_undefined)
    ratios = np.broadcast_to(np.asarray(n_score, float) / np.asarray(n_train, float), defined.shape)[defined]
    error = math.sqrt(float(values.var(ddof=1)) * (1 / n_values + float(ratios.mean())))
    reach = float(stdtrit(n_values - 1, 0.5 + level / 2)) * error
    return Estimate(mean, error, mean - reach, mean + reach, level, n_values, n_undefined)


def paired_comparison(
    a_fold_values: npt.ArrayLike,
    b_fold_values: npt.ArrayLike,
    n_train: npt.ArrayLike,
    n_score: npt.ArrayLike,
    *,
    maximize: bool,
    level: float = 0.95,
) -> Comparison:
    """Compare two configurations over the same folds by the corrected resampled t-test.

    The differences of the folds are judged as ``nadeau_bengio`` does (Nadeau and Bengio 2003; with repeats, Bouckaert
    and Frank 2004, Evaluating the replicability of significance tests). The test is for two configurations that were
    named beforehand: the winner of many trials has been chosen by these same folds, and its p-value flatters it.

    Args:
        a_fold_values: (K,) values of the first; NaN where undefined.
        b_fold_values: (K,) values of the second in the same folds.
        n_train: rows that a fold is trained on, one number or (K,).
        n_score: rows that a fold is scored on, likewise.
        maximize: whether larger values are better.
        level: confidence of the interval, 0 < level < 1.
    """
    sign = 1.0 if maximize else -1.0
    a, b = (np.asarray(values, np.float64).reshape(-1) for values in (a_fold_values, b_fold_values))
    differences = sign * (a - b)
    # Fold values that differ in their last bit only are equal scores, computed in another order.
    differences[np.abs(differences) <= _EQUAL * np.maximum(np.abs(a), np.abs(b))] = 0.0
    estimate = nadeau_bengio(differences, n_train, n_score, level=level)
    low, high, error = estimate.low, estimate.high, estimate.standard_error
    if estimate.n_values > 0 and not differences[~np.isnan(differences)].any():
        p_value = 1.0
    elif error > 0:
        p_value = 2 * float(stdtr(estimate.n_values - 1, -abs(estimate.mean) / error))
    else:
        p_value = NAN
    return Comparison(
        difference=estimate.mean,
        low=low,
        high=high,
        level=level,
        p_value=p_value,
        folds_better=int((differences > 0).sum()),
        folds_equal=int((differences == 0).sum()),
        n_folds=estimate.n_values,
    )


def in_words(
    comparison: Comparison, a_name: str, b_name: str, metric: str, *, chosen_from: int | None = None
) -> str:
    """Say what a comparison shows, and no more; one sentence without a full stop, names as they are.

    Args:
        comparison: as ``paired_comparison`` gives it.
        a_name: how the sentence names the first, such as ``trial 12``.
        b_name: how it names the second, such as ``the default``.
        metric: what was compared.
        chosen_from: where the first is the best of so many trials by these folds, their number.
    """
    n_folds = comparison.n_folds
    if n_folds == 0:
        return f"{a_name} and {b_name} cannot be compared: no fold defines {metric} for both"
    if comparison.folds_equal == n_folds:
        return f"{a_name} and {b_name} have the same {metric} in {_folds(n_folds, n_folds)}"
    size, bounds = _amounts(comparison)
    if comparison.difference >= 0:
        word, count = "better", comparison.folds_better
    else:
        word, count = "worse", n_folds - comparison.folds_better - comparison.folds_equal
    told = f"{a_name} was {word} than {b_name} in {_folds(count, n_folds)}, by {size} {metric} on average{bounds}"
    flattered = ""
    if chosen_from is not None and chosen_from > 1:
        flattered = (
            f"; {a_name} was chosen out of {chosen_from} trials by these same folds, which flatters it"
        )
    return f"{told}: {_verdict(comparison)}{flattered}"


def _verdict(comparison: Comparison) -> str:
    if comparison.n_folds == 1:
        return "one fold cannot tell this from noise"
    if math.isnan(comparison.low):
        return "the same in every fold, which leaves nothing to judge noise by"
    return "more than noise" if comparison.beyond_noise else "within noise"


def _folds(count: int, n_folds: int) -> str:
    return f"{count} of {n_folds} fold{'s' if n_folds > 1 else ''}"


def _amounts(comparison: Comparison) -> tuple[str, str]:
    """Return the size of the difference and its bounds, to two digits of what is uncertain.

    The bounds are of the difference in the sentence's direction.
    """
    sign = 1.0 if comparison.difference >= 0 else -1.0
    size = sign * comparison.difference
    reach = size if math.isnan(comparison.low) else (comparison.high - comparison.low) / 2
    places = max(0, 1 - math.floor(math.log10(reach))) if reach > 0 else 4
    style = f".{places}f" if places <= 6 else ".2g"
    if math.isnan(comparison.low):
        return f"{size:{style}}", ""
    low, high = sorted((sign * comparison.low, sign * comparison.high))
    return f"{size:{style}}", f" [{low:{style}}, {high:{style}}]"
