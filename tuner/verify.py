"""What ``tune verify`` does: train a recorded trial again, and compare all that is recorded of it."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tuner.config.study_file import StudyConfig
from tuner.driver import make_bars, make_task, told_of
from tuner.errors import TunerError
from tuner.executors.choice import alone
from tuner.executors.executor import Executor
from tuner.final import now
from tuner.header import changes, data_changes, elsewhere, file_changes
from tuner.model.goals import LATENCY, PARAMETERS, Goals
from tuner.records import Reason, State, TrialResult, Verification
from tuner.search.storage import Header, StudyStore
from tuner.search.verification import write_verification
from tuner.study import Study, load_table, open_study
from tuner.summary import StudySummary, check_begun, summarise

RELATIVE = 1e-3
"""How far a fold's score may be from the recorded one, relative to it, where libraries or the machine differ.

Other kernels add in another order, which changes the last bits of a sum, and training carries such changes on. What
comes of them is small beside the spread over folds, which is seldom under a hundredth of the score; a mistake,
such as another seed or another split, moves scores by about that spread."""

TrialOutcome = Literal["same", "within tolerance", "different"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Numbers of one kind, as recorded and now.

    Attributes:
        what: what they are, as a person calls it.
        numbers: how many were compared; those undefined on both sides are none.
        differing: how many are not equal to the bit.
        largest: the largest absolute difference; NaN where their number differs.
    """

    what: str
    numbers: int
    differing: int
    largest: float


@dataclass(frozen=True, slots=True, eq=False)
class Verified:
    """What a verification found.

    Attributes:
        name: the study's name.
        objective: the metric that the search improves.
        recorded: the trial as it is recorded.
        again: the trial as it was trained now; None where nothing was trained, because the study has changed.
        compared: all that was compared; empty where nothing was trained.
        changes: what of the study file or the data is no longer as it was, a sentence each.
        elsewhere: which libraries and what of the machine are not those of the record, a sentence each.
        tolerances: (n_folds,) how far each fold's score may be from the recorded one where any are.
        verification: the outcome, as it is recorded.
    """

    name: str
    objective: str
    recorded: TrialResult
    again: TrialResult | None
    compared: tuple[Comparison, ...]
    changes: tuple[str, ...]
    elsewhere: tuple[str, ...]
    tolerances: tuple[float, ...]
    verification: Verification

    @property
    def holds(self) -> bool:
        """Whether the record was confirmed."""
        return self.verification.outcome != "different"


def verify_trial(
    config: StudyConfig,
    trial: int | None = None,
    *,
    executor: Executor | None = None,
    begins: Callable[[str], object] = lambda sentence: None,
) -> Verified:
    """Train a recorded trial again, and compare it with its record; the outcome is recorded beside it.

    Nothing else is written, so the study may be running meanwhile. Where the study file or the data have changed,
    nothing is trained: the record cannot be confirmed, and the answer says what changed.

    Args:
        config: the study file.
        trial: the trial's number; None for the best one.
        executor: trains it, and is closed at the end; None for this process.
        begins: called with a sentence before the training.

    Raises:
        TunerError: there is no such trial, it has not ended, or it left nothing to compare.
    """
    with (
        closing(executor or alone(config)) as worker,
        closing(StudyStore(config.runs_folder, config.name, config.database)) as store,
    ):
        check_begun(config, store)
        header, summary = store.header(), summarise(store)
        recorded = _load(store, _chosen(config, summary, trial))
        study = _unchanged(config, header)
        found = (
            _refuted(summary, recorded, study)
            if isinstance(study, list)
            else _compared(study, store, summary, recorded, tuple(elsewhere(header)), worker, begins)
        )
        _record(config.runs_folder, found.verification)
        return found


