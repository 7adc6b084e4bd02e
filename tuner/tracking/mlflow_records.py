"""A trial as MLflow keeps it: names, texts and points; nothing here talks to MLflow."""

import getpass
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from tuner.records import Glimpse, State, TrialResult

OBJECTIVE = "objective/"
"""What the metrics with the objectives after the first begin with."""

LONGEST_NAME = 250
"""Characters of a param's or metric's name (MLflow's limit)."""

LONGEST_PARAM = 6000
"""Characters of a param's value (MLflow's limit)."""

LONGEST_TAG = 8000
"""Characters of a tag's value, notes included (MLflow's limit)."""

STATUS: Mapping[State, str] = {
    State.COMPLETE: "FINISHED",
    State.PRUNED: "KILLED",
    State.FAILED: "FAILED",
}
"""The status of an ended trial's run."""

STATE = "tuner.state"
"""The tag of a trial's run that says how the trial stands."""

SHOWN = "tuner.shown"
"""The tag of a run that was begun while its trial was evaluated."""

TimedPoint = tuple[str, float, int, int]
"""A metric's name as MLflow accepts it, its finite value, its time in milliseconds since 1970, and its step."""

_REFUSED = re.compile(r"[^/\w.\- ]" if os.name == "nt" else r"[^/\w.\- :]")

_MARKS = re.compile(r"[\\`*_\[\]<>&|~\r\n]")


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric.

    Attributes:
        name: the metric, as MLflow accepts it.
        value: finite.
        step: the epoch, from 1; 0 for a value of the whole trial.
        moment: when in the trial, 0 (its start) .. 1 (its end).
    """

    name: str
    value: float
    step: int
    moment: float


@dataclass(frozen=True, slots=True)
class Shown:
    """How far the run of a trial that is being evaluated has been written.

    Attributes:
        epochs: how many it has.
        until: the time of the last of them, in milliseconds since 1970.
    """

    epochs: int
    until: int


def run_name(number: int) -> str:
    """Return the name of a trial's run: ``trial-0007``."""
    return f"trial-{number:04d}"


def legal_name(name: str) -> str:
    """Return a param's or metric's name as MLflow accepts it; a name that it accepts stays as it is.

    MLflow accepts letters, digits, spaces and ``_ - . / :`` (on Windows no colon), at most 250, and refuses
    names that another path would also reach (``a//b``, ``/a``, ``a/../b``). Any other character becomes
    ``_``, as do empty parts and parts of dots between slashes.
    """
    parts = _REFUSED.sub("_", name).split("/")
    return "/".join("_" if part in ("", ".", "..") else part for part in parts)[:LONGEST_NAME].rstrip("/")


def cut(text: str, longest: int) -> str:
    """Return ``text`` in at most ``longest`` characters; an ellipsis shows that it was cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def as_text(text: object) -> str:
    """Return Markdown that shows a text as it is: what Markdown or HTML reads as a mark becomes an entity."""
    return _MARKS.sub(lambda mark: f"&#{ord(mark[0])};", str(text))


def texts(values: Mapping[str, object]) -> dict[str, str]:
    """Return params as MLflow accepts them: legal names, values as Python writes them."""
    return {legal_name(name): cut(str(value), LONGEST_PARAM) for name, value in values.items()}


def trial_tags(result: TrialResult) -> dict[str, str]:
    """Return what a trial's run says of it: its state and, for a failed one, the reason; a sentence as its note."""
    tags = {STATE: str(result.state)}
    if result.values:
        folds = result.fold_values[0] if result.fold_values else ()
        spread = f" ± {np.std(folds):.4g} over {len(folds)} folds" if folds else ""
        epochs = f"best epoch {result.best_epoch} of {result.epochs}"
        tags["mlflow.note.content"] = f"{result.values[0]:.4g}{spread}, {epochs}"
    if result.reason is not None:
        tags["tuner.reason"] = str(result.reason)
    if result.message is not None:
        tags["tuner.message"] = cut(result.message, LONGEST_TAG)
        score = tags.get("mlflow.note.content")
        note = "; ".join(filter(None, (score, as_text(result.message))))
        tags["mlflow.note.content"] = cut(note, LONGEST_TAG)
    return tags


