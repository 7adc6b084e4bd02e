"""What ``tune run`` does: open a study, take up its records where they are, search, and close them."""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from tuner.conclude.final_model import is_folder_of, make_final, model_folder, recorded
from tuner.conclude.members import choose_members
from tuner.config.study_file import StudyConfig
from tuner.constraints import check_bounds
from tuner.driver import Driver
from tuner.engines.runtime import load_keras, use_backend
from tuner.errors import TunerError
from tuner.executors.choice import sole_worker
from tuner.executors.executor import Executor
from tuner.export.serving import served_model
from tuner.growth import check_continues
from tuner.header import make_header, other_versions
from tuner.interrupts import Interrupts
from tuner.lease import driving
from tuner.origin import Start, check_origin, start_from
from tuner.own_checks import check_model_runs
from tuner.places import experiment_name, is_tracked, tracking_place
from tuner.records import Glimpse, Params, TrialResult, key_of
from tuner.report.selection import Corrected
from tuner.report.winner import corrected_score
from tuner.search.grid import Grid
from tuner.search.storage import Header, StudyStore
from tuner.space.ranges import Constant
from tuner.space.space import stem
from tuner.study import Study, check_loss_runs, open_study
from tuner.summary import StudySummary, keep_corrected, summarise, with_ending
from tuner.tracking.mlflow_tracker import MlflowTracker
from tuner.tracking.notes import study_note, study_outcome
from tuner.tracking.tracker import DataCard, Ending, ModelCard, StudyCard, Tracker, TrackingReport
from tuner.tracking.untracked import Untracked


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of one run.

    Attributes:
        n_trials: how many trials the study is to have.
        seconds: after them no trial starts; None for no such bound.
        fresh: whether records that are there are set aside.
        origin: the file of a study whose best configurations are tried first; None for none.
    """

    n_trials: int
    seconds: float | None
    fresh: bool
    origin: Path | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A study that is about to be searched.

    Attributes:
        study: its parts.
        n_trials: how many trials it is to have.
        before: what its records hold already.
        seconds: after them no trial starts; None for no such bound.
        notes: what the user should know: of the data, and of what differs from an earlier run.
    """

    study: Study
    n_trials: int
    before: StudySummary
    seconds: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """A study's state after a run of it.

    Attributes:
        summary: its trials.
        corrected: the best score without the optimism of having chosen the best; None where no trial completed, or
            the run was interrupted.
        tracking: where they are shown, and whether all of them are.
        interrupted: whether the user ended the run.
    """

    summary: StudySummary
    corrected: Corrected | None
    tracking: TrackingReport
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a user should know while the search goes on.

    Attributes:
        text: one sentence.
    """

    text: str


Event = Opened | TrialResult | Glimpse | Note | Closed
"""What happens in a run of a study: ``Opened`` first, ``Closed`` last, trials in the order in which they end.

