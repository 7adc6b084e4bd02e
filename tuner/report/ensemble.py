"""Which trials, averaged, predict better than the best one alone.

Beginning with the best trial, the one that helps the mean most is added, again and again, with replacement, so that a
weight is how often a trial was chosen (Caruana, Niculescu-Mizil, Crew and Ksikes 2004, Ensemble selection from
libraries of models, sections 2 and 2.2). Choosing can overfit the out-of-fold outputs. Against this only the best
candidates are chosen among, and the number of choices is found on rows that did not make them: the whole choice is
repeated once for each fold, made on the other folds and scored on that one, and the number with the best mean counts,
the smallest of equals. It is 1, the best trial alone, where no mixture holds up, and where there is one fold only,
which leaves nothing to check a mixture by.

Equal scores go to the trial that ranks higher, and equal ranks to the lower number, so that the same outputs always
give the same weights.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from tuner.model.fold_metrics import FoldScorer
from tuner.model.heads import Head
from tuner.model.metrics import Metric, as_metric
from tuner.report.selection import Decide, fold_outputs

MAX_MEMBERS = 20
"""Choices, repetitions included: with them the smallest weight is a twentieth."""

N_CANDIDATES = 15
"""Trials, the best first, that members are chosen among."""


def greedy_ensemble(
    outputs: Iterable[tuple[int, np.ndarray]],
    target: np.ndarray,
    folds: Sequence[np.ndarray],
    *,
    metric: Metric | str,
    head: Head,
    weight: np.ndarray | None = None,
    decide: Decide | None = None,
    max_members: int = MAX_MEMBERS,
    n_candidates: int = N_CANDIDATES,
) -> dict[int, float]:
    """Choose trials and weights whose mean output has the best cross-validated score.

    Args:
        outputs: trial number -> (n_repeats, n_rows, n_units) out-of-fold outputs of each complete trial:
            probabilities, or values in the target's own unit. Read once.
        target: (n_rows, ...) of the whole data set, as for ``metrics.score``.
        folds: (n_repeats * folds a repeat) numbers of each fold's scored rows, repeat after repeat.
        metric: one that fits the head's task, or its name in ``METRICS``.
        head: what the outputs stand for.
        weight: (n_rows,) how much each row counts in scores; None where all count alike.
        decide: as for ``bias_corrected``.
        max_members: the most choices, repetitions included, at least 1.
        n_candidates: how many of the best trials may be chosen, at least 1.

    Returns:
        Trial number -> weight above 0, the largest first; the weights sum to 1.

    Raises:
        ValueError: no trial has a score.
    """
    scored_folds = FoldScorer(metric, head, target, folds, weight)
    scorer = scored_folds if decide is None else lambda outputs: scored_folds(decide(outputs))
    sign = 1.0 if as_metric(metric).direction == "maximize" else -1.0
    ranked: list[tuple[float, int, np.ndarray]] = []
    for number, each in outputs:
        scored = fold_outputs(each, folds)
        ranked.append((-sign * float(np.mean(scorer(scored))), number, scored))
        # Only candidates are kept: a search may have more trials than memory has room for.
        ranked = sorted((row for row in ranked if not np.isnan(row[0])), key=lambda row: row[:2])[
            :n_candidates
        ]
    if not ranked:
        raise ValueError("no trial has a score to choose by")
    choice = _Choice(np.stack([scored for _, _, scored in ranked]), scorer, sign)
    n_folds = len(folds)
    left_out = np.zeros(max_members if n_folds > 1 else 1)
    for fold in range(n_folds if n_folds > 1 else 0):
        path = choice.path(np.arange(n_folds) != fold, max_members)
        left_out += [choice.values(path[: size + 1])[fold] / n_folds for size in range(max_members)]
    size = int(np.argmax(np.nan_to_num(left_out, nan=-np.inf))) + 1
    times = Counter(choice.path(np.ones(n_folds, bool), size))
    order = sorted(times, key=lambda place: (-times[place], place))
    return {ranked[place][1]: times[place] / size for place in order}


class _Choice:
    """Mixtures of candidates and their scores; each mixture is scored once."""

    def __init__(self, outputs: np.ndarray, scorer: Decide, sign: float) -> None:
        """Take (n_candidates, n_scored, n_units) outputs, the best candidate's first."""
        self._outputs = outputs
        self._scorer = scorer
        self._sign = sign
        self._known: dict[tuple[int, ...], np.ndarray] = {}

    def values(self, members: Sequence[int]) -> np.ndarray:
        """Return (n_folds,) scores of the members' mean, larger being better."""
        mixture = tuple(sorted(members))
        if mixture not in self._known:
            weights = np.bincount(mixture, minlength=len(self._outputs)) / len(mixture)
            mean = np.tensordot(weights[weights > 0], self._outputs[weights > 0], axes=1)
            # float64 sums of float32 outputs may differ in their last bit by the order of adding; equal is equal.
            self._known[mixture] = self._sign * self._scorer(mean.astype(self._outputs.dtype))
        return self._known[mixture]

    def path(self, folds: np.ndarray, n_members: int) -> list[int]:
        """Return candidates in the order of their choice by the mean over (n_folds,) folds, the best one first."""
        members: list[int] = []
        for _ in range(n_members):
            scores = [
                float(self.values([*members, place])[folds].mean()) for place in range(len(self._outputs))
            ]
            members.append(int(np.argmax(np.nan_to_num(scores, nan=-np.inf))))
        return members
