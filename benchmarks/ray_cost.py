"""What it costs a trial to run on Ray: ``python -m benchmarks.ray_cost [--trials 100]``.

A trial of one epoch on iris is handed to one worker again and again, by the local executor and by Ray started on this
machine. Its cost is the time from handing it over to having the result, beyond the seconds that the worker spent on it.
"""

import argparse
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tuner.config.study_file import load_config
from tuner.executors.choice import EXECUTORS
from tuner.executors.executor import Executor
from tuner.executors.kinds import Kind
from tuner.records import State
from tuner.search.pruning import Bar
from tuner.study import open_study
from tuner.trial import TrialTask

STUDY = """\
data: {sklearn: iris}
cv: {folds: 3}
search_space: {layers: 1, neurons: 8, learning_rate: 0.01, batch_size: 64}
training: {epochs: 1, early_stopping: none}
search: {pruner: none}
"""

WARM_UP = 5
"""Trials before the measured ones; the first compiles the network."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an executor costs.

    Attributes:
        start: seconds from nothing to the first result, the load of TensorFlow included.
        a_trial: seconds of a trial beyond its evaluation, at the median.
        worst: those of the slowest trial.
    """

    start: float
    a_trial: float
    worst: float


def costs(n_trials: int) -> dict[Kind, Cost]:
    """Return what each kind of executor costs; Ray must be installed.

    Args:
        n_trials: measured trials, at least 1.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "study.yaml"
        path.write_text(STUDY)
        config = load_config(path)
        study = open_study(config)
        task = TrialTask(study.problem, 0, config.space.default(), Bar({}, maximize=True))
        found = {}
        for kind, make in EXECUTORS.items():
            started = time.perf_counter()
            with closing(make(config, 1)) as executor:
                _beyond(executor, task)
                start = time.perf_counter() - started
                for _ in range(WARM_UP):
                    _beyond(executor, task)
                seconds = [_beyond(executor, task) for _ in range(n_trials)]
            found[kind] = Cost(start, median(seconds), max(seconds))
    return found


def _beyond(executor: Executor, task: TrialTask) -> float:
    """Return the seconds that a trial took beyond its evaluation."""
    started = time.perf_counter()
    result = executor.submit(task).result()
    seconds = time.perf_counter() - started
    assert result.state is State.COMPLETE, result.message
    return seconds - result.seconds


def section(found: dict[Kind, Cost], n_trials: int) -> str:
    """Return the figures as a section of Markdown."""
    rows = [
        f"| {kind} | {cost.start:.1f} | {1000 * cost.a_trial:.1f} | {1000 * cost.worst:.1f} |"
        for kind, cost in found.items()
    ]
    return "\n".join(
        [
            f"What a trial costs beyond its evaluation, {n_trials} trials of one epoch on iris, one worker:",
            "",
            "| executor | seconds to the first result | ms a trial, median | ms a trial, most |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100, help="measured trials of each executor")
    n_trials = parser.parse_args().trials
    print(section(costs(n_trials), n_trials))


if __name__ == "__main__":
    main()
