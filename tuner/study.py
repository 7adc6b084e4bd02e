"""A study: its file's parts put together, checked against one another before any training."""

from dataclasses import dataclass, replace

import numpy as np

from tuner.config.cross_checks import output_problem
from tuner.config.image_checks import table_problem
from tuner.config.study_file import StudyConfig
from tuner.data.balance import too_few
from tuner.data.choices import balance_problem
from tuner.data.dataset import Dataset, load_dataset
from tuner.data.features import check_image
from tuner.data.folds import hold_out, make_folds, splits_sha256
from tuner.data.preprocess import PreprocessPlan
from tuner.data.sources import Source
from tuner.data.target_scaling import target_problem
from tuner.engines.runtime import loaded_backend, use_backend
from tuner.engines.try_loss import try_loss
from tuner.errors import DataError, StudyFileError, TunerError, nearest
from tuner.model.asked_metrics import check_users_metric, find_metric, names_for
from tuner.model.augment import NO_AUGMENT, Augment
from tuner.model.fold_metrics import FoldScorer
from tuner.model.goals import COSTS, LATENCY, PARAMETERS, Bound, Goals, Objective, objective_of
from tuner.model.heads import AUTO_OUTPUT, EVEN, POSITIVE_OUTPUTS, Head, make_head, threshold_problem
from tuner.model.losses import AUTO_LOSS, LossPlan, find_loss
from tuner.model.metrics import AUTO_OBJECTIVE, METRICS, Metric, metrics_for
from tuner.model.network import IMAGE_MODELS
from tuner.prepared import prepare, prepare_by
from tuner.problem import Problem
from tuner.search.stopping import EarlyStopping
from tuner.seeds import derive
from tuner.space.ranges import ChoiceParam, Constant
from tuner.tasks import Task

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
        return tuple(
            objective_of(name, self.problem.metric) for name in (self.objective, *self.problem.goals.others)
        )

    @property
    def objective(self) -> str:
        """The metric that the search improves; the first of several objectives."""
        return self.problem.metrics[0]

    @property
    def direction(self) -> str:
        """``maximize`` or ``minimize``."""
        return self.problem.metric(self.objective).direction


def open_study(config: StudyConfig) -> Study:
    """Load the data, set rows aside, make the folds, and check that all fits together; writes nothing.

    Raises:
        TunerError: the data cannot be used, or something in the study file does not fit it.
    """
    if loaded_backend() is None:
        use_backend(config.training.backend)  # for functions of the user's whose file imports Keras
    dataset = load_table(config)
    _check_images(config, dataset)
    loss, metrics, others = _loss_and_metrics(config, dataset)
    _check_weights(config, metrics)
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
    _check_output(config, loss, dataset, search_rows)
    if isinstance(config.threshold, float):
        head = replace(head, thresholds=(config.threshold,))
    weight = dataset.weight if config.weighted_metrics else None
    scored = [fold.score for fold in folds]
    for metric in metrics:
        if metric is metrics[0] or metric.name in others:
            scorer = FoldScorer(metric, head, dataset.target, scored, weight)
            _check_objective(config, metric, scorer, sum(map(len, scored)), head)
    problem = Problem(
        dataset=dataset,
        folds=folds,
        n_repeats=config.cv.repeats,
        head=head,
        preprocess=_preprocess_plan(config),
        loss=loss,
        metrics=tuple(metric.name for metric in metrics),
        epochs=config.training.epochs,
        early_stopping=_early_stopping(config),
        engine=config.engine.name,
        model=config.training.model,
        seed=seed,
        goals=Goals(others, _bounds(config)),
        augment=_augment(config),
        build=config.build,
        asked=tuple(metric for metric in metrics if metric.name not in METRICS),
        weighted=config.weighted_metrics,
        tuned=config.threshold == "tuned",
    )
    _check_preparation(config, problem)
    splits = splits_sha256(search_rows, test_rows, folds)
    return Study(config, problem, search_rows, test_rows, splits)


def check_loss_runs(study: Study) -> None:
    """Try a loss of the user's on a few rows; the losses that tuner has are not tried.

    Raises:
        StudyFileError: it fails, or does not return one number for each row.
    """
    if study.problem.loss.hook is None:
        return
    try:
        try_loss(study.problem.loss, study.problem.head, study.config.training.backend)
    except TunerError as error:
        raise study.config.problem("training.loss", str(error)) from None


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
    if config.training.model not in IMAGE_MODELS:
        return
    if (problem := table_problem(config, dataset.row_shape, dataset.place)) is not None:
        raise config.problem(*problem)
    check_image(dataset.columns, dataset.row_shape or (), dataset.place)


