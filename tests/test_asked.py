"""Losses and metrics with arguments or of the user's own, weights in scores, thresholds: from file to model."""

import pickle
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, mean_poisson_deviance

from tests.conclude.conftest import record
from tests.export.made import trials_of
from tests.small import config_of, study_of, task_of
from tuner.conclude.final_model import conclude, model_folder
from tuner.config.study_file import StudyConfig
from tuner.errors import StudyFileError
from tuner.executors.in_process import InProcess
from tuner.export.final_record import find_final
from tuner.export.folder import load_model
from tuner.model.thresholds import choose_thresholds
from tuner.report.winner import corrected_score
from tuner.search.storage import StudyStore
from tuner.study import Study, check_loss_runs
from tuner.summary import summarise
from tuner.trial import evaluate

MODULE = """
import keras
import numpy as np

def fair(y_true, y_pred):
    size = keras.ops.abs(y_true - y_pred)
    return keras.ops.mean(size - keras.ops.log1p(size), axis=-1)

def one_number(y_true, y_pred):
    return keras.ops.mean(y_true - y_pred)

def make_cost(fn):
    def cost(y_true, y_pred, sample_weight=None):
        return np.average(np.where(y_true, fn, 1.0) * (y_true != y_pred), weights=sample_weight)
    return cost

def plain(y_true, y_pred):
    return float(np.mean(y_true == y_pred))
"""
COST = {"python": "asked_by_user:make_cost", "fn": 4.0, "direction": "minimize"}


def write_module(folder: Path) -> None:
    (folder / "studies").mkdir(exist_ok=True)
    (folder / "studies" / "asked_by_user.py").write_text(MODULE)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory) -> Study:
    """A study with a loss and a metric of its own, weights in its scores, and a tuned threshold."""
    folder = tmp_path_factory.mktemp("tuned")
    write_module(folder)
    study = study_of(
        folder,
        target="yes",
        data={"weight": "weight"},
        objective="f1",
        metrics=[COST, "log_loss", "accuracy"],
        weighted_metrics=True,
        threshold="tuned",
        cv={"folds": 3},
        training={"loss": "asked_by_user:fair", "epochs": 8},
        search={"trials": 2, "pruner": "none"},
    )
    record(study, *trials_of(study, {}, {"learning_rate": 1e-3}))
    return study


def parts_of(study: Study, oof: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(fold.score, oof[0, fold.score, 0]) for fold in study.problem.folds]


def test_scores_of_labels_are_weighted_and_decided_by_the_thresholds_of_the_other_folds(tuned):
    problem = tuned.problem
    assert problem.metrics == ("f1", "asked_by_user.make_cost_4", "log_loss", "accuracy")
    result = evaluate(pickle.loads(pickle.dumps(task_of(tuned))))
    target, weight = problem.dataset.target, problem.dataset.weight
    parts = parts_of(tuned, result.oof)
    for number, (rows, outputs) in enumerate(parts):
        others = np.concatenate([each for other, (each, _) in enumerate(parts) if other != number])
        seen = np.concatenate([each for other, (_, each) in enumerate(parts) if other != number])
        (threshold,) = choose_thresholds(
            problem.metric("f1"), problem.head, target[others], seen[:, None], weight[others]
        )
        called = outputs > threshold
        expected = f1_score(target[rows], called, sample_weight=weight[rows])
        assert result.fold_values[0][number] == pytest.approx(expected)
        cost = np.average(np.where(target[rows], 4, 1) * (called != target[rows]), weights=weight[rows])
        assert result.fold_metrics["asked_by_user.make_cost_4"][number] == pytest.approx(cost)
        surprise = log_loss(target[rows], outputs.astype(float), sample_weight=weight[rows])
        assert result.fold_metrics["log_loss"][number] == pytest.approx(surprise)


