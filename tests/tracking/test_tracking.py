import sqlite3
import statistics
import time
from pathlib import Path

import numpy as np
import pytest

from tests.tracking.tracked import (
    NOTHING,
    card,
    client,
    complete,
    failed,
    history,
    nothing_to_load,
    pruned,
    runs,
    track,
    wait_for,
)
from tuner.errors import TunerError
from tuner.records import State, TrialResult
from tuner.tracking.mlflow_tracker import MlflowTracker
from tuner.tracking.tracker import Ending


def test_a_study_is_one_parent_run_and_each_trial_one_child_run(uri: str) -> None:
    report = track(uri, [complete(0), pruned(1), failed(12)])
    (parent,) = runs(uri, "study")
    children = runs(uri, "trial")
    assert [child.info.run_name for child in children] == ["trial-0000", "trial-0001", "trial-0012"]
    assert [child.info.status for child in children] == ["FINISHED", "KILLED", "FAILED"]
    assert [child.data.tags["tuner.trial"] for child in children] == ["0", "1", "12"]
    assert [child.data.tags["tuner.state"] for child in children] == ["complete", "pruned", "failed"]
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}
    assert children[2].data.tags["tuner.reason"] == "diverged"
    assert "NaN in epoch 3" in children[2].data.tags["mlflow.note.content"]
    assert report.parent_run_id == parent.info.run_id
    assert (report.unsent, report.trouble, report.page) == ((), None, None)


def test_the_parent_run_says_what_the_study_is_and_how_it_ended(uri: str) -> None:
    track(uri, [complete(0)])
    (parent,) = runs(uri, "study")
    assert (parent.info.run_name, parent.info.status) == ("iris", "FINISHED")
    assert parent.data.params == {"seed": "7"}
    assert parent.data.metrics == {"best_score": 0.9, "trials": 1.0}
    expected = {
        "tuner.study_id": "3f2a",
        "tuner.objective": "accuracy",
        "tuner.direction": "maximize",
        "tuner.best": "0",
        "tuner.version": "0.1.0",
        "mlflow.source.name": "tune",
        "mlflow.source.type": "LOCAL",
    }
    assert expected.items() <= parent.data.tags.items()
    assert parent.data.tags["mlflow.user"]


def test_params_are_the_trials_own_as_text(uri: str) -> None:
    track(uri, [complete(0)])
    assert runs(uri, "trial")[0].data.params == {
        "layers": "2",
        "neurons.0": "64",
        "batch_norm": "True",
        "l2": "1e-05",
    }


def test_metrics_of_the_whole_trial_agree_with_a_hand_computation(uri: str) -> None:
    track(uri, [complete(0)])
    metrics = runs(uri, "trial")[0].data.metrics
    by_epoch = {name for name in metrics if name.startswith(("train_loss/", "val_"))}
    assert {name: metrics[name] for name in metrics.keys() - by_epoch} == pytest.approx(
        {
            "score": 0.9,
            "cv/accuracy": 0.9,
            "cv_std/accuracy": statistics.pstdev([0.9, 0.8, 1.0]),
            "cv_std/f1_macro": 0.1,
            "fold0/accuracy": 0.9,
            "fold1/accuracy": 0.8,
            "fold2/accuracy": 1.0,
            "fold0/f1_macro": 0.5,
            "fold2/f1_macro": 0.7,
            "best_epoch": 2,
            "epochs": 2,
            "parameters": 131,
            "seconds": 12.5,
        }
    )
    assert by_epoch == {
        "train_loss/mean",
        "val_loss/mean",
        "val_loss/fold0",
        "val_loss/fold1",
        "val_loss/fold2",
        "val_accuracy/mean",
    }


def test_curves_have_the_epoch_as_their_step_and_no_infinite_points(uri: str) -> None:
    track(uri, [complete(0)])
    (run,) = runs(uri, "trial")
    assert history(uri, run, "train_loss/mean") == pytest.approx({1: 0.8, 2: 0.4})
    assert history(uri, run, "val_accuracy/mean") == pytest.approx({1: 0.4, 2: 0.9})
    assert history(uri, run, "val_loss/fold2") == {1: 1.2, 2: 0.8}
    assert history(uri, run, "val_loss/fold1") == {1: 1.1}
    assert history(uri, run, "val_loss/mean") == pytest.approx({1: 1.1})


