"""A small study whose trials have ended, and an executor that counts the final models that it trains."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.export.made import trials_of
from tests.small import PARAMS, study_of
from tuner.conclude.final_model import conclude
from tuner.config.study_file import load_config
from tuner.executors.in_process import InProcess
from tuner.final import FinalPlan, Trained
from tuner.glimpses import Heard
from tuner.header import make_header
from tuner.problem import Problem
from tuner.records import Final, Reason, State, TrialResult
from tuner.search.sampling import Asked
from tuner.search.storage import StudyStore
from tuner.study import Study, open_study
from tuner.summary import read_summary
from tuner.trial import TrialTask


class Counting:
    """Trains in this process and counts the final models."""

    slots = 1

    def __init__(self) -> None:
        self.within = InProcess("stacked")
        self.plans: list[FinalPlan] = []

    def listen(self, heard: Heard) -> None:
        pass

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        return self.within.submit(task)

    def finish(self, problem: Problem, plan: FinalPlan) -> Future[Trained]:
        self.plans.append(plan)
        return self.within.finish(problem, plan)

    def close(self) -> None:
        self.within.close()


def record(study: Study, *results: TrialResult) -> None:
    """Record trials as a study's own; those that are there already stay."""
    with closing(StudyStore(study.config.runs_folder, study.config.name)) as store:
        if not store.exists:
            store.create(make_header(study), maximize=study.direction == "maximize")
        for result in results:
            store.asked(Asked(result.number, result.params, {}, {}))
            if result.state is not State.RUNNING:
                store.ended(result)


def bare(number: int, state: State, reason: Reason | None = None) -> TrialResult:
    return TrialResult(number, state, PARAMS, reason=reason, curve=(1.0,), epochs=1)


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> Path:
    """The folder of a study with six trials, of which 0, 1 and 2 completed."""
    folder = tmp_path_factory.mktemp("begun")
    keys = {"cv": {"folds": 3}, "objective": "rmse", "metrics": ["r2"], "search": {"trials": 6}}
    study = study_of(folder, target="amount", training={"epochs": 12}, **keys)
    complete = trials_of(study, {"learning_rate": 1e-3}, {}, {"learning_rate": 1e-2})
    others = (
        bare(3, State.PRUNED),
        bare(4, State.FAILED, Reason.DIVERGED),
        bare(5, State.FAILED, Reason.CRASH),
    )
    record(study, *complete, *others)
    assert read_summary(study.config).best.number == 1
    return folder


@pytest.fixture
def place(begun, tmp_path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(begun, tmp_path / "study"))


def opened(place: Path, **keys: Any) -> Study:
    """Open the study of a folder, its file changed."""
    path = place / "studies" / "small.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))
    return open_study(load_config(path))


@pytest.fixture
def executor() -> Iterator[Counting]:
    with closing(Counting()) as counting:
        yield counting


def concluded(study: Study, executor: Counting) -> Final:
    with closing(StudyStore(study.config.runs_folder, study.config.name)) as store:
        final = conclude(study, store, executor)
    assert final is not None
    return final
