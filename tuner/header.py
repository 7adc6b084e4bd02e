"""What a study is recorded with when it begins, and whether it is still the same when it goes on."""

import uuid
from datetime import datetime
from importlib.metadata import version

from tuner.data.fingerprint import Fingerprint, changed
from tuner.errors import TunerError
from tuner.search.storage import Header
from tuner.study import Study

LIBRARIES = ("tensorflow", "keras", "numpy", "scikit-learn", "pandas", "optuna")
"""Whose versions a result's bits depend on."""


def make_header(study: Study) -> Header:
    """Return what a new study is recorded with."""
    dataset = study.dataset
    return Header(
        id=uuid.uuid4().hex,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        config=study.config.canonical(),
        data=dataset.fingerprint.to_dict(),
        splits=study.splits,
        versions={name: version(name) for name in LIBRARIES},
        about={
            "study": study.config.name,
            "task": dataset.task.value,
            "objective": [{"metric": study.objective, "direction": study.direction}],
            "data": {
                "rows": len(dataset.target),
                "columns": len(dataset.columns),
                "sha256": dataset.fingerprint.sha256,
            },
            "seed": study.config.search.seed,
        },
    )


def check_unchanged(study: Study, header: Header) -> None:
    """Refuse to continue a study whose file or data are no longer those of its trials.

    Raises:
        TunerError: names each change, and the way out.
    """
    config = study.config
    changes = [f"{config.path}: {line}" for line in config.differences(header.config, config.canonical())]
    old_data, data = Fingerprint.from_dict(header.data), study.dataset.fingerprint
    if old_data.sha256 != data.sha256:
        changes += [f"{study.dataset.place}: {line}" for line in changed(old_data, data)]
    if not changes and header.splits != study.splits:
        changes.append(
            "the held-out rows or the folds are others, as another version of scikit-learn may make them"
        )
    if changes:
        listed = "\n".join(f"  {line}" for line in changes)
        raise TunerError(
            f"study '{config.name}' has trials of {header.created[:10]}, and has changed since:\n{listed}\n"
            f"undo this, or start anew with: tune run {config.path} --fresh  (keeps the old study under a dated name)"
        )


def other_versions(header: Header) -> list[str]:
    """Return which libraries are no longer those that the study was started with, as notes."""
    return [
        f"{name} is {version(name)}, the study was started with {old}: results may differ in their last bits"
        for name, old in header.versions.items()
        if version(name) != old
    ]