def _chosen(config: StudyConfig, summary: StudySummary, trial: int | None) -> int:
    """Return the number of the trial to verify."""
    if trial is None:
        if summary.best is None:
            kept = " that keeps the constraints" if summary.complete() else ""
            raise TunerError(f"study '{config.name}': no trial completed{kept}; choose one with --trial N")
        return summary.best.number
    if trial in summary.running:
        raise TunerError(
            f"trial {trial} of study '{config.name}' has no result yet; verify it when it has ended, or another one"
        )
    if trial not in summary.results:
        known = f"0 .. {max(summary.results)}" if summary.results else "none that has ended"
        raise TunerError(f"study '{config.name}' has no trial {trial}; its trials: {known}")
    result = summary.results[trial]
    if result.state is State.FAILED and result.reason is not Reason.DIVERGED:
        raise TunerError(
            f"trial {trial} of study '{config.name}' failed ({result.reason}: {result.message}) and left nothing to "
            "compare; choose another one with --trial N"
        )
    if result.state is State.PRUNED and result.latency_ms is not None and not result.values:
        raise TunerError(
            f"trial {trial} of study '{config.name}' was not trained ({result.message}), and how long a network takes "
            "differs from time to time, so there is nothing to compare; choose another one with --trial N"
        )
    return result.trained_as


def _load(store: StudyStore, number: int) -> TrialResult:
    try:
        return store.load(number)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise TunerError(
            f"{store.folder}: the curves of trial {number} cannot be read: {error}; choose another one with --trial N"
        ) from None


def _unchanged(config: StudyConfig, header: Header) -> Study | list[str]:
    """Return the study where it is as it was recorded, or else what changed.

    A change may be such that the study's parts no longer fit together; then it is told, rather than how they do not.
    """
    found = file_changes(config, header)
    if found:
        return found
    try:
        study = open_study(config)
    except TunerError:
        found = data_changes(load_table(config), header)
        if found:
            return found
        raise
    return changes(study, header) or study


def _refuted(summary: StudySummary, recorded: TrialResult, found: list[str]) -> Verified:
    """Return the answer for a study that has changed since."""
    detail = f"the study has changed since, and nothing was trained: {'; '.join(found)}"
    verification = Verification(recorded.number, now(), "different", detail)
    name = str(summary.about["study"])
    return Verified(name, summary.objective, recorded, None, (), tuple(found), (), (), verification)


def _compared(
    study: Study,
    store: StudyStore,
    summary: StudySummary,
    recorded: TrialResult,
    others: tuple[str, ...],
    worker: Executor,
    begins: Callable[[str], object],
) -> Verified:
    """Train the trial with the bar that it was judged by, and compare."""
    begins(f"training trial {recorded.number} again; it took {recorded.seconds:.1f} s")
    goals, bars = study.problem.goals, make_bars(study)
    known = range(recorded.number - study.config.search.window + 1)
    bars.see(told_of(study, store, summary.results[number]) for number in known)
    repeatable = replace(study, problem=replace(study.problem, goals=goals.repeatable))
    again = worker.submit(make_task(repeatable, bars, recorded.number, recorded.params)).result()
    recorded = without_latency(recorded, goals)
    compared = tuple(compare(recorded, again, study.objective))
    tolerances = _tolerances(study, recorded) if others else ()
    outcome = _outcome(recorded, again, compared, tolerances)
    verification = Verification(recorded.number, now(), outcome, _detail(outcome, compared, others))
    return Verified(
        study.config.name, study.objective, recorded, again, compared, (), others, tolerances, verification
    )


def without_latency(recorded: TrialResult, goals: Goals) -> TrialResult:
    """Return a result without what was measured of its latency, which no two measurements agree on."""
    if not goals.needs_latency:
        return recorded
    kept = [place for place, name in enumerate(("", *goals.others)) if name != LATENCY]
    costs = {PARAMETERS: float(recorded.parameters)}
    return replace(
        recorded,
        values=tuple(recorded.values[place] for place in kept if recorded.values),
        fold_values=tuple(recorded.fold_values[place] for place in kept if recorded.fold_values),
        latency_ms=None,
        constraints=goals.repeatable.excess(costs),
        message=goals.repeatable.obstacle(costs) if recorded.state is not State.FAILED else recorded.message,
    )


