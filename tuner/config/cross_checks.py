"""Checks of a study file that concern several keys, the files it names, or its search space."""

import os
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tuner.config.backend_checks import augment_problems, augment_space_problems, backend_problems
from tuner.config.image_checks import image_problems, image_space_problems, picture_problems
from tuner.config.names import EXTRAS, NAMES, ONE_OBJECTIVE
from tuner.config.preprocess_checks import SEARCHABLE, searched_problem
from tuner.config.sections import DataSection, StudySections
from tuner.config.sentences import Problem
from tuner.data.choices import balance_problem
from tuner.data.picture_files import is_picture_folder
from tuner.data.sources import FILES, SOURCES, file_ending
from tuner.errors import TunerError, nearest
from tuner.hooks import find_source
from tuner.model.asked_metrics import FAMILIES, find_metric, names_for
from tuner.model.goals import COSTS
from tuner.model.heads import AUTO_OUTPUT, EVEN, OUTPUTS, threshold_problem
from tuner.model.losses import LossPlan, find_loss
from tuner.model.network import MODELS, name_problem
from tuner.model.optimizers import CLIPS
from tuner.model.own_model import TRAINING, is_own
from tuner.model.written import read_written
from tuner.records import ParamValue
from tuner.search.grid import grid_problems
from tuner.space.ranges import FloatParam, IntParam
from tuner.space.space import SearchSpace, always_there, stem
from tuner.space.space_file import Domain
from tuner.tasks import Task
from tuner.yaml_lines import KeyPath

_WAY_OUT = "write tpe, nsga2, nsga3, gp, random, qmc or grid, or name one metric"


def section_problems(study: StudySections, folder: Path, bad: Set[KeyPath]) -> Iterator[Problem]:
    """Yield what does not fit together among the keys of a study file, or to the files beside it.

    Args:
        study: the sections.
        folder: the study file's folder.
        bad: the places that have a problem already, and stand at their defaults.
    """
    yield from _source_problems(study.data, folder, bad)
    yield from _column_problems(study.data)
    yield from _task_problems(study)
    yield from image_problems(study)
    yield from augment_problems(study)
    if study.cv.repeats > 1 and not study.cv.shuffle:
        yield ("cv", "repeats"), "without shuffling every repeat has the same folds; write 1, or shuffle"
    if study.cv.repeats > 1 and study.data.time is not None:
        yield ("cv", "repeats"), "in time order every repeat has the same folds; write 1, or drop data.time"
    yield from backend_problems(study.training)
    if is_own(study.training.model):
        try:
            find_source(study.training.model, folder)
        except TunerError as error:
            yield ("training", "model"), str(error)
    if (package := EXTRAS.get(study.search.sampler)) is not None and find_spec(package) is None:
        way_out = f"type: pip install 'tuner[{study.search.sampler}]'"
        yield (
            ("search", "sampler"),
            f"'{study.search.sampler}' needs the package {package}, which is not installed; {way_out}",
        )
    if study.search.sampler in ONE_OBJECTIVE and len(study.objectives) > 1:
        yield ("search", "sampler"), f"'{study.search.sampler}' improves one objective; {_WAY_OUT}"
    if isinstance(study.test, str) and (problem := _file_problem(study.test, folder)) is not None:
        yield ("test",), problem


def _source_problems(data: DataSection, folder: Path, bad: Set[KeyPath]) -> Iterator[Problem]:
    given = [kind for kind in SOURCES if getattr(data, kind) is not None or ("data", kind) in bad]
    if not given and ("data",) not in bad:
        yield ("data",), f"names no source; give one of: {', '.join(SOURCES)}"
    for kind in given[1:]:
        yield ("data", kind), f"a second source beside {given[0]}; give one of: {', '.join(SOURCES)}"
    if data.path is not None:
        if (problem := _file_problem(data.path, folder)) is not None:
            yield ("data", "path"), problem
        folder_of_pictures = is_picture_folder(_resolved(data.path, folder))
        if folder_of_pictures:
            yield from picture_problems(data.image)
        # An .npz file says itself which array is the target, and a folder of pictures is one of classes.
        says_itself = folder_of_pictures or data.path.lower().endswith(".npz")
        if data.target is None and ("data", "target") not in bad and not says_itself:
            yield ("data", "target"), "missing; name the column to predict"


