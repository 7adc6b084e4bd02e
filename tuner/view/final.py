"""What a person is told of a final model, and of one that was exported."""

import math
import sys
from pathlib import Path

from tuner.conclude.exported import Exported
from tuner.records import Final, Interval
from tuner.report.wording import number


def final_line(final: Final, objective: str, folder: Path | str | None = None) -> str:
    """Return a final model's score on the held-out rows in one line.

    Args:
        final: its record.
        objective: the metric that is told.
        folder: where it lies; None to leave that out.
    """
    place = "" if folder is None else f" in {folder}"
    trials = ", ".join(str(member.trial) for member in final.members)
    model = f"the {final.kind} model (trial{'s' if len(final.members) > 1 else ''} {trials}){place}"
    if not final.rows:
        return f"{model}; no rows were held out to score it on"
    looks = "" if final.looks == 1 else f"; they were looked at {final.looks} times, for different models"
    return f"held-out rows ({final.rows:,}): {objective} {bounds(final.scores[objective])}, of {model}{looks}"


def corrected_line(corrected: Interval, n_trials: int, objective: str) -> str:
    """Return what may be expected of the winner of so many complete trials on new rows, in one line."""
    line = f"to be expected of new rows: {objective} {bounds(corrected)}"
    if n_trials == 1:
        return line
    return f"{line}, the best score corrected for having been chosen from {n_trials} trials"


def bounds(interval: Interval) -> str:
    """Return a score with its interval: ``0.8312 [0.7640, 0.8911]``."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return number(interval.value)
    return f"{number(interval.value)} [{number(interval.low)}, {number(interval.high)}]"


def show_exported(exported: Exported) -> None:
    """Print where a model lies, and what it is."""
    if exported.note:
        print(exported.note, file=sys.stderr)  # noqa: T201 (a message)
    trials = ", ".join(map(str, exported.trials))
    word = "trials" if len(exported.trials) > 1 else "trial"
    print(f"{exported.folder}: the {exported.kind} model of {word} {trials}")  # noqa: T201 (the result)
    print(f"next: tune predict {exported.folder} DATA")  # noqa: T201
