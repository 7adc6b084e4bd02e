"""Studies from Python; those of docs/python.md are looked at here, so that they are run once."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from tests.api.conftest import SPACE
from tests.command import tune
from tuner import StopSearch, TunerError, load_study, run_study, search_table
from tuner.api.table_html import html_rows
from tuner.records import State

SETTINGS = {
    "test": 0,
    "cv": {"folds": 2},
    "training": {"epochs": 3, "early_stopping": None},
    "tracking": {"uri": "none"},
}


def test_a_study_of_a_table_is_one_that_the_commands_know(page):
    study = page["study"]
    said = tune("show", page["folder"] / study.path, "--json")
    shown = json.loads(said.out)
    assert said.code == 0
    assert [trial["values"][0] for trial in shown["trials"]] == list(study.trials["accuracy"])
    assert shown["data"]["rows"] == 150
    assert not (page["folder"] / "runs" / "mlflow.db").exists()


def test_the_results_are_those_of_the_trials(page):
    study = page["study"]
    trials = study.trials
    best = trials["accuracy"].idxmax()
    assert len(trials) == 4
    assert study.best_score == trials["accuracy"].max() == np.mean(study.best_trial.fold_values[0])
    assert trials["accuracy std"][best] == np.std(study.best_trial.fold_values[0])
    assert study.best_params["learning_rate"] == trials["param_learning_rate"][best]
    assert study.default_score == trials["accuracy"][0]
    assert study.corrected.low <= study.corrected.value <= study.corrected.high
    assert study.held_out.keys() == {"accuracy", "log_loss"}
    assert list(trials.columns[:4]) == ["state", "accuracy", "accuracy std", "log_loss"]


def test_the_predictions_are_those_of_the_exported_model(page):
    predictions = page["study"].predict(page["flowers"])
    right = predictions["prediction"].astype(int) == page["flowers"]["target"]
    assert right.mean() > 0.85
    exported = page["load_model"](page["folder"] / "flowers_model").predict(page["flowers"])
    pd.testing.assert_frame_equal(exported, predictions)


def test_charts_are_plotly_figures_of_the_trials(page):
    (points,) = [
        trace for trace in page["study"].plot_history().data if (trace.name or "").startswith("complete")
    ]
    assert len(points.x) <= 4
    assert len(page["study"].plot_learning()) >= 1
    with pytest.raises(
        TunerError, match="needs several objectives and a trial that is complete; the study has 4 "
    ):
        page["study"].plot_front()


def test_a_notebook_shows_a_small_table_and_the_report(page):
    shown = page["study"]._repr_html_()
    assert "to be expected of new rows" in shown
    assert f"(trial {page['study'].best_trial.number})" in shown
    assert html_rows([("a|b", "<script>alert(1)</script>")]).count("<script>") == 0
    assert (page["folder"] / "flowers.html").is_file()


def test_a_search_that_a_callback_stops_goes_on_as_if_it_had_not(page, monkeypatch):
    monkeypatch.chdir(page["folder"])
    assert len(page["stopped"].trials) < 4
    assert page["stopped"].corrected is None
    with pytest.raises(TunerError, match="has no final model yet"):
        _ = page["stopped"].model
    rest = run_study("studies/early.yaml", show=False)
    unlike = ["seconds"]
    pd.testing.assert_frame_equal(rest.trials.drop(columns=unlike), page["study"].trials.drop(columns=unlike))


def table():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 2))
    return pd.DataFrame({"<b>|x": x[:, 0], "дата": x[:, 1], "y": x @ [1.0, 2.0]})


def search_small(folder, **given):
    asked = {
        "name": "small",
        "folder": folder,
        "search_space": SPACE,
        "trials": 2,
        "settings": SETTINGS,
        "show": False,
    }
    return search_table(table(), "y", **{**asked, **given})


def test_an_error_in_a_callback_is_passed_on_and_nothing_is_lost(tmp_path):
    def breaks(trial):
        raise ZeroDivisionError(f"in trial {trial.number}")

    with pytest.raises(ZeroDivisionError, match="in trial 0"):
        search_small(tmp_path, callback=breaks)
    seen = []
    study = search_small(tmp_path, callback=seen.append)
    assert [trial.number for trial in seen] == [1]
    assert all(state == State.COMPLETE for state in study.trials["state"])
    assert study.held_out == {}
    assert study.predict(table()).shape == (60, 1)
    assert math.isclose(study.best_score, study.trials["rmse"].min())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"trials": 0}, "search.trials: 0 is too small; at least 1"),
        ({"workers": 0}, "workers: 0 is not a whole number of at least 1"),
        ({"workers": 1.5}, "workers: 1.5 is not a whole number of at least 1"),
        ({"objective": "acuracy"}, "'acuracy' is not a metric"),
        ({"settings": {"cv": {"fold": 2}}}, "cv.fold: unknown key; did you mean 'folds'"),
        ({"settings": {"search": {"trials": 3}}}, "search.trials is given by an argument too"),
        ({"search_space": {"layer": 1}}, "'layer' is not a parameter"),
        ({"callback": 3}, "callback: 3 is no function; it is called with each trial that has ended"),
        ({"name": "a/b"}, "cannot be the name of a folder"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_trained(tmp_path, given, told):
    with pytest.raises(TunerError, match=told.replace("(", r"\(")):
        search_small(tmp_path, **given)
    assert not (tmp_path / "runs").exists()


def test_what_is_no_table_and_a_target_that_is_not_there_are_told(tmp_path):
    with pytest.raises(TunerError, match="a ndarray is not a DataFrame"):
        search_table(np.zeros((3, 2)), "y", name="small", folder=tmp_path)
    with pytest.raises(TunerError, match="target 'z' is not a column"):
        search_table(table(), "z", name="small", folder=tmp_path, settings=SETTINGS, show=False)


def test_the_target_of_numbered_columns_is_named_by_its_number(tmp_path):
    numbered = table().set_axis([0, 1, 2], axis=1)
    study = search_table(
        numbered,
        2,
        name="small",
        folder=tmp_path,
        search_space=SPACE,
        trials=1,
        settings=SETTINGS,
        show=False,
    )
    assert study.model.manifest.target_names == ("2",)
    assert repr(study.model) == "SavedModel(regression, predicts '2' from 2 columns)"
    assert study.predict(numbered[[0, 1]].to_numpy()).equals(study.predict(numbered))


def test_a_time_that_is_none_is_named_as_the_argument(tmp_path):
    (tmp_path / "iris.yaml").write_text("data: {sklearn: iris}\n")
    with pytest.raises(TunerError, match=r"^timeout: 5 is not a time"):
        run_study(tmp_path / "iris.yaml", timeout=5)


def test_a_trial_in_a_callback_is_shown_without_its_curves(page):
    shown = repr(page["study"].best_trial)
    assert "best_epoch=" in shown
    assert "curve" not in shown
    assert "oof" not in shown


def test_a_study_that_was_not_run_is_told(tmp_path):
    path = tmp_path / "iris.yaml"
    path.write_text("data: {sklearn: iris}\n")
    with pytest.raises(TunerError, match="no trials yet"):
        load_study(path)


def test_a_study_that_is_tracked_nowhere_has_no_dashboard_and_says_so(page):
    path = page["folder"] / page["study"].path
    said = tune("ui", path)
    assert said.code == 2
    assert "tracking.uri: none" in said.err
    assert "MLflow" not in tune("report", path, "-o", page["folder"] / "again.html").out


def test_stop_search_is_an_exception_of_the_package():
    assert issubclass(StopSearch, Exception)
    assert not issubclass(StopSearch, TunerError)
