"""What the winner's score is worth once its selection is paid for: bootstrap bias-corrected cross-validation.

Rows are resampled, the trial with the best mean over folds on the resample is chosen, as the study chose its winner,
and scored on the rows that were not drawn; nothing is trained (Tsamardinos, Greasidou and Borboudakis 2018,
Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation, algorithm 5). Three choices
are ours:

- Each fold is scored by itself and the folds' mean is taken, as in the study, so that ``naive`` is the score that the
  study shows. A fold that a resample leaves undefined does not enter that mean.
- A metric that is no mean over rows, such as RMSE or R2, has another expectation on few rows than on many. Each
  trial's scores on rows not drawn are therefore moved so that their mean is the trial's own score. This leaves the
  luck of the choice in, takes the effect of few rows out, and makes a lone trial's score its own correction.
- Where rows come in groups, groups are drawn. Rows in time order are drawn like any others.

All complete trials are chosen from. Failed ones could not have won. Pruned ones were given up because they were
behind, so they would have won few resamples; they leave no predictions at an epoch of their own, and without them the
correction may be a little too small. So it may for the choice of the epoch: early stopping with ``rows: fold`` has
seen the scored rows. The bounds are the percentiles of the scores of the rows not drawn, about a third of all, so
they lie some 1.3 times as far apart as those of an ordinary bootstrap. That leaves room for what training on other
rows would change, which no resampling of predictions can see.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from tuner.model.fold_metrics import FoldScorer
from tuner.model.heads import Head
from tuner.model.metrics import Metric, as_metric
from tuner.records import Interval
from tuner.report.bootstrap import FEWEST, draw, percentiles, resamples_for
from tuner.report.resampled import has_form, resampled
from tuner.report.statistics import perfect, worst
from tuner.seeds import generator

Decide = Callable[[np.ndarray], np.ndarray]
"""From outputs of all folds to others of the same shape, or to the folds' scores."""

