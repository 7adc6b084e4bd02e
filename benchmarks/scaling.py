"""What further workers bring, and what the driver costs: ``python -m benchmarks.scaling [--quick]``.

Pace: ``tune run`` on digits with MLflow, in a fresh process and folder, with 1 worker and with 2. The pace is that of
the second half of the trials, when all workers have loaded; the wall time is all of it. Driver: 1,000 trials that an
executor answers at once, so that what is left is to ask, tell, and record to SQLite and MLflow.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.machine import machine
from tuner.config.study_file import load_config
from tuner.records import State, TrialResult
from tuner.run import run_study
from tuner.trial import TrialTask

RESULTS = Path(__file__).parent / "results"

SPEEDUP = 1.7
"""What the pace of two workers should at least be, over that of one, on two cores."""

OVERHEAD = 0.15
"""What the driver should at most take a trial, in seconds, at the median."""

DIGITS = """\
data: {{sklearn: digits}}
cv: {{folds: 3}}
search_space: mlp
metrics: [f1_macro, log_loss]
training: {{epochs: 40, early_stopping: none}}
search: {{trials: {trials}, pruner: none, seed: 7}}
"""

IRIS = "data: {{sklearn: iris}}\nsearch_space: mlp\nmetrics: [f1_macro, log_loss]\nsearch: {{trials: {trials}}}\n"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a study went.

    Attributes:
        wall: seconds of the whole process.
        a_minute: trials a minute over the second half of the trials.
    """

    wall: float
    a_minute: float


class AtOnce:
    """Answers a trial with curves and predictions of the usual sizes, without training."""

    slots = 1

    def listen(self, heard: object) -> None:
        """See ``Executor.listen``; no trial takes long."""

    def submit(self, task: TrialTask) -> Future[TrialResult]:
        """See ``Executor.submit``."""
        future: Future[TrialResult] = Future()
        future.set_result(_made_up(task))
        return future

    def finish(self, problem: object, plan: object) -> Future[None]:
        """See ``Executor.finish``; the search is left before that."""
        raise RuntimeError("this benchmark trains no final model")

    def close(self) -> None:
        """See ``Executor.close``."""


def main() -> None:
    """Measure, print, and write ``results/scaling.md``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few trials: shows that it runs, and nothing more"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder that results go to")
    chosen = parser.parse_args()
    n_paced, n_driven = (6, 20) if chosen.quick else (40, 1000)
    about = machine()
    overheads = driver_overheads(n_driven)
    paces = {workers: pace(workers, n_paced) for workers in (1, 2)}
    text = page(paces, overheads, n_paced, about)
    chosen.results.mkdir(parents=True, exist_ok=True)
    (chosen.results / "scaling.md").write_text(text)
    print(text)


def pace(workers: int, n_trials: int) -> Pace:
    """Return how fast the study on digits goes with this many workers."""
    with TemporaryDirectory() as folder:
        path = _study(Path(folder), DIGITS.format(trials=n_trials))
        command = [sys.executable, "-c", "from tuner.cli import main; main()", "run", str(path)]
        started = time.perf_counter()
        subprocess.run([*command, "--workers", str(workers), "--quiet"], check=True, capture_output=True)
        wall = time.perf_counter() - started
        ended = sorted(place.stat().st_mtime for place in Path(folder).glob("runs/study/oof/*.npz"))
    half = len(ended) // 2
    return Pace(wall, 60 * (len(ended) - 1 - half) / (ended[-1] - ended[half]))


def driver_overheads(n_trials: int) -> list[float]:
    """Return the seconds between the trials of a study whose trials take no time, in the order of the trials."""
    with TemporaryDirectory() as folder:
        config = load_config(_study(Path(folder), IRIS.format(trials=n_trials)))
        with closing(run_study(config, executor=AtOnce())) as events:
            times = [time.perf_counter() for _ in _trials(events, n_trials)]
    return [float(seconds) for seconds in np.diff(times)]


def _trials(events: Iterator[object], n_trials: int) -> Iterator[TrialResult]:
    """Yield the trials of a run, and leave it after the last of them."""
    n_ended = 0
    for event in events:
        if isinstance(event, TrialResult):
            yield event
            n_ended += 1
            if n_ended == n_trials:
                return


def _study(folder: Path, text: str) -> Path:
    (folder / "studies").mkdir()
    path = folder / "studies" / "study.yaml"
    path.write_text(text)
    return path


def _made_up(task: TrialTask) -> TrialResult:
    random = np.random.default_rng(task.number)
    problem, n_epochs = task.problem, 60
    n_folds = len(problem.folds)
    curves = {
        name: random.random((n_epochs, n_folds))
        for name in ("train_loss", "val_loss", "val_" + problem.metrics[0])
    }
    folds = {name: tuple(map(float, random.random(n_folds))) for name in problem.metrics}
    values = folds[problem.metrics[0]]
    shape = (problem.n_repeats, len(problem.dataset.target), problem.head.units)
    return TrialResult(
        number=task.number,
        state=State.COMPLETE,
        params=task.params,
        values=(float(np.mean(values)),),
        fold_values=(values,),
        best_epoch=n_epochs,
        epochs=n_epochs,
        metrics={name: float(np.mean(each)) for name, each in folds.items()},
        fold_metrics=folds,
        curve=tuple(map(float, curves["val_" + problem.metrics[0]].mean(axis=1))),
        curves=curves,
        oof=random.random(shape).astype(np.float32),
    )


def page(paces: dict[int, Pace], overheads: list[float], n_paced: int, about: dict[str, str]) -> str:
    """Return the results as Markdown."""
    speedup = paces[2].a_minute / paces[1].a_minute
    last = overheads[-max(1, len(overheads) // 10) :]
    rows = [f"| {workers} | {each.a_minute:.1f} | {each.wall:.0f} |" for workers, each in paces.items()]
    met = {True: "met", False: "missed"}
    return "\n".join(
        [
            "# Workers and driver",
            "",
            f"{about['cpu']}, {about['cores']} cores; load average {about['load at the start']} before the "
            f"measurement, {os.getloadavg()[0]:.2f} at its end. `python -m benchmarks.scaling`",
            "",
            f"digits, {n_paced} trials of `search_spaces/mlp.yaml`, 3 folds, 40 epochs, with MLflow:",
            "",
            "| workers | trials a minute, second half | wall seconds, all |",
            "|---|---|---|",
            *rows,
            "",
            f"Two workers over one: {speedup:.2f} (target: at least {SPEEDUP} on two free cores, "
            f"{met[speedup >= SPEEDUP]}).",
            "",
            f"Driver, {len(overheads) + 1:,} trials: {1000 * median(overheads):.0f} ms a trial at the median, "
            f"{1000 * median(last):.0f} ms over the last tenth (target: under {1000 * OVERHEAD:.0f} ms at the median, "
            f"{met[median(overheads) < OVERHEAD]}).",
            "",
        ]
    )


if __name__ == "__main__":
    main()
