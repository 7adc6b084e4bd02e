"""Where the wall time of ``tune run STUDY`` goes: ``python -m benchmarks.profile_run [STUDY]``.

The command line runs in a fresh process and an empty folder, with a clock around the calls of ``STAGES`` and around
the imports of ``LIBRARIES``. A stage's time is its own: what a stage inside it takes is that one's. No profiler, so
nothing is slowed down but by two readings of the clock a call.
"""

import argparse
import builtins
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

REPOSITORY = Path(__file__).parents[1]

LIBRARIES = ("tensorflow", "keras", "mlflow", "optuna", "sklearn", "pandas")

STAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "read the study file": ("tuner.config.study_file:load_config",),
        "load and split the data": ("tuner.study:open_study",),
        "load the engine": ("tuner.engines.choice:make_engine",),
        "trials: preprocessing": ("tuner.trial:_prepare_fold",),
        "trials: training and scores": ("tuner.trial:evaluate",),
        "suggest parameters": ("tuner.search.sampling:Sampling.ask",),
        "records in SQLite": (
            "tuner.search.storage:StudyStore.create",
            "tuner.search.storage:StudyStore.asked",
            "tuner.search.storage:StudyStore.ended",
            "tuner.search.storage:StudyStore.results",
        ),
        "MLflow: open the store": ("tuner.tracking.mlflow_tracker:MlflowTracker.started",),
        "MLflow: hand over trials": ("tuner.tracking.mlflow_tracker:MlflowTracker.finished",),
        "MLflow: wait for the last": ("tuner.tracking.mlflow_tracker:MlflowTracker.closed",),
    }
)
"""What a user waits for, and the calls that it is, as module:function or module:class.method."""


class Clock:
    """Own wall seconds of nested stages, for each thread."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[bool, str], float] = defaultdict(float)
        self.calls: dict[tuple[bool, str], int] = defaultdict(int)
        self._of_thread = threading.local()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Give the time until the end of the block to a stage, less what inner stages take."""
        is_main = threading.current_thread() is threading.main_thread()
        stack: list[float] = self._of_thread.__dict__.setdefault("stack", [])
        stack.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - began
            self.seconds[is_main, name] += took - stack.pop()
            self.calls[is_main, name] += 1
            if stack:
                stack[-1] += took


def main() -> None:
    """Run the command line under the clock and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_run", description=__doc__)
    parser.add_argument("study", nargs="?", type=Path, default=REPOSITORY / "studies" / "iris.yaml")
    parser.add_argument("--trials", type=int, help="instead of the study file's number")
    parser.add_argument("--clock", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.clock is not None:
        _run_clocked(chosen.study, chosen.trials, chosen.clock)
        return
    with TemporaryDirectory() as folder:
        place = Path(folder) / "studies" / chosen.study.name
        place.parent.mkdir()
        copy(chosen.study, place)
        clocked = Path(folder) / "clock.json"
        options = ["--trials", str(chosen.trials)] if chosen.trials else []
        command = [
            sys.executable,
            "-m",
            "benchmarks.profile_run",
            str(place),
            *options,
            "--clock",
            str(clocked),
        ]
        began = time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ended = time.time()
        print(_table(json.loads(clocked.read_text()), began, ended, chosen.study))


def _run_clocked(study: Path, trials: int | None, path: Path) -> None:
    """Do what ``tune run`` does, with clocks around its parts, and write what they show."""
    began = time.time()
    clock = Clock()
    _clock_imports(clock)
    with clock.stage("this package's own modules"):
        for name, calls in STAGES.items():
            for call in calls:
                _clock_call(clock, name, call)
        command_line = importlib.import_module("tuner.cli")
    sys.argv = ["tune", "run", str(study), *(["--trials", str(trials)] if trials else [])]
    try:
        with clock.stage("all else"):
            command_line.main()
    except SystemExit as end:
        if end.code:
            raise
    rows: list[dict[str, Any]] = [
        {"main": is_main, "stage": stage, "seconds": seconds, "calls": clock.calls[is_main, stage]}
        for (is_main, stage), seconds in clock.seconds.items()
    ]
    path.write_text(json.dumps({"rows": rows, "began": began, "ended": time.time()}))


def _clock_imports(clock: Clock) -> None:
    plain = builtins.__import__

    def clocked(name: str, *args: Any, **kwargs: Any) -> Any:
        library = name.partition(".")[0]
        if library not in LIBRARIES or name in sys.modules:
            return plain(name, *args, **kwargs)
        with clock.stage(f"import {library}"):
            return plain(name, *args, **kwargs)

    builtins.__import__ = clocked


def _clock_call(clock: Clock, stage: str, call: str) -> None:
    """Put a clock around a function or method, wherever this package has imported it by name."""
    module_name, _, path = call.partition(":")
    owner: Any = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    plain: Callable[..., Any] = getattr(owner, name)

    @wraps(plain)
    def clocked(*args: Any, **kwargs: Any) -> Any:
        with clock.stage(stage):
            return plain(*args, **kwargs)

    setattr(owner, name, clocked)
    for module in [module for key, module in sys.modules.items() if key.startswith("tuner.")]:
        if getattr(module, name, None) is plain:
            setattr(module, name, clocked)


def _table(clocked: dict[str, Any], began: float, ended: float, study: Path) -> str:
    """Return the stages, the longest first; ``began`` and ``ended`` are those of the whole process."""
    total = ended - began
    rows = [
        *clocked["rows"],
        {"main": True, "stage": "start of Python", "seconds": clocked["began"] - began, "calls": 1},
        {"main": True, "stage": "end of Python", "seconds": ended - clocked["ended"], "calls": 1},
    ]
    lines = [
        f"tune run {study.name}: {total:.1f} s of wall time, {os.cpu_count()} cores",
        "",
        "| stage | seconds | share | calls |",
        "| --- | --- | --- | --- |",
    ]
    for is_main in (True, False):
        for row in sorted(rows, key=lambda row: -row["seconds"]):
            if row["main"] is is_main:
                where = "" if is_main else " (in another thread, meanwhile)"
                share = f"{row['seconds'] / total:.1%}" if is_main else ""
                lines.append(f"| {row['stage']}{where} | {row['seconds']:.2f} | {share} | {row['calls']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
