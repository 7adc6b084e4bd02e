import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.tracking.tracked import (
    card,
    client,
    free_port,
    nothing_to_load,
    runs,
)
from tuner.errors import TunerError
from tuner.tracking.mlflow_records import legal_name
from tuner.tracking.mlflow_store import runs_page, shown, sqlite_uri
from tuner.tracking.mlflow_tracker import MlflowTracker


class NoMlflow(BaseHTTPRequestHandler):
    """A web server of another kind."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def another_web_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), NoMlflow) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def silent_server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def started_error(uri: str) -> str:
    start = time.monotonic()
    with pytest.raises(TunerError) as caught:
        MlflowTracker(uri, None).started(card(), [], nothing_to_load)
    assert time.monotonic() - start < 10.0
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_page_of_an_experiment_is_its_view_or_the_latest_runs_first_where_it_has_none() -> None:
    runs_of = "http://127.0.0.1:5000/#/experiments/7/runs"
    assert runs_page("http://127.0.0.1:5000/", "7", "tuner-1") == f"{runs_of}?viewStateShareKey=tuner-1"
    assert (
        runs_page("http://127.0.0.1:5000", "7", None)
        == f"{runs_of}?orderByKey=attributes.start_time&orderByAsc=false"
    )


def test_a_server_that_is_down_is_an_error_at_the_start() -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    assert "no connection" in started_error(uri)


def test_an_answer_that_is_no_mlflow_is_an_error_at_the_start() -> None:
    with another_web_server() as uri:
        assert "not as an MLflow server does" in started_error(uri)


def test_a_server_that_never_answers_is_an_error_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with silent_server() as uri:
        assert started_error(uri).startswith(f"tracking: {uri}: no answer within 1 s; see that it runs")


@pytest.mark.parametrize("uri", ["ftp://example.org/x", "mlruns", "./mlflow.db", "databricks"])
def test_another_scheme_is_an_error_that_lists_the_allowed_ones(uri: str) -> None:
    message = started_error(uri)
    assert f"'{uri}'" in message
    assert "http://, https://, sqlite://, postgresql://" in message


def test_a_sqlite_file_that_cannot_be_written_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert "cannot be written" in started_error(sqlite_uri(tmp_path / "file" / "mlflow.db"))


def test_a_file_that_is_no_database_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database " * 100)
    assert "file is not a database" in started_error(sqlite_uri(tmp_path / "mlflow.db"))


def test_a_password_is_not_shown() -> None:
    assert shown("postgresql://ann:secret@db.example.org/x") == "postgresql://db.example.org/x"


@pytest.mark.parametrize(
    "name", ["cv/precision@5", "f1 > 0.5", "a//b", "/a", "a/../b", "a/", "..", "é%", "x" * 300, ""]
)
def test_a_name_that_mlflow_refuses_is_made_legal(name: str) -> None:
    client("sqlite://")
    from mlflow.exceptions import MlflowException
    from mlflow.utils.validation import _validate_metric, _validate_param

    with suppress(MlflowException):
        _validate_metric(name, 1.0, 0, 0)
        assert name == ""
    _validate_metric(legal_name(name), 1.0, 0, 0)
    _validate_param(legal_name(name), "1")


@pytest.mark.parametrize(
    "name", ["cv/accuracy", "val_loss/fold0", "neurons.0", "preprocess.numeric", "größe 2-b_c"]
)
def test_a_name_that_mlflow_accepts_stays(name: str) -> None:
    assert legal_name(name) == name


def test_mlflow_is_imported_only_when_a_study_starts() -> None:
    code = (
        "import sys, tuner.tracking.mlflow_tracker, tuner.tracking.dashboard; print('mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


TWO_TRIALS = """
import sys
from tests.tracking.tracked import card, complete, track
report = track(sys.argv[1], [complete(0), complete(1)], study=card(sys.argv[2]))
assert report.unsent == (), report
"""


@pytest.mark.slow
def test_two_drivers_create_one_store_at_once_without_a_word_or_a_warning(tmp_path: Path) -> None:
    uri = sqlite_uri(tmp_path / "a b ü" / "runs" / "mlflow.db")
    drivers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", TWO_TRIALS, uri, study],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for study in ("one", "two")
    ]
    assert [driver.communicate()[0] for driver in drivers] == ["", ""]
    assert [driver.returncode for driver in drivers] == [0, 0]
    assert len(runs(uri, "trial")) == 4
