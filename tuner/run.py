"""What ``tune run`` does: open a study, take up its records where they are, search, and close them."""

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from tuner.config.study_file import StudyConfig
from tuner.driver import Driver
from tuner.executors import Executor, InProcess
from tuner.header import check_unchanged, make_header, other_versions
from tuner.interrupts import Interrupts
from tuner.lease import driving
from tuner.places import experiment_name, tracking_place
from tuner.records import State, TrialResult
from tuner.search.storage import Header, StudyStore
from tuner.study import Study, open_study
from tuner.summary import StudySummary, summarise
from tuner.tracking.mlflow_tracker import MlflowTracker
from tuner.tracking.tracker import Ending, StudyCard, TrackingReport


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of one run.

    Attributes:
        n_trials: how many trials the study is to have.
        seconds: after them no trial starts; None for no such bound.
        fresh: whether records that are there are set aside.
    """

    n_trials: int
    seconds: float | None
    fresh: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A study that is about to be searched.

    Attributes:
        study: its parts.
        n_trials: how many trials it is to have.
        before: what its records hold already.
        notes: what the user should know: of the data, and of what differs from an earlier run.
    """

    study: Study
    n_trials: int
    before: StudySummary
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """A study's state after a run of it.

    Attributes:
        summary: its trials.
        tracking: where they are shown, and whether all of them are.
        interrupted: whether the user ended the run.
    """

    summary: StudySummary
    tracking: TrackingReport
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a user should know while the search goes on.

    Attributes:
        text: one sentence.
    """

    text: str


Event = Opened | TrialResult | Note | Closed
"""What happens in a run of a study: ``Opened`` first, ``Closed`` last, trials in the order in which they end."""


def run_study(
    config: StudyConfig,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    fresh: bool = False,
    executor: Executor | None = None,
) -> Generator[Event]:
    """Search until the study has its trials; take up what an earlier run has left.

    Args:
        config: the study file.
        trials: how many trials the study is to have; None for the number in the file.
        timeout: seconds after which no trial starts; None for those in the file.
        fresh: whether records of the study that are there are moved to a dated folder first.
        executor: evaluates the trials, and is closed at the end; None for this process.

    Raises:
        TunerError: the study cannot be run, or not be continued as it is; nothing was trained, and nothing
            that was there is lost.
    """
    asked = Request(
        n_trials=trials or config.search.trials,
        seconds=config.search.timeout if timeout is None else timeout,
        fresh=fresh,
    )
    with closing(executor or InProcess(config.engine.name)) as workers:
        study = open_study(config)
        store = StudyStore(config.runs_folder, config.name)
        with driving(config.runs_folder, config.name), closing(store), Interrupts() as interrupts:
            yield from _search(study, store, asked, workers, interrupts)


def _search(
    study: Study, store: StudyStore, asked: Request, workers: Executor, interrupts: Interrupts
) -> Generator[Event]:
    """Yield the events of a run whose records this process holds."""
    opened, tracker = _take_up(study, store, asked)
    yield opened
    deadline = None if asked.seconds is None else time.monotonic() + asked.seconds
    ending, trouble = Ending.FINISHED, None
    try:
        driver = Driver(study, store, tracker, workers)
        for result in driver.run(asked.n_trials, deadline=deadline, training=interrupts.let_through):
            yield result
            if tracker.trouble != trouble:
                trouble = tracker.trouble
                yield Note(
                    "MLflow answers again" if trouble is None else f"MLflow: {trouble}; the search goes on"
                )
    except KeyboardInterrupt:
        ending = Ending.INTERRUPTED
    summary = summarise(store)
    best = summary.best
    report = tracker.closed(ending, _numbers(summary), [] if best is None else [best.number])
    yield Closed(summary, report, ending is Ending.INTERRUPTED)


def _take_up(study: Study, store: StudyStore, asked: Request) -> tuple[Opened, MlflowTracker]:
    """Begin the study's records, or go on with those that are there, once they are known to fit.

    The tracker comes first: where it cannot be reached, nothing was begun and nothing set aside.
    """
    notes = list(study.dataset.notes)
    goes_on = store.exists and not asked.fresh
    if goes_on:
        header = store.header()
        check_unchanged(study, header)
        notes += other_versions(header)
    else:
        header = make_header(study)
    tracker = MlflowTracker(*tracking_place(study.config))
    tracker.started(make_card(study, header), list(store.results()) if goes_on else [], store.load)
    if not goes_on:
        if store.exists:
            notes.append(f"the earlier study was moved to {store.set_aside()}")
        store.create(header, maximize=study.direction == "maximize")
    return Opened(study, asked.n_trials, summarise(store), tuple(notes)), tracker


def make_card(study: Study, header: Header) -> StudyCard:
    """Return what a tracker is told of a study."""
    config, dataset = study.config, study.dataset
    search = config.search
    about = {
        "task": dataset.task.value,
        "rows": len(dataset.target),
        "held_out_rows": len(study.test_rows),
        "columns": len(dataset.columns),
        "data_sha256": dataset.fingerprint.sha256,
        "splits_sha256": study.splits,
        "folds": config.cv.folds,
        "repeats": config.cv.repeats,
        "sampler": search.sampler,
        "pruner": search.pruner,
        "window": search.window,
        "seed": search.seed,
        "engine": study.problem.engine,
    }
    note = (
        f"**{config.name}**: {dataset.task.value} on {len(dataset.target):,} rows and {len(dataset.columns)} columns "
        f"of `{dataset.place}`, searched for the best `{study.objective}` ({study.direction}).\n\n"
        f"Trials are the child runs: sort by *Created* to see them nested, by *score* to see the best first."
    )
    return StudyCard(
        id=header.id,
        name=config.name,
        experiment=experiment_name(config),
        objective=study.objective,
        direction=study.direction,
        tags={"tuner.task": dataset.task.value},
        params={name: str(value) for name, value in about.items()},
        note=note,
    )


def _numbers(summary: StudySummary) -> dict[str, float]:
    """Return a study's outcome as the tracker's numbers."""
    numbers = {
        state.value: float(summary.count(state)) for state in (State.COMPLETE, State.PRUNED, State.FAILED)
    }
    numbers["trials"] = float(len(summary.results))
    if summary.best is not None:
        numbers["best_score"] = summary.best.values[0]
    return numbers