def compare(recorded: TrialResult, again: TrialResult, objective: str) -> Iterator[Comparison]:
    """Compare two results of a trial, kind by kind: how it ended, scores, epochs, curves, outputs; not its duration."""
    endings = [(result.state, result.reason, result.message) for result in (recorded, again)]
    yield Comparison("how it ended", 1, int(endings[0] != endings[1]), 0.0)
    sides = [_numbers(result, objective) for result in (recorded, again)]
    for what in dict.fromkeys([*sides[0], *sides[1]]):
        nothing = np.empty(0)
        yield _equal(what, sides[0].get(what, nothing), sides[1].get(what, nothing))


def _numbers(result: TrialResult, objective: str) -> dict[str, np.ndarray]:
    """Return all numbers of a result but its duration, by what they are."""
    epochs = [float(result.best_epoch or 0), float(result.epochs)]
    numbers = {f"{name} by fold": np.array(each) for name, each in (result.fold_metrics or {}).items()}
    numbers |= {
        f"{objective} by fold": np.array(result.fold_values[:1]),
        "means over folds": np.array([*result.values, *(result.metrics or {}).values()]),
        "best epoch and epochs": np.array(epochs),
        "weights": np.array([float(result.parameters)]),
        f"curve of {objective}": np.array(result.curve),
    }
    numbers |= {f"{name} by epoch and fold": curve for name, curve in (result.curves or {}).items()}
    if result.oof is not None:
        numbers["out-of-fold outputs"] = result.oof
    return {what: values for what, values in numbers.items() if values.size}


def _equal(what: str, recorded: np.ndarray, again: np.ndarray) -> Comparison:
    if recorded.shape != again.shape:
        size = max(recorded.size, again.size)
        return Comparison(what, size, size, float("nan"))
    old, new = recorded.astype(float), again.astype(float)
    absent = np.isnan(old) & np.isnan(new)
    same = absent | ((old == new) & (np.signbit(old) == np.signbit(new)))
    largest = float(np.abs(old - new)[~same].max()) if not same.all() else 0.0
    return Comparison(what, int((~absent).sum()), int((~same).sum()), largest)


def _tolerances(study: Study, recorded: TrialResult) -> tuple[float, ...]:
    """Return how far each fold's score may be from the recorded one.

    ``RELATIVE`` of it; for a metric of decided labels at least one row of the fold, since a row whose probability is
    all but even may be decided the other way.
    """
    if not recorded.fold_values:
        return ()
    labels = study.problem.metric(study.objective).needs == "labels"
    return tuple(
        max(RELATIVE * abs(value), 1 / len(fold.score) if labels else 0.0)
        for value, fold in zip(recorded.fold_values[0], study.problem.folds, strict=True)
    )


def _outcome(
    recorded: TrialResult,
    again: TrialResult,
    compared: tuple[Comparison, ...],
    tolerances: tuple[float, ...],
) -> TrialOutcome:
    if not any(each.differing for each in compared):
        return "same"
    if (
        not tolerances
        or (recorded.state, recorded.reason) != (again.state, again.reason)
        or len(recorded.fold_values) != len(again.fold_values)
    ):
        return "different"
    gaps = np.abs(np.array(recorded.fold_values[0]) - np.array(again.fold_values[0]))
    # Rounding up to the last bit decides nothing.
    return "within tolerance" if (gaps <= np.array(tolerances) * (1 + 1e-9)).all() else "different"


def _detail(outcome: TrialOutcome, compared: tuple[Comparison, ...], others: tuple[str, ...]) -> str:
    total = sum(each.numbers for each in compared)
    differing = sum(each.differing for each in compared)
    kinds = "fold scores, epochs, curves and outputs"
    sentence = {
        "same": f"all {total:,} numbers ({kinds}) are the same to the bit",
        "within tolerance": f"every fold's score is within the tolerance; {differing:,} of {total:,} numbers "
        f"({kinds}) are not the same to the bit",
        "different": f"{differing:,} of {total:,} numbers ({kinds}) differ",
    }[outcome]
    return "; ".join([sentence, *others])


def _record(folder: Path, verification: Verification) -> None:
    try:
        write_verification(folder, verification)
    except OSError as error:
        raise TunerError(
            f"{folder}: cannot be written: {error.strerror}; trial {verification.trial}: {verification.outcome}, "
            f"{verification.detail}"
        ) from None
