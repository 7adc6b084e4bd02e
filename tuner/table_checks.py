"""What a study file asks for and its table cannot give, told before any training."""

from collections.abc import Collection

import numpy as np

from tuner.config.cross_checks import output_problem
from tuner.config.image_checks import table_problem
from tuner.config.study_file import StudyConfig
from tuner.data.balance import too_few
from tuner.data.choices import balance_problem
from tuner.data.dataset import Dataset
from tuner.data.features import check_image
from tuner.data.target_scaling import target_problem
from tuner.errors import DataError, TunerError, nearest
from tuner.model.fold_metrics import FoldScorer
from tuner.model.goals import COSTS
from tuner.model.heads import AUTO_OUTPUT, EVEN, POSITIVE_OUTPUTS, threshold_problem
from tuner.model.losses import LossPlan
from tuner.model.metrics import Metric, metrics_for
from tuner.model.network import IMAGE_MODELS
from tuner.prepared import prepare, prepare_by
from tuner.problem import Problem
from tuner.space.ranges import ChoiceParam, Constant
from tuner.tasks import Task

VARIANCE = "preprocess.select.variance"
"""The parameter under which, when it is large, no input is left."""


def check_images(config: StudyConfig, dataset: Dataset) -> None:
    """Refuse a table that is no images where the model reads images."""
    if config.training.model not in IMAGE_MODELS:
        return
    if (problem := table_problem(config, dataset.row_shape, dataset.place)) is not None:
        raise config.problem(*problem)
    check_image(dataset.columns, dataset.row_shape or (), dataset.place)


def check_loss(loss: LossPlan, dataset: Dataset) -> None:
    """Refuse a loss that does not fit the target, or a function that is not there; nothing of the user's is run.

    Raises:
        ValueError: the message is a sentence for the user.
        TunerError: likewise.
    """
    if loss.hook is not None:
        loss.hook.source_sha256()
    elif dataset.task is Task.REGRESSION:
        problem = target_problem(loss.spec.target, dataset.target.reshape(len(dataset.target), -1))
        if problem is not None:
            raise ValueError(f"'{loss.name}' {problem}; choose another loss, or another target")


def monitor_problem(config: StudyConfig, task: Task, metrics: Collection[str]) -> str | None:
    """Return why early stopping cannot watch what it is asked to; None where it can.

    Args:
        config: the study file.
        task: that the data turned out to have.
        metrics: those that the study records.
    """
    stopping = config.training.early_stopping
    if stopping is None or stopping.monitor == "val_loss":
        return None
    known = (*metrics_for(task), *metrics)
    name = stopping.monitor.removeprefix("val_")
    if name in known:
        return None
    return f"'{name}' is not a metric for {task}; one of: {', '.join(known)}{nearest(name, known)}"


def labels_problem(config: StudyConfig, task: Task, metrics: Collection[Metric]) -> str | None:
    """Return why labels cannot be decided by the threshold that is asked for; None where they can.

    Args:
        config: the study file.
        task: that the data turned out to have.
        metrics: those that the study records.
    """
    if config.threshold == EVEN[0]:
        return None
    if (problem := threshold_problem(config.threshold, task)) is not None:
        return problem
    if config.threshold == "tuned" and all(metric.needs != "labels" for metric in metrics):
        return "tuned by a metric of labels, and there is none; add one to metrics, such as f1_macro"
    return None


def check_output(config: StudyConfig, loss: LossPlan, dataset: Dataset, search_rows: np.ndarray) -> None:
    """Refuse an output layer that the task or the loss does not have, or that cannot give the values of the target."""
    output = config.training.output
    problem = output_problem(output, dataset.task, loss)
    if problem is None and output in POSITIVE_OUTPUTS:
        lowest = dataset.target[search_rows].min(axis=0)
        allowed = [
            each for each in (AUTO_OUTPUT, "linear", "tanh") if each in (AUTO_OUTPUT, *loss.spec.outputs)
        ]
        for name, value in zip(dataset.target_names, lowest, strict=True):
            if value < 0.0:
                problem = (
                    f"'{output}' is never negative, and target '{name}' goes down to {value:g}; "
                    f"one of: {', '.join(allowed)}"
                )
                break
    if problem is not None:
        raise config.problem("training.output", problem)


