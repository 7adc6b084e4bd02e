"""The section on inputs that were kept: which, and in how many folds."""

from collections import Counter
from dataclasses import replace

from tuner.data.preprocess import Preprocessor
from tuner.prepared import prepare_by
from tuner.problem import plan_of
from tuner.report.collect import Report
from tuner.report.document import Note, Section, Table

SHOWN_ROWS = 30
"""A longer table is shown on demand."""


def kept_inputs(report: Report) -> Section | None:
    """Return which inputs the winner's fold networks read; None where nothing was left out, or nothing won.

    The folds are prepared again, as the trial did; no network is needed.
    """
    if report.winner is None:
        return None
    problem = report.study.problem
    # How classes are balanced changes no input.
    plan = replace(plan_of(problem, report.winner.params), balance="none")
    if not plan.selects:
        return None
    folds = prepare_by(problem, plan)
    everything = prepare_by(problem, plan.bare)[0].preprocessor.input_names
    counts = Counter(name for fold in folds for name in _kept_names(fold.preprocessor))
    # In another fold, a one-hot input of a column with many categories may be that of another category.
    names = dict.fromkeys([*everything, *counts])
    kept = sorted((name for name in names if counts[name]), key=lambda name: -counts[name])
    rows = tuple((name, f"{counts[name]} of {len(folds)}") for name in kept)
    told = "mutual information with the target" if plan.select_k is not None else "variance"
    note = (
        f"Chosen in each fold by its own training rows ({told}). {len(kept)} different inputs of {len(everything)} are "
        f"read by the networks of trial {report.winner.number}; one that only some folds keep is a close call."
    )
    table = Table("Inputs that were kept", ("input", "folds"), rows, frozenset({1}), len(rows) > SHOWN_ROWS)
    return Section("inputs", "Which inputs were kept", (table, Note(note)))


def _kept_names(preprocessor: Preprocessor) -> list[str]:
    """Return the names of the inputs that are not 0 in every row."""
    assert preprocessor.kept_ is not None
    named = zip(preprocessor.input_names, preprocessor.kept_.tolist(), strict=True)
    return [name for name, place in named if place >= 0]
