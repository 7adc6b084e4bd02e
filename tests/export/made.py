"""Model folders of small studies, trained in this process."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.small import study_of, task_of
from tuner.conclude.members import member_of, plan_final
from tuner.final import Trained, train_final
from tuner.records import Member, TrialResult
from tuner.study import Study
from tuner.trial import evaluate


def trials_of(study: Study, *params: dict[str, Any]) -> list[TrialResult]:
    """Evaluate trials 0, 1, ... of a study, each with its own changes of ``PARAMS``."""
    results = [evaluate(task_of(study, number, **each)) for number, each in enumerate(params or ({},))]
    assert [result.message for result in results] == [None] * len(results)
    return results


def trained_of(study: Study, kind: str, results: list[TrialResult]) -> Trained:
    """Train the final model of trials with equal weights."""
    members: tuple[Member, ...] = tuple(
        member_of(study, result, kind, 1 / len(results)) for result in results
    )
    plan = plan_final(study, {result.number: result for result in results}, members, kind, study.test_rows)
    return train_final(study.problem, replace(plan, created="2026-01-31T12:00:00+00:00"))


def put_down(trained: Trained, folder: Path) -> Path:
    """Write the files of a model into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in trained.files.items():
        (folder / name).write_bytes(content)
    return folder


def model_of(place: Path, *, kind: str = "refit", **keys: Any) -> tuple[Study, Trained, Path]:
    """Make a small study, evaluate its trial 0, and return it with its final model and the model's folder."""
    study = study_of(place, **keys)
    trained = trained_of(study, kind, trials_of(study))
    return study, trained, put_down(trained, place / "model")


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two arrays are equal to the bit."""
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
