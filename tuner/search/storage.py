"""The records of a study: its trials in Optuna's database, their curves and predictions beside it or in it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text

from tuner.errors import TunerError
from tuner.records import Params, Reason, State, TrialResult
from tuner.search.arrays import Arrays, DatabaseArrays, FolderArrays
from tuner.search.database import Database
from tuner.search.samplers import distribution_of
from tuner.search.sampling import Asked, constraint_notes, directions_of
from tuner.search.trial_rows import end_trial, insert_trial
from tuner.search.url import SQLITE
from tuner.space.space import SearchSpace

_OPTUNA_STATES = {
    State.COMPLETE: TrialState.COMPLETE,
    State.PRUNED: TrialState.PRUNED,
    State.FAILED: TrialState.FAIL,
}


DATABASE = "study.db"
"""The database's name in a study's folder."""

_PARAMS = text(
    "SELECT param_id, param_name, param_value, distribution_json FROM trial_params "
    "WHERE trial_id IN (SELECT trial_id FROM trials WHERE study_id = :study)"
)
_REDRAWN = text(
    "UPDATE trial_params SET param_value = :value, distribution_json = :distribution WHERE param_id = :id"
)


@dataclass(frozen=True, slots=True)
class Header:
    """What a study was started with.

    Attributes:
        id: unique to this study; a fresh study of the same name has another.
        created: when it was started, ISO 8601 with its offset from UTC.
        config: all that determines the result, as ``StudyConfig.canonical`` gives it.
        data: the data's fingerprint.
        splits: SHA-256 of the held-out rows and the folds.
        versions: of the libraries whose arithmetic the result depends on.
        about: what ``tune show`` says of the study: task, objective, rows, columns, seed.
        machine: where it was started: python, system, processor, instructions; empty where that is not known.
        given: configurations from another study, tried after the default one and the study file's ``first``.
        origin: that study's ``name`` and ``id``; empty where there is none.
    """

    id: str
    created: str
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    splits: str
    versions: Mapping[str, str]
    about: Mapping[str, Any]
    machine: Mapping[str, str] = field(default_factory=dict)
    given: Sequence[Params] = ()
    origin: Mapping[str, str] = field(default_factory=dict)


class StudyStore:
    """A study's records: ``study.db`` and ``oof/`` in a folder, or all of them in a database that machines share.

    One process writes. A trial is written in two steps, each atomic: when it is asked, with its parameters, and
    when it has ended, its curves and predictions first. So whatever a crash leaves can be gone on from.

    Args:
        folder: the study's outputs.
        name: the study's name.
        url: the database that machines share, as ``complete_url`` gives it; None for the files in the folder.
    """

    def __init__(self, folder: Path, name: str, url: str | None = None) -> None:
        self.folder = folder
        self._name = name
        self._url = url
        self._database = Database(url or f"{SQLITE}{(folder / DATABASE).resolve()}")
        self._study: optuna.Study | None = None
        self._trial_ids: dict[int, int] = {}
        self._still_mine: Callable[[], None] = lambda: None

    @property
    def exists(self) -> bool:
        """Whether a study is recorded here."""
        return self._open() is not None

    def guard(self, still_mine: Callable[[], None]) -> None:
        """Have a function called before each write; it raises where this process may not write any more."""
        self._still_mine = still_mine

    def create(self, header: Header, *, maximize: bool, others: Sequence[str] = ()) -> None:
        """Record a new study.

        Args:
            header: what it is started with.
            maximize: whether larger scores are better.
            others: ``maximize`` or ``minimize`` for each objective after the first.
        """
        self._still_mine()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._database.reading():
            self._study = optuna.create_study(
                storage=self._database.storage,
                study_name=self._name,
                directions=directions_of(maximize, others),
                load_if_exists=True,
            )
            if self._url is not None:
                DatabaseArrays.make_table(self._database)
            self._study.set_user_attr("header", asdict(header))

    def header(self) -> Header:
        """Return what the study was started with."""
        with self._database.reading():
            recorded = dict(self._opened().user_attrs["header"])
        return Header(given=tuple(recorded.pop("given", ())), **recorded)

    def grow(self, header: Header, space: SearchSpace) -> None:
        """Go on with a space that all recorded trials lie in, and that its parameters are drawn from since.

        Optuna refuses a parameter whose options are not those of the trials before. So what these record as their
        options and ranges becomes that of the new space, all of it or nothing; values stay as they are.
        """
        self._still_mine()
        study_id = self._opened()._study_id
        with self._database.reading(), self._database.engine.begin() as connection:
            for row in connection.execute(_PARAMS, {"study": study_id}).all():
                param = space.parameter(row.param_name)
                distribution = None if param is None else distribution_of(param)
                if distribution is None:
                    continue
                value = json_to_distribution(row.distribution_json).to_external_repr(row.param_value)
                changed = {
                    "id": row.param_id,
                    "value": distribution.to_internal_repr(value),
                    "distribution": distribution_to_json(distribution),
                }
                connection.execute(_REDRAWN, changed)
        self.close()  # Optuna remembers trials as it read them
        with self._database.reading():
            self._opened().set_user_attr("header", asdict(header))

    def asked(self, asked: Asked) -> None:
        """Record a trial's parameters; in the order of the numbers."""
        self._still_mine()
        study_id = self._opened()._study_id
        with self._database.reading(), self._database.engine.begin() as connection:
            self._trial_ids[asked.number] = insert_trial(
                connection,
                study_id,
                asked.number,
                asked.sampled,
                asked.distributions,
                {"params": dict(asked.params)},
            )

    def ended(self, result: TrialResult) -> None:
        """Record how a trial ended."""
        trial_id = self._trial_id(result.number)
        self._still_mine()
        arrays = dict(result.curves or {})
        if result.oof is not None:
            arrays["outputs"] = result.oof
        self._arrays.write(result.number, arrays)
        state, record = _OPTUNA_STATES[result.state], {"result": _to_json(result)}
        notes = constraint_notes(result.constraints or {})
        with self._database.reading(), self._database.engine.begin() as connection:
            end_trial(connection, trial_id, state, result.values, record, notes)

    def asked_trials(self) -> list[Asked]:
        """Return every trial that was asked, in the order of the numbers."""
        return [
            Asked(trial.number, trial.user_attrs["params"], trial.params, trial.distributions)
            for trial in self._trials()
        ]

    def results(self) -> dict[int, TrialResult]:
        """Return the ended trials by number, without their curves by fold and predictions."""
        return {trial.number: _from_json(trial) for trial in self._trials() if trial.state.is_finished()}

    def load(self, number: int) -> TrialResult:
        """Return an ended trial with its curves by fold and predictions."""
        with self._database.reading():
            trial = self._database.storage.get_trial(self._trial_id(number))
        arrays = self._arrays.read(number)
        outputs = arrays.pop("outputs", None)
        return replace(_from_json(trial), curves=arrays, oof=outputs)

    def curves(self, number: int) -> dict[str, np.ndarray]:
        """Return an ended trial's curves by fold alone, without its scores."""
        arrays = self._arrays.read(number)
        arrays.pop("outputs", None)
        return arrays

    def outputs(self, number: int) -> np.ndarray | None:
        """Return an ended trial's out-of-fold predictions alone, without its scores; None without any."""
        return self._arrays.read(number, "outputs").get("outputs")

    @property
    def place(self) -> str:
        """What messages call where the records lie: the folder, or the database and the name that they have there."""
        return str(self.folder) if self._url is None else f"{self._database.place} under '{self._name}'"

    @property
    def is_shared(self) -> bool:
        """Whether the records lie in a database that machines share."""
        return self._url is not None

    def note(self, name: str, value: Mapping[str, Any]) -> None:
        """Record something of the study as a whole, JSON values, in place of what had this name."""
        self._still_mine()
        with self._database.reading():
            self._opened().set_user_attr(name, dict(value))

    def noted(self, name: str) -> dict[str, Any] | None:
        """Return what was recorded by ``note``; None for nothing."""
        with self._database.reading():
            value = self._opened().user_attrs.get(name)
            return None if value is None else dict(value)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()
        self._study = None
        self._trial_ids.clear()

    def set_aside(self) -> Path:
        """Give the study and its folder a dated name, and return the folder of that name."""
        self._still_mine()
        stamp = datetime.now().astimezone().strftime("%Y-%m-%d_%H%M%S")
        target = self.folder.with_name(f"{self.folder.name}_{stamp}")
        if self._url is not None:
            self._rename(f"{self._name}_{stamp}")
        self.close()
        target.mkdir()
        # The database first: what is left behind by a crash is then no study any more.
        for place in sorted(self.folder.iterdir(), key=lambda place: place.name != DATABASE):
            if not place.name.startswith("driver."):
                place.rename(target / place.name)
        return target

    def _rename(self, name: str) -> None:
        statement = text("UPDATE studies SET study_name = :new WHERE study_name = :old")
        with self._database.reading(), self._database.engine.begin() as connection:
            connection.execute(statement, {"new": name, "old": self._name})

    def _open(self) -> optuna.Study | None:
        if self._study is None and self._database.has_tables():
            try:
                with self._database.reading():
                    study = optuna.load_study(storage=self._database.storage, study_name=self._name)
                    # Without a header the driver was killed before the study had begun.
                    self._study = study if "header" in study.user_attrs else None
            except KeyError:
                return None
        return self._study

    @property
    def _arrays(self) -> Arrays:
        if self._url is None:
            return FolderArrays(self.folder / "oof")
        return DatabaseArrays(self._database, self._opened()._study_id)

    def _trials(self) -> list[FrozenTrial]:
        study = self._opened()
        with self._database.reading():
            trials = study.get_trials(deepcopy=False)
        self._trial_ids |= {trial.number: trial._trial_id for trial in trials}
        return trials

    def _trial_id(self, number: int) -> int:
        """Return Optuna's id of a trial; to look it up anew for each would read all trials for each."""
        if number not in self._trial_ids:
            self._trials()
        return self._trial_ids[number]

    def _opened(self) -> optuna.Study:
        study = self._open()
        if study is None:
            raise TunerError(f"{self.place}: no study is recorded here")
        return study


_SCALARS = (
    "values",
    "fold_values",
    "best_epoch",
    "epochs",
    "metrics",
    "fold_metrics",
    "curve",
    "seconds",
    "parameters",
    "latency_ms",
    "constraints",
    "message",
    "same_as",
)


def _to_json(result: TrialResult) -> dict[str, Any]:
    """Return a result without its arrays as JSON values; NaN becomes null, which JSON has."""
    record = {name: _without_nan(getattr(result, name)) for name in _SCALARS}
    return {"state": result.state.value, "reason": result.reason and result.reason.value, **record}


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _from_json(trial: FrozenTrial) -> TrialResult:
    record = dict(trial.user_attrs["result"])
    state, reason = State(record.pop("state")), record.pop("reason")
    return TrialResult(
        number=trial.number,
        state=state,
        params=trial.user_attrs["params"],
        reason=Reason(reason) if reason else None,
        **{name: _with_nan(value) for name, value in record.items()},
    )


def _with_nan(value: Any) -> Any:
    """Return lists as tuples, and null in them, or as a metric's value, as NaN."""
    if isinstance(value, dict):
        return {name: math.nan if item is None else _with_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return tuple(math.nan if item is None else _with_nan(item) for item in value)
    return value
