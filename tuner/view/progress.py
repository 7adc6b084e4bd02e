"""A search as it goes: a live line, and one for each long trial, in a terminal; a plain line a trial elsewhere."""

import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from tuner.records import Glimpse, State, TrialResult
from tuner.report.wording import duration, number, score_of
from tuner.run import Opened
from tuner.summary import front_of


class View(Protocol):
    """Shows a search while it runs."""

    def glimpsed(self, glimpse: Glimpse) -> None:
        """Show how a trial stands that takes long."""

    def ended(self, result: TrialResult) -> None:
        """Show a trial that ended."""

    def stop(self) -> None:
        """Leave the terminal as it was found."""


class Tally:
    """What a search has come to so far, and how long it will still take.

    Args:
        opened: the study.
        clock: gives seconds; only their differences count.
    """

    def __init__(self, opened: Opened, clock: Callable[[], float] = time.monotonic) -> None:
        self._objectives = opened.before.objectives
        ended = (State.COMPLETE, State.PRUNED, State.FAILED)
        self.counts: dict[State, int] = {state: opened.before.count(state) for state in ended}
        self.front = opened.before.front()
        self.total = opened.n_trials
        self._clock = clock
        self._deadline = None if opened.seconds is None else clock() + opened.seconds
        self._began: float | None = (
            None  # when the first trial of this run did: a worker loads for seconds before
        )
        self._latest = 0.0  # when the latest ended
        self._n_here = 0  # trials of this run that have ended
        self._seconds, self._n_trained = 0.0, 0

    @property
    def done(self) -> int:
        """Trials that have ended, those of earlier runs included."""
        return sum(self.counts.values())

    @property
    def pace(self) -> float | None:
        """Mean seconds of training a trial of this run takes; None before the first."""
        return self._seconds / self._n_trained if self._n_trained else None

    @property
    def left(self) -> float | None:
        """Seconds until the last trial will have ended; None where none has ended in this run.

        Further trials follow one another as those of this run did, however many train side by side and however many are
        pruned or need no training. After the search's timeout none begins, and those that run take one trial's time.
        """
        if self._began is None:
            return None
        now = self._clock()
        rest = max(0, self.total - self.done) * (self._latest - self._began) / self._n_here
        seconds = max(0.0, rest - (now - self._latest))
        if self._deadline is None:
            return seconds
        return min(seconds, max(0.0, self._deadline - now) + (self.pace or 0.0))

    def add(self, result: TrialResult) -> None:
        """Count a trial that ended just now."""
        self._latest = self._clock()
        if self._began is None:
            self._began = self._latest - result.seconds
        self._n_here += 1
        if result.same_as is None:
            self._seconds += result.seconds
            self._n_trained += 1
        self.counts[result.state] += 1
        if result.state is State.COMPLETE and result.feasible and result.same_as is None:
            self.front = front_of([*self.front, result], self._objectives)
            if len(self._objectives) == 1:
                self.front = self.front[:1]

    @property
    def best(self) -> TrialResult | None:
        """The best trial so far; of several objectives, by the first; of equals, the one that ended first."""
        first = self._objectives[0]
        return min(self.front, key=lambda result: first.sign * result.values[0], default=None)

    def in_words(self) -> str:
        """Return the tally as one line."""
        counts = ", ".join(f"{count} {state}" for state, count in self.counts.items() if count)
        parts = [counts or "no trial yet"]
        if (best := self.best) is not None:
            parts.append(f"best {self._objectives[0].name} {score_of(best)} (trial {best.number})")
        if len(self._objectives) > 1:
            parts.append(f"{len(self.front)} on the Pareto front")
        if self.pace is not None:
            pace = f"{self.pace:.2g} s" if self.pace < 10 else duration(self.pace)
            parts.append(f"{pace} a trial")
        if self.left is not None:
            parts.append(f"{duration(self.left)} left" if self.done < self.total else "done")
        return " | ".join(parts)

    def of_trial(self, glimpse: Glimpse) -> str:
        """Return how a trial stands as one line: ``trial 12: epoch 37 of 100, roc_auc 0.8731 (best 0.8802)``."""
        objective = self._objectives[0]
        curve = glimpse.curves[f"val_{objective.name}"].mean(axis=1)
        best = objective.sign * (objective.sign * curve).min()
        return (
            f"trial {glimpse.number}: epoch {glimpse.epochs} of {glimpse.epochs_at_most}, "
            f"{objective.name} {number(float(curve[-1]))} (best {number(float(best))})"
        )


class Lines:
    """A plain line for each trial, for logs and pipes."""

    def __init__(self, opened: Opened, say: Callable[[str], None]) -> None:
        self._tally = Tally(opened)
        self._objective = opened.before.objective
        self._say = say

    def glimpsed(self, glimpse: Glimpse) -> None:
        """See ``View.glimpsed``; a log has a line a trial, when it has ended."""

    def ended(self, result: TrialResult) -> None:
        """See ``View.ended``."""
        self._tally.add(result)
        parts = [str(result.reason)] if result.reason else []
        if result.values:
            score = f"{self._objective} {score_of(result)}"
            parts.append(f"{score}, best epoch {result.best_epoch} of {result.epochs}")
        if result.message is not None:
            parts.append(result.message)
        outcome = (": " if result.reason else ", ").join(parts)
        self._say(
            f"trial {result.number} {result.state} ({self._tally.done}/{self._tally.total}, {result.seconds:.1f} s): "
            f"{outcome} | {self._tally.in_words()}"
        )

    def stop(self) -> None:
        """See ``View.stop``."""


class Bar:
    """A live line with a bar, and one for each trial that takes long, for a terminal."""

    def __init__(self, opened: Opened, console: Console) -> None:
        self._tally = Tally(opened)
        words = (TextColumn("{task.fields[count]}"), TextColumn("{task.description}", markup=False))
        self._progress = Progress(BarColumn(bar_width=24), *words, console=console)
        self._task = self._progress.add_task("", total=self._tally.total, count="")
        self._long: dict[int, TaskID] = {}
        self._show_tally()
        self._progress.start()

    def glimpsed(self, glimpse: Glimpse) -> None:
        """See ``View.glimpsed``."""
        if glimpse.number not in self._long:
            self._long[glimpse.number] = self._progress.add_task("", total=glimpse.epochs_at_most, count="")
        words = self._tally.of_trial(glimpse)
        self._progress.update(self._long[glimpse.number], completed=glimpse.epochs, description=words)
        self._show_tally()

    def ended(self, result: TrialResult) -> None:
        """See ``View.ended``."""
        self._tally.add(result)
        shown = self._long.pop(result.number, None)
        if shown is not None:
            self._progress.remove_task(shown)
        self._show_tally()
        if result.state is State.FAILED:
            self._progress.console.print(
                Text(f"trial {result.number} failed, {result.reason}: {result.message}")
            )

    def stop(self) -> None:
        """See ``View.stop``."""
        for shown in self._long.values():
            self._progress.remove_task(shown)
        self._progress.stop()

    def _show_tally(self) -> None:
        tally = self._tally
        self._progress.update(
            self._task,
            completed=tally.done,
            count=f"{tally.done}/{tally.total}",
            description=tally.in_words(),
            refresh=True,
        )


class Silent:
    """Shows nothing."""

    def glimpsed(self, glimpse: Glimpse) -> None:
        """See ``View.glimpsed``."""

    def ended(self, result: TrialResult) -> None:
        """See ``View.ended``."""

    def stop(self) -> None:
        """See ``View.stop``."""