def test_a_curve_longer_than_a_batch_arrives_whole(uri: str) -> None:
    losses = np.linspace(1.0, 0.1, 1500)
    result = TrialResult(
        number=0,
        state=State.COMPLETE,
        params={},
        values=(0.1,),
        epochs=1500,
        curves={"val_loss": losses[:, None]},
    )
    track(uri, [result])
    (run,) = runs(uri, "trial")
    assert history(uri, run, "val_loss/fold0") == dict(enumerate(losses.tolist(), start=1))


def test_a_run_lasts_as_long_as_its_trial(uri: str) -> None:
    before = time.time()
    track(uri, [complete(0)])
    (run,) = runs(uri, "trial")
    assert run.info.end_time - run.info.start_time == 12_500
    assert run.info.end_time / 1000 == pytest.approx(before, abs=5.0)


def test_trials_that_were_never_sent_are_sent_at_the_next_start_and_the_others_are_not_loaded(
    uri: str,
) -> None:
    track(uri, [complete(0), failed(1)], ending=Ending.INTERRUPTED)
    assert runs(uri, "study")[0].info.status == "KILLED"
    loaded = []

    def load(number: int) -> TrialResult:
        loaded.append(number)
        return pruned(number)

    track(uri, ended=range(4), load=load)
    assert loaded == [2, 3]
    assert [run.info.status for run in runs(uri, "trial")] == ["FINISHED", "FAILED", "KILLED", "KILLED"]
    assert len(runs(uri, "study")) == 1


def test_the_run_that_a_killed_driver_left_half_written_is_completed(uri: str) -> None:
    report = track(uri)
    writer = client(uri)
    tags = {"tuner.kind": "trial", "tuner.trial": "5", "mlflow.parentRunId": report.parent_run_id}
    half = writer.create_run(report.experiment_id, tags=tags, run_name="trial-0005")
    writer.log_param(half.info.run_id, "layers", 2)
    track(uri, ended=[5], load=complete)
    (run,) = runs(uri, "trial")
    assert (run.info.run_id, run.info.status) == (half.info.run_id, "FINISHED")
    assert run.data.metrics["score"] == 0.9
    assert run.data.tags["tuner.state"] == "complete"


def test_a_run_that_is_written_again_gets_no_point_twice(uri: str) -> None:
    track(uri, [complete(0)])
    (run,) = runs(uri, "trial")
    client(uri).update_run(run.info.run_id, status="RUNNING")
    track(uri, ended=[0], load=complete)
    (again,) = runs(uri, "trial")
    assert again.info.status == "FINISHED"
    assert again.data.metrics == run.data.metrics
    assert len(history(uri, again, "train_loss/mean")) == 2
    assert len(history(uri, again, "score")) == 1


def test_of_two_runs_of_a_trial_the_first_is_kept(uri: str) -> None:
    report = track(uri, [complete(0)])
    tags = {"tuner.kind": "trial", "tuner.trial": "0", "mlflow.parentRunId": report.parent_run_id}
    (first,) = runs(uri, "trial")
    client(uri).create_run(report.experiment_id, tags=tags, run_name="trial-0000")
    track(uri, ended=[0])
    assert [run.info.run_id for run in runs(uri, "trial")] == [first.info.run_id]


