"""A study: its file's parts put together, checked against one another before any training."""

from dataclasses import dataclass, replace

import numpy as np

from tuner.config.study_file import StudyConfig
from tuner.data.dataset import Dataset, load_dataset
from tuner.data.folds import hold_out, make_folds, splits_sha256
from tuner.data.preprocess import PreprocessPlan
from tuner.data.sources import Source
from tuner.data.target_scaling import target_problem
from tuner.engines.runtime import loaded_backend, use_backend
from tuner.engines.try_loss import try_loss
from tuner.errors import StudyFileError, TunerError, nearest
from tuner.model.asked_metrics import check_users_metric, find_metric, names_for
from tuner.model.augment import NO_AUGMENT, Augment
from tuner.model.goals import COSTS, LATENCY, PARAMETERS, Bound, Goals, Objective, objective_of
from tuner.model.heads import make_head
from tuner.model.losses import AUTO_LOSS, LossPlan, find_loss
from tuner.model.metrics import AUTO_OBJECTIVE, METRICS, Metric
from tuner.model.network import IMAGE_MODELS
from tuner.problem import Problem
from tuner.search.stopping import EarlyStopping
from tuner.seeds import derive
from tuner.table_checks import (
    check_images,
    check_loss,
    check_objectives,
    check_output,
    check_preparation,
    check_weights,
    labels_problem,
    monitor_problem,
)
from tuner.tasks import Task


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
    check_images(config, dataset)
    loss, metrics, others = _loss_and_metrics(config, dataset)
    seed = config.search.seed
    share = config.test if isinstance(config.test, float) else 0.0
    search_rows, test_rows = hold_out(dataset, share, derive(seed, "test"))
    check_weights(config, metrics, None if dataset.weight is None else dataset.weight[test_rows])
    folds = make_folds(
        dataset,
        search_rows,
        n_folds=config.cv.folds,
        repeats=config.cv.repeats,
        shuffle=config.cv.shuffle,
        seed=derive(seed, "folds"),
    )
    head = make_head(dataset.task, len(dataset.target_names), len(dataset.classes), config.training.output)
    check_output(config, loss, dataset, search_rows)
    if isinstance(config.threshold, float):
        head = replace(head, thresholds=(config.threshold,))
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
    check_objectives(config, problem)
    check_preparation(config, problem)
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
        source = Source("path", data.path, data.image)
    elif data.sklearn is not None:
        source = Source("sklearn", data.sklearn, data.image)
    else:
        source = Source("python", str(data.python), data.image)
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
    )


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
        check_loss(loss, dataset)
    except (ValueError, TunerError) as error:
        problems.append(("training.loss", str(error)))
    improved, metrics, unfit = _metrics(config, dataset)
    problems += unfit
    if (problem := monitor_problem(config, task, metrics)) is not None:
        problems.append(("training.early_stopping.monitor", problem))
    if (problem := labels_problem(config, task, metrics.values())) is not None:
        problems.append(("threshold", problem))
    if problems:
        raise StudyFileError([line for key, text in problems for line in config.problem(key, text).problems])
    first, *others = improved
    twice = next((name for number, name in enumerate(improved) if name in improved[:number]), None)
    if twice is not None:
        auto = f", which auto is for {task}," if config.objectives[0] == "auto" and twice == first else ""
        raise config.problem("objective", f"'{twice}'{auto} is given twice")
    return loss, tuple(metrics.values()), tuple(others)


def _metrics(
    config: StudyConfig, dataset: Dataset
) -> tuple[list[str], dict[str, Metric], list[tuple[str, str]]]:
    """Return the objectives' names, all metrics by name, and what does not fit the data, each with its key."""
    task, improved, problems = dataset.task, [], []
    metrics: dict[str, Metric] = {}
    asked = [("objective", AUTO_OBJECTIVE[task] if each == "auto" else each) for each in config.objectives]
    for key, written in [*asked, *(("metrics", each) for each in config.metrics)]:
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
    return improved, metrics, problems


def _bounds(config: StudyConfig) -> tuple[Bound, ...]:
    section = config.constraints
    if section is None:
        return ()
    bounds = {PARAMETERS: section.parameters, LATENCY: section.latency_ms}
    return tuple(Bound(cost, float(most)) for cost, most in bounds.items() if most is not None)


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
