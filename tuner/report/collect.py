"""A study's results as one frozen value: what its records hold, and the statistics on them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tuner.records import Final, TrialResult, Verification
from tuner.report.diagnosis import Diagnosis, constant_score, diagnose
from tuner.report.importance import Importance, importance_of
from tuner.report.selection import Corrected
from tuner.report.statistics import Comparison, Estimate, in_words, nadeau_bengio, paired_comparison
from tuner.report.winner import corrected_score
from tuner.search.storage import Header, StudyStore
from tuner.search.verification import read_verification
from tuner.study import Study
from tuner.summary import StudySummary, summarise

SHOWN_CURVES = 3
"""How many of the best trials have their learning curves in a report, beside the default configuration."""


@dataclass(frozen=True, slots=True)
class Rivalry:
    """Two trials compared over the same folds.

    Attributes:
        first: the better one's number.
        second: the other's number.
        second_name: ``the default`` or ``the runner-up``.
        comparison: the difference, its bounds, and in how many folds it shows.
        sentence: the same in words.
    """

    first: int
    second: int
    second_name: str
    comparison: Comparison
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Outputs for rows that the networks behind them were not trained on.

    Attributes:
        held_out: whether they are the final model's for the held-out rows; otherwise the winner's out-of-fold ones.
        rows: (n,) row numbers in the data set.
        target: (n, ...) what was to be predicted.
        outputs: (n, n_units) what was, in the target's unit; the mean over repeats where there are several.
    """

    held_out: bool
    rows: np.ndarray
    target: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What a study came to.

    Attributes:
        study: its parts.
        header: what it was started with.
        summary: its trials, without arrays.
        shown: the best trials and the default one with their curves by fold, the best first.
        estimate: the winner's cross-validated mean with its t-interval; None where no trial is complete.
        corrected: what the winner's score comes to once the choosing is paid for; None likewise.
        rivalries: the winner against the default and the runner-up.
        importance: of the parameters; None where there are too few trials.
        diagnosis: whether the winner learns too little or too much; None where no trial is complete.
        final: the final model's record; None where there is none yet.
        predictions: what scores in detail are computed from; None where no trial is complete.
        verification: the last time a trial was trained again and compared; None if never.
    """

    study: Study
    header: Header
    summary: StudySummary
    shown: tuple[TrialResult, ...] = ()
    estimate: Estimate | None = None
    corrected: Corrected | None = None
    rivalries: tuple[Rivalry, ...] = ()
    importance: Importance | None = None
    diagnosis: Diagnosis | None = None
    final: Final | None = None
    predictions: Predictions | None = None
    verification: Verification | None = None

    @property
    def winner(self) -> TrialResult | None:
        """The best complete trial, without arrays."""
        return self.summary.best

    @property
    def default(self) -> TrialResult | None:
        """Trial 0, the search space's default configuration, if it has ended."""
        return self.summary.results.get(0)


def collect(study: Study, store: StudyStore) -> Report:
    """Read a study's records and compute what a report says of them; trains nothing and writes nothing.

    The held-out rows' targets are read only where a final model was scored on them already.

    Raises:
        TunerError: nothing is recorded there, or a record is damaged.
    """
    config = study.config
    summary = summarise(store)
    report = Report(
        study=study,
        header=store.header(),
        summary=summary,
        importance=importance_of(store.asked_trials(), summary.results, maximize=summary.maximize),
        final=summary.final,
        verification=read_verification(config.runs_folder),
    )
    if summary.best is None:
        return report
    winner = store.load(summary.best.number)
    return replace(
        report,
        shown=tuple(_shown(store, summary)),
        estimate=_estimate(study, winner),
        corrected=corrected_score(study, store, summary),
        rivalries=tuple(_rivalries(study, summary)),
        diagnosis=_diagnosis(study, winner, report.final),
        predictions=_predictions(study, winner, report.final),
    )


def _shown(store: StudyStore, summary: StudySummary) -> Iterator[TrialResult]:
    ranked = summary.ranked()
    chosen = ranked[:SHOWN_CURVES]
    chosen += [each for each in summary.complete()[:1] if each.number == 0 and each not in chosen]
    for result in chosen:
        yield replace(store.load(result.number), oof=None)


def _sizes(study: Study) -> tuple[list[int], list[int]]:
    folds = study.problem.folds
    return [len(fold.train) for fold in folds], [len(fold.score) for fold in folds]


def _estimate(study: Study, winner: TrialResult) -> Estimate:
    return nadeau_bengio(winner.fold_values[0], *_sizes(study))


def _rivalries(study: Study, summary: StudySummary) -> Iterator[Rivalry]:
    ranked = summary.ranked()
    winner = ranked[0]
    default = [each for each in summary.complete()[:1] if each.number == 0]
    rivals = [("the default", each) for each in default if winner.number != 0]
    others = [each for each in ranked[1:] if each.trained_as != winner.number]
    rivals += [("the runner-up", each) for each in others[:1] if each.number != 0]
    for name, rival in rivals:
        comparison = paired_comparison(
            winner.fold_values[0], rival.fold_values[0], *_sizes(study), maximize=summary.maximize
        )
        sentence = in_words(
            comparison,
            f"trial {winner.number}",
            f"{name} (trial {rival.number})",
            study.objective,
            chosen_from=len(ranked),
        )
        yield Rivalry(winner.number, rival.number, name, comparison, sentence)


def _diagnosis(study: Study, winner: TrialResult, final: Final | None) -> Diagnosis:
    problem = study.problem
    constant = constant_score(
        problem.metric(study.objective),
        problem.head,
        problem.dataset.target,
        [fold.train for fold in problem.folds],
        [fold.score for fold in problem.folds],
        problem.score_weight,
    )
    trained = (
        final if final is not None and [each.trial for each in final.members] == [winner.number] else None
    )
    return diagnose(
        winner.curves or {},
        best_epoch=winner.best_epoch or 1,
        max_epochs=int(winner.params.get("epochs", problem.epochs)),
        metric=problem.metric(study.objective),
        score=winner.values[0],
        constant=constant,
        train_score=None if trained is None else trained.train_scores.get(study.objective),
    )


def _predictions(study: Study, winner: TrialResult, final: Final | None) -> Predictions | None:
    dataset = study.dataset
    if final is not None and final.held_out is not None and len(final.held_out) == len(study.test_rows) > 0:
        return Predictions(True, study.test_rows, dataset.target[study.test_rows], final.held_out)
    if winner.oof is None:
        return None
    seen = ~np.isnan(winner.oof).any(
        axis=2
    )  # (n_repeats, n_rows); rows before the first block in time never are
    rows = np.flatnonzero(seen.any(axis=0))
    outputs = np.nanmean(winner.oof[:, rows], axis=0)
    return Predictions(False, rows, dataset.target[rows], outputs)
