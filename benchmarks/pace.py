"""How many trials a minute a study makes: ``tune run`` on digits in a fresh process and folder."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

DIGITS = """\
data: {{sklearn: digits}}
search_space: mlp
metrics: [f1_macro, log_loss]
training: {{epochs: 60, early_stopping: none}}
search: {{trials: {trials}, pruner: none, seed: 7}}
"""
"""Trials of a second and more."""


def pace(workers: int, n_trials: int) -> dict[str, Any]:
    """Return how fast the study on digits goes with this many workers, and what its trials take each."""
    with TemporaryDirectory() as folder:
        path = write_study(Path(folder), DIGITS.format(trials=n_trials))
        command = [sys.executable, "-c", "from tuner.cli import main; main()", "run", str(path)]
        started = time.perf_counter()
        subprocess.run([*command, "--workers", str(workers), "--quiet"], check=True, capture_output=True)
        wall = time.perf_counter() - started
        ended = sorted(place.stat().st_mtime for place in Path(folder).glob("runs/study/oof/*.npz"))
    half = len(ended) // 2
    a_minute = 60 * (len(ended) - 1 - half) / (ended[-1] - ended[half])
    return {"workers": workers, "trials": n_trials, "a_minute": a_minute, "wall_seconds": wall}


def write_study(folder: Path, text: str) -> Path:
    """Write a study file into an empty folder, and return it."""
    (folder / "studies").mkdir()
    path = folder / "studies" / "study.yaml"
    path.write_text(text)
    return path
