"""A study: its file's parts put together, checked against one another before any training."""

from dataclasses import dataclass

import numpy as np

from tuner.config.cross_checks import output_problem
from tuner.config.study_file import StudyConfig
from tuner.data.balance import too_few
from tuner.data.choices import balance_problem
from tuner.data.dataset import Dataset, load_dataset
from tuner.data.features import check_image
from tuner.data.folds import Fold, hold_out, make_folds, splits_sha256
from tuner.data.preprocess import PreprocessPlan
from tuner.data.sources import Source
from tuner.errors import DataError, StudyFileError, TunerError, nearest
from tuner.model.augment import NO_AUGMENT, Augment
from tuner.model.cnn import as_image
from tuner.model.fold_metrics import FoldScorer
from tuner.model.goals import COSTS, LATENCY, PARAMETERS, Bound, Goals, Objective, objective_of
from tuner.model.heads import POSITIVE_OUTPUTS, Head, make_head
from tuner.model.losses import AUTO_LOSS, LOSSES, losses_for
from tuner.model.metrics import AUTO_OBJECTIVE, METRICS, metrics_for
from tuner.model.network import IMAGE_MODELS
from tuner.search.stopping import EarlyStopping
from tuner.seeds import derive
from tuner.space.ranges import ChoiceParam, Constant
from tuner.tasks import Task
from tuner.trial import Problem, prepare, prepare_by

VARIANCE = "preprocess.select.variance"
"""The parameter under which, when it is large, no input is left."""


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A study that can be run.

    Attributes:
        config: the study file.
        problem: what all its trials share.
        search_rows: the rows that the search sees.
        test_rows: the held-out rows, which no trial ever sees.
        splits: SHA-256 of held-out rows and folds.
    """

    config: StudyConfig
    problem: Problem
    search_rows: np.ndarray
    test_rows: np.ndarray
    splits: str

    @property
    def dataset(self) -> Dataset:
        """The table."""
        return self.problem.dataset

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All that the search improves, a metric first."""
        return tuple(map(objective_of, (self.objective, *self.problem.goals.others)))

    @property
    def objective(self) -> str:
        """The metric that the search improves; the first of several objectives."""
        return self.problem.metrics[0]

    @property
    def direction(self) -> str:
        """``maximize`` or ``minimize``."""
        return METRICS[self.objective].direction


def open_study(config: StudyConfig) -> Study:
    """Load the data, set rows aside, make the folds, and check that all fits together; writes nothing.

    Raises:
        TunerError: the data cannot be used, or something in the study file does not fit it.
    """
    dataset = load_table(config)
    _check_images(config, dataset)
    loss, metrics, others = _loss_and_metrics(config, dataset)
    seed = config.search.seed
    share = config.test if isinstance(config.test, float) else 0.0
    search_rows, test_rows = hold_out(dataset, share, derive(seed, "test"))
    folds = make_folds(
        dataset,
        search_rows,
        n_folds=config.cv.folds,
        repeats=config.cv.repeats,
        shuffle=config.cv.shuffle,
        seed=derive(seed, "folds"),
    )
    head = make_head(dataset.task, len(dataset.target_names), len(dataset.classes), config.training.output)
    _check_output(config, dataset, search_rows)
    for objective in (metrics[0], *others):
        if objective not in COSTS:
            _check_objective(config, objective, dataset, head, folds)
    problem = Problem(
        dataset=dataset,
        folds=folds,
        n_repeats=config.cv.repeats,
        head=head,
        preprocess=_preprocess_plan(config),
        loss=loss,
        metrics=metrics,
        epochs=config.training.epochs,
        early_stopping=_early_stopping(config),
        engine=config.engine.name,
        model=config.training.model,
        seed=seed,
        goals=Goals(others, _bounds(config)),
        augment=_augment(config),
    )
    _check_preparation(config, problem)
    splits = splits_sha256(search_rows, test_rows, folds)
    return Study(config, problem, search_rows, test_rows, splits)


def load_table(config: StudyConfig) -> Dataset:
    """Load a study's table.

    Raises:
        TunerError: it cannot be read, or has not the columns that the study file names.
    """
    data = config.data
    if data.path is not None:
        source = Source("path", data.path)
    elif data.sklearn is not None:
        source = Source("sklearn", data.sklearn)
    else:
        source = Source("python", str(data.python))
    return load_dataset(
        source,
        target=data.target,
        drop=data.drop,
        weight=data.weight,
        group=data.group,
        time=data.time,
        task=None if config.task == "auto" else Task(config.task),
        positive=config.positive,
        test_path=config.test if isinstance(config.test, str) else None,
        folder=config.folder,
        image=data.image,
    )