def _resolved(value: str, folder: Path) -> Path:
    return Path(os.path.normpath(folder / Path(value).expanduser()))


def _file_problem(value: str, folder: Path) -> str | None:
    path = _resolved(value, folder)
    if is_picture_folder(path):
        return None
    if path.is_dir():
        return f"'{value}' is a folder, not a file; one of pictures has a sub-folder for each class"
    if not path.is_file():
        if not path.parent.is_dir():
            return f"'{value}' does not exist, nor does its folder {path.parent}"
        names = sorted(entry.name for entry in path.parent.iterdir() if file_ending(entry) is not None)
        listed = f"; data files there: {', '.join(names[:5])}" if names else "; no data files are there"
        return f"'{value}' does not exist in {path.parent}{nearest(path.name, names) or listed}"
    if file_ending(path) is None:
        return f"'{value}' ends in '{path.suffix}', which is not known; one of: {', '.join(FILES)}"
    return None


def _column_problems(data: DataSection) -> Iterator[Problem]:
    if data.group is not None and data.time is not None:
        yield ("data", "group"), "folds are by group or in time order, not both; leave out group or time"
    for column in data.target or ():
        for key in ("weight", "group", "time"):
            if getattr(data, key) == column:
                yield ("data", key), f"'{column}' is the target; name another column"
        if column in data.drop:
            yield ("data", "drop"), f"'{column}' is the target, which is not shown to the model anyway"


def _task_problems(study: StudySections) -> Iterator[Problem]:
    """Yield names that do not exist, or that belong to another task where the study file says which it is.

    Where the task is ``auto``, whether a name fits is known only once the data were seen.
    """
    task = None if study.task == "auto" else Task(study.task)
    named: list[tuple[KeyPath, Any]] = []
    several = len(study.objectives) > 1
    named += [
        (("objective", number) if several else ("objective",), written)
        for number, written in enumerate(study.objectives)
        if not isinstance(written, str) or (written != "auto" and written not in COSTS)
    ]
    named += [(("metrics", number), written) for number, written in enumerate(study.metrics)]
    made = set()
    for path, written in named:
        found = read_written(written, "a metric")
        further = tuple(COSTS) if path[0] == "objective" and path[-1] not in ("objective", 0) else ()
        problem = _metric_problem(found.name, task, further) if found.name else None
        if problem is not None:
            yield path, problem
        elif found.python or found.arguments:
            made.add(find_metric(written, task or _task_of(found.name), Path()).name)
    stopping = study.training.early_stopping
    if stopping is not None and stopping.monitor != "val_loss":
        monitored = stopping.monitor.removeprefix("val_")
        if monitored not in made and (problem := _metric_problem(monitored, task)) is not None:
            yield ("training", "early_stopping", "monitor"), problem
    if task is not None:
        if study.threshold != EVEN[0] and (problem := threshold_problem(study.threshold, task)) is not None:
            yield ("threshold",), problem
        loss = None
        try:
            loss = find_loss(study.training.loss, task, Path())
        except ValueError as error:
            yield ("training", "loss"), str(error)
        if (problem := output_problem(study.training.output, task, loss)) is not None:
            yield ("training", "output"), problem
        if (problem := balance_problem(study.preprocess.balance, task)) is not None:
            yield ("preprocess", "balance"), problem
    if task not in (None, Task.BINARY) and study.positive is not None:
        yield ("positive",), f"only a binary task has a positive label; the task is {task}"


def output_problem(output: str, task: Task, loss: LossPlan | None) -> str | None:
    """Return why a task or a loss cannot have an output, or None where both can; an unknown loss is None."""
    if output == AUTO_OUTPUT:
        return None
    if task is not Task.REGRESSION:
        return f"'{output}' is an output for regression; that of {task} follows from its classes: write {AUTO_OUTPUT}"
    fitting = OUTPUTS if loss is None else loss.spec.outputs
    if output in fitting:
        return None
    allowed = [name for name in OUTPUTS if name in fitting]
    return f"'{output}' does not fit the loss '{loss}'; one of: {', '.join((AUTO_OUTPUT, *allowed))}"


