"""One side of a case in a process of its own: ``python -m benchmarks.worker SIDE CASE EPOCHS``.

For each line on standard input it runs one trial, with that line as its number, and answers with one line of JSON.
So that two sides can take turns, and each is measured with its own libraries and threads.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

SIDES = ("stacked", "keras", "usual")
"""Our two engines, and the loop that people write."""

Trial = Callable[[int], float]
"""From a trial's number to its score."""


def main() -> None:
    """Answer line by line until standard input ends."""
    side, case, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    about, trial = (usual if side == "usual" else ours)(case, epochs, side)
    print(json.dumps(about), file=answers)
    for line in sys.stdin:
        began, began_cpu = time.perf_counter(), time.process_time()
        score = trial(int(line))
        answer = {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - began_cpu,
            "score": score,
        }
        print(json.dumps(answer), file=answers)


def ours(name: str, epochs: int, engine: str) -> tuple[dict[str, Any], Trial]:
    """Return what is known of a case, and its trials on one of our engines."""
    from benchmarks import tables
    from benchmarks.cases import CASES, splits
    from benchmarks.ours import count_inputs, make_problem, run_trial
    from tuner.engines.choice import make_engine

    case = CASES[name]
    folds = splits(getattr(tables, case.table)()["target"], case.task)
    problem = make_problem(case, folds, engine, epochs)
    make_engine(engine)  # loads TensorFlow
    about = {
        "widths": [count_inputs(problem), *case.neurons, problem.head.units],
        "folds": [[len(train), len(score)] for train, score in folds],
    }

    def trial(number: int) -> float:
        return run_trial(problem, number, case.params).values[0]

    return about, trial


def usual(name: str, epochs: int, side: str) -> tuple[dict[str, Any], Trial]:
    """Return nothing of note, and the trials of the loop that people write."""
    import keras
    import optuna

    from benchmarks import tables, usual_way
    from benchmarks.cases import CASES, SEED, splits

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    case = CASES[name]
    frame = getattr(tables, case.table)()
    y = frame.pop("target")
    folds = splits(y, case.task)
    keras.utils.set_random_seed(SEED)
    study = optuna.create_study(direction="minimize" if case.metric == "rmse" else "maximize")

    def objective(trial: optuna.Trial) -> float:
        params = usual_way.suggest(trial)
        scores = usual_way.cross_validate(
            frame, y, params, task=case.task, metric=case.metric, epochs=epochs, folds=folds
        )
        return float(scores.mean())

    # What TensorFlow does once in a process is no part of a trial.
    usual_way.cross_validate(
        frame, y, case.params, task=case.task, metric=case.metric, epochs=1, folds=folds[:1]
    )

    def trial(number: int) -> float:
        study.enqueue_trial(case.params)
        study.optimize(objective, n_trials=1)
        return float(study.trials[-1].values[0])

    return {}, trial


if __name__ == "__main__":
    main()
