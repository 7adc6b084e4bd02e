"""A study that is shown nowhere: its own records are all there is."""

from collections.abc import Callable, Collection

from tuner.records import Glimpse, Params, TrialResult
from tuner.tracking.tracker import Ending, Outcome, StudyCard, TrackingReport


class Untracked:
    """Tells nobody."""

    trouble: str | None = None

    def started(self, card: StudyCard, ended: Collection[int], load: Callable[[int], TrialResult]) -> None:
        """See ``Tracker.started``."""

    def glimpsed(self, glimpse: Glimpse, params: Params) -> None:
        """See ``Tracker.glimpsed``."""

    def finished(self, result: TrialResult) -> None:
        """See ``Tracker.finished``."""

    def closed(self, ending: Ending, outcome: Outcome) -> TrackingReport:
        """See ``Tracker.closed``."""
        return TrackingReport("none", "", "", page=None, unsent=(), trouble=None)
