import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.tracking.tracked import (
    card,
    complete,
    ended_runs,
    failed,
    free_port,
    nothing_to_load,
    pruned,
    runs,
    track,
    wait_for,
)
from tuner.tracking.dashboard import serve_dashboard
from tuner.tracking.mlflow_tracker import MlflowTracker
from tuner.tracking.mlflow_view import view_key
from tuner.tracking.tracker import Ending, Outcome


@contextmanager
def mlflow_server(database: str, port: int, folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database, "--port", str(port)]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    log = (folder / "server.log").open("ab")
    with (
        log,
        subprocess.Popen(
            [*command, "--workers", "1"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as server,
    ):
        address = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: answers(f"{address}/health"), seconds=180.0)
            yield address
        finally:
            os.killpg(server.pid, 9)


def answers(address: str) -> bool:
    with suppress(OSError), urlopen(address, timeout=5):
        return True
    return False


class LosesAnswers(BaseHTTPRequestHandler):
    """Passes requests on to ``server``; loses the answer to the first that creates a run."""

    server_address = ""
    lost = 0

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.server_address + self.path, body or None, method=self.command)
        request.add_header("Content-Type", "application/json")
        try:
            with urlopen(request, timeout=20) as answer:
                status, text = answer.status, answer.read()
        except HTTPError as error:
            with error:
                status, text = error.code, error.read()
        if (
            self.path.endswith("/runs/create")
            and {"key": "tuner.kind", "value": "trial"} in json.loads(body)["tags"]
        ):
            type(self).lost += 1
            if self.lost == 1:
                self.close_connection = True
                return
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = forward  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        pass


def a_lost_answer_creates_no_second_run(address: str, uri: str) -> None:
    LosesAnswers.server_address = address
    with ThreadingHTTPServer(("127.0.0.1", 0), LosesAnswers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        report = track(
            f"http://127.0.0.1:{server.server_port}", [complete(0), complete(1)], study=card("9b7c", "lossy")
        )
        server.shutdown()
    assert LosesAnswers.lost >= 1
    assert report.unsent == ()
    assert [run.info.run_name for run in runs(uri, "trial", "lossy")] == ["trial-0000", "trial-0001"]


@pytest.mark.slow
def test_a_server_that_goes_away_gets_every_trial_exactly_once_when_it_returns(
    uri: str, tmp_path: Path
) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    tracker = MlflowTracker(address, None)
    with mlflow_server(uri, port, tmp_path):
        tracker.started(card(), [], nothing_to_load)
        tracker.finished(complete(0))
        wait_for(lambda: ended_runs(uri) == 1)
        a_lost_answer_creates_no_second_run(address, uri)
        opened: list[str] = []
        serve_dashboard(address, "iris", "iris", opened.append, browse=opened.append)
        assert opened == [f"{address}/#/experiments/1/runs?viewStateShareKey={view_key('iris')}"] * 2
    tracker.finished(complete(1))
    tracker.finished(pruned(2))
    wait_for(lambda: tracker.trouble is not None)
    assert "no connection" in (tracker.trouble or "")
    with mlflow_server(uri, port, tmp_path):
        wait_for(lambda: tracker.trouble is None)
        wait_for(lambda: ended_runs(uri) == 3)
    tracker.finished(failed(3))
    start = time.monotonic()
    report = tracker.closed(Ending.INTERRUPTED, Outcome({"trials": 4.0}, (0,)), patience_s=2.0)
    assert time.monotonic() - start < 6.0
    assert sorted(report.unsent) == ["iris", "iris's files", "trial-0003"]
    assert "no connection" in (report.trouble or "")
    assert [run.info.status for run in runs(uri, "trial")] == ["FINISHED", "FINISHED", "KILLED"]

    track(uri, ended=range(4), load=failed)
    assert [run.info.status for run in runs(uri, "trial")] == ["FINISHED", "FINISHED", "KILLED", "FAILED"]
    assert [run.info.status for run in runs(uri, "study")] == ["FINISHED"]
