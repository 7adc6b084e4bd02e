"""A study of thousands of trials: what each trial, ``tune show`` and ``tune report`` take as it grows."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.driver_cost import AtOnce, Untold
from benchmarks.machine import resident_mib
from benchmarks.pace import write_study
from tuner.config.study_file import StudyConfig, load_config
from tuner.driver import Driver
from tuner.header import make_header
from tuner.search.storage import StudyStore
from tuner.study import Study, open_study

TRIVIAL = """\
data: {{sklearn: iris}}
cv: {{folds: 2}}
search_space:
  layers: 0
  learning_rate: {{type: float, low: 1.0e-4, high: 1.0e-1, log: true}}
  optimizer: {{type: choice, options: [sgd, adam]}}
  batch_size: {{type: choice, options: [16, 32, 64]}}
  epochs: 1
metrics: [log_loss]
search: {{trials: {trials}, sampler: random}}
"""


def many_trials(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Return what a study costs at each of these sizes; it goes on from one to the next, as after a restart."""
    rows = []
    with TemporaryDirectory() as folder:
        path = write_study(Path(folder), TRIVIAL.format(trials=sizes[-1]))
        config = load_config(path)
        study = open_study(config)
        for before, n_trials in pairwise((0, *sizes)):
            began = time.thread_time()
            _drive(config, study, n_trials)
            row = {
                "trials": n_trials,
                "trial_ms": 1000 * (time.thread_time() - began) / (n_trials - before),
                "driver_mib": resident_mib("VmHWM"),
                "show": _command("show", path),
                "show_json": _command("show", path, "--json"),
                "report": _command("report", path),
                "page_mb": (config.runs_folder / "report.html").stat().st_size / 1e6,
                "records_mb": _size(config.runs_folder) / 1e6,
            }
            rows.append(row)
    return rows


def _drive(config: StudyConfig, study: Study, n_trials: int) -> None:
    """Bring the study to a number of trials, without MLflow."""
    with closing(StudyStore(config.runs_folder, config.name)) as store:
        if not store.exists:
            store.create(make_header(study), maximize=study.direction == "maximize")
        for _ in Driver(study, store, Untold(), AtOnce(1)).run(n_trials, training=nullcontext):
            pass


def _command(verb: str, path: Path, *options: str) -> dict[str, float]:
    """Return the processor seconds and the largest memory of a command in a process of its own."""
    command = [sys.executable, "-c", "from tuner.cli import main; main()", verb, str(path), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None, "it is a pipe"
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed:\n{said.decode()}")
    return {"seconds": used.ru_utime + used.ru_stime, "mib": used.ru_maxrss / 1024}


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