def test_children_beyond_the_first_page_are_known(uri: str, tmp_path: Path) -> None:
    track(uri, [failed(0)])
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        (run,) = database.execute("SELECT run_uuid FROM tags WHERE key = 'tuner.trial'").fetchone()
        columns = [row[1] for row in database.execute("PRAGMA table_info(runs)") if row[1] != "run_uuid"]
        for number in range(1, 1100):
            database.execute(
                f"INSERT INTO runs (run_uuid, {', '.join(columns)}) SELECT ?, {', '.join(columns)} FROM runs "
                "WHERE run_uuid = ?",
                (f"{number:032x}", run),
            )
            database.execute(
                "INSERT INTO tags (key, value, run_uuid) SELECT key, "
                "CASE key WHEN 'tuner.trial' THEN ? ELSE value END, ? FROM tags WHERE run_uuid = ?",
                (str(number), f"{number:032x}", run),
            )
    loaded = []

    def load(number: int) -> TrialResult:
        loaded.append(number)
        return failed(number)

    track(uri, ended=range(1101), load=load)
    assert loaded == [1100]
    assert len(runs(uri, "trial")) == 1101


def test_a_fresh_study_of_the_same_name_has_a_parent_of_its_own(uri: str) -> None:
    track(uri, [complete(0)], study=card("3f2a"))
    track(uri, [complete(0)], study=card("9b7c"))
    assert len(runs(uri, "study")) == 2
    assert len({run.data.tags["mlflow.parentRunId"] for run in runs(uri, "trial")}) == 2


def test_a_continued_study_is_running_and_keeps_what_it_was_started_with(uri: str) -> None:
    track(uri, study=card(trials="10"))
    tracker = MlflowTracker(uri, None)
    tracker.started(card(trials="20", folds="5"), [], nothing_to_load)
    (parent,) = runs(uri, "study")
    assert parent.info.status == "RUNNING"
    assert parent.data.params == {"seed": "7", "trials": "10", "folds": "5"}
    tracker.closed(Ending.FINISHED, NOTHING)
    assert runs(uri, "study")[0].info.status == "FINISHED"


def test_artifacts_of_a_local_store_lie_in_its_own_folder(uri: str, tmp_path: Path) -> None:
    tracker = MlflowTracker(uri, tmp_path / "mlartifacts")
    tracker.started(card(), [], nothing_to_load)
    tracker.closed(Ending.FINISHED, NOTHING)
    (parent,) = runs(uri, "study")
    assert parent.info.artifact_uri.startswith((tmp_path / "mlartifacts").as_uri())


def test_finished_returns_at_once(uri: str) -> None:
    tracker = MlflowTracker(uri, None)
    tracker.started(card(), [], nothing_to_load)
    start = time.perf_counter()
    for number in range(20):
        tracker.finished(complete(number))
    queued = time.perf_counter() - start
    assert tracker.closed(Ending.FINISHED, NOTHING).unsent == ()
    assert queued < 0.2 * (time.perf_counter() - start)
    assert len(runs(uri, "trial")) == 20


def test_a_store_that_fails_for_a_while_gets_everything_once_it_works_again(
    uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracker = MlflowTracker(uri, None)
    tracker.started(card(), [], nothing_to_load)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("ALTER TABLE params RENAME TO away")
    tracker.finished(complete(0))
    tracker.finished(failed(1))
    wait_for(lambda: tracker.trouble is not None)
    assert "no such table" in (tracker.trouble or "")
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("ALTER TABLE away RENAME TO params")
    report = tracker.closed(Ending.FINISHED, NOTHING)
    assert (report.unsent, report.trouble) == ((), None)
    assert capsys.readouterr() == ("", "")
    assert [run.info.status for run in runs(uri, "trial")] == ["FINISHED", "FAILED"]


def test_a_result_that_cannot_be_read_is_named_and_the_others_are_sent(uri: str) -> None:
    def load(number: int) -> TrialResult:
        if number == 1:
            raise TunerError("runs/iris/study.db has no trial 1")
        return failed(number)

    report = track(uri, ended=range(3), load=load)
    assert report.unsent == ("trial-0001",)
    assert "runs/iris/study.db has no trial 1" in (report.trouble or "")
    assert [run.data.tags["tuner.trial"] for run in runs(uri, "trial")] == ["0", "2"]


def test_a_deleted_experiment_is_an_error_with_two_ways_out(uri: str) -> None:
    report = track(uri)
    client(uri).delete_experiment(report.experiment_id)
    with pytest.raises(TunerError, match=r"'iris' is deleted.*tracking: \{experiment: .*experiments restore"):
        track(uri)