def _task_of(name: str) -> Task:
    """Return a task that a metric with an argument fits; functions of the user's fit each."""
    return FAMILIES[name].task if name in FAMILIES else Task.REGRESSION


def _metric_problem(name: str, task: Task | None, further: tuple[str, ...] = ()) -> str | None:
    metrics = NAMES["metrics"]
    if task is not None:
        metrics = replace(metrics, what=f"a metric for {task}", now=names_for(task))
    return replace(metrics, now=(*metrics.now, *further)).problem(name)


def space_problems(study: StudySections, space: SearchSpace, given: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what does not fit between a study file and its search space.

    Args:
        study: the sections.
        space: the space.
        given: the study file as it was written, without its defaults.
    """
    for number, entry in enumerate(study.search.first):
        for name, message in space.problems(entry):
            yield ("search", "first", number, name), message
    if study.search.sampler == "grid":
        for name, message in grid_problems(space):
            yield ("search", "sampler"), f"{name}: {message}"
    if study.search.sampler == "cmaes" and not any(
        isinstance(space.parameter(name), (IntParam, FloatParam)) for name in always_there(space)
    ):
        yield ("search", "sampler"), "'cmaes' needs a number without a condition; write tpe, or search one"
    if is_own(study.training.model) and "search_space" not in given:
        yield (
            ("training", "model"),
            f"'{study.training.model}' needs a search space: write its parameters under search_space, or the path of a "
            "file with them",
        )
    yield from _plateau_problems(study, space)
    yield from _clip_problems(space)
    yield from image_space_problems(study, space)
    yield from augment_space_problems(study, space)
    training = given.get("training")
    if "epochs" in space.params and isinstance(training, dict) and "epochs" in training:
        yield ("training", "epochs"), "the search space has epochs too; give it in one place"


def _plateau_problems(study: StudySections, space: SearchSpace) -> Iterator[Problem]:
    """Yield that a rate would follow the losses of scored rows, which training must not know."""
    stopping = study.training.early_stopping
    if stopping is None or stopping.rows != "inner":
        schedule = space.params.get("schedule")
        if schedule is not None and schedule.problem("plateau") is None:
            yield (
                ("training", "early_stopping"),
                "schedule: plateau follows the validation loss, and the scored rows must not steer training; write "
                "early_stopping: {rows: inner}, or take plateau out of the search space",
            )


def _clip_problems(space: SearchSpace) -> Iterator[Problem]:
    """Yield that gradients could have two bounds."""
    always = always_there(space)
    bounds = [name for name in CLIPS if name in always and float(space.params[name].largest) > 0.0]
    if len(bounds) > 1:
        yield (
            ("search_space",),
            f"{' and '.join(bounds)}: gradients have one bound; leave out the others, or let each exist only "
            "where the others do not",
        )


def domain_of(model: str) -> Domain:
    """Return what a model, and preprocessing, allow in a search space.

    A function of the user's may be given parameters of any name and any values, beside those of the training.
    """
    own = is_own(model)
    parameters = TRAINING if own else MODELS[model].parameters

    def problem_of_name(name: str) -> str | None:
        if name in SEARCHABLE:
            return None
        if name.startswith("preprocess."):
            known = ", ".join(SEARCHABLE)
            return f"'{name}' cannot be searched; of preprocessing there is: {known}"
        return None if own and stem(name) not in parameters else name_problem(name, parameters)

    def problem_of_value(name: str, value: ParamValue) -> str | None:
        if name in SEARCHABLE:
            return searched_problem(name, value)
        return parameters[name].problem(value) if name in parameters else None

    layered = frozenset(name for name, parameter in parameters.items() if parameter.per_layer)
    if not own:
        return Domain(problem_of_name, problem_of_value, layered)
    return Domain(
        problem_of_name,
        problem_of_value,
        layered,
        lambda name: not name.startswith("preprocess.") and name not in TRAINING,
    )
