"""The records of a study: its trials in Optuna's database, their curves and predictions in files beside it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from tuner.errors import TunerError
from tuner.records import Params, Reason, State, TrialResult
from tuner.search.samplers import distribution_of
from tuner.search.sampling import Asked
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

_LOCK_SECONDS = 60  # how long a write waits while another process, a viewer say, reads the database


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
    """A study's records in a folder: ``study.db`` and ``oof/``.

    One process writes. A trial is written in two steps, each atomic: when it is asked, with its parameters, and
    when it has ended, its curves and predictions first. So whatever a crash leaves can be gone on from.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._name = name
        self._storage: RDBStorage | None = None
        self._study: optuna.Study | None = None

    @property
    def exists(self) -> bool:
        """Whether a study is recorded here."""
        return self._open() is not None

    def create(self, header: Header, *, maximize: bool) -> None:
        """Record a new study."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._study = optuna.create_study(
            storage=self._connect(),
            study_name=self._name,
            direction="maximize" if maximize else "minimize",
            load_if_exists=True,
        )
        self._study.set_user_attr("header", asdict(header))

    def header(self) -> Header:
        """Return what the study was started with."""
        recorded = dict(self._opened().user_attrs["header"])
        return Header(given=tuple(recorded.pop("given", ())), **recorded)

    def grow(self, header: Header, space: SearchSpace) -> None:
        """Go on with a space that all recorded trials lie in, and that its parameters are drawn from since.

        Optuna refuses a parameter whose options are not those of the trials before. So what these record as their
        options and ranges becomes that of the new space, all of it or nothing; values stay as they are.
        """
        storage = self._connect()
        study_id = storage.get_study_id_from_name(self._name)
        with storage.engine.begin() as connection:
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
        self._opened().set_user_attr("header", asdict(header))

    def asked(self, asked: Asked) -> None:
        """Record a trial's parameters; in the order of the numbers."""
        self._opened().add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=dict(asked.sampled),
                distributions=dict(asked.distributions),
                user_attrs={"params": dict(asked.params)},
            )
        )

    def ended(self, result: TrialResult) -> None:
        """Record how a trial ended."""
        storage = self._connect()
        self._write_arrays(result)
        study_id = storage.get_study_id_from_name(self._name)
        trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, result.number)
        storage.set_trial_user_attr(trial_id, "result", _to_json(result))
        state = _OPTUNA_STATES[result.state]
        storage.set_trial_state_values(trial_id, state, result.values or None)

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
        trial = self._trials()[number]
        arrays = self._read_arrays(number)
        outputs = arrays.pop("outputs", None)
        return replace(_from_json(trial), curves=arrays, oof=outputs)

    def curves(self, number: int) -> dict[str, np.ndarray]:
        """Return an ended trial's curves by fold alone, without asking the database."""
        with np.load(self._arrays_path(number)) as arrays:
            return {name: arrays[name] for name in arrays.files if name != "outputs"}

    def outputs(self, number: int) -> np.ndarray | None:
        """Return an ended trial's out-of-fold predictions alone, without asking the database; None without any."""
        with np.load(self._arrays_path(number)) as arrays:
            return arrays["outputs"] if "outputs" in arrays.files else None

    def close(self) -> None:
        """Let go of the database."""
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()
        self._storage = self._study = None

    def set_aside(self) -> Path:
        """Move the study's records to a folder with a dated name beside theirs, and return that."""
        self.close()
        stamp = datetime.now().astimezone().strftime("%Y-%m-%d_%H%M%S")
        target = self.folder.with_name(f"{self.folder.name}_{stamp}")
        target.mkdir()
        # The database first: what is left behind by a crash is then no study any more.
        for place in sorted(self.folder.iterdir(), key=lambda place: place.name != DATABASE):
            if not place.name.startswith("driver."):
                place.rename(target / place.name)
        return target

    def _connect(self) -> RDBStorage:
        if self._storage is None:
            path = self._database
            with _readable(path):
                self._storage = RDBStorage(
                    f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": _LOCK_SECONDS}}
                )
        return self._storage

    def _open(self) -> optuna.Study | None:
        if self._study is None and self._database.is_file():
            try:
                with _readable(self._database):
                    study = optuna.load_study(storage=self._connect(), study_name=self._name)
                    # Without a header the driver was killed before the study had begun.
                    self._study = study if "header" in study.user_attrs else None
            except KeyError:
                return None
        return self._study

    def _trials(self) -> list[FrozenTrial]:
        study = self._opened()
        with _readable(self._database):
            return study.get_trials(deepcopy=False)

    @property
    def _database(self) -> Path:
        return (self.folder / DATABASE).resolve()

    def _opened(self) -> optuna.Study:
        study = self._open()
        if study is None:
            raise TunerError(f"{self.folder}: no study is recorded here")
        return study

    def _arrays_path(self, number: int) -> Path:
        return self.folder / "oof" / f"trial-{number:04d}.npz"

    def _write_arrays(self, result: TrialResult) -> None:
        arrays = dict(result.curves or {})
        if result.oof is not None:
            arrays["outputs"] = result.oof
        path = self._arrays_path(result.number)
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        unfinished.replace(path)

    def _read_arrays(self, number: int) -> dict[str, np.ndarray]:
        with np.load(self._arrays_path(number)) as arrays:
            return {name: arrays[name] for name in arrays.files}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what reading a file raises that is no study's database into a TunerError."""
    try:
        yield
    except (DatabaseError, StorageInternalError) as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        raise TunerError(
            f"{path}: not a study's database, or damaged: {reason}; "
            "put a copy in its place, or move it away to start anew"
        ) from None


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
