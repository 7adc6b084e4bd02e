"""Resamples of rows, and what they say of a score on rows that nothing was chosen by."""

import numpy as np

from tuner.model.heads import Head
from tuner.model.metrics import Metric, as_metric, score
from tuner.records import Interval
from tuner.report.resampled import has_form, resampled
from tuner.seeds import generator

N_BOOTSTRAP = 1000
"""Resamples of a small table."""

FEWEST = 100
"""Resamples of a large one: a percentile of the outer 2.5 % is then read between the third and the fourth."""

CELLS = 10_000_000
"""Resamples times outputs (scored rows x units) that are worked through for one trial."""


def resamples_for(n_outputs: int) -> int:
    """Return how many resamples a table gets: ``N_BOOTSTRAP``, but for large ones ``CELLS / n_outputs``.

    A large table needs fewer: what varies between its resamples is small to begin with.

    Args:
        n_outputs: scored rows, all repeats together, times units of the head.
    """
    return max(FEWEST, min(N_BOOTSTRAP, CELLS // max(n_outputs, 1)))


def draw(
    rows: np.ndarray, n_rows: int, n_draws: int, random: np.random.Generator, groups: np.ndarray | None
) -> np.ndarray:
    """Draw rows with replacement, as many as there are; or whole groups, as many as there are groups.

    Rows of one group resemble one another, so that drawing them one by one would promise more than the table has
    (cluster bootstrap; Davison and Hinkley 1997, Bootstrap Methods and their Application, section 3.8).

    Args:
        rows: (n,) the row numbers to draw from.
        n_rows: of the data set.
        n_draws: how many resamples.
        random: where the draws come from.
        groups: (n_rows,) each row's group; None where rows stand alone.

    Returns:
        (n_rows, n_draws) uint8, how often each resample has each row; 0 for rows that were not to be drawn.
    """
    units = np.arange(len(rows)) if groups is None else np.unique(groups[rows], return_inverse=True)[1]
    n_units = int(units.max()) + 1
    times = np.zeros((n_rows, n_draws), np.uint8)
    for column in range(n_draws):
        chosen = np.bincount(random.integers(0, n_units, n_units), minlength=n_units)
        times[rows, column] = chosen[units]
    return times


def bootstrap_interval(
    outputs: np.ndarray,
    target: np.ndarray,
    *,
    metric: Metric | str,
    head: Head,
    seed: int,
    n_bootstrap: int = 2 * N_BOOTSTRAP,
    level: float = 0.95,
    groups: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> Interval:
    """Return a score on held-out rows with its percentile bootstrap interval (Efron and Tibshirani 1993, chapter 13).

    The interval says how much the score would differ on other rows of the same kind; the model is taken as given.
    Resamples that leave the metric undefined do not enter; the bounds are NaN where all do.

    Args:
        outputs: (n, n_units) for the held-out rows, in the target's own unit for regression.
        target: (n, ...) of these rows, as for ``metrics.score``.
        metric: one that fits the head's task, or its name in ``METRICS``.
        head: what the outputs stand for.
        seed: of the study.
        n_bootstrap: the most resamples; large tables get fewer, in the proportion of ``resamples_for``.
        level: share of the resamples between the bounds, 0 < level < 1.
        groups: (n,) each row's group, where rows come in groups.
        weight: (n,) how much each row counts; None where all count alike.
    """
    metric = as_metric(metric)
    most = resamples_for(outputs.size) if has_form(metric, weighted=weight is not None) else FEWEST
    n_draws = min(n_bootstrap, 2 * most)
    random, rows = generator(seed, "bootstrap", "held_out"), np.arange(len(outputs))
    draws = draw(rows, len(rows), n_draws, random, groups)
    values = resampled(metric, head, target, draws, weight)(outputs[None])[0]
    low, high = percentiles(values, level)
    return Interval(score(metric, head, target, outputs, weight), low, high, level)


def percentiles(values: np.ndarray, level: float) -> tuple[float, float]:
    """Return the bounds between which a share ``level`` of the defined values lies; NaN where none is defined."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