def test_the_model_decides_by_the_threshold_that_is_best_on_all_out_of_fold_outputs(tuned):
    with closing(StudyStore(tuned.config.runs_folder, tuned.config.name)) as store:
        final = conclude(tuned, store, InProcess("stacked"))
        winner = summarise(store).best
        oof = store.outputs(winner.number)[0]
        assert find_final(store).thresholds == final.thresholds
        corrected = corrected_score(tuned, store, summarise(store))
        model = load_model(model_folder(store))
    problem, rows = tuned.problem, tuned.search_rows
    metric, weight = problem.metric("f1"), problem.dataset.weight
    expected = choose_thresholds(metric, problem.head, problem.dataset.target[rows], oof[rows], weight[rows])
    assert final.thresholds == expected == model.manifest.thresholds
    assert corrected.naive == pytest.approx(winner.values[0])
    frame = problem.dataset.features.iloc[tuned.test_rows]
    table, outputs = model.predict(frame), model.outputs(frame)
    labels = np.array(problem.dataset.classes, object)[(outputs[:, 0] > expected[0]).astype(int)]
    assert table["prediction"].tolist() == labels.tolist()
    true = problem.dataset.target[tuned.test_rows]
    scored = f1_score(true, outputs[:, 0] > expected[0], sample_weight=weight[tuned.test_rows])
    assert final.scores["f1"].value == pytest.approx(scored)
    card = (model.folder / "README.md").read_text()
    assert f"where the probability is above {expected[0]:.4g}" in card


def test_a_study_goes_on_until_the_source_of_its_functions_changes(tuned):
    old = tuned.config.canonical()
    without = {key: value for key, value in old.items() if key not in ("threshold", "weighted_metrics")}
    now = {**old, "threshold": 0.5, "weighted_metrics": False}
    assert StudyConfig.differences(without, now) == []
    source = tuned.config.folder / "asked_by_user.py"
    source.write_text(MODULE + "\n# other\n")
    found = StudyConfig.differences(old, tuned.config.canonical())
    source.write_text(MODULE)
    assert [line.split(" source ")[0] for line in found] == [
        "functions.asked_by_user:fair:",
        "functions.asked_by_user:make_cost:",
    ]


def test_a_given_threshold_decides_everywhere(tmp_path):
    study = study_of(tmp_path, target="yes", objective="roc_auc", metrics=["f1"], threshold=0.2)
    result = evaluate(task_of(study))
    for (rows, outputs), value in zip(parts_of(study, result.oof), result.fold_metrics["f1"], strict=True):
        assert value == pytest.approx(f1_score(study.dataset.target[rows], outputs > 0.2))


@pytest.mark.parametrize("loss", ["poisson", "msle", {"name": "quantile", "quantile": 0.9}])
def test_outputs_of_every_kind_of_loss_are_in_the_targets_own_unit(tmp_path, loss):
    metrics = ["r2", {"name": "pinball", "alpha": 0.9}, "msle"]
    keys = {"target": "amount", "objective": "mae", "metrics": metrics, "search": {"trials": 1}}
    study = study_of(tmp_path, training={"loss": loss, "epochs": 40}, **keys)
    (result,) = trials_of(study, {"learning_rate": 0.05})
    rows = study.search_rows
    true, found = study.dataset.target[rows, 0], result.oof[0, rows, 0]
    assert np.corrcoef(true, found)[0, 1] > 0.4
    if isinstance(loss, dict):
        assert 0.75 < np.mean(true < found) < 0.99
        assert result.metrics["pinball_0.9"] < 0.25 * true.std()
    else:
        assert found.min() > 0
        assert np.median(found / true) == pytest.approx(1.0, abs=0.1)
        constant = np.full_like(true, true.mean())
        assert mean_poisson_deviance(true, np.maximum(found, 1)) < mean_poisson_deviance(true, constant)
    record(study, result)
    with closing(StudyStore(study.config.runs_folder, study.config.name)) as store:
        final = conclude(study, store, InProcess("stacked"))
        outputs = load_model(model_folder(store)).outputs(study.dataset.features.iloc[rows])[:, 0]
    assert final.train_scores["mae"] == pytest.approx(np.abs(outputs - true).mean())
    assert final.train_scores["r2"] > (0.2 if isinstance(loss, str) else -1)