A trial that takes long is glimpsed now and then before it ends."""


def run_study(
    config: StudyConfig,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    fresh: bool = False,
    origin: Path | None = None,
    executor: Executor | None = None,
) -> Generator[Event]:
    """Search until the study has its trials; take up what an earlier run has left.

    Args:
        config: the study file.
        trials: how many trials the study is to have; None for the number in the file.
        timeout: seconds after which no trial starts; None for those in the file.
        fresh: whether records of the study that are there are moved to a dated folder first.
        origin: the file of another study, whose best configurations are tried after the default one and ``first``; it
            belongs to the study, so that one which goes on takes no other.
        executor: evaluates the trials, and is closed at the end; None for this process, or for one beside it where the
            file bounds what a trial may take, since this one cannot be ended, or as ``alone`` says.

    Raises:
        TunerError: the study cannot be run, or not be continued as it is; nothing was trained, and nothing
            that was there is lost.
    """
    asked = Request(
        n_trials=trials or config.search.trials,
        seconds=config.search.timeout if timeout is None else timeout,
        fresh=fresh,
        origin=origin,
    )
    with closing(executor or sole_worker(config)) as workers:
        study = open_study(config)
        check_loss_runs(study)
        if study.problem.build is not None:
            # This process builds networks as well, to count their weights.
            use_backend(config.training.backend)
        check_model_runs(study)
        store = StudyStore(config.runs_folder, config.name, config.database)
        with (
            driving(config.runs_folder, config.name, config.database) as still_mine,
            closing(store),
            Interrupts() as interrupts,
        ):
            store.guard(still_mine)
            yield from _search(study, store, asked, workers, interrupts)


def _search(
    study: Study, store: StudyStore, asked: Request, workers: Executor, interrupts: Interrupts
) -> Generator[Event]:
    """Yield the events of a run whose records this process holds."""
    opened, tracker = _take_up(study, store, asked)
    yield opened
    deadline = None if asked.seconds is None else time.monotonic() + asked.seconds
    ending, trouble, corrected = Ending.FINISHED, None, None
    try:
        driver = Driver(study, store, tracker, workers)
        for event in driver.run(asked.n_trials, deadline=deadline, training=interrupts.let_through):
            yield event
            if tracker.trouble != trouble:
                trouble = tracker.trouble
                yield Note(
                    "MLflow answers again" if trouble is None else f"MLflow: {trouble}; the search goes on"
                )
        summary = summarise(store)
        yield from _conclude(study, store, summary, workers, interrupts)
        with interrupts.let_through():
            corrected = corrected_score(study, store, summary)
        if corrected is not None and summary.corrected != corrected.interval:
            keep_corrected(store, summary, corrected.interval)
        summary = with_ending(store, summary)
    except KeyboardInterrupt:
        ending = Ending.INTERRUPTED
        summary = summarise(store)
    model = _served(study, store, summary)
    outcome = study_outcome(
        summary.results,
        summary.best,
        summary.objective,
        front=summary.front(),
        objectives=summary.objectives,
        final=summary.final,
        corrected=None if corrected is None else corrected.interval,
        model=model,
    )
    report = tracker.closed(ending, outcome)
    yield Closed(summary, corrected, report, ending is Ending.INTERRUPTED)


def _conclude(
    study: Study, store: StudyStore, summary: StudySummary, workers: Executor, interrupts: Interrupts
) -> Generator[Note]:
    """Make the final model where it is not recorded yet; say so, or why there is none."""
    try:
        members = choose_members(study, store, summary)
        if not members or recorded(study, store, members) is not None:
            return
        yield Note("training the final model")
        make_final(study, store, workers, members, training=interrupts.let_through)
    except TunerError as error:
        yield Note(f"no final model: {error}; the trials are recorded, and the next run tries again")


def _served(study: Study, store: StudyStore, summary: StudySummary) -> ModelCard | None:
    """Return the final model for the tracker; None where there is none, or its folder cannot be read."""
    folder = model_folder(store)
    if summary.final is None or not is_folder_of(folder, summary.final):
        return None
    try:
        if study.problem.build is not None:
            use_backend(study.config.training.backend)
            load_keras()
            study.problem.build.load()  # registers layers of the user's
        return served_model(folder, study.dataset)
    except TunerError:
        # What is wrong with it is said by the commands that use it.
        return None


def _tracker_of(config: StudyConfig) -> Tracker:
    """Return where the study file wants trials to be shown."""
    return MlflowTracker(*tracking_place(config)) if is_tracked(config) else Untracked()


def _take_up(study: Study, store: StudyStore, asked: Request) -> tuple[Opened, Tracker]:
    """Begin the study's records, or go on with those that are there, once they are known to fit.

    The tracker comes first: where it cannot be reached, nothing was begun and nothing set aside.
    """
    notes = list(study.dataset.notes)
    n_trials = asked.n_trials
    grown: tuple[str, ...] = ()
    goes_on = store.exists and not asked.fresh
    if goes_on:
        header = store.header()
        tried = {trial.number: trial.params for trial in store.asked_trials()}
        grown = check_continues(study, header, tried)
        if grown:
            header = replace(header, config=study.config.canonical())
            kept = f"its {len(tried)} trials are kept"
            notes.append(f"the search space has changed, {kept}: {'; '.join(grown)}")
        if asked.origin is not None:
            check_origin(study.config, header, asked.origin)
        notes += other_versions(header)
    else:
        start = Start() if asked.origin is None else start_from(study.config, asked.origin)
        notes += start.notes
        notes += check_bounds(study)
        header = replace(make_header(study), given=start.given, origin=start.origin or {})
    if study.config.search.sampler == "grid":
        n_trials, note = _within_grid(study.config, header.given, asked.n_trials)
        notes.append(note)
    tracker = _tracker_of(study.config)
    tracker.started(make_card(study, header), list(store.results()) if goes_on else [], store.load)
    if grown:
        store.grow(header, study.config.space)
    if not goes_on:
        if store.exists:
            notes.append(f"the earlier study was moved to {store.set_aside()}")
        others = [objective.direction for objective in study.objectives[1:]]
        store.create(header, maximize=study.direction == "maximize", others=others)
    return Opened(study, n_trials, summarise(store), asked.seconds, tuple(notes)), tracker


def _within_grid(config: StudyConfig, others: Sequence[Params], n_trials: int) -> tuple[int, str]:
    """Return how many trials there will be, and a sentence on the grid."""
    size = Grid(config.space, config.search.seed).size
    given = (config.space.default(), *config.first, *others)
    most = size + len(given) - len({key_of(params) for params in given})
    tried = "all are tried" if n_trials >= most else f"{n_trials} trials, spread evenly"
    return min(n_trials, most), f"the grid has {size:,} combinations; {tried}"


def make_card(study: Study, header: Header) -> StudyCard:
    """Return what a tracker is told of a study."""
    config, dataset = study.config, study.dataset
    search = config.search
    data = DataCard(
        name=PurePath(dataset.place).name or dataset.place,
        digest=dataset.fingerprint.sha256,
        place=dataset.place,
        rows=len(dataset.target),
        held_out=len(study.test_rows),
        columns={column.name: column.kind.value for column in dataset.columns},
        target=dataset.target_names,
    )
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
    objectives = ", ".join(each.name for each in study.objectives)
    directions = ", ".join(each.direction for each in study.objectives)
    return StudyCard(
        id=header.id,
        name=config.name,
        experiment=experiment_name(config),
        objective=objectives,
        direction=directions,
        tags={"tuner.task": dataset.task.value},
        params={name: str(value) for name, value in about.items()},
        note=study_note(config.name, dataset.task.value, data, objectives, directions),
        data=data,
        metrics=study.problem.metrics,
        searched=_searched(config),
        others=study.problem.goals.others,
    )


def _searched(config: StudyConfig) -> tuple[str, ...]:
    """Return the names of the parameters that differ between trials; of each layer's that the largest network has."""
    space, largest = config.space, config.space.largest()
    varying = [name for name, param in space.params.items() if not isinstance(param, Constant)]
    layered = {name: [each for each in largest if stem(each) == name] for name in varying}
    return tuple(each for name in varying for each in layered[name] or [name])
