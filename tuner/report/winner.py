"""What the winner of a study may be expected to score on new rows."""

from tuner.report.selection import Corrected, bias_corrected
from tuner.search.storage import StudyStore
from tuner.study import Study
from tuner.summary import StudySummary


def corrected_score(study: Study, store: StudyStore, summary: StudySummary) -> Corrected | None:
    """Return the best cross-validated score without the optimism of having chosen the best; None without any.

    It is computed from the out-of-fold outputs of all complete trials that keep the study's bounds: seconds for 50,000
    rows, else much less.
    """
    if summary.best is None:
        return None
    problem, metric = study.problem, study.problem.metric(study.objective)
    complete = sorted(result.number for result in summary.ranked())
    return bias_corrected(
        ((number, outputs) for number in complete if (outputs := store.outputs(number)) is not None),
        problem.dataset.target,
        [fold.score for fold in problem.folds],
        metric=metric,
        head=problem.head,
        seed=problem.seed,
        groups=problem.dataset.group,
        weight=problem.score_weight,
        decide=problem.decide(metric),
    )