WRONG = {
    "a target below 0": (
        {"training": {"loss": "poisson"}},
        "training.loss: 'poisson' needs a target of at least 0;",
    ),
    "a target of 0": (
        {"training": {"loss": "mape"}},
        "training.loss: 'mape' divides by the target, which is 0 in ",
    ),
    "one target": (
        {"training": {"loss": "cosine_similarity"}},
        "training.loss: 'cosine_similarity' needs 2 targets",
    ),
    "msle below 0": ({"metrics": ["msle"]}, "metrics: 'msle' needs a target of at least 0"),
    "no module": (
        {"training": {"loss": "nowhere_at_all:f"}},
        "training.loss: there is no module 'nowhere_at_all' in ",
    ),
    "no function": (
        {"training": {"loss": "asked_by_user:fare"}},
        "asked_by_user.py: has no function 'fare'; did you mean 'fair'?",
    ),
    "no metric function": (
        {"metrics": ["asked_by_user:nothing"]},
        "asked_by_user.py) has no function 'nothing'",
    ),
    "no weights": (
        {"weighted_metrics": True},
        "weighted_metrics: there are no weights; name their column in data",
    ),
    "held-out rows without weight": (
        {"weighted_metrics": True, "data": {"weight": "late", "time": "row"}},
        "weighted_metrics: all 16 rows held out for the test have weight 0, so that they have no score",
    ),
    "no weighted form": (
        {"weighted_metrics": True, "metrics": ["max_error"], "data": {"weight": "weight"}},
        "weighted_metrics: 'max_error' has no form with weights",
    ),
    "a threshold of values": ({"threshold": "tuned"}, "threshold: tuned is for binary and multilabel tasks"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_the_data_is_one_error_at_its_line_before_training(tmp_path, name):
    keys, sentence = WRONG[name]
    write_module(tmp_path)
    (tmp_path / "table.csv").write_text(
        "height,weight,late,row,amount\n"
        + "".join(
            f"{n % 9},1,{int(n < 30)},{n},{(n * 7) % 20 - 5}.5\n{n % 5},1,{int(n < 30)},{n},0\n"
            for n in range(40)
        )
    )
    with pytest.raises(StudyFileError) as raised:
        study_of(
            tmp_path,
            **{"target": "amount", "objective": "mae", **keys, "data": {"drop": [], **keys.get("data", {})}},
        )
    (found,) = raised.value.problems
    assert sentence in found
    assert found.split(":")[1].isdigit()


def test_a_tuned_threshold_needs_a_metric_of_labels(tmp_path):
    with pytest.raises(
        StudyFileError, match="threshold: tuned by a metric of labels, and there is none; add one"
    ):
        study_of(tmp_path, target="yes", objective="roc_auc", threshold="tuned")


def test_a_loss_that_is_no_loss_of_rows_is_refused_before_training(tmp_path):
    write_module(tmp_path)
    study = study_of(tmp_path, target="yes", training={"loss": "asked_by_user:one_number"})
    with pytest.raises(
        StudyFileError, match=r"training.loss: asked_by_user:one_number returns a single number"
    ):
        check_loss_runs(study)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"threshold": 1.5}, "threshold: 1.5 is neither tuned nor a number above 0 and below 1"),
        ({"threshold": "best"}, "threshold: 'best' is neither tuned nor a number above 0 and below 1"),
        ({"threshold": True}, "threshold: true is neither tuned nor a number"),
        ({"weighted_metrics": 1}, "weighted_metrics: 1 is not true or false"),
        (
            {"objective": "a:b"},
            "objective: 'a:b' may be better when it is larger or smaller; write {python: 'a:b'",
        ),
        ({"objective": {"name": "pinbal", "alpha": 0.1}}, "objective: 'pinbal' is not a metric"),
        (
            {"metrics": [{"name": "pinball"}]},
            "metrics: 'pinball' needs alpha, a number above 0 and below 1; write ",
        ),
        ({"metrics": ["f1", "f1"]}, "metrics: 'f1' is given twice"),
        ({"metrics": [{"python": "no name"}]}, "metrics: 'no name' does not name a function"),
        (
            {"task": "regression", "threshold": 0.4},
            "threshold: 0.4 is for binary and multilabel tasks; the task is ",
        ),
        (
            {"task": "binary", "metrics": [{"name": "pinball", "alpha": 0.1}]},
            "'pinball' is not a metric for binary",
        ),
        ({"training": {"loss": "hinj"}}, "training.loss: 'hinj' is not a loss; one of: auto, mse"),
        ({"training": {"loss": "bce"}}, "did you mean 'binary_crossentropy'?"),
        ({"training": {"loss": {"name": "huber", "delta": "wide"}}}, "delta: 'wide' is not a number above 0"),
        (
            {"task": "binary", "training": {"loss": {"name": "huber", "delta": 1}}},
            "'huber' is not a loss for binary",
        ),
        (
            {
                "objective": {"name": "pinball", "alpha": 0.5},
                "training": {"early_stopping": {"monitor": "val_pinball_0.4"}},
            },
            "training.early_stopping.monitor: 'pinball_0.4' is not a metric",
        ),
        (
            {"task": "regression", "training": {"loss": "poisson", "output": "softplus"}},
            "training.output: 'softplus' does not fit the loss 'poisson'; one of: auto, linear",
        ),
        (
            {"task": "regression", "training": {"loss": "mape", "output": "tanh"}},
            "training.output: 'tanh' does not fit the loss 'mape'; one of: auto, linear, softplus, relu",
        ),
        (
            {"objective": ["auto", {"name": "pinball", "alpha": 2}]},
            "objective: alpha: 2 is not a number above 0 and below 1",
        ),
        (
            {"objective": ["rmse", {"python": "asked_by_user:plain"}]},
            "objective: 'asked_by_user:plain' may be better when it is larger or smaller",
        ),
    ],
)
def test_what_is_wrong_in_the_file_itself_is_told_at_its_line(tmp_path, keys, sentence):
    with pytest.raises(StudyFileError) as raised:
        config_of(tmp_path, **{"target": "amount", **keys})
    (found,) = raised.value.problems
    assert sentence in found
    assert found.split(":")[1].isdigit()


