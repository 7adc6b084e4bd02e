"""This package's side: trials through ``tuner.trial.evaluate``, in this process, on one thread."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from benchmarks.cases import SEED, Case, Split
from tuner.data.dataset import load_dataset
from tuner.data.folds import Fold
from tuner.data.preprocess import Preprocessor, PreprocessPlan
from tuner.data.sources import Source
from tuner.model.heads import make_head
from tuner.model.losses import AUTO_LOSS, LossPlan
from tuner.model.metrics import METRICS
from tuner.problem import Problem
from tuner.records import Params, State, TrialResult
from tuner.search.pruning import Bar
from tuner.trial import TrialTask, evaluate

SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "iris": Source("sklearn", "iris"),
        "digits": Source("sklearn", "digits"),
        "california": Source("python", "benchmarks.tables:california"),
        "adult": Source("python", "benchmarks.tables:adult"),
    }
)
"""Where the package finds each function of ``benchmarks.tables``, by its name."""


def make_problem(case: Case, folds: list[Split], engine: str, epochs: int) -> Problem:
    """Return what the trials of a case share: no early stopping, one metric, default preprocessing."""
    dataset = load_dataset(
        SOURCES[case.table],
        target=None if SOURCES[case.table].kind == "sklearn" else "target",
        drop=(),
        weight=None,
        group=None,
        time=None,
        task=None,
        positive=None,
        test_path=None,
        folder=Path.cwd(),
    )
    assert dataset.task == case.task, f"{case.table} was taken for {dataset.task}"
    return Problem(
        dataset=dataset,
        folds=tuple(Fold(number, *map(np.asarray, rows)) for number, rows in enumerate(folds)),
        n_repeats=1,
        head=make_head(dataset.task, len(dataset.target_names), len(dataset.classes)),
        preprocess=PreprocessPlan(),
        loss=LossPlan(AUTO_LOSS[dataset.task]),
        metrics=(case.metric,),
        epochs=epochs,
        early_stopping=None,
        engine=engine,
        model="mlp",
        seed=SEED,
    )


def run_trial(problem: Problem, number: int, params: Params) -> TrialResult:
    """Return a trial that was trained to its last epoch.

    Raises:
        RuntimeError: it failed.
    """
    bar = Bar({}, maximize=METRICS[problem.metrics[0]].direction == "maximize")
    result = evaluate(TrialTask(problem, number, params, bar))
    if result.state is not State.COMPLETE:
        raise RuntimeError(f"trial {number} failed: {result.message}")
    return result


def count_inputs(problem: Problem) -> int:
    """Return how many inputs the problem's networks have."""
    dataset = problem.dataset
    return Preprocessor(dataset.columns, problem.preprocess, SEED).fit(dataset.features).n_inputs
