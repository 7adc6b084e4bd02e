"""A study's trials at a glance: what ``tune show`` prints, for people and for machines."""

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tuner.config.study_file import StudyConfig
from tuner.errors import TunerError
from tuner.export.final_record import find_final, to_json
from tuner.export.tables import finite_or_none
from tuner.lease import is_driven
from tuner.model.goals import Objective
from tuner.model.pareto import on_front
from tuner.records import Final, Interval, Params, State, TrialResult
from tuner.search.sampling import Asked
from tuner.search.storage import StudyStore

CORRECTED = "corrected"
"""What the corrected score is called in a study's records."""


@dataclass(frozen=True, slots=True)
class StudySummary:
    """What a study's records hold.

    Attributes:
        about: the study's name, task, objective, data and seed, as the header has them.
        results: the ended trials by number, without arrays.
        running: the trials that were asked and have not ended, by number.
        driven: whether a process works on them now; otherwise the next run trains them again.
        final: the final model; None before there is one.
        corrected: the best score without the optimism of having chosen the best, as the last run that came to its end
            computed it; None where there was none, or trials have ended since.
    """

    about: Mapping[str, Any]
    results: Mapping[int, TrialResult]
    running: Mapping[int, Params]
    driven: bool = False
    final: Final | None = None
    corrected: Interval | None = None

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All that the search improves."""
        return tuple(Objective(each["metric"], each["direction"]) for each in self.about["objective"])

    @property
    def objective(self) -> str:
        """The metric that the search improves; the first of several objectives."""
        return self.objectives[0].name

    @property
    def maximize(self) -> bool:
        """Whether larger scores are better."""
        return self.objectives[0].direction == "maximize"

    @property
    def best(self) -> TrialResult | None:
        """The best complete trial that keeps the bounds; the first of equals."""
        ranked = self.ranked()
        return ranked[0] if ranked else None

    def ranked(self) -> list[TrialResult]:
        """Return the complete trials that keep the bounds, the best first: by the first objective, then by the next."""
        complete = [result for result in self.complete() if result.feasible]
        return sorted(complete, key=lambda result: (self.losses(result), result.number))

    def complete(self) -> list[TrialResult]:
        """Return the complete trials, also one that breaks a bound, in the order of their numbers."""
        return [self.results[n] for n in sorted(self.results) if self.results[n].state is State.COMPLETE]

    def losses(self, result: TrialResult) -> tuple[float, ...]:
        """Return a trial's values such that less is better."""
        return tuple(each.sign * value for each, value in zip(self.objectives, result.values, strict=True))

    def front(self) -> list[TrialResult]:
        """Return the complete trials that no other one beats in all objectives, the best in the first one first.

        With one objective that is the best trial alone. A trial that another one's record answers for is not listed.
        """
        ranked = self.ranked()
        if len(self.objectives) == 1:
            return ranked[:1]
        return front_of([result for result in ranked if result.same_as is None], self.objectives)

    def count(self, state: State) -> int:
        """Return how many trials are in a state."""
        if state is State.RUNNING:
            return len(self.running)
        return sum(result.state is state for result in self.results.values())

    def to_json(self) -> dict[str, Any]:
        """Return the machine's view, as JSON values."""
        numbers = sorted({*self.results, *self.running})
        trials = [
            _ended(self.results[number]) if number in self.results else _running(number, self.running[number])
            for number in numbers
        ]
        return {
            **self.about,
            "trials": trials,
            "best": [result.number for result in self.front()],
            "corrected": None if self.corrected is None else _bounds(self.corrected),
            "final": None if self.final is None else to_json(self.final),
        }


def front_of(trials: Sequence[TrialResult], objectives: Sequence[Objective]) -> list[TrialResult]:
    """Return the trials that no other one of them beats in all objectives, in their order."""
    if not trials:
        return []
    losses = np.array([result.values for result in trials]) * [each.sign for each in objectives]
    return [result for result, kept in zip(trials, on_front(losses), strict=True) if kept]


def summarise(store: StudyStore) -> StudySummary:
    """Return what a study's records hold now.

    Raises:
        TunerError: no study is recorded there.
    """
    results = store.results()
    asked: Sequence[Asked] = store.asked_trials()
    running = {trial.number: trial.params for trial in asked if trial.number not in results}
    return with_ending(store, StudySummary(store.header().about, results, running))


def with_ending(store: StudyStore, summary: StudySummary) -> StudySummary:
    """Return a summary of the same trials with what is recorded now of the study's end."""
    corrected = _corrected(store, len(summary.results))
    return replace(summary, final=find_final(store), corrected=corrected)


def keep_corrected(store: StudyStore, summary: StudySummary, corrected: Interval) -> None:
    """Record the corrected score of the trials of a summary, so that it need not be computed to be shown."""
    store.note(CORRECTED, {**_bounds(corrected), "of": len(summary.results)})


def _corrected(store: StudyStore, n_ended: int) -> Interval | None:
    record = store.noted(CORRECTED)
    if record is None or record.pop("of") != n_ended:
        return None
    return Interval(**{name: math.nan if value is None else value for name, value in record.items()})


def _bounds(interval: Interval) -> dict[str, float | None]:
    return {name: finite_or_none(value) for name, value in asdict(interval).items()}


def check_begun(config: StudyConfig, store: StudyStore) -> None:
    """Raise ``TunerError`` with the place that was looked at where a study was not run yet."""
    if not store.exists:
        raise TunerError(f"{config.path}: no trials yet in {store.place}; type: tune run {config.path}")


def read_summary(config: StudyConfig) -> StudySummary:
    """Return what a study file's records hold now; writes nothing.

    Raises:
        TunerError: the study was not run yet.
    """
    with closing(StudyStore(config.runs_folder, config.name, config.database)) as store:
        check_begun(config, store)
        return replace(summarise(store), driven=is_driven(config.runs_folder, config.name, config.database))


def _ended(result: TrialResult) -> dict[str, Any]:
    return {
        "number": result.number,
        "state": result.state.value,
        "params": dict(result.params),
        "values": list(result.values),
        "fold_values": [list(values) for values in result.fold_values],
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "metrics": {
            name: None if math.isnan(value) else value for name, value in (result.metrics or {}).items()
        },
        "seconds": result.seconds,
        "reason": None if result.reason is None else result.reason.value,
        "message": result.message,
        "parameters": result.parameters,
        "latency_ms": result.latency_ms,
        "constraints": dict(result.constraints or {}),
    }


def _running(number: int, params: Params) -> dict[str, Any]:
    scores: dict[str, Any] = {"values": [], "fold_values": [], "best_epoch": None, "metrics": {}}
    rest = {"epochs": 0, "seconds": 0.0, "reason": None, "message": None}
    costs: dict[str, Any] = {"parameters": None, "latency_ms": None, "constraints": {}}
    return {"number": number, "state": State.RUNNING.value, "params": dict(params), **scores, **rest, **costs}
