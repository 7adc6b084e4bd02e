"""Reach an MLflow store, quietly, in seconds, or say in one sentence why not."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from tuner.errors import TunerError

if TYPE_CHECKING:
    from mlflow import MlflowClient

CONNECT_S = 8
"""Seconds for a server or a database to answer one call."""

CREATE_S = 60
"""Seconds to wait for another process that creates the same SQLite store; one takes three."""

SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")

ENVIRONMENT: Mapping[str, str] = {
    # A call fails in seconds. MLflow repeats none itself: it would also repeat a call that the server has
    # carried out without being heard, and so create a run twice.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(CONNECT_S),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    # Whatever it logs as an error it also raises, and then it is said in a sentence.
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""MLflow's settings; one that the user has set stays as it is."""

_NEVER = frozenset(
    {"INVALID_PARAMETER_VALUE", "INVALID_STATE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"}
)
"""Answers of MLflow that do not change when the same is asked again."""

_NO_ACCESS = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED"})


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment that takes runs.

    Attributes:
        id: its id in the store.
        name: its name.
        tags: names of its tags.
    """

    id: str
    name: str
    tags: frozenset[str]


def shown(uri: str) -> str:
    """Return a tracking URI as it may be shown: without user and password."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def sqlite_uri(database: Path) -> str:
    """Return the tracking URI of a SQLite file; what a URI reads as something else is quoted."""
    return "sqlite:///" + str(database.resolve()).replace("%", "%25").replace("?", "%3F")


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a ``sqlite:///`` URI; None for any other."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(unquote(uri.removeprefix("sqlite:///").partition("?")[0]))


def runs_page(server: str, experiment_id: str, view: str | None) -> str:
    """Return where a browser finds an experiment's runs.

    Args:
        server: the server's address.
        experiment_id: the experiment.
        view: the key of the shared view to show; None for the runs sorted by creation, under which alone MLflow shows
            child runs beneath their parent.
    """
    page = f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs"
    if view is not None:
        return f"{page}?viewStateShareKey={view}"
    return f"{page}?orderByKey=attributes.start_time&orderByAsc=false"


def connect(uri: str) -> "MlflowClient":
    """Return a client of the store at ``uri``; a SQLite store that does not exist is created.

    Raises:
        TunerError: the URI has another scheme, or its database cannot be reached or written. A server is
            not asked before the first call.
    """
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme not in SCHEMES:
        raise TunerError(
            f"tracking: '{shown(uri)}' is not a place for records; it must begin with one of: "
            + ", ".join(f"{name}://" for name in SCHEMES)
        )
    client_class = _import_mlflow()
    if scheme in ("http", "https"):
        return client_class(uri)
    from sqlalchemy.exc import SADeprecationWarning

    database = sqlite_path(uri)
    with _one_creator(database), answers(uri), warnings.catch_warnings():
        # SQLAlchemy tells MLflow of an option (noload) that it will drop; a user of ours cannot mend that.
        warnings.simplefilter("ignore", SADeprecationWarning)
        if database is not None and not (database.exists() and database.stat().st_size):
            _create_database(database, client_class)
        _touch_database(uri)
        return client_class(uri)


def check_reachable(uri: str, experiment: str) -> None:
    """See that a server or a database takes records, without writing any; a file of SQLite is made when it is needed.

    Args:
        uri: the store.
        experiment: the name of the experiment.

    Raises:
        TunerError: it does not answer, or its experiment is deleted.
    """
    if uri.startswith("sqlite:"):
        return
    if uri.startswith(("http://", "https://")):
        find_experiment(connect(uri), uri, experiment)
        return
    _import_mlflow()
    with answers(uri):
        _touch_database(uri)


def take_experiment(client: "MlflowClient", uri: str, name: str, artifact_folder: Path | None) -> Experiment:
    """Return the experiment called ``name``; it is created if it does not exist.

    Args:
        client: a client of the store.
        uri: the store, for messages.
        name: the experiment's name.
        artifact_folder: where a new experiment keeps files; None leaves that to the server.

    Raises:
        TunerError: the experiment is deleted, or the store does not answer.
    """
    found = find_experiment(client, uri, name)
    if found is None:
        place = None if artifact_folder is None else artifact_folder.resolve().as_uri()
        with answers(uri):
            try:
                # The tag lets MLflow open the experiment with runs and charts, not with traces of language models.
                client.create_experiment(name, place, {"mlflow.experimentKind": "custom_model_development"})
            except Exception as error:
                if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
                    raise
        found = find_experiment(client, uri, name)
    if found is None:
        raise TunerError(f"tracking: {shown(uri)} does not answer as an MLflow server does")
    return found


