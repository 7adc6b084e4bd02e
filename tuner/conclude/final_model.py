"""A study's final model: trained in a worker, scored on the held-out rows once, saved and recorded."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from tuner.conclude.members import choose_final_thresholds, choose_members, plan_final, results_of
from tuner.errors import TunerError
from tuner.executors.executor import Executor
from tuner.export.card import model_card
from tuner.export.final_record import find_final, keep_final
from tuner.export.folder import CARD, check_replaceable, write_folder
from tuner.export.manifest import MANIFEST, HeldOutPart, IntervalPart, Manifest, read_manifest
from tuner.export.tables import finite_or_none
from tuner.final import FinalPlan, Trained, manifest_bytes
from tuner.records import Final, Interval, Member
from tuner.report.bootstrap import bootstrap_interval
from tuner.search.storage import StudyStore
from tuner.study import Study
from tuner.summary import summarise

MODEL_FOLDER = "model"
"""The name of the final model's folder in a study's folder."""

Training = Callable[[], AbstractContextManager[None]]
"""Entered while a worker trains; an interruption may come inside."""


def conclude(
    study: Study, store: StudyStore, executor: Executor, *, training: Training = nullcontext
) -> Final | None:
    """Return a study's final model, once it is trained, saved in the model folder, scored and recorded.

    What is recorded already is neither trained nor scored again. Whatever a crash leaves is mended by the next call:
    the folder is written before the record, and a record without its folder is a model to train again, not to score.

    Args:
        study: whose trials have ended.
        store: its records, which this process holds.
        executor: trains.
        training: entered while it does.

    Returns:
        None where no trial completed.

    Raises:
        TunerError: the model cannot be trained or saved; the records are as they were.
    """
    members = choose_members(study, store, summarise(store))
    if not members:
        return None
    return recorded(study, store, members) or make_final(study, store, executor, members, training=training)


def recorded(study: Study, store: StudyStore, members: tuple[Member, ...]) -> Final | None:
    """Return the recorded final model if it is the one that these members make, and its folder is there."""
    final = find_final(store)
    if final is None or not _same(final, study.config.export, members):
        return None
    return final if is_folder_of(model_folder(store), final) else None


def make_final(
    study: Study,
    store: StudyStore,
    executor: Executor,
    members: tuple[Member, ...],
    *,
    training: Training = nullcontext,
) -> Final:
    """Train, save, score and record a final model; see ``conclude``."""
    check_replaceable(model_folder(store))
    kind = study.config.export
    latest = find_final(store)
    thresholds = choose_final_thresholds(study, store, members)
    results = results_of(study, store, members)
    plan = plan_final(study, results, members, kind, study.test_rows, thresholds)
    trained = train(study, executor, plan, training)
    known = None if latest is None else _scored_before(latest, kind, members)
    final = replace(known or _score(study, plan, trained, latest), held_out=trained.held_out)
    write_folder(model_folder(store), folder_files(trained, final))
    keep_final(store, final)
    return final


def train(study: Study, executor: Executor, plan: FinalPlan, training: Training = nullcontext) -> Trained:
    """Have a final model trained; an interruption ends the wait."""
    with training():
        return executor.finish(study.problem, plan).result()


def folder_files(trained: Trained, final: Final, note: str = "") -> dict[str, bytes]:
    """Return the files of a model folder, with its scores in manifest and card.

    Args:
        trained: the model.
        final: its record.
        note: why there are no held-out scores, where there are none.
    """
    scores = {name: _interval_part(interval) for name, interval in final.scores.items()}
    held_out = HeldOutPart(rows=final.rows, looks=final.looks, scores=scores, note=note)
    manifest = Manifest.model_validate_json(trained.files[MANIFEST]).model_copy(
        update={"held_out": held_out, "created": final.created}
    )
    card = model_card(manifest)
    return {**trained.files, MANIFEST: manifest_bytes(manifest), CARD: card.encode()}


def model_folder(store: StudyStore) -> Path:
    """Return where a study's final model lies."""
    return store.folder / MODEL_FOLDER


def _scored_before(latest: Final, kind: str, members: tuple[Member, ...]) -> Final | None:
    """Return the record of a model that was scored on the held-out rows before; to go back to it is no further look."""
    models = _models(latest)
    found = next((each for each in models if _same(each, kind, members)), None)
    if found is None:
        return None
    others = tuple(each for each in models if each is not found)
    return replace(found, looks=latest.looks, earlier=others)


def _models(latest: Final) -> tuple[Final, ...]:
    """Return the records of all models of a study that are known, in the order in which they were scored."""
    alone = replace(latest, held_out=None, earlier=())
    return tuple(sorted((*latest.earlier, alone), key=lambda each: each.created))


def _score(study: Study, plan: FinalPlan, trained: Trained, latest: Final | None) -> Final:
    """Return the record of a model, scored on the held-out rows, without its outputs."""
    rows, problem = plan.held_out, study.problem
    scores: dict[str, Interval] = {}
    looks = 0 if latest is None else latest.looks
    if trained.held_out is not None:
        looks += 1
        groups = None if problem.dataset.group is None else problem.dataset.group[rows]
        for metric in problem.metrics:
            scores[metric] = bootstrap_interval(
                trained.held_out,
                problem.dataset.target[rows],
                metric=problem.metric(metric),
                head=replace(problem.head, thresholds=plan.thresholds),
                seed=problem.seed,
                groups=groups,
                weight=None if problem.score_weight is None else problem.score_weight[rows],
            )
    return Final(
        kind=plan.kind,
        members=trained.members,
        rows=len(rows),
        scores=scores,
        looks=looks,
        created=plan.created,
        train_scores=trained.train_scores,
        earlier=_models(latest) if latest is not None and latest.rows else (),
        thresholds=plan.thresholds,
    )


def _same(final: Final, kind: str, members: tuple[Member, ...]) -> bool:
    """Return whether a recorded model is of these trials; a trial's parameters and epochs never change."""
    return final.kind == kind and [(each.trial, each.weight) for each in final.members] == [
        (each.trial, each.weight) for each in members
    ]


def is_folder_of(folder: Path, final: Final) -> bool:
    """Return whether a folder holds a recorded model, by its manifest and the presence of its files."""
    try:
        manifest = read_manifest(folder)
    except TunerError:
        return False
    names = {name for part in manifest.networks for name in (part.keras, part.preprocess)}
    made_of = (manifest.created, manifest.kind, [(each.number, each.weight) for each in manifest.trials])
    recorded_as = (final.created, final.kind, [(each.trial, each.weight) for each in final.members])
    return made_of == recorded_as and all((folder / name).is_file() for name in names)


def _interval_part(interval: Interval) -> IntervalPart:
    return IntervalPart(
        value=finite_or_none(interval.value),
        low=finite_or_none(interval.low),
        high=finite_or_none(interval.high),
        level=interval.level,
    )
