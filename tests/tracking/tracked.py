"""Studies and trials that the tests of tracking write, and how they read them back."""

import socket
import time
import warnings
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from tuner.records import Reason, State, TrialResult
from tuner.tracking.mlflow_store import sqlite_path
from tuner.tracking.mlflow_tracker import MlflowTracker
from tuner.tracking.tracker import DataCard, Ending, Outcome, StudyCard, TrackingReport

FOLDS = {"accuracy": (0.9, 0.8, 1.0), "f1_macro": (0.5, float("nan"), 0.7)}
CURVES = {
    "train_loss": np.array([[0.9, 0.8, 0.7], [0.5, 0.4, 0.3]]),
    "val_loss": np.array([[1.0, 1.1, 1.2], [0.6, np.inf, 0.8]]),
    "val_accuracy": np.array([[0.3, 0.4, 0.5], [0.9, 0.8, 1.0]]),
}

DATA = DataCard(
    name="iris.csv",
    digest="5f2ec5e8" * 8,
    place="/home/me/iris.csv",
    rows=150,
    held_out=30,
    columns={"petal <b>": "numeric", "colour": "category"},
    target=("species",),
)
OUTCOME = Outcome({"best_score": 0.9, "trials": 1.0}, (0,), {"layers": 2, "l2": 1e-5}, "It went well.")
NOTHING = Outcome({})

STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
"""How MLflow calls the states of trials."""


def card(study: str = "3f2a", experiment: str = "iris", **params: str) -> StudyCard:
    return StudyCard(
        id=study,
        name="iris",
        experiment=experiment,
        objective="accuracy",
        direction="maximize",
        tags={"tuner.version": "0.1.0"},
        params={"seed": "7", **params},
        note="# Iris\n\n150 rows",
        data=DATA,
        metrics=("accuracy", "f1_macro"),
        searched=("layers", "neurons.0", "l2"),
    )


def complete(number: int) -> TrialResult:
    return TrialResult(
        number=number,
        state=State.COMPLETE,
        params={"layers": 2, "neurons.0": 64, "batch_norm": True, "l2": 1e-5},
        values=(0.9,),
        fold_values=((0.9, 0.8, 1.0),),
        best_epoch=2,
        epochs=2,
        metrics={"accuracy": 0.9, "f1_macro": float("nan")},
        fold_metrics=FOLDS,
        curves=CURVES,
        seconds=12.5,
        parameters=131,
        oof=np.zeros((1, 150, 3), np.float32),
    )


def pruned(number: int) -> TrialResult:
    return TrialResult(
        number=number,
        state=State.PRUNED,
        params={"layers": 1},
        values=(0.4,),
        best_epoch=1,
        epochs=1,
        curves={name: values[:1] for name, values in CURVES.items()},
        seconds=0.5,
    )


def failed(number: int) -> TrialResult:
    return TrialResult(
        number=number,
        state=State.FAILED,
        params={"layers": 3},
        seconds=0.1,
        reason=Reason.DIVERGED,
        message="the loss became NaN in epoch 3",
    )


def nothing_to_load(number: int) -> TrialResult:
    raise AssertionError(f"trial {number} is complete and need not be loaded")


def track(
    uri: str,
    results: Collection[TrialResult] = (),
    ended: Collection[int] = (),
    load: Callable[[int], TrialResult] = nothing_to_load,
    study: StudyCard | None = None,
    ending: Ending = Ending.FINISHED,
    outcome: Outcome = OUTCOME,
) -> TrackingReport:
    database = sqlite_path(uri)
    tracker = MlflowTracker(uri, database and database.parent / "mlartifacts")
    tracker.started(study or card(), ended, load)
    for result in results:
        tracker.finished(result)
    return tracker.closed(ending, outcome)


def client(uri: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from mlflow import MlflowClient

        return MlflowClient(uri)


def runs(uri: str, kind: str, experiment: str = "iris") -> list[Any]:
    """Every active run of a kind, by name, as MLflow's own client reads it."""
    reader = client(uri)
    found = reader.search_runs([reader.get_experiment_by_name(experiment).experiment_id], max_results=5000)
    return sorted(
        (run for run in found if run.data.tags.get("tuner.kind") == kind), key=lambda run: run.info.run_name
    )


def history(uri: str, run: Any, metric: str) -> dict[int, float]:
    """A metric's values by step; each step has one."""
    points = client(uri).get_metric_history(run.info.run_id, metric)
    by_step = {point.step: point.value for point in points}
    assert len(by_step) == len(points)
    return by_step


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def ended_runs(uri: str) -> int:
    return sum(run.info.status != "RUNNING" for run in runs(uri, "trial"))