def find_experiment(client: "MlflowClient", uri: str, name: str) -> Experiment | None:
    """Return the experiment called ``name``, or None.

    Raises:
        TunerError: the experiment is deleted, or the store does not answer.
    """
    with answers(uri):
        found = client.get_experiment_by_name(name)
    if found is None or not found.experiment_id:
        return None
    if found.lifecycle_stage == "deleted":
        raise TunerError(
            f"tracking: experiment '{name}' is deleted in {shown(uri)}; name another one in the study file "
            "(tracking: {experiment: ...}), or restore it: MLFLOW_TRACKING_URI="
            f"{shown(uri)} mlflow experiments restore --experiment-id {found.experiment_id}"
        )
    return Experiment(id=str(found.experiment_id), name=name, tags=frozenset(found.tags))


@contextmanager
def answers(uri: str) -> Iterator[None]:
    """Turn MLflow's and the database's exceptions into a TunerError that says why a store does not answer."""
    try:
        yield
    except Exception as error:
        if (reason := why(error)) is None:
            raise
        way_out = "" if uri.startswith("sqlite:") else "; see that it runs and that its address is right"
        raise TunerError(f"tracking: {shown(uri)}: {reason}{way_out}") from error


def why(error: Exception) -> str | None:
    """Return why a call to MLflow failed, in one sentence; None for an exception of another origin."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException, Timeout
    from sqlalchemy.exc import SQLAlchemyError
    from urllib3.exceptions import NewConnectionError
    from urllib3.exceptions import TimeoutError as NoAnswer

    if isinstance(error, SQLAlchemyError):
        return _first_line(getattr(error, "orig", None) or error)
    if isinstance(error, ModuleNotFoundError):
        return f"the database's driver is not installed: {error}"
    if isinstance(error, OSError):
        return _first_line(error)
    if not isinstance(error, MlflowException):
        return None
    # MLflow raises its own exception while it handles the connection's, and repeats its text in full.
    if isinstance(error.__context__, RequestException):
        cause = _innermost(error.__context__)
        # urllib3 counts a connection that is refused among the timeouts, for the sake of its older users.
        if isinstance(cause, Timeout | NoAnswer) and not isinstance(cause, NewConnectionError):
            return f"no answer within {os.environ['MLFLOW_HTTP_REQUEST_TIMEOUT']} s"
        return f"no connection ({_first_line(cause).rpartition(': ')[2]})"
    if isinstance(error.__context__, SQLAlchemyError):
        return why(error.__context__)
    if error.error_code in _NO_ACCESS:
        account = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        return f"no access ({_first_line(error)}); {account}"
    if error.message.startswith("API request to endpoint"):
        return f"it answers, but not as an MLflow server does ({_first_line(error)})"
    return _first_line(error)


def is_refusal(error: Exception) -> bool:
    """Whether MLflow would answer the same call in the same way for ever."""
    return getattr(error, "error_code", None) in _NEVER


def _import_mlflow() -> Any:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    # Where MLflow has been imported before, the environment comes too late.
    logging.getLogger("mlflow").setLevel(os.environ["MLFLOW_LOGGING_LEVEL"].upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return MlflowClient


def _one_creator(database: Path | None) -> Any:
    """Two processes that create one SQLite store at once would run its migrations twice, and crash."""
    if database is None:
        return nullcontext()
    from filelock import FileLock, Timeout

    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(database.with_name(f"{database.name}.lock")).acquire(timeout=CREATE_S)
    except Timeout:
        raise TunerError(
            f"tracking: another process has been opening {database} for {CREATE_S} s; end it first"
        ) from None
    except OSError as error:
        raise TunerError(f"tracking: {database} cannot be written: {error.strerror}") from None


def _create_database(database: Path, client_class: Any) -> None:
    """Create an SQLite store under another name, and then give it its own.

    MLflow cannot go on with its migrations where a killed process left them, and would refuse such a store for ever.
    """
    unfinished = database.with_name(f"{database.name}.unfinished")
    for left in (unfinished, unfinished.with_name(f"{unfinished.name}-journal")):
        left.unlink(missing_ok=True)
    _touch_database(sqlite_uri(unfinished))
    client_class(sqlite_uri(unfinished))
    unfinished.replace(database)


def _touch_database(uri: str) -> None:
    """Open and close the database: MLflow would try for an hour to reach one that cannot be reached."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    waits = {"sqlite": "timeout", "mssql": "timeout"}.get(
        urlsplit(uri).scheme.partition("+")[0], "connect_timeout"
    )
    with create_engine(uri, poolclass=NullPool, connect_args={waits: CONNECT_S}).connect() as connection:
        if uri.startswith("sqlite"):
            # Takes the lock of a writer and gives it back, so that a file that is read-only is found here.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.rollback()
        else:
            connection.execute(text("SELECT 1"))


def _innermost(error: BaseException) -> BaseException:
    """Return the exception that requests and urllib3 have wrapped, one in the other."""
    wrapped = (getattr(error, "reason", None), *error.args)
    cause = next((part for part in wrapped if isinstance(part, BaseException)), None)
    return error if cause is None else _innermost(cause)


def _first_line(error: object) -> str:
    text = str(error).strip().partition("\n")[0]
    return text if len(text) <= 300 else text[:299] + "…"
