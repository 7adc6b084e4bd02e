"""The networks of a final model, trained in a worker: trials and row numbers in, the files of a model folder out."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tuner.data.columns import Column
from tuner.engines.choice import make_engine, packages_of
from tuner.errors import TunerError
from tuner.export.folder import load_model
from tuner.export.keras_files import save_network
from tuner.export.manifest import (
    MANIFEST,
    ColumnPart,
    HeldOutPart,
    Manifest,
    NetworkPart,
    StudyPart,
    TrialPart,
)
from tuner.export.preprocess_json import to_file
from tuner.export.tables import finite_or_none
from tuner.model.heads import AUTO_OUTPUT, EVEN
from tuner.model.metrics import score
from tuner.model.schedules import following
from tuner.prepared import PreparedFold, network_of, prepare_rows
from tuner.problem import Problem, most_epochs, plan_of
from tuner.records import Member
from tuner.search.pruning import Bar
from tuner.seeds import derive
from tuner.tasks import Task
from tuner.trial import Course, TrialTask, divergence

LIBRARIES = ("tensorflow", "keras", "numpy", "scikit-learn", "pandas")
"""Whose versions a model's outputs depend on."""


@dataclass(frozen=True, slots=True, eq=False)
class FinalPlan:
    """What a final model is made of, beside the study's problem; picklable.

    Attributes:
        kind: ``refit``, ``folds`` or ``ensemble``.
        members: its trials; ``epochs`` has one number for a network that is trained on all rows, and is not read for
            ``folds``, whose epochs are found again.
        rows: (n_train,) row numbers of the search: what a network that is trained on all rows learns from.
        held_out: (n_test,) row numbers to predict; none of them is learned from.
        study: what the manifest says of the study.
        created: ISO 8601 time.
        losses: trial -> (n_epochs, n_folds) validation losses of its folds, which a learning rate may have followed:
            that of a network which is trained on all rows, without rows to validate on, falls when theirs did.
        thresholds: the probability above which the model gives a label: one for all, or one for each.
    """

    kind: str
    members: tuple[Member, ...]
    rows: np.ndarray
    held_out: np.ndarray
    study: StudyPart
    created: str
    losses: Mapping[int, np.ndarray] = field(default_factory=dict)
    thresholds: tuple[float, ...] = EVEN


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A final model that was trained and has predicted; picklable.

    Attributes:
        members: its trials, with the epochs that each network was trained for.
        files: name -> content of the model folder's files; the manifest has no held-out scores yet.
        held_out: (n_test, n_units) outputs for the held-out rows, as the folder predicts them; None without any.
        train_scores: metric -> score of the folder's predictions for the rows of the search.
    """

    members: tuple[Member, ...]
    files: Mapping[str, bytes]
    held_out: np.ndarray | None
    train_scores: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNetwork:
    """One network of a final model.

    Attributes:
        trial: whose parameters it has.
        weight: its share of the output; those of all networks sum to 1.
        epochs: it was trained for.
        weights: as ``Epoch.weights`` gives them.
        prepared: what it has read.
    """

    trial: int
    weight: float
    epochs: int
    weights: Sequence[np.ndarray]
    prepared: PreparedFold


def train_final(problem: Problem, plan: FinalPlan) -> Trained:
    """Train a final model, save it, and predict with what was saved; the weights are the same to the bit each time.

    Raises:
        TunerError: a network diverged.
    """
    train = _folds_again if plan.kind == "folds" else _on_all_rows
    networks = [network for member in plan.members for network in train(problem, plan, member)]
    members = tuple(
        replace(member, epochs=tuple(each.epochs for each in networks if each.trial == member.trial))
        for member in plan.members
    )
    with TemporaryDirectory(prefix="tuner-model-") as place:
        folder = Path(place)
        _save(problem, plan, members, networks, folder)
        model = load_model(folder)
        outputs = model.outputs(problem.dataset.features.iloc[plan.rows])
        target = problem.dataset.target[plan.rows]
        weight = None if problem.score_weight is None else problem.score_weight[plan.rows]
        head = replace(problem.head, thresholds=plan.thresholds)
        train_scores = {
            name: score(problem.metric(name), head, target, outputs, weight) for name in problem.metrics
        }
        held_out = None
        if len(plan.held_out):
            held_out = model.outputs(problem.dataset.features.iloc[plan.held_out])
        scored = {name: finite_or_none(value) for name, value in train_scores.items()}
        manifest = model.manifest.model_copy(update={"train_scores": scored})
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    files[MANIFEST] = manifest_bytes(manifest)
    return Trained(members, files, held_out, train_scores)


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return a manifest as its file holds it."""
    return manifest.model_dump_json(indent=1).encode()


