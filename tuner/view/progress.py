"""A search as it goes: one live line in a terminal, a plain line a trial elsewhere."""

from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from tuner.records import State, TrialResult
from tuner.report.wording import duration, score_of
from tuner.run import Opened
from tuner.summary import front_of


class View(Protocol):
    """Shows a search while it runs."""

    def ended(self, result: TrialResult) -> None:
        """Show a trial that ended."""

    def stop(self) -> None:
        """Leave the terminal as it was found."""


class Tally:
    """What a search has come to so far."""

    def __init__(self, opened: Opened) -> None:
        self._objectives = opened.before.objectives
        ended = (State.COMPLETE, State.PRUNED, State.FAILED)
        self.counts: dict[State, int] = {state: opened.before.count(state) for state in ended}
        self.front = opened.before.front()
        self.total = opened.n_trials
        self._seconds, self._n_timed = 0.0, 0

    @property
    def done(self) -> int:
        """Trials that have ended, those of earlier runs included."""
        return sum(self.counts.values())

    @property
    def pace(self) -> float | None:
        """Mean seconds a trial in this run; None before the first."""
        return self._seconds / self._n_timed if self._n_timed else None

    def add(self, result: TrialResult) -> None:
        """Count a trial that ended."""
        if result.same_as is None:
            self._seconds += result.seconds
            self._n_timed += 1
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
            left = max(0, self.total - self.done)
            parts.append(f"{self.pace:.2g} s a trial")
            parts.append(f"{duration(left * self.pace)} left" if left else "done")
        return " | ".join(parts)


class Lines:
    """A plain line for each trial, for logs and pipes."""

    def __init__(self, opened: Opened, say: Callable[[str], None]) -> None:
        self._tally = Tally(opened)
        self._objective = opened.before.objective
        self._say = say

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
    """One live line with a bar, for a terminal."""

    def __init__(self, opened: Opened, console: Console) -> None:
        self._tally = Tally(opened)
        self._progress = Progress(
            BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}"), console=console
        )
        self._task = self._progress.add_task(
            self._tally.in_words(), total=self._tally.total, completed=self._tally.done
        )
        self._progress.start()

    def ended(self, result: TrialResult) -> None:
        """See ``View.ended``."""
        self._tally.add(result)
        self._progress.update(
            self._task, completed=self._tally.done, description=self._tally.in_words(), refresh=True
        )
        if result.state is State.FAILED:
            self._progress.console.print(
                Text(f"trial {result.number} failed, {result.reason}: {result.message}")
            )

    def stop(self) -> None:
        """See ``View.stop``."""
        self._progress.stop()


class Silent:
    """Shows nothing."""

    def ended(self, result: TrialResult) -> None:
        """See ``View.ended``."""

    def stop(self) -> None:
        """See ``View.stop``."""