def check_weights(config: StudyConfig, metrics: tuple[Metric, ...], held_out: np.ndarray | None) -> None:
    """Refuse weights in scores where there are none, where all are 0, or where a metric cannot take them.

    Args:
        config: the study file.
        metrics: those that the study records.
        held_out: (n_test,) weights of the held-out rows; None where rows have none.
    """
    if not config.weighted_metrics:
        return
    if held_out is None:
        raise config.problem("weighted_metrics", "there are no weights; name their column in data.weight")
    if len(held_out) and not held_out.any():
        raise config.problem(
            "weighted_metrics",
            f"all {len(held_out)} rows held out for the test have weight 0, so that they have no score; set another "
            "share as test, or test: 0",
        )
    without = [metric.name for metric in metrics if not metric.weighs]
    if without:
        listed = ", ".join(f"'{name}'" for name in without)
        raise config.problem(
            "weighted_metrics",
            f"{listed} has no form with weights; take it out, or leave weighted_metrics out",
        )


def check_objectives(config: StudyConfig, problem: Problem) -> None:
    """Refuse an objective that the scored rows of some fold leave undefined, whatever a network predicts."""
    scored = [fold.score for fold in problem.folds]
    guess = np.full((sum(map(len, scored)), problem.head.units), 0.5, np.float32)
    improved = (name for name in (problem.metrics[0], *problem.goals.others) if name not in COSTS)
    for metric in map(problem.metric, improved):
        try:
            scorer = FoldScorer(metric, problem.head, problem.dataset.target, scored, problem.score_weight)
            undefined = np.flatnonzero(np.isnan(scorer(guess)))
        except TunerError as error:
            raise config.problem("objective", str(error)) from None
        if len(undefined):
            raise config.problem(
                "objective",
                f"'{metric}' is undefined for the scored rows of fold {', '.join(map(str, undefined))} (a class may be "
                "missing, or there may be one row only); use fewer folds or another objective",
            )


def check_preparation(config: StudyConfig, problem: Problem) -> None:
    """Refuse what would fail in every trial, or in some by how they prepare; what is kept last is for trial 0."""
    variance = config.space.params.get(VARIANCE)
    strictest = () if variance is None else (config.space.complete({VARIANCE: variance.largest}),)
    try:
        _check_balance(config, problem)
        for params in (*strictest, config.space.default()):
            prepare(problem, params)
    except DataError as error:
        raise TunerError(f"{config.path}: {error}") from None


def _check_balance(config: StudyConfig, problem: Problem) -> None:
    """Refuse a way to balance classes, also one that only some trials try, which cannot work with these folds."""
    ways = [("preprocess.balance", config.preprocess.balance)]
    searched = config.space.params.get("preprocess.balance")
    if isinstance(searched, ChoiceParam | Constant):
        options = searched.options if isinstance(searched, ChoiceParam) else (searched.value,)
        ways = [("params.preprocess.balance", str(option)) for option in options]
    for key, method in ways:
        if (obstacle := balance_problem(method, problem.dataset.task)) is not None:
            raise config.problem(key, obstacle)
        if method == "none":
            continue
        for number, fold in enumerate(prepare_by(problem, problem.preprocess.bare)):
            single = too_few(method, problem.dataset.target[fold.learnt])
            if single is not None:
                raise config.problem(
                    key,
                    f"'{method}' needs two rows of each class to make up others between them, and class "
                    f"'{problem.dataset.classes[single]}' has one among the training rows of fold {number}; use "
                    "oversample or class_weight, or fewer folds",
                )