def _check_images(config: StudyConfig, dataset: Dataset) -> None:
    """Refuse a table that is no images where the model reads images."""
    model = config.training.model
    if model not in IMAGE_MODELS:
        return
    image = as_image(dataset.row_shape)
    if image is None:
        found = "unrelated columns" if dataset.row_shape is None else f"arrays of shape {dataset.row_shape}"
        raise config.problem(
            "training.model",
            f"'{model}' reads images, and the rows of {dataset.place} are {found}; write data.image: [height, width, "
            "channels], or model: mlp",
        )
    check_image(dataset.columns, image, dataset.place)
    augment = config.preprocess.augment
    shift = augment.get("shift", 0) if isinstance(augment, dict) else 0
    if isinstance(shift, int) and shift >= min(image[:2]):
        raise config.problem(
            "preprocess.augment.shift",
            f"{shift} moves images of {image[0]} x {image[1]} pixels out of sight; at most {min(image[:2]) - 1}",
        )


def _loss_and_metrics(config: StudyConfig, dataset: Dataset) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the loss, the metrics, the first objective first, and the objectives after it.

    They depend on the task that the data turned out to have.
    """
    task, problems = dataset.task, []
    loss = AUTO_LOSS[task] if config.training.loss == "auto" else config.training.loss
    if task not in LOSSES[loss].tasks:
        allowed = losses_for(task)
        problems.append(("training.loss", f"'{loss}' is not a loss for {task}; one of: {', '.join(allowed)}"))
    objective, *others = config.objectives
    objective = AUTO_OBJECTIVE[task] if objective == "auto" else objective
    further = [name for name in others if name not in COSTS]
    named = [("objective", name) for name in (objective, *further)]
    named += [("metrics", name) for name in config.metrics]
    stopping = config.training.early_stopping
    if stopping is not None and stopping.monitor != "val_loss":
        named.append(("training.early_stopping.monitor", stopping.monitor.removeprefix("val_")))
    allowed = metrics_for(task)
    for key, name in named:
        if name not in allowed:
            hint = nearest(name, allowed)
            problems.append((key, f"'{name}' is not a metric for {task}; one of: {', '.join(allowed)}{hint}"))
    if problems:
        raise StudyFileError([line for key, text in problems for line in config.problem(key, text).problems])
    if objective in others:
        raise config.problem("objective", f"'{objective}', which auto is for {task}, is given twice")
    return loss, tuple(dict.fromkeys((objective, *further, *config.metrics))), tuple(others)


def _bounds(config: StudyConfig) -> tuple[Bound, ...]:
    section = config.constraints
    if section is None:
        return ()
    bounds = {PARAMETERS: section.parameters, LATENCY: section.latency_ms}
    return tuple(Bound(cost, float(most)) for cost, most in bounds.items() if most is not None)


def _check_output(config: StudyConfig, dataset: Dataset, search_rows: np.ndarray) -> None:
    """Refuse an output layer that the task does not have, or that cannot give the values of the target."""
    output = config.training.output
    problem = output_problem(output, dataset.task)
    if problem is None and output in POSITIVE_OUTPUTS:
        lowest = dataset.target[search_rows].min(axis=0)
        for name, value in zip(dataset.target_names, lowest, strict=True):
            if value < 0.0:
                problem = (
                    f"'{output}' is never negative, and target '{name}' goes down to {value:g}; "
                    "one of: auto, linear, tanh"
                )
                break
    if problem is not None:
        raise config.problem("training.output", problem)


def _check_objective(
    config: StudyConfig, objective: str, dataset: Dataset, head: Head, folds: tuple[Fold, ...]
) -> None:
    """Refuse an objective that the scored rows of some fold leave undefined, whatever a network predicts."""
    rows = [fold.score for fold in folds]
    outputs = np.full((sum(map(len, rows)), head.units), 0.5, np.float32)
    values = FoldScorer(objective, head, dataset.target, rows)(outputs)
    undefined = np.flatnonzero(np.isnan(values))
    if len(undefined):
        numbers = ", ".join(map(str, undefined))
        raise config.problem(
            "objective",
            f"'{objective}' is undefined for the scored rows of fold {numbers} (a class may be missing, or there "
            "may be one row only); use fewer folds or another objective",
        )


def _check_preparation(config: StudyConfig, problem: Problem) -> None:
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


def _augment(config: StudyConfig) -> Augment:
    section = config.preprocess.augment
    return NO_AUGMENT if isinstance(section, str) else Augment(**section)


def _preprocess_plan(config: StudyConfig) -> PreprocessPlan:
    section = config.preprocess
    dates = section.datetime if isinstance(section.datetime, dict) else {}
    select = {} if isinstance(section.select, str) else section.select
    return PreprocessPlan(
        numeric=section.numeric,
        categorical=section.categorical,
        datetime=dates.get("parts", section.datetime),
        cyclic=dates.get("cyclic", True),
        select_k=None if "k" not in select else int(select["k"]),
        select_variance=select.get("variance"),
        balance=section.balance,
        missing_numeric=section.missing.numeric,
        missing_categorical=section.missing.categorical,
        indicator=section.missing.indicator,
        as_one=config.training.model in IMAGE_MODELS,
    )


def _early_stopping(config: StudyConfig) -> EarlyStopping | None:
    section = config.training.early_stopping
    if section is None:
        return None
    return EarlyStopping(
        monitor=section.monitor,
        patience=section.patience,
        min_delta=section.min_delta,
        per_fold=section.scope == "fold",
        inner=section.rows == "inner",
    )
