"""Takes turns between the sides of a case, each in its own process, and sums up what they took."""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import mean, median
from tempfile import TemporaryFile
from typing import IO, Any, Self

from benchmarks.arithmetic import trial_flop
from benchmarks.cases import CASES
from benchmarks.tables import is_generated
from benchmarks.worker import SIDES


class Side:
    """A process that runs one side's trials, one at a time; see ``benchmarks.worker``."""

    def __init__(self, side: str, case: str, epochs: int, errors: IO[str]) -> None:
        """Start the process.

        Args:
            side: one of ``SIDES``.
            case: a key of ``CASES``.
            epochs: passes over the training rows.
            errors: an open file for the process's standard error.
        """
        command = [sys.executable, "-m", "benchmarks.worker", side, case, str(epochs)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        self._errors = errors
        self._n_trials = 0

    def __enter__(self) -> Self:
        self.about = self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def trial(self) -> dict[str, float]:
        """Run the next trial; returns its ``seconds``, ``cpu_seconds`` and ``score``."""
        assert self._process.stdin is not None
        print(self._n_trials, file=self._process.stdin, flush=True)
        self._n_trials += 1
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"a process of the benchmark ended:\n{self._errors.read()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the sides of a case take turns.

    Attributes:
        rounds: turns of the stacked engine and of the usual way.
        stacked_seconds: what the stacked engine's turn lasts at least; the other sides run one trial.
        keras_rounds: turns of the plain engine.
        epochs: passes over the training rows.
    """

    rounds: int
    stacked_seconds: float
    keras_rounds: int
    epochs: int


def pace_of(name: str, *, quick: bool) -> Pace:
    """Return the pace of a case; a quick one is too short to say anything but that it works."""
    case = CASES[name]
    return (
        Pace(1, 0.0, 1, 2)
        if quick
        else Pace(case.usual_trials, 5.0, max(1, case.usual_trials - 1), case.epochs)
    )


def run_case(name: str, pace: Pace, rates: dict[str, float]) -> dict[str, Any]:
    """Return the measurements of one case.

    Args:
        name: a key of ``CASES``.
        pace: how many trials each side runs, and how long ones.
        rates: as ``matmul_rates`` gives them.
    """
    case = CASES[name]
    trials: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with ExitStack() as stack:
        errors = [stack.enter_context(TemporaryFile("w+")) for _ in SIDES]
        sides = {
            side: stack.enter_context(Side(side, name, pace.epochs, file))
            for side, file in zip(SIDES, errors, strict=True)
        }
        about = sides["stacked"].about
        first = sides["stacked"].trial()
        sides["keras"].trial()  # as ours is without its preprocessing, which later trials find done
        for number in range(pace.rounds):
            trials["stacked"] += in_a_row(sides["stacked"], pace.stacked_seconds)
            if number < pace.keras_rounds:
                trials["keras"].append(sides["keras"].trial())
            trials["usual"].append(sides["usual"].trial())
    summaries = {side: summary(measured) for side, measured in trials.items()}
    stacked, usual = summaries["stacked"], summaries["usual"]
    flop = trial_flop(about["widths"], about["folds"], pace.epochs)
    ratio = usual["median"] / stacked["median"]
    return {
        "case": name,
        "data": case.shape + (" (generated)" if is_generated(case.table) else ""),
        "network": case.network if pace.epochs == case.epochs else f"{case.network}, cut to {pace.epochs}",
        "inputs": about["widths"][0],
        "metric": case.metric,
        "first_trial_seconds": first["seconds"],
        "sides": summaries,
        "ratio": ratio,
        "ratio_keras_engine": usual["median"] / summaries["keras"]["median"],
        "target": case.target,
        "met": ratio >= case.target,
        "gigaflop": flop / 1e9,
        "floor_seconds_one_thread": flop / rates["one_thread"],
        "floor_seconds_all_threads": flop / rates["all_threads"],
        "share_of_floor_one_thread": flop / rates["one_thread"] / stacked["median"],
    }


def in_a_row(side: Side, seconds: float) -> list[dict[str, float]]:
    """Return trials that follow each other, as those of a study do: at least three, and as many as fill the time."""
    trials = [side.trial() for _ in range(3)]
    while sum(trial["seconds"] for trial in trials) < seconds:
        trials.append(side.trial())
    return trials


def summary(trials: list[dict[str, float]]) -> dict[str, float]:
    """Return number, seconds (min, median, max), busy processors and scores (mean, smallest, largest) of trials."""
    seconds = [trial["seconds"] for trial in trials]
    scores = [trial["score"] for trial in trials]
    return {
        "trials": len(trials),
        "min": min(seconds),
        "median": median(seconds),
        "max": max(seconds),
        "busy_cores": sum(trial["cpu_seconds"] for trial in trials) / sum(seconds),
        "score": mean(scores),
        "score_min": min(scores),
        "score_max": max(scores),
    }
