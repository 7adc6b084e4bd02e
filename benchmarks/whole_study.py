"""A whole study, all that a user waits for: ``tune run`` against the usual loop with the same trials.

Ours is the command line in a fresh process and an empty folder: 50 trials of the space ``mlp`` on iris, with MLflow,
SQLite, early stopping and pruning. The usual loop is given, trial by trial, the parameters that ours recorded and as
many epochs as ours trained, so it is spared what it would waste; it has no early stopping, pruning or curves.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

TARGET = 40.0

STUDY = """\
name: whole
data: {{sklearn: iris}}
search_space: mlp
training: {{epochs: {epochs}}}
search: {{trials: {trials}, seed: 7}}
"""

TUNE = str(Path(sys.executable).with_name("tune"))


def run_whole_study(*, trials: int, epochs: int, sample: int, repeats: int) -> dict[str, Any]:
    """Return the measurements of the whole study.

    Args:
        trials: of the study.
        epochs: the most of a trial.
        sample: how many of the trials the usual loop runs, evenly spread over the study; where they are not all,
            the rest is taken to last as long on average.
        repeats: how often ours is run, first before the usual loop and then after it.
    """
    with TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in range(repeats)]
        ours = [_run_ours(places[0], trials, epochs)]
        recorded = json.loads(_tune(places[0], "show", "--json"))["trials"]
        ended = [trial for trial in recorded if trial["epochs"] > 0]
        chosen = [
            ended[round(place * (len(ended) - 1) / max(1, sample - 1))]
            for place in range(min(sample, len(ended)))
        ]
        usual, timed = _run_usual(Path(folder), places[0], chosen)
        ours += [_run_ours(place, trials, epochs) for place in places[1:]]
    per_trial = [trial["seconds"] for trial in timed]
    seconds = usual + mean(per_trial) * (len(ended) - len(chosen))
    ratio = seconds / median(ours)
    return {
        "case": "whole study",
        "trials": len(recorded),
        "states": dict(Counter(trial["state"] for trial in recorded)),
        "epochs": sum(trial["epochs"] for trial in recorded),
        "most_epochs": epochs,
        "ours_seconds": {"runs": len(ours), "min": min(ours), "median": median(ours), "max": max(ours)},
        "ours_training_seconds": sum(trial["seconds"] for trial in recorded),
        "usual_trials": len(chosen),
        "usual_of": len(ended),
        "usual_epochs": sum(trial["epochs"] for trial in chosen),
        "usual_seconds_measured": usual,
        "usual_seconds": seconds,
        "usual_seconds_a_trial": {"min": min(per_trial), "median": median(per_trial), "max": max(per_trial)},
        "score_ours": mean(trial["values"][0] for trial in chosen if trial["values"]),
        "score_usual": mean(
            other["score"] for trial, other in zip(chosen, timed, strict=True) if trial["values"]
        ),
        "ratio": ratio,
        "target": TARGET,
        "met": ratio >= TARGET,
    }


def _run_ours(place: Path, trials: int, epochs: int) -> float:
    """Return the wall seconds of the study in a new folder."""
    (place / "studies").mkdir(parents=True)
    (place / "studies" / "whole.yaml").write_text(STUDY.format(trials=trials, epochs=epochs))
    began = time.perf_counter()
    _tune(place, "run")
    return time.perf_counter() - began


def _tune(place: Path, verb: str, *options: str) -> str:
    command = [TUNE, verb, str(place / "studies" / "whole.yaml"), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def _run_usual(folder: Path, place: Path, chosen: list[dict[str, Any]]) -> tuple[float, list[dict[str, Any]]]:
    """Return the wall seconds of the usual loop, start-up included, and the seconds and score of each trial."""
    told = {"folds": _folds(place), "trials": chosen}
    (folder / "usual.json").write_text(json.dumps(told))
    command = [
        sys.executable,
        "-m",
        "benchmarks.usual_study",
        str(folder / "usual.json"),
        str(folder / "usual"),
    ]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return seconds, json.loads((folder / "usual" / "timed.json").read_text())


def _folds(place: Path) -> list[list[list[int]]]:
    """Return the row numbers of the study's folds, held-out rows in none of them."""
    from tuner.config.study_file import load_config
    from tuner.study import open_study

    study = open_study(load_config(place / "studies" / "whole.yaml"))
    return [[fold.train.tolist(), fold.score.tolist()] for fold in study.problem.folds]
