"""The usual loop over a whole study: Optuna on SQLite, ``cross_val_score``, MLflow's fluent API.

``python -m benchmarks.usual_study TRIALS.json FOLDER``; the trials to run are enqueued, so both sides train the same.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import optuna
from sklearn.datasets import load_iris

from benchmarks import usual_way
from benchmarks.cases import Split


def main() -> None:
    """Run the trials, and leave the seconds and the score of each in ``FOLDER/timed.json``."""
    told = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(sys.argv[2])
    folder.mkdir()
    timed = run(
        told["trials"], [(np.array(train), np.array(score)) for train, score in told["folds"]], folder
    )
    (folder / "timed.json").write_text(json.dumps(timed))


def run(trials: list[dict[str, Any]], folds: list[Split], folder: Path) -> list[dict[str, float]]:
    """Return the seconds and the score of each trial.

    Args:
        trials: of each one, ``params`` and ``epochs``.
        folds: training and scored rows.
        folder: where both databases go.
    """
    X, y = load_iris(return_X_y=True, as_frame=True)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment(
        experiment_id=mlflow.create_experiment("iris", artifact_location=str(folder / "artifacts"))
    )
    study = optuna.create_study(storage=f"sqlite:///{folder}/study.db", direction="maximize")
    for trial in trials:
        study.enqueue_trial(trial["params"], user_attrs={"epochs": trial["epochs"]})
    timed: list[dict[str, float]] = []

    def objective(trial: optuna.Trial) -> float:
        began = time.perf_counter()
        params = usual_way.suggest(trial)
        epochs = trial.user_attrs["epochs"]
        with mlflow.start_run(run_name=f"trial-{trial.number}"):
            mlflow.log_params(params)
            scores = usual_way.cross_validate(
                X, y, params, task="multiclass", metric="accuracy", epochs=epochs, folds=folds
            )
            for fold, score in enumerate(scores):
                mlflow.log_metric(f"fold{fold}/accuracy", score)
            mlflow.log_metric("accuracy", scores.mean())
        timed.append({"seconds": time.perf_counter() - began, "score": float(scores.mean())})
        return float(scores.mean())

    study.optimize(objective, n_trials=len(trials))
    return timed


if __name__ == "__main__":
    main()