def _on_all_rows(problem: Problem, plan: FinalPlan, member: Member) -> list[TrainedNetwork]:
    """Train a trial's network on all rows of the search, for the epochs that its folds chose."""
    weight = problem.dataset.weight
    heaviest = 0 if weight is None else int(np.argmax(weight[plan.rows]))
    # Engines look at some rows after each epoch; one that is learned from anyway keeps that cheap and tells nothing.
    seen = plan.rows[heaviest : heaviest + 1]
    prepared = prepare_rows(
        problem,
        plan_of(problem, member.params),
        train=plan.rows,
        watched=seen,
        scored=seen,
        seed=derive(problem.seed, "final", "preprocess"),
    )
    (n_epochs,) = member.epochs
    network = network_of(problem, member.params)
    if member.trial in plan.losses:
        network = replace(network, schedule=following(network.schedule, plan.losses[member.trial]))
    epochs = make_engine(problem.engine).train(
        network,
        problem.head,
        problem.loss,
        [prepared.data],
        # Not n_epochs: a schedule that ends with the last epoch is to be where the folds' was at their best one.
        epochs=most_epochs(problem, member.params),
        seed=derive(problem.seed, "final", member.trial),
    )
    with closing(epochs):
        for epoch in epochs:
            obstacle = divergence(epoch)
            if obstacle is not None:
                raise TunerError(
                    f"the network of trial {member.trial}, trained on all rows of the search, diverged in epoch "
                    f"{epoch.number}; another trial's model can be made with: tune export STUDY --trial N"
                )
            if epoch.number == n_epochs:
                return [TrainedNetwork(member.trial, member.weight, n_epochs, epoch.weights()[0], prepared)]
    raise AssertionError("an engine yields every epoch that it is asked for")


def _folds_again(problem: Problem, plan: FinalPlan, member: Member) -> list[TrainedNetwork]:
    """Train a trial's fold networks as they were trained in it, each to the epoch that it was scored at."""
    course = Course(TrialTask(problem, member.trial, member.params, Bar({}, maximize=True)))
    n_folds = len(course.folds)
    weights: list[Sequence[np.ndarray]] = [()] * n_folds
    with closing(course.epochs()) as epochs:
        for epoch in epochs:
            obstacle = divergence(epoch)
            if obstacle is not None:
                raise TunerError(f"trial {member.trial}, trained again, diverged: {obstacle}")
            course.take(epoch)
            if course.watch.improved.any():
                current = epoch.weights()
                for fold in np.flatnonzero(course.watch.improved):
                    weights[fold] = current[fold]
            if course.watch.ended:
                break
    return [
        TrainedNetwork(member.trial, member.weight / n_folds, int(best), kept, prepared)
        for best, kept, prepared in zip(course.watch.best_epochs, weights, course.folds, strict=True)
    ]


def _save(
    problem: Problem,
    plan: FinalPlan,
    members: Sequence[Member],
    networks: Sequence[TrainedNetwork],
    folder: Path,
) -> None:
    """Write all files of a model folder but its card."""
    parts: list[NetworkPart] = []
    params = {member.trial: member.params for member in members}
    for number, network in enumerate(networks):
        suffix = "" if len(networks) == 1 else f"-{number:02d}"
        architecture = network_of(problem, params[network.trial])
        n_inputs = network.prepared.preprocessor.n_inputs
        path = folder / f"model{suffix}.keras"
        written = save_network(architecture, problem.head, n_inputs, network.weights, path)
        part = NetworkPart(
            trial=network.trial,
            weight=network.weight,
            keras=written.name,
            preprocess=f"preprocess{suffix}.json",
        )
        parts.append(part)
        file = to_file(network.prepared.preprocessor, network.prepared.target_scaler)
        (folder / part.preprocess).write_text(file.model_dump_json(exclude_none=True), "utf-8")
    (folder / MANIFEST).write_bytes(manifest_bytes(_manifest(problem, plan, members, parts)))


def _manifest(
    problem: Problem, plan: FinalPlan, members: Sequence[Member], parts: Sequence[NetworkPart]
) -> Manifest:
    """Return what a model's folder says of it, before it is scored."""
    dataset = problem.dataset
    return Manifest(
        tuner=version("tuner"),
        created=plan.created,
        kind=plan.kind,
        task=dataset.task,
        target_names=dataset.target_names,
        classes=dataset.classes,
        output=problem.head.activation if dataset.task is Task.REGRESSION else AUTO_OUTPUT,
        model=problem.model,
        thresholds=plan.thresholds,
        columns=tuple(map(_column, dataset.columns)),
        image=dataset.picture,
        trials=tuple(
            TrialPart(number=each.trial, weight=each.weight, params=dict(each.params), epochs=each.epochs)
            for each in members
        ),
        networks=tuple(parts),
        study=plan.study,
        train_scores={},
        held_out=HeldOutPart(rows=0, looks=0, scores={}),
        versions={name: version(name) for name in (*LIBRARIES, *packages_of(problem.engine))},
    )


def _column(column: Column) -> ColumnPart:
    return ColumnPart(
        name=column.name,
        kind=column.kind,
        categories=column.categories,
        has_missing=column.has_missing,
        parts=column.parts,
        form=column.form,
    )


def now() -> str:
    """Return the time in UTC as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