TOGETHER = 4_000_000
"""As many trials are scored together as have so many outputs, or scores on resamples; more would only take memory."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """The best cross-validated score of a search, and what remains of it on rows that did not choose it.

    Attributes:
        naive: the winner's own score, the mean over its folds.
        corrected: what a search like this one can expect of its winner on new rows.
        low: lower bound of that; NaN where no resample defines it.
        high: upper bound; likewise.
        level: share of the resamples between the bounds.
        n_bootstrap: resamples that were used.
        n_undefined: resamples that leave the metric undefined, and were not.
        n_trials: complete trials that were chosen from.
        winner: the number of the trial with the best score; the first of equals.
        winner_shares: trial -> share of the resamples that chose it, the largest first.
        gain: how much better than the reference trial the chosen ones are on rows that did not choose them, above 0
            where they are, with its bounds; None where the reference is not among the trials.
    """

    naive: float
    corrected: float
    low: float
    high: float
    level: float
    n_bootstrap: int
    n_undefined: int
    n_trials: int
    winner: int
    winner_shares: Mapping[int, float]
    gain: Interval | None

    @property
    def interval(self) -> Interval:
        """The corrected score with its bounds."""
        return Interval(self.corrected, self.low, self.high, self.level)


def bias_corrected(
    outputs: Iterable[tuple[int, np.ndarray]],
    target: np.ndarray,
    folds: Sequence[np.ndarray],
    *,
    metric: Metric | str,
    head: Head,
    seed: int,
    groups: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    decide: Decide | None = None,
    level: float = 0.95,
    n_bootstrap: int | None = None,
    reference: int = 0,
) -> Corrected:
    """Return the winner's score without the luck of having won: bootstrap bias-corrected cross-validation.

    Args:
        outputs: trial number -> (n_repeats, n_rows, n_units) out-of-fold outputs of each complete trial; rows that
            no fold scores are not read. Read once, so that a generator need not hold all in memory.
        target: (n_rows, ...) of the whole data set, as for ``metrics.score``.
        folds: (n_repeats * folds a repeat) numbers of each fold's scored rows, repeat after repeat.
        metric: one that fits the head's task, or its name in ``METRICS``.
        head: what the outputs stand for.
        seed: of the study.
        groups: (n_rows,) each row's group, where rows come in groups.
        weight: (n_rows,) how much each row counts in scores; None where all count alike.
        decide: turns (n_scored, n_units) outputs, fold after fold, into those that labels are decided from; None where
            the outputs are scored as they are. What it has learned is not learned again in each resample.
        level: share of the resamples between the bounds, 0 < level < 1.
        n_bootstrap: how many resamples; None for as many as ``resamples_for`` finds right for the table.
        reference: the trial that ``gain`` compares with; 0 is the default configuration.

    Raises:
        ValueError: there is no trial.
    """
    n_scored = sum(len(rows) for rows in folds)
    metric = as_metric(metric)
    usual = resamples_for(n_scored * head.units) if has_form(metric, weighted=weight is not None) else FEWEST
    n_draws = n_bootstrap or usual
    random, rows = generator(seed, "bootstrap", "out_of_fold"), np.unique(np.concatenate(folds))
    drawn = draw(rows, len(target), n_draws, random, groups)
    scorer = FoldScorer(metric, head, target, folds, weight)
    sign = 1.0 if metric.direction == "maximize" else -1.0
    choice = _Choice(n_draws, sign, (perfect(metric), worst(metric)), reference)
    for chunk in _chunks(outputs, max(1, TOGETHER // max(n_scored * head.units, 2 * n_draws))):
        scored = np.stack([fold_outputs(trial, folds) for _, trial in chunk])
        if decide is not None:
            scored = np.stack([decide(each) for each in scored])
        naive = np.array([float(np.mean(scorer(each))) for each in scored])
        numbers = np.array([number for number, _ in chunk])
        choice.see(numbers, naive, _mean_over_folds(scored, target, folds, metric, head, drawn, weight))
    return choice.correct(level)


def fold_outputs(outputs: np.ndarray, folds: Sequence[np.ndarray]) -> np.ndarray:
    """Return (n_scored, n_units) outputs, fold after fold, from the (n_repeats, n_rows, n_units) kept of a trial."""
    per_repeat = len(folds) // len(outputs)
    return np.concatenate([outputs[number // per_repeat, rows] for number, rows in enumerate(folds)])


def _chunks(outputs: Iterable[tuple[int, np.ndarray]], size: int) -> Iterator[list[tuple[int, np.ndarray]]]:
    trials = iter(outputs)
    while chunk := list(islice(trials, size)):
        yield chunk


def _mean_over_folds(
    scored: np.ndarray,
    target: np.ndarray,
    folds: Sequence[np.ndarray],
    metric: Metric,
    head: Head,
    drawn: np.ndarray,
    weight: np.ndarray | None,
) -> np.ndarray:
    """Return (n_trials, 2 * n_draws) means over folds of the drawn rows' scores, then of those not drawn.

    Args:
        scored: (n_trials, n_scored, n_units) outputs, fold after fold.
        target: (n_rows, ...) of the whole data set.
        folds: the numbers of each fold's scored rows.
        metric: what is scored.
        head: what the outputs stand for.
        drawn: (n_rows, n_draws) how often each row was drawn.
        weight: (n_rows,) of the whole data set; None where all rows count alike.
    """
    shape = (len(scored), 2 * drawn.shape[1])
    total, number = np.zeros(shape), np.zeros(shape)
    ends = np.cumsum([len(rows) for rows in folds])
    for rows, outputs in zip(folds, np.split(scored, ends[:-1], axis=1), strict=True):
        times = drawn[rows]
        both = np.concatenate([times, times == 0], axis=1)
        of_rows = None if weight is None else weight[rows]
        values = resampled(metric, head, target[rows], both, of_rows)(outputs)
        defined = ~np.isnan(values)
        total += np.where(defined, values, 0.0)
        number += defined
    return _mean(total, number)


def _mean(total: np.ndarray, number: np.ndarray) -> np.ndarray:
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


class _Choice:
    """The best trial of each resample among those seen so far, and what it scores on the rows that were not drawn.

    Args:
        n_draws: how many resamples.
        sign: 1 where larger is better, else -1.
        ends: the best and the worst score that there is; scores that were moved past one count as it for the bounds.
        reference: the number of the trial that the chosen ones are compared with.
    """

    def __init__(self, n_draws: int, sign: float, ends: tuple[float, float], reference: int) -> None:
        self._sign = sign
        self._ends = ends
        self._reference = reference
        self._of_reference: np.ndarray | None = None
        self._naive: dict[int, float] = {}
        self._best = np.full(n_draws, -np.inf)
        self._chosen = np.zeros(n_draws, np.int64)
        self._values = np.full(n_draws, np.nan)

    def see(self, numbers: np.ndarray, naive: np.ndarray, scores: np.ndarray) -> None:
        """Take in trials.

        Args:
            numbers: (n_trials,) their numbers.
            naive: (n_trials,) scores of all rows; NaN where undefined.
            scores: (n_trials, 2 * n_draws) scores of the rows drawn, then of those not drawn.
        """
        order = np.argsort(numbers)  # so that the first of equals has the lowest number
        numbers, naive, (inside, outside) = numbers[order], naive[order], np.split(scores[order], 2, axis=1)
        self._naive |= dict(zip(numbers.tolist(), naive.tolist(), strict=True))
        defined = ~np.isnan(outside)
        means = _mean(np.where(defined, outside, 0.0).sum(axis=1), defined.sum(axis=1))
        outside = outside + (naive - means)[:, None]
        ranked = self._ranked(np.where(np.isnan(naive)[:, None], np.nan, inside))
        places, draws = ranked.argmax(axis=0), np.arange(len(self._best))
        best = ranked[places, draws]
        better = (best > self._best) | ((best == self._best) & (numbers[places] < self._chosen))
        self._best = np.where(better, best, self._best)
        self._chosen = np.where(better, numbers[places], self._chosen)
        self._values = np.where(better, outside[places, draws], self._values)
        if self._reference in self._naive and self._of_reference is None:
            self._of_reference = outside[numbers == self._reference][0]

    def correct(self, level: float) -> Corrected:
        """Return the choice's scores on the rows that were not drawn.

        Raises:
            ValueError: no trial was seen.
        """
        if not self._naive:
            raise ValueError("no trial to choose from")
        values = self._values
        used = (self._best > -np.inf) & ~np.isnan(values)
        low, high = percentiles(np.clip(values[used], min(self._ends), max(self._ends)), level)
        numbers = sorted(self._naive)
        naive = np.array([self._naive[number] for number in numbers])
        winner = numbers[int(self._ranked(naive).argmax())]
        return Corrected(
            naive=self._naive[winner],
            corrected=float(values[used].mean()) if used.any() else float("nan"),
            low=low,
            high=high,
            level=level,
            n_bootstrap=int(used.sum()),
            n_undefined=int((~used).sum()),
            n_trials=len(numbers),
            winner=winner,
            winner_shares=_shares(self._chosen[used]),
            gain=self._gain(used, level),
        )

    def _ranked(self, scores: np.ndarray) -> np.ndarray:
        """Return scores such that larger is better, and undefined is worst."""
        return np.where(np.isnan(scores), -np.inf, self._sign * scores)

    def _gain(self, used: np.ndarray, level: float) -> Interval | None:
        """Return how much better the chosen are than the reference, with bounds; None where that is not there."""
        if self._of_reference is None:
            return None
        differences = self._values - self._of_reference
        gains = self._sign * differences[used & ~np.isnan(differences)]
        low, high = percentiles(gains, level)
        return Interval(float(gains.mean()) if len(gains) else float("nan"), low, high, level)


def _shares(chosen: np.ndarray) -> dict[int, float]:
    """Return the share of each number among the chosen ones, the largest first."""
    numbers, counts = np.unique(chosen, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {int(numbers[place]): float(counts[place] / len(chosen)) for place in order}
