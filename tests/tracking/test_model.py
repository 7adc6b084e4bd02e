import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.small import config_of
from tests.tracking.tracked import client, runs
from tuner.export.folder import load_model
from tuner.export.serving import served_model
from tuner.places import tracking_place
from tuner.run import run_study
from tuner.study import open_study
from tuner.tracking.mlflow_model import send_model


@pytest.fixture(scope="module")
def finished(begin: Callable[[str], Path]) -> Path:
    """A folder with a finished study of two trials, on every kind of column."""
    folder = begin("served")
    list(run_study(config_of(folder, search={"trials": 2})))
    return folder


def pyfunc() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc

        return mlflow.pyfunc


@pytest.fixture
def uri(finished: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The store, which MLflow's own functions are told of."""
    found = tracking_place(config_of(finished, search={"trials": 2}))[0]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", found)
    return found


def opened(address: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pyfunc().load_model(address)


def predicted(model: Any, frame: pd.DataFrame) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pd.DataFrame(model.predict(frame))


def test_mlflow_loads_the_final_model_and_predicts_what_its_folder_predicts(finished: Path, uri: str) -> None:
    config = config_of(finished, search={"trials": 2})
    (parent,) = runs(uri, "study", "small")
    model = opened(f"runs:/{parent.info.run_id}/model")
    features = open_study(config).dataset.columns
    frame = pd.read_csv(finished / "table.csv")[[column.name for column in features]]
    expected = load_model(config.runs_folder / "model").predict(frame)
    pd.testing.assert_frame_equal(predicted(model, frame), expected)
    assert model.metadata.signature.inputs.input_names() == [column.name for column in features]
    assert model.metadata.signature.outputs.input_names() == list(expected)
    assert len(predicted(model, model.input_example)) == 3
    (kept,) = client(uri).search_logged_models([parent.info.experiment_id])
    scores = {metric.key: metric.value for metric in kept.metrics or []}
    assert scores["held_out/accuracy"] == parent.data.metrics["held_out/accuracy"]


def test_a_missing_column_is_told_in_one_sentence_as_the_server_passes_it_on(
    finished: Path, uri: str
) -> None:
    from mlflow.exceptions import MlflowException

    (parent,) = runs(uri, "study", "small")
    model = opened(f"runs:/{parent.info.run_id}/model")
    first, *others = model.metadata.signature.inputs.input_names()
    with pytest.raises(
        MlflowException, match=f"column '{first}' is missing, which the model reads"
    ) as raised:
        predicted(model, model.input_example[others])
    assert raised.value.get_http_status_code() == 400
    assert "Traceback" not in raised.value.serialize_as_json()


def test_a_model_that_is_there_is_not_sent_again_and_a_newer_one_takes_its_name(
    finished: Path, uri: str, tmp_path: Path
) -> None:
    config = config_of(finished, search={"trials": 2})
    (parent,) = runs(uri, "study", "small")
    experiment, run = parent.info.experiment_id, parent.info.run_id
    card = served_model(config.runs_folder / "model", open_study(config).dataset)
    before = client(uri).search_logged_models([experiment])
    assert send_model(client(uri), experiment, run, card, {}) == before[0].model_id
    shutil.copytree(config.runs_folder / "model", tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text("another one")
    other = served_model(tmp_path / "model", open_study(config).dataset)
    newer = send_model(client(uri), experiment, run, other, {})
    assert newer != before[0].model_id
    assert opened(f"runs:/{run}/model").metadata.model_id == newer


def test_a_model_whose_sending_was_cut_off_is_sent_whole(finished: Path, uri: str) -> None:
    config = config_of(finished, search={"trials": 2})
    writer = client(uri)
    run = writer.create_run(runs(uri, "study", "small")[0].info.experiment_id)
    experiment, run_id = run.info.experiment_id, run.info.run_id
    card = served_model(config.runs_folder / "model", open_study(config).dataset)
    half = writer.create_logged_model(
        experiment, name="model", source_run_id=run_id, tags={"tuner.digest": card.digest}
    )
    assert send_model(writer, experiment, run_id, card, {}) == half.model_id
    assert writer.get_logged_model(half.model_id).status == "READY"
    assert opened(f"models:/{half.model_id}").metadata.run_id == run_id