def test_an_output_that_does_not_fit_a_loss_is_told_once_the_data_tell_the_task(tmp_path):
    with pytest.raises(StudyFileError, match=r"training.output: 'sigmoid' does not fit the loss 'poisson'"):
        study_of(tmp_path, target="amount", training={"loss": "poisson", "output": "sigmoid"})


def test_a_loss_of_logarithms_keeps_to_the_range_of_the_training_rows_where_the_output_does(tmp_path):
    study = study_of(tmp_path, target="amount", training={"epochs": 3, "loss": "msle", "output": "sigmoid"})
    problem = study.problem
    found = evaluate(task_of(study)).oof
    for fold in problem.folds:
        learnt, predicted = problem.dataset.target[fold.train], found[0, fold.score]
        assert learnt.min() * (1 - 1e-5) <= predicted.min() < predicted.max() <= learnt.max() * (1 + 1e-5)


def test_objectives_may_be_metrics_with_arguments_and_functions_beside_costs(tmp_path):
    write_module(tmp_path)
    study = study_of(
        tmp_path,
        target="kind",
        objective=["log_loss", COST, {"name": "top_k_accuracy", "k": 2}, "parameters"],
        metrics=["accuracy"],
        training={"epochs": 2},
    )
    assert [(each.name, each.direction) for each in study.objectives] == [
        ("log_loss", "minimize"),
        ("asked_by_user.make_cost_4", "minimize"),
        ("top_k_accuracy_2", "maximize"),
        ("parameters", "minimize"),
    ]
    result = evaluate(task_of(study))
    assert result.values[1:] == (
        result.metrics["asked_by_user.make_cost_4"],
        result.metrics["top_k_accuracy_2"],
        result.parameters,
    )


def test_the_same_metric_written_in_two_ways_is_one_objective(tmp_path):
    with pytest.raises(StudyFileError, match=r"objective: 'rmse' is given twice"):
        study_of(tmp_path, target="amount", objective=["rmse", {"name": "rmse"}])


def test_a_metric_with_an_argument_may_be_watched_and_improved(tmp_path):
    stopping = {"monitor": "val_pinball_0.9", "patience": 3}
    objective = {"name": "pinball", "alpha": 0.9}
    study = study_of(
        tmp_path, target="amount", objective=objective, training={"epochs": 3, "early_stopping": stopping}
    )
    assert (study.objective, study.direction) == ("pinball_0.9", "minimize")
    assert set(evaluate(task_of(study)).curves) == {"train_loss", "val_loss", "val_pinball_0.9"}
