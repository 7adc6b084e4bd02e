"""Keep a study in MLflow: one parent run a study, one child run a trial."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tuner.errors import TunerError
from tuner.records import Glimpse, Params, TrialResult
from tuner.tracking.mlflow_data import data_input
from tuner.tracking.mlflow_model import send_model
from tuner.tracking.mlflow_outcome import write_best, write_outcome
from tuner.tracking.mlflow_records import (
    LONGEST_TAG,
    SHOWN,
    STATUS,
    Shown,
    curve_points,
    cut,
    glimpse_tags,
    legal_name,
    origin_tags,
    rest_of,
    run_name,
    texts,
    timed,
    trial_points,
    trial_tags,
)
from tuner.tracking.mlflow_rows import EndedRun, rows_beside
from tuner.tracking.mlflow_runs import ENDED, all_runs, is_left, keep_first, log
from tuner.tracking.mlflow_store import answers, connect, is_refusal, runs_page, shown, take_experiment, why
from tuner.tracking.mlflow_view import view_key, view_state, view_tag
from tuner.tracking.outbox import PATIENCE_S, Dropped, NotDelivered, Outbox, Record, Refused
from tuner.tracking.tracker import Ending, Outcome, StudyCard, TrackingReport

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_STUDY_ID = "tuner.study_id"
_ENDINGS: Mapping[Ending, str] = {Ending.FINISHED: "FINISHED", Ending.INTERRUPTED: "KILLED"}


@dataclass(frozen=True, slots=True)
class _Child:
    """The run of a trial.

    Attributes:
        id: the run's id.
        start: when it started, in milliseconds since 1970. Points get times relative to it, so that a
            repeated call repeats the very same points, and MLflow adds none.
    """

    id: str
    start: int


class MlflowTracker:
    """A ``Tracker`` that writes to an MLflow store; for one study.

    Everything after ``started`` is written by a thread. What cannot be written while the store is away waits,
    and what waits when the driver ends is written at the next ``started``.
    """

    def __init__(self, uri: str, artifact_folder: Path | None) -> None:
        """Store where to write; nothing is opened.

        Args:
            uri: ``http(s)://``, ``sqlite:///`` or another database that MLflow supports.
            artifact_folder: where a new experiment keeps files; None leaves that to the server.
        """
        self.uri = uri
        self.artifact_folder = artifact_folder
        self._outbox = Outbox()
        self._children: dict[int, _Child] = {}
        self._shown: dict[int, Shown] = {}  # by trial, from its first glimpse until its run is complete
        self._torn: set[int] = set()  # trials of whose epochs nobody knows which their run has
        self._finished: set[int] = set()
        self._doubtful: set[int] = set()
        self._repeated = False

    @property
    def trouble(self) -> str | None:
        """Why trials are not shown yet, in a sentence; None while all is well."""
        return self._outbox.trouble

    def started(self, card: StudyCard, ended: Collection[int], load: Callable[[int], TrialResult]) -> None:
        """See ``Tracker.started``.

        Raises:
            TunerError: the store does not answer within about ten seconds, cannot be written, or its
                experiment is deleted.
        """
        self._client: MlflowClient = connect(self.uri)
        self._experiment = take_experiment(self._client, self.uri, card.experiment, self.artifact_folder)
        self._card = card
        with answers(self.uri):
            self._parent_id = self._take_parent(card)
            data = data_input(card.data).dataset
            self._rows = rows_beside(self._client, self.uri, self._parent_id, data)
            runs = self._take_children()
            for number in [number for number, run in runs.items() if is_left(run)]:
                # Its points have times that only the driver knew which is gone. The trial is told anew.
                self._delete_child(number)
                del runs[number]
            self._client.set_experiment_tag(self._experiment.id, view_tag(card.name), view_state(card))
        self._finished.update(ended)
        complete = {number for number, run in runs.items() if run.info.status in ENDED}
        for number in sorted(set(ended) - complete):
            self._put(number, partial(_loaded, load, number))
        self._outbox.start()

    def glimpsed(self, glimpse: Glimpse, params: Params) -> None:
        """See ``Tracker.glimpsed``; while the store is away nothing is told."""
        if glimpse.number not in self._finished:
            self._outbox.offer(Record(run_name(glimpse.number), lambda: self._try_to_show(glimpse, params)))

    def finished(self, result: TrialResult) -> None:
        """See ``Tracker.finished``."""
        self._finished.add(result.number)
        # Out-of-fold outputs are the study's own record; they would fill the memory while a server is away.
        kept = replace(result, oof=None)
        self._put(result.number, lambda: kept)

    def closed(
        self,
        ending: Ending,
        outcome: Outcome,
        patience_s: float = PATIENCE_S,
    ) -> TrackingReport:
        """See ``Tracker.closed``; gives up after ``patience_s`` seconds without progress.

        Raises:
            KeyboardInterrupt: the user did not want to wait; the rest is sent at the next ``started``.
        """
        end, name = _now_ms(), self._card.name
        self._outbox.put(Record(name, lambda: self._guarded(lambda: self._close(ending, outcome, end))))
        if outcome.best:
            # A record of its own: a server may keep runs and refuse files.
            self._outbox.put(
                Record(f"{name}'s files", lambda: self._guarded(lambda: self._send_files(outcome)))
            )
        self._outbox.drain(patience_s)
        is_server = urlsplit(self.uri).scheme in ("http", "https")
        return TrackingReport(
            uri=shown(self.uri),
            experiment_id=self._experiment.id,
            parent_run_id=self._parent_id,
            page=runs_page(shown(self.uri), self._experiment.id, view_key(name)) if is_server else None,
            unsent=self._outbox.unsent,
            trouble=self._outbox.trouble,
        )

    def _put(self, number: int, result: Callable[[], TrialResult]) -> None:
        end = _now_ms()
        self._outbox.put(
            Record(run_name(number), lambda: self._guarded(lambda: self._send_trial(result(), end)))
        )

    def _guarded(self, send: Callable[[], None]) -> None:
        """Call ``send`` and sort MLflow's exceptions into those that pass and those that do not."""
        try:
            send()
        except Exception as error:
            if isinstance(error, Refused) or (reason := why(error)) is None:
                raise
            if is_refusal(error):
                raise Refused(reason) from error
            raise NotDelivered(f"MLflow ({shown(self.uri)}): {reason}") from error

    def _try_to_show(self, glimpse: Glimpse, params: Params) -> None:
        try:
            self._guarded(lambda: self._show(glimpse, params))
        except (NotDelivered, Refused) as reason:
            raise Dropped(str(reason)) from reason

    def _take_parent(self, card: StudyCard) -> str:
        """Return the id of the study's run, RUNNING, with what the card says."""
        tags = {
            **card.tags,
            "tuner.kind": "study",
            _STUDY_ID: card.id,
            "tuner.objective": card.objective,
            "tuner.direction": card.direction,
            "mlflow.note.content": card.note,
            **origin_tags(),
        }
        tags = {name: cut(text, LONGEST_TAG) for name, text in tags.items()}
        params = texts(card.params)
        known = all_runs(self._client, self._experiment.id, "study", f"tags.`{_STUDY_ID}` = '{card.id}'")
        if not known:
            run = self._client.create_run(self._experiment.id, tags={**tags, "mlflow.runName": card.name})
        else:
            run = keep_first(self._client, known)
            self._client.update_run(run.info.run_id, status="RUNNING")
            # MLflow never changes a param: those that the study was started with stay.
            params = {name: text for name, text in params.items() if name not in run.data.params}
        log(self._client, run.info.run_id, params=params, tags=tags)
        self._client.log_inputs(run.info.run_id, [data_input(card.data)])
        return str(run.info.run_id)

    def _take_children(self) -> dict[int, "Run"]:
        """Learn which trials have a run, delete second ones, and return the runs by the trials' numbers."""
        by_number: dict[int, list[Run]] = {}
        of_study = f"tags.`mlflow.parentRunId` = '{self._parent_id}'"
        for run in all_runs(self._client, self._experiment.id, "trial", of_study):
            by_number.setdefault(int(run.data.tags["tuner.trial"]), []).append(run)
        kept = {number: keep_first(self._client, runs) for number, runs in by_number.items()}
        for number, run in kept.items():
            self._children[number] = _child(run)
            if _STUDY_ID not in run.data.tags:
                self._client.set_tag(run.info.run_id, _STUDY_ID, self._card.id)
        return kept

    def _delete_child(self, number: int) -> None:
        self._client.delete_run(self._children[number].id)
        del self._children[number]
        self._shown.pop(number, None)
        self._torn.discard(number)

    def _show(self, glimpse: Glimpse, params: Params) -> None:
        """Write the epochs of a trial that is being evaluated to its run, as far as it has not got them."""
        number, tags, now = glimpse.number, glimpse_tags(glimpse), _now_ms()
        if number in self._torn:
            self._delete_child(number)
        if number not in self._children:
            start = now - round(glimpse.seconds * 1000)
            child = self._create_child(number, start, {**tags, SHOWN: "true"})
            self._shown[number] = Shown(0, child.start)
        child, shown = self._children[number], self._shown.get(number)
        if shown is None:
            return  # the run of an earlier result, which the one to come completes
        points = rest_of(curve_points(glimpse.curves), shown, Shown(glimpse.epochs, now))
        self._torn.add(number)  # until it is known that the call was carried out
        log(self._client, child.id, points, texts(params), tags)
        self._torn.discard(number)
        if glimpse.epochs > shown.epochs:
            self._shown[number] = Shown(glimpse.epochs, now)

    def _send_trial(self, result: TrialResult, end: int) -> None:
        """Write a trial's run, or complete it from whatever there is of it."""
        number, start = result.number, end - round(result.seconds * 1000)
        if number in self._torn:
            self._delete_child(number)
        if self._rows is None or number in self._children or number in self._doubtful:
            self._complete_child(result, start, end)
            return
        tags = {**trial_tags(result), **self._child_tags(number)}
        points = timed(trial_points(result, self._card.others), start, end - start)
        run = EndedRun(run_name(number), STATUS[result.state], start, end, tags, texts(result.params), points)
        self._doubtful.add(number)  # until it is known that there is a run now
        self._children[number] = _Child(self._rows.add(run), start)
        self._doubtful.discard(number)

    def _complete_child(self, result: TrialResult, start: int, end: int) -> None:
        """Write what a trial's run has not got, call by call; it counts as complete with the last one."""
        tags, number = trial_tags(result), result.number
        child = self._children.get(number) or self._create_child(number, start, tags)
        points, shown = trial_points(result, self._card.others), self._shown.get(number)
        if shown is None:
            length = end - start
            end = child.start + length
            sent = timed(points, child.start, length)
        else:
            sent = rest_of(points, shown, Shown(result.epochs, end))
        log(self._client, child.id, sent, texts(result.params), tags)
        self._client.log_inputs(child.id, [data_input(self._card.data, described=False)])
        self._client.set_terminated(child.id, STATUS[result.state], end)
        self._shown.pop(number, None)

    def _create_child(self, number: int, start: int, tags: Mapping[str, str]) -> _Child:
        known: list[Run] = []
        if number in self._doubtful:
            self._repeated = True
            same_trial = (
                f"tags.`mlflow.parentRunId` = '{self._parent_id}' and tags.`tuner.trial` = '{number}'"
            )
            known = all_runs(self._client, self._experiment.id, "trial", same_trial)
        if known:
            run = keep_first(self._client, known)
        else:
            tags = {**tags, **self._child_tags(number), "mlflow.runName": run_name(number)}
            self._doubtful.add(number)
            run = self._client.create_run(self._experiment.id, start_time=start, tags=tags)
        self._doubtful.discard(number)
        self._children[number] = _child(run)
        return self._children[number]

    def _child_tags(self, number: int) -> dict[str, str]:
        """Return what a trial's run has said of it since it was begun."""
        return {
            "mlflow.parentRunId": self._parent_id,
            "tuner.kind": "trial",
            _STUDY_ID: self._card.id,
            "tuner.trial": str(number),
            **origin_tags(),
        }

    def _close(self, ending: Ending, outcome: Outcome, end: int) -> None:
        if self._repeated:
            # A server that hung may have created a run after it was asked whether there is one.
            self._take_children()
        points = [
            (legal_name(name), float(value), end, 0)
            for name, value in outcome.numbers.items()
            if isfinite(value)
        ]
        log(self._client, self._parent_id, points)
        runs = {number: child.id for number, child in self._children.items()}
        write_outcome(self._client, self._experiment.id, self._parent_id, self._card.note, outcome, runs)
        for number in self._shown.keys() - self._finished:
            note = {"mlflow.note.content": "interrupted; the next run of the study evaluates it again"}
            log(self._client, runs[number], tags=note)
            self._client.set_terminated(runs[number], _ENDINGS[Ending.INTERRUPTED], end)
        self._client.set_terminated(self._parent_id, _ENDINGS[ending], end)

    def _send_files(self, outcome: Outcome) -> None:
        write_best(self._client, self._parent_id, outcome)
        if outcome.model is not None:
            held_out = {name: value for name, value in outcome.numbers.items() if name.startswith("held_out")}
            send_model(self._client, self._experiment.id, self._parent_id, outcome.model, held_out)


def _child(run: "Run") -> _Child:
    return _Child(id=str(run.info.run_id), start=int(run.info.start_time))


def _loaded(load: Callable[[int], TrialResult], number: int) -> TrialResult:
    try:
        return load(number)
    except (TunerError, OSError) as error:
        raise Refused(f"its result cannot be read: {error}") from error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
