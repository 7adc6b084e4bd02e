"""Studies as a course on Keras has them, on public data sets: few rows, one trial, better than a constant guess."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.small import NO_BAR
from tuner.config.study_file import load_config
from tuner.records import TrialResult
from tuner.run import Closed, run_study
from tuner.study import Study, open_study
from tuner.trial import TrialTask, evaluate

pytestmark = pytest.mark.slow

SPACE = "{layers: 1, neurons: 16, learning_rate: 0.01, batch_size: 64}"
LABELS = [f"Class{number}" for number in range(1, 15)]


def tried(folder: Path, text: str) -> tuple[Study, TrialResult]:
    """Return a study of this text and its trial 0."""
    (folder / "study.yaml").write_text(text)
    study = open_study(load_config(folder / "study.yaml"))
    result = evaluate(TrialTask(study.problem, 0, study.config.space.default(), NO_BAR))
    assert result.message is None
    return study, result


@pytest.fixture(scope="module")
def abalone(tmp_path_factory, shared_data) -> Path:
    """A folder with all 32 of the rare class and 800 others."""
    folder = tmp_path_factory.mktemp("abalone")
    frame = pd.read_csv(shared_data / "abalone19.csv")
    rare = frame["target"] == "positive"
    assert rare.sum() == 32
    pd.concat([frame[rare], frame[~rare].iloc[::5][:800]]).to_csv(folder / "abalone.csv", index=False)
    return folder


def recall_of(folder: Path, balance: str) -> float:
    _, result = tried(
        folder,
        f"""
data: {{path: abalone.csv, target: target}}
cv: {{folds: 2}}
preprocess: {{balance: {balance}}}
search_space: {SPACE}
objective: recall
training: {{epochs: 20, early_stopping: none}}
""",
    )
    return result.values[0]


@pytest.mark.parametrize("balance", ["class_weight", "oversample", "undersample", "smote"])
def test_a_rare_class_is_found_once_classes_are_balanced(abalone, balance):
    assert recall_of(abalone, "none") < 0.1
    assert recall_of(abalone, balance) > 0.25


def test_labels_of_yeast_are_told_with_fewer_errors_than_by_their_frequency(tmp_path, shared_data):
    frame = pd.read_csv(shared_data / "yeast.csv.gz")[:1000]
    frame.to_csv(tmp_path / "yeast.csv", index=False)
    study, result = tried(
        tmp_path,
        f"""
data: {{path: yeast.csv, target: [{", ".join(LABELS)}]}}
cv: {{folds: 2}}
search_space: {SPACE}
objective: hamming_loss
training: {{epochs: 10}}
""",
    )
    assert study.direction == "minimize"
    rare = frame[LABELS].mean()
    assert result.values[0] < 0.95 * np.minimum(rare, 1 - rare).mean()


def test_categories_of_adult_are_embedded(tmp_path, shared_data):
    frame = pd.read_csv(shared_data / "adult.csv.gz")[:2000]
    frame.to_csv(tmp_path / "adult.csv", index=False)
    study, result = tried(
        tmp_path,
        f"""
data: {{path: adult.csv, target: income}}
cv: {{folds: 2}}
preprocess: {{categorical: embedding}}
search_space: {SPACE}
objective: accuracy
training: {{epochs: 10}}
""",
    )
    assert result.values[0] > frame["income"].value_counts(normalize=True).iloc[0] + 0.03
    assert study.dataset.classes == ("<=50K", ">50K")


def test_the_air_of_the_coming_weeks_is_told_by_weather_and_parts_of_the_date(tmp_path, shared_data):
    pd.read_csv(shared_data / "pollution_2010.csv")[:3000].to_csv(tmp_path / "air.csv", index=False)
    study, result = tried(
        tmp_path,
        f"""
data: {{path: air.csv, target: pm25, time: timestamp}}
cv: {{folds: 3}}
preprocess: {{datetime: [month, dayofweek, hour]}}
search_space: {SPACE}
objective: rmse
training: {{epochs: 10}}
""",
    )
    guesses = [
        np.sqrt(np.mean((study.dataset.target[fold.score] - study.dataset.target[fold.train].mean()) ** 2))
        for fold in study.problem.folds
    ]
    assert result.values[0] < 0.95 * np.mean(guesses)


def test_the_study_of_clothes_in_the_documents_tells_them_apart(tmp_path, shared_data):
    with np.load(shared_data / "fashion_mnist_10k.npz") as arrays:
        np.savez(tmp_path / "clothes.npz", X=arrays["X"][:1500], y=arrays["y"][:1500])
    page = (Path(__file__).parents[1] / "docs/study-file.md").read_text("utf-8")
    text = page[page.index("data: {path: ../data/fashion_mnist_10k.npz}") :].partition("```")[0]
    for written, quick in (
        ("../data/fashion_mnist_10k.npz", "../clothes.npz"),
        ("folds: 3", "folds: 2"),
        ("batch_size: 64", "batch_size: 16"),
        ("epochs: 20", "epochs: 4"),
        ("trials: 4", "trials: 1"),
    ):
        assert text.count(written) == 1
        text = text.replace(written, quick)
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "clothes.yaml").write_text(f"{text}tracking: {{uri: none}}\n")
    *_, closed = run_study(load_config(tmp_path / "studies" / "clothes.yaml"))
    assert isinstance(closed, Closed)
    final = closed.summary.final
    assert final is not None
    assert final.rows == 300
    assert final.scores["accuracy"].value > 0.6