def _loss_and_metrics(
    config: StudyConfig, dataset: Dataset
) -> tuple[LossPlan, tuple[Metric, ...], tuple[str, ...]]:
    """Return the loss, the metrics, the first objective first, and the names of the objectives after it.

    They depend on the task that the data turned out to have.
    """
    task, problems = dataset.task, []
    loss = LossPlan(AUTO_LOSS[task])
    try:
        loss = find_loss(config.training.loss, task, config.folder)
        _check_loss(loss, dataset)
    except (ValueError, TunerError) as error:
        problems.append(("training.loss", str(error)))
    objectives = [AUTO_OBJECTIVE[task] if each == "auto" else each for each in config.objectives]
    improved: list[str] = []
    metrics: dict[str, Metric] = {}
    for key, written in [
        *(("objective", each) for each in objectives),
        *(("metrics", each) for each in config.metrics),
    ]:
        if key == "objective" and isinstance(written, str) and written in COSTS:
            improved.append(written)
            continue
        try:
            metric = find_metric(written, task, config.folder)
            check_users_metric(metric, weighted=config.weighted_metrics)
            if metric.family == "msle" and (problem := target_problem("log1p", dataset.target)) is not None:
                raise ValueError(f"'msle' {problem}; choose another metric")
            metrics.setdefault(metric.name, metric)
            improved += [metric.name] if key == "objective" else []
        except (ValueError, TunerError) as error:
            hint = nearest(written, names_for(task)) if isinstance(written, str) else ""
            problems.append((key, f"{error}{hint}"))
    stopping = config.training.early_stopping
    if stopping is not None and stopping.monitor != "val_loss":
        known = (*metrics_for(task), *metrics)
        name = stopping.monitor.removeprefix("val_")
        if name not in known:
            found = f"'{name}' is not a metric for {task}; one of: {', '.join(known)}{nearest(name, known)}"
            problems.append(("training.early_stopping.monitor", found))
    if config.threshold != EVEN[0] and (problem := threshold_problem(config.threshold, task)) is not None:
        problems.append(("threshold", problem))
    elif config.threshold == "tuned" and all(metric.needs != "labels" for metric in metrics.values()):
        problems.append(
            (
                "threshold",
                "tuned by a metric of labels, and there is none; add one to metrics, such as f1_macro",
            )
        )
    if problems:
        raise StudyFileError([line for key, text in problems for line in config.problem(key, text).problems])
    first, *others = improved
    twice = next((name for number, name in enumerate(improved) if name in improved[:number]), None)
    if twice is not None:
        auto = f", which auto is for {task}," if config.objectives[0] == "auto" and twice == first else ""
        raise config.problem("objective", f"'{twice}'{auto} is given twice")
    return loss, tuple(metrics.values()), tuple(others)


def _bounds(config: StudyConfig) -> tuple[Bound, ...]:
    section = config.constraints
    if section is None:
        return ()
    bounds = {PARAMETERS: section.parameters, LATENCY: section.latency_ms}
    return tuple(Bound(cost, float(most)) for cost, most in bounds.items() if most is not None)


def _check_output(config: StudyConfig, loss: LossPlan, dataset: Dataset, search_rows: np.ndarray) -> None:
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


def _check_weights(config: StudyConfig, metrics: tuple[Metric, ...]) -> None:
    """Refuse weights in scores where there are none, or where a metric cannot take them."""
    if not config.weighted_metrics:
        return
    if config.data.weight is None:
        raise config.problem("weighted_metrics", "there are no weights; name their column in data.weight")
    without = [metric.name for metric in metrics if not metric.weighs]
    if without:
        listed = ", ".join(f"'{name}'" for name in without)
        raise config.problem(
            "weighted_metrics",
            f"{listed} has no form with weights; take it out, or leave weighted_metrics out",
        )


def _check_loss(loss: LossPlan, dataset: Dataset) -> None:
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


def _check_objective(
    config: StudyConfig, objective: Metric, scorer: FoldScorer, n_scored: int, head: Head
) -> None:
    """Refuse an objective that the scored rows of some fold leave undefined, whatever a network predicts."""
    try:
        values = scorer(np.full((n_scored, head.units), 0.5, np.float32))
    except TunerError as error:
        raise config.problem("objective", str(error)) from None
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
