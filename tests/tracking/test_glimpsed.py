"""Trials that MLflow shows while they are evaluated: one run each, whose every point comes once."""

import sqlite3
import time
from pathlib import Path

import numpy as np

from tests.tracking.tracked import (
    NOTHING,
    card,
    client,
    complete,
    history,
    nothing_to_load,
    runs,
    track,
    wait_for,
)
from tuner.records import Glimpse, State, TrialResult
from tuner.tracking.mlflow_tracker import MlflowTracker
from tuner.tracking.tracker import Ending

EPOCHS = 40
CURVES = {
    "train_loss": np.linspace(1.0, 0.2, EPOCHS * 2).reshape(EPOCHS, 2),
    "val_loss": np.linspace(1.1, 0.3, EPOCHS * 2).reshape(EPOCHS, 2),
    "val_accuracy": np.linspace(0.3, 0.9, EPOCHS * 2).reshape(EPOCHS, 2),
}
PARAMS = {"layers": 2, "l2": 1e-5}


def long(number: int) -> TrialResult:
    return TrialResult(
        number=number,
        state=State.COMPLETE,
        params=PARAMS,
        values=(0.9,),
        fold_values=((0.9, 0.9),),
        best_epoch=EPOCHS,
        epochs=EPOCHS,
        curves=CURVES,
        seconds=41.5,
    )


def after(epochs: int, number: int = 7) -> Glimpse:
    curves = {name: curve[:epochs] for name, curve in CURVES.items()}
    return Glimpse(number, epochs, 100, curves, seconds=epochs * 1.03)


def begun(uri: str, ended: tuple[int, ...] = ()) -> MlflowTracker:
    tracker = MlflowTracker(uri, Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts")
    tracker.started(card(), ended, nothing_to_load)
    return tracker


def show(tracker: MlflowTracker, glimpse: Glimpse) -> None:
    """Tell of a glimpse and wait until it was sent or dropped."""
    tracker.glimpsed(glimpse, PARAMS)
    wait_for(lambda: tracker._outbox.unsent == ())


def has_every_point_once(uri: str) -> bool:
    """Whether the one run of a trial has the points of ``long``; ``history`` finds a step that has two."""
    (run,) = runs(uri, "trial")
    means = {f"{name}/mean": curve.mean(axis=1) for name, curve in CURVES.items()}
    folds = {f"val_loss/fold{fold}": CURVES["val_loss"][:, fold] for fold in range(2)}
    return all(
        history(uri, run, name) == dict(enumerate(curve.tolist(), start=1))
        for name, curve in (means | folds).items()
    )


def test_a_trial_is_a_run_from_its_first_glimpse_and_the_same_run_when_it_ends(uri: str) -> None:
    tracker = begun(uri)
    show(tracker, after(10))
    (run,) = runs(uri, "trial")
    assert (run.info.run_name, run.info.status, run.data.tags["tuner.state"]) == (
        "trial-0007",
        "RUNNING",
        "running",
    )
    assert run.data.params == {"layers": "2", "l2": "1e-05"}
    assert "score" not in run.data.metrics
    assert history(uri, run, "val_accuracy/mean") == dict(
        enumerate(CURVES["val_accuracy"][:10].mean(axis=1).tolist(), start=1)
    )
    show(tracker, after(20))
    assert len(history(uri, run, "val_loss/fold1")) == 20
    tracker.finished(long(7))
    assert tracker.closed(Ending.FINISHED, NOTHING).unsent == ()
    (ended,) = runs(uri, "trial")
    assert (ended.info.run_id, ended.info.status) == (run.info.run_id, "FINISHED")
    assert (ended.data.tags["tuner.state"], ended.data.metrics["score"]) == ("complete", 0.9)
    assert has_every_point_once(uri)


def test_a_trial_that_is_begun_anew_after_a_crash_adds_no_point_twice(uri: str) -> None:
    tracker = begun(uri)
    for epochs in (20, 5, 25):
        show(tracker, after(epochs))
    tracker.finished(long(7))
    tracker.closed(Ending.FINISHED, NOTHING)
    assert has_every_point_once(uri)


def test_the_run_of_a_trial_whose_driver_was_killed_is_replaced_when_it_is_evaluated_again(uri: str) -> None:
    show(begun(uri), after(10))
    tracker = begun(uri)
    assert runs(uri, "trial") == []
    tracker.glimpsed(after(15), PARAMS)
    tracker.finished(long(7))
    tracker.closed(Ending.FINISHED, NOTHING)
    assert has_every_point_once(uri)


def test_the_run_of_a_trial_that_ended_as_its_driver_was_killed_is_replaced_by_its_result(uri: str) -> None:
    show(begun(uri), after(10))
    track(uri, ended=[7], load=long)
    assert [run.info.status for run in runs(uri, "trial")] == ["FINISHED"]
    assert has_every_point_once(uri)


def test_a_run_whose_last_call_was_not_made_is_replaced_though_it_has_its_scores(uri: str) -> None:
    tracker = begun(uri)
    show(tracker, after(10))
    tracker.finished(long(7))
    tracker.closed(Ending.FINISHED, NOTHING)
    (run,) = runs(uri, "trial")
    client(uri).update_run(run.info.run_id, status="RUNNING")
    track(uri, ended=[7], load=long)
    assert [each.info.status for each in runs(uri, "trial")] == ["FINISHED"]
    assert has_every_point_once(uri)


def test_points_have_the_times_at_which_their_epochs_were_trained(uri: str) -> None:
    tracker, before = begun(uri), time.time()
    show(tracker, after(10))
    show(tracker, after(20))
    tracker.finished(long(7))
    tracker.closed(Ending.FINISHED, NOTHING)
    (run,) = runs(uri, "trial")
    points = client(uri).get_metric_history(run.info.run_id, "train_loss/mean")
    times = [point.timestamp / 1000 for point in sorted(points, key=lambda point: point.step)]
    assert times == sorted(times)
    assert before - 10.4 <= run.info.start_time / 1000 < times[0]
    assert before - 0.1 <= times[9] <= times[19] <= times[-1] == run.info.end_time / 1000 <= time.time()


def test_an_interrupted_trial_is_not_shown_as_one_that_runs_and_is_replaced_by_the_next_run(uri: str) -> None:
    tracker = begun(uri)
    show(tracker, after(10))
    tracker.closed(Ending.INTERRUPTED, NOTHING)
    (run,) = runs(uri, "trial")
    assert run.info.status == "KILLED"
    assert run.data.tags["mlflow.note.content"].startswith("interrupted; ")
    track(uri, [long(7)])
    assert [each.info.status for each in runs(uri, "trial")] == ["FINISHED"]
    assert has_every_point_once(uri)


def test_a_glimpse_that_the_store_does_not_take_is_dropped_and_the_result_is_not(
    uri: str, tmp_path: Path
) -> None:
    tracker = begun(uri)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("ALTER TABLE params RENAME TO away")
    show(tracker, after(10))
    assert tracker.trouble is None
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("ALTER TABLE away RENAME TO params")
    tracker.finished(long(7))
    tracker.glimpsed(after(39), PARAMS)
    assert tracker.closed(Ending.FINISHED, NOTHING).unsent == ()
    assert [run.info.status for run in runs(uri, "trial")] == ["FINISHED"]
    assert has_every_point_once(uri)


def test_a_trial_that_was_not_shown_is_as_before(uri: str) -> None:
    track(uri, [complete(0)])
    assert "tuner.shown" not in runs(uri, "trial")[0].data.tags