def origin_tags() -> dict[str, str]:
    """Return who runs the study and with what; MLflow's client does not say it by itself."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container whose user has no name
        user = "unknown"
    return {"mlflow.user": user, "mlflow.source.name": "tune", "mlflow.source.type": "LOCAL"}


def glimpse_tags(glimpse: Glimpse) -> dict[str, str]:
    """Return what a trial's run says of it while it is evaluated."""
    note = f"epoch {glimpse.epochs} of at most {glimpse.epochs_at_most}"
    return {STATE: str(State.RUNNING), "mlflow.note.content": note}


def trial_points(result: TrialResult, others: Sequence[str] = ()) -> list[Point]:
    """Return every metric of a trial; values that are NaN or infinite are left out, MLflow cannot chart them.

    Of the whole trial: ``score`` (the first objective), ``objective/<name>`` (each of the others), ``cv/<metric>``
    (mean over folds), ``cv_std/<metric>`` (population standard deviation over the folds that define it),
    ``fold<k>/<metric>``, ``best_epoch``, ``epochs``, ``parameters``, ``latency_ms``, ``seconds``. By epoch:
    ``<curve>/mean``, ``val_loss/fold<k>``.

    Args:
        result: the trial.
        others: the names of the objectives after the first.
    """
    points = [Point(legal_name(name), value, 0, 1.0) for name, value in _finals(result, others)]
    return [point for point in points if isfinite(point.value)] + curve_points(result.curves or {})


def curve_points(curves: Mapping[str, np.ndarray]) -> list[Point]:
    """Return the metrics by epoch of (epochs, n_folds) curves; without what is NaN or infinite."""
    points: list[Point] = []
    for curve, values in curves.items():
        columns = {f"{curve}/mean": values.mean(axis=1)}
        if curve == "val_loss":
            columns |= {f"{curve}/fold{fold}": values[:, fold] for fold in range(values.shape[1])}
        for name, column in columns.items():
            legal = legal_name(name)
            points += [
                Point(legal, value, epoch, epoch / len(column))
                for epoch, value in enumerate(column.tolist(), start=1)
                if isfinite(value)
            ]
    return points


def _finals(result: TrialResult, others: Sequence[str]) -> Iterator[tuple[str, float]]:
    if result.values:
        yield "score", float(result.values[0])
        for name, value in zip(others, result.values[1:], strict=True):
            yield f"{OBJECTIVE}{name}", float(value)
    for metric, mean in (result.metrics or {}).items():
        yield f"cv/{metric}", float(mean)
    for metric, by_fold in (result.fold_metrics or {}).items():
        defined = [value for value in by_fold if isfinite(value)]
        if defined:
            yield f"cv_std/{metric}", float(np.std(defined))
        for fold, value in enumerate(by_fold):
            yield f"fold{fold}/{metric}", float(value)
    if result.best_epoch is not None:
        yield "best_epoch", float(result.best_epoch)
    yield "epochs", float(result.epochs)
    yield "parameters", float(result.parameters)
    if result.latency_ms is not None:
        yield "latency_ms", float(result.latency_ms)
    yield "seconds", float(result.seconds)


def timed(points: list[Point], start: int, length: int) -> list[TimedPoint]:
    """Return the points of a trial that began at ``start`` and took ``length``, both in milliseconds."""
    return [(point.name, point.value, start + round(point.moment * length), point.step) for point in points]


def rest_of(points: list[Point], shown: Shown, last: Shown) -> list[TimedPoint]:
    """Return the points that a run has not got yet, with times evenly between those of two epochs.

    Points of the whole trial, at step 0, get the time of the last epoch.
    """
    pace = (last.until - shown.until) / max(1, last.epochs - shown.epochs)
    return [
        (
            point.name,
            point.value,
            last.until - round((last.epochs - point.step) * pace * (point.step > 0)),
            point.step,
        )
        for point in points
        if point.step == 0 or point.step > shown.epochs
    ]
