"""What a study is recorded with when it begins, and whether it is still the same when it goes on."""

import os
import platform
import re
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from tuner.config.study_file import StudyConfig
from tuner.data.dataset import Dataset
from tuner.data.fingerprint import Fingerprint, changed
from tuner.engines.choice import packages_of
from tuner.errors import TunerError
from tuner.search.storage import Header
from tuner.study import Study

LIBRARIES = ("tuner", "tensorflow", "keras", "numpy", "scikit-learn", "imbalanced-learn", "pandas", "optuna")
"""Whose versions a result's bits depend on."""

SPACE = ("params", "order")
"""The keys of a canonical study file that say what is searched."""

_CPU_NUMBERS = (("family", "cpu family"), ("model", "model"))


def make_header(study: Study) -> Header:
    """Return what a new study is recorded with."""
    dataset = study.dataset
    return Header(
        id=uuid.uuid4().hex,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        config=study.config.canonical(),
        data=dataset.fingerprint.to_dict(),
        splits=study.splits,
        versions={name: version(name) for name in (*LIBRARIES, *packages_of(study.problem.engine))},
        about={
            "study": study.config.name,
            "task": dataset.task.value,
            "objective": [{"metric": each.name, "direction": each.direction} for each in study.objectives],
            "data": {
                "rows": len(dataset.target),
                "columns": len(dataset.columns),
                "sha256": dataset.fingerprint.sha256,
            },
            "seed": study.config.search.seed,
        },
        machine=describe_machine(),
    )


def describe_machine() -> dict[str, str]:
    """Return what a result's last bits depend on beside the libraries: Python, system, processor, instructions."""
    processor, instructions = _processor()
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor,
        "instructions": instructions,
    }


def _processor() -> tuple[str, str]:
    """Return the processor's model and its vector instructions, for which TensorFlow chooses its kernels."""
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        return told.stdout.strip() or platform.processor(), ""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or os.environ.get("PROCESSOR_IDENTIFIER", ""), ""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    model = fields.get("model name") or fields.get("CPU part") or platform.processor()
    # A cloud's processors may all have one name.
    numbers = [f"{name} {fields[key]}" for name, key in _CPU_NUMBERS if key in fields]
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    vector = sorted(flag for flag in flags if re.match(r"avx|amx|fma|sve|asimd", flag))
    return f"{model} ({', '.join(numbers)})" if numbers else model, " ".join(vector)


def changes(study: Study, header: Header) -> list[str]:
    """Return what of the study file and the data is no longer as it was; empty where all is."""
    config = study.config
    found = file_changes(config, header) + data_changes(study.dataset, header)
    if not found and header.splits != study.splits:
        found.append(
            "the held-out rows or the folds are others, as another version of scikit-learn may make them"
        )
    return found


def file_changes(config: StudyConfig, header: Header) -> list[str]:
    """Return which keys of the study file have other values than the study was started with."""
    return [f"{config.path}: {line}" for line in config.differences(header.config, config.canonical())]


def data_changes(dataset: Dataset, header: Header) -> list[str]:
    """Return which columns and rows of the table are others than the study was started with."""
    old, new = Fingerprint.from_dict(header.data), dataset.fingerprint
    return [f"{dataset.place}: {line}" for line in changed(old, new)]


def changes_beside_space(study: Study, header: Header) -> list[str]:
    """Return ``changes`` without those of the search space, which may grow while a study goes on."""
    now = study.config.canonical()
    return changes(study, replace(header, config={**header.config, **{name: now[name] for name in SPACE}}))


def check_unchanged(study: Study, header: Header) -> None:
    """Refuse records of a study whose file or data are no longer those of its trials.

    Raises:
        TunerError: names each change, and the way out.
    """
    found = changes(study, header)
    if found and not changes_beside_space(study, header):
        raise has_changed(study.config, header, found, f"go on in this space: tune run {study.config.path}; ")
    if found:
        raise has_changed(study.config, header, found)


def has_changed(config: StudyConfig, header: Header, found: Sequence[str], way_out: str = "") -> TunerError:
    """Return the error of a study that is no longer that of its trials: each change, and the ways out."""
    listed = "\n".join(f"  {line}" for line in found)
    return TunerError(
        f"study '{config.name}' has trials of {header.created[:10]}, and has changed since:\n{listed}\n"
        f"undo this, {way_out}or start anew with: tune run {config.path} --fresh  (keeps the old study under a dated "
        "name)"
    )


def elsewhere(header: Header) -> list[str]:
    """Return which libraries, and what of the machine, are not those that the study was started with."""
    now = {name: version(name) for name in header.versions}
    return _others(header.versions, now) + _others(header.machine, describe_machine())


def _others(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"{name} is {now[name]}, the study was started with {old}"
        for name, old in then.items()
        if name in now and now[name] != old
    ]


def other_versions(header: Header) -> list[str]:
    """Return ``elsewhere`` as notes for a study that goes on."""
    return [f"{line}: results may differ in their last bits" for line in elsewhere(header)]
