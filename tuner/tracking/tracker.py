"""The seam between a study and whatever shows its trials to people."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from tuner.records import Glimpse, Params, TrialResult


@dataclass(frozen=True, slots=True)
class DataCard:
    """What a tracker is told of a study's table; never its content.

    Attributes:
        name: how it is called.
        digest: its content's hash.
        place: where it was read from.
        rows: how many rows have a target.
        held_out: how many of them the search never sees.
        columns: name -> kind of each column that a model sees.
        target: the columns to predict.
    """

    name: str
    digest: str
    place: str
    rows: int
    held_out: int
    columns: Mapping[str, str]
    target: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StudyCard:
    """What a tracker is told of a study, once.

    Attributes:
        id: unique to this study; a fresh study of the same name has another.
        name: the study's name, shown as the parent run's name.
        experiment: the experiment that holds the study.
        objective: the metric that trials are judged by; several are joined by ``", "``.
        direction: ``maximize`` or ``minimize``; several are joined by ``", "``.
        tags: further tags of the parent run.
        params: what the study was started with (seed, folds, hash of the data, ...), as text.
        note: Markdown for the parent run's page.
        data: the table.
        metrics: what trials are scored by, the objective first.
        searched: names of the parameters that differ between trials.
        others: the objectives after the first, by name.
    """

    id: str
    name: str
    experiment: str
    objective: str
    direction: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    note: str
    data: DataCard
    metrics: tuple[str, ...]
    searched: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A final model, as others load and serve it.

    Attributes:
        folder: the model folder.
        loader: the module whose ``_load_pyfunc(path)`` returns what predicts.
        digest: changes whenever the model does.
        inputs: name -> kind of each column that it reads.
        outputs: name -> kind of each column that it gives.
        example: some rows that it can read, a mapping of column to value each.
        requirements: pinned packages, such as ``keras==3.15.1``.
    """

    folder: Path
    loader: str
    digest: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    example: tuple[Mapping[str, Any], ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a study has come to.

    Attributes:
        numbers: of the study as a whole, such as ``best_score``, ``trials`` and ``held_out/accuracy``.
        best: numbers of the best trials; one, unless there are several objectives; () where none completed.
        params: the best trial's parameters.
        note: Markdown for the parent run's page, below what the card says.
        model: the final model; None where there is none.
    """

    numbers: Mapping[str, float]
    best: tuple[int, ...] = ()
    params: Params = field(default_factory=dict)
    note: str = ""
    model: ModelCard | None = None


class Ending(StrEnum):
    """How a study's run ended."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class TrackingReport:
    """What became of a study's records.

    Attributes:
        uri: the tracking store, without a password.
        experiment_id: the experiment's id in it.
        parent_run_id: the id of the study's run.
        page: where a browser finds the trials; None where no server shows the store (``tune ui`` starts one).
        unsent: names of the runs that are not complete in the store, such as ``trial-0007``; the next
            ``started`` sends their trials again.
        trouble: why they are unsent, in a sentence; None where everything was sent.
    """

    uri: str
    experiment_id: str
    parent_run_id: str
    page: str | None
    unsent: tuple[str, ...]
    trouble: str | None


class Tracker(Protocol):
    """Told of a study as it goes; never steers it and never holds it up.

    The calls come in the order ``started``, ``finished`` for each trial that ends, ``closed``, all from one
    thread; ``glimpsed`` comes between the first and the last of them, from any thread. A tracker that has told of a
    trial knows it after a restart: no trial is shown twice.
    """

    @property
    def trouble(self) -> str | None:
        """Why something cannot be told now, in a sentence; None while all can."""

    def started(self, card: StudyCard, ended: Collection[int], load: Callable[[int], TrialResult]) -> None:
        """Make the study known, or take it up where an interrupted driver left it.

        Args:
            card: the study.
            ended: numbers of the trials that have ended before; those not yet told completely are told now.
            load: gives the result of an ended trial; may be called later and from another thread.

        Raises:
            TunerError: the records cannot be kept there; raised before anything is trained.
        """

    def glimpsed(self, glimpse: Glimpse, params: Params) -> None:
        """Tell how a trial stands that is being evaluated, if that can be told now; returns at once.

        Args:
            glimpse: how it stands.
            params: what it tries.
        """

    def finished(self, result: TrialResult) -> None:
        """Tell of a trial that ended; returns at once."""

    def closed(self, ending: Ending, outcome: Outcome) -> TrackingReport:
        """Wait until everything is told, while there is progress, and end the study's record.

        Args:
            ending: whether the study came to its end.
            outcome: what it has come to.
        """
