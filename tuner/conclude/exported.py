"""``tune export``: a study's final model, or one trial's, in a folder of its own."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tuner.conclude.final_model import (
    MODEL_FOLDER,
    conclude,
    folder_files,
    is_folder_of,
    model_folder,
    train,
)
from tuner.conclude.members import choose_final_thresholds, member_of, plan_final, results_of
from tuner.config.study_file import StudyConfig
from tuner.errors import TunerError
from tuner.executors.choice import alone
from tuner.executors.executor import Executor
from tuner.export.final_record import find_final
from tuner.export.folder import check_replaceable, write_folder
from tuner.header import check_unchanged
from tuner.lease import driving
from tuner.records import Final, State, TrialResult
from tuner.search.storage import StudyStore
from tuner.study import Study, open_study
from tuner.summary import check_begun, summarise

NOT_SCORED = (
    "The held-out rows were not scored with this model: to choose among trials by them would spoil them. They are "
    "kept for the study's final model."
)
"""What a folder says of the held-out rows where it is not the final model of its study."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A model folder that was asked for.

    Attributes:
        folder: where it lies.
        kind: ``refit``, ``folds`` or ``ensemble``.
        trials: the numbers of the trials that it is made of.
        final: the record of the study's final model; None where this is another one.
        note: what a user should know of it; empty for nothing.
    """

    folder: Path
    kind: str
    trials: tuple[int, ...]
    final: Final | None
    note: str


def export_study(
    config: StudyConfig,
    *,
    trial: int | None = None,
    folder: Path | None = None,
    executor: Executor | None = None,
) -> Exported:
    """Put a model of a study into a folder of its own.

    Without a trial that is the study's final model, which is made where it is missing; for a study that has not all
    its trials, it is the model of the best one so far. The held-out rows are scored for the final model only:
    choosing among trials by them would spoil them.

    Args:
        config: the study file.
        trial: the number of the trial whose model it is to be; None for the study's final model.
        folder: where it is to lie; None for a place in the study's folder.
        executor: trains, and is closed at the end; None for this process.

    Raises:
        TunerError: there is no such trial, it has no model, or the folder holds something else.
    """
    if folder is not None:
        check_replaceable(folder)
    records = StudyStore(config.runs_folder, config.name, config.database)
    with closing(executor or alone(config)) as workers, closing(records) as store:
        check_begun(config, store)
        if trial is not None:
            return _export_trial(config, store, workers, _complete_trial(config, store, trial), folder)
        final = _recorded_as_asked(config, store)
        if final is not None:
            return _copied(store, final, folder)
        summary = summarise(store)
        if summary.best is None:
            kept = " that keeps the constraints" if summary.complete() else ""
            raise TunerError(f"{config.path}: no trial completed{kept}, so there is no model to export")
        if len(summary.results) < config.search.trials:
            return _export_trial(config, store, workers, summary.best, folder)
        return _copied(store, _concluded(config, store, workers), folder)


def _recorded_as_asked(config: StudyConfig, store: StudyStore) -> Final | None:
    """Return the recorded final model if it is of the kind that is asked for now, and holds the best trial."""
    final, best = find_final(store), summarise(store).best
    if final is None or best is None or final.kind != config.export:
        return None
    if best.number not in {member.trial for member in final.members}:
        return None
    return final if is_folder_of(model_folder(store), final) else None


def _concluded(config: StudyConfig, store: StudyStore, executor: Executor) -> Final:
    study = _opened(config, store)
    with driving(config.runs_folder, config.name, config.database) as still_mine:
        store.guard(still_mine)
        final = conclude(study, store, executor)
    assert final is not None, "a study with a complete trial has a final model"
    return final


def _copied(store: StudyStore, final: Final, folder: Path | None) -> Exported:
    source = model_folder(store)
    if folder is not None and folder.absolute() != source.absolute():
        write_folder(folder, {path.name: path.read_bytes() for path in sorted(source.iterdir())})
    numbers = tuple(member.trial for member in final.members)
    return Exported(folder or source, final.kind, numbers, final, "")


def _export_trial(
    config: StudyConfig, store: StudyStore, executor: Executor, result: TrialResult, folder: Path | None
) -> Exported:
    """Train one trial's model without a look at the held-out rows."""
    kind = "refit" if config.export == "ensemble" else config.export
    place = folder or store.folder / f"{MODEL_FOLDER}-trial-{result.number}"
    check_replaceable(place)
    study = _opened(config, store)
    members = (member_of(study, result, kind),)
    thresholds = choose_final_thresholds(study, store, members)
    results = results_of(study, store, members)
    plan = plan_final(study, results, members, kind, study.test_rows[:0], thresholds)
    trained = train(study, executor, plan)
    final = Final(kind, trained.members, 0, {}, 0, plan.created, trained.train_scores)
    note = NOT_SCORED if len(study.test_rows) else ""
    write_folder(place, folder_files(trained, final, note))
    return Exported(place, kind, (result.number,), None, note)


def _complete_trial(config: StudyConfig, store: StudyStore, number: int) -> TrialResult:
    """Return a trial that has a model.

    Raises:
        TunerError: there is none of this number, or it was pruned, failed or has not ended.
    """
    results = store.results()
    result = results.get(number)
    if result is not None and result.state is State.COMPLETE:
        return results[result.trained_as]
    if result is not None:
        why = f"was {result.state}" if result.state is State.PRUNED else f"failed ({result.reason})"
        found = f"trial {number} {why}, so it has no model"
    elif number < len(store.asked_trials()):
        found = f"trial {number} has not ended"
    else:
        found = f"there is no trial {number}; the study has {len(store.asked_trials())}, counted from 0"
    best = summarise(store).best
    way_out = f"; the best is trial {best.number}" if best else ""
    raise TunerError(f"{config.path}: {found}{way_out}; tune show {config.path} lists them")


def _opened(config: StudyConfig, store: StudyStore) -> Study:
    study = open_study(config)
    check_unchanged(study, store.header())
    return study
