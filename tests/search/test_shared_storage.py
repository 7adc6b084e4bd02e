"""A study's records in a database that machines share."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import optuna
import pytest
import sqlalchemy
from optuna.storages import RDBStorage

from tests.report.recorded import record
from tests.search.trials import HEADER, asked, complete, differences, diverged, pruned
from tuner.errors import TunerError
from tuner.report.write import report_study
from tuner.search.storage import StudyStore
from tuner.search.url import complete_url, url_problem, without_passwords


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path_factory) -> str:
    """The address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('shared') / 'all.db'}"
    make: Callable[[str], str] = request.getfixturevalue("postgresql")
    return make(f"store {time.monotonic_ns()}").replace(" ", "%20")


def test_another_machine_reads_every_trial_back_to_the_bit(tmp_path, url):
    with closing(StudyStore(tmp_path / "here" / "s", "s", url)) as store:
        store.create(HEADER, maximize=True)
        for number, make in enumerate([complete, pruned, diverged]):
            store.asked(asked(number))
            store.ended(make(number))
        store.asked(asked(3))
    assert list((tmp_path / "here" / "s").iterdir()) == []
    with closing(StudyStore(tmp_path / "there" / "s", "s", url)) as other:
        assert other.header() == HEADER
        assert other.asked_trials() == [asked(number) for number in range(4)]
        assert list(other.results()) == [0, 1, 2]
        for number, make in enumerate([complete, pruned, diverged]):
            assert differences(make(number), other.load(number)) == []
        outputs = other.outputs(0)
        assert outputs is not None
        assert outputs.tobytes() == complete(0).oof.tobytes()
        assert other.outputs(1) is None
        with pytest.raises(FileNotFoundError, match="no arrays of trial 3"):
            other.outputs(3)


def test_studies_of_one_database_do_not_see_one_another(tmp_path, url):
    for name in ("s", "<script>|é"):
        with closing(StudyStore(tmp_path / name, name, url)) as store:
            assert not store.exists
            store.create(HEADER, maximize=True)
            store.asked(asked(0))
            store.ended(complete(0) if name == "s" else pruned(0))
    with closing(StudyStore(tmp_path / "s", "s", url)) as store:
        assert differences(complete(0), store.load(0)) == []
    with closing(StudyStore(tmp_path / "x", "<script>|é", url)) as store:
        assert differences(pruned(0), store.load(0)) == []


def test_a_study_set_aside_stays_in_the_database_under_the_name_of_its_folder(tmp_path, url):
    with closing(StudyStore(tmp_path / "s", "s", url)) as store:
        store.create(HEADER, maximize=True)
        store.asked(asked(0))
        store.ended(complete(0))
        (tmp_path / "s" / "report.html").touch()
        aside = store.set_aside()
        assert [place.name for place in aside.iterdir()] == ["report.html"]
        assert not store.exists
        store.create(HEADER, maximize=False)
        assert store.results() == {}
    with closing(StudyStore(aside, aside.name, url)) as kept:
        assert differences(complete(0), kept.load(0)) == []


def test_looking_makes_no_tables_and_no_file(tmp_path, url):
    with closing(StudyStore(tmp_path / "s", "s", url)) as store:
        assert not store.exists
    if url.startswith("sqlite"):
        assert not Path(url.removeprefix("sqlite:///")).exists()
    else:
        engine = sqlalchemy.create_engine(url)
        assert sqlalchemy.inspect(engine).get_table_names() == []
        engine.dispose()


def test_an_ended_trial_whose_recording_was_cut_off_can_be_recorded_again(tmp_path, url):
    with closing(StudyStore(tmp_path / "s", "s", url)) as store:
        store.create(HEADER, maximize=True)
        store.asked(asked(0))
        store._arrays.write(0, {"outputs": np.zeros((1, 7, 3), np.float32)})
    storage = RDBStorage(url)
    study = optuna.load_study(study_name="s", storage=storage)
    optuna.Trial(study, study.get_trials()[0]._trial_id).set_user_attr("result", {"state": "complete"})
    storage.remove_session()
    storage.engine.dispose()
    with closing(StudyStore(tmp_path / "s", "s", url)) as reopened:
        assert reopened.results() == {}
        reopened.ended(complete(0))
        assert differences(complete(0), reopened.load(0)) == []


def test_nothing_is_written_once_the_guard_refuses(tmp_path, url):
    def refuse() -> None:
        raise TunerError("taken over")

    with closing(StudyStore(tmp_path / "s", "s", url)) as store:
        store.create(HEADER, maximize=True)
        store.asked(asked(0))
        store.guard(refuse)
        for write in (
            lambda: store.asked(asked(1)),
            lambda: store.ended(complete(0)),
            store.set_aside,
        ):
            with pytest.raises(TunerError, match="taken over"):
                write()
        assert store.results() == {}
        assert len(store.asked_trials()) == 1


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql+psycopg://me:s3cret@127.0.0.1:1/db", "refused"),
        ("postgresql+psycopg://me:s3cret@no-such-host.invalid/db", "resolve"),
        ("postgresql+psycopg://me:s3cret@127.0.0.1:port/db", "not an address"),
    ],
)
def test_a_server_that_does_not_answer_is_one_line_within_ten_seconds_without_the_password(
    tmp_path, address, said
):
    pytest.importorskip("psycopg")
    began = time.monotonic()
    with closing(StudyStore(tmp_path, "s", address)) as store, pytest.raises(TunerError) as raised:
        _ = store.exists
    assert time.monotonic() - began < 10
    text = str(raised.value)
    assert said in text
    assert "s3cret" not in text
    assert text.startswith("postgresql+psycopg://me@")
    assert len(text.splitlines()) == 1


def test_a_wrong_password_and_a_missing_database_are_told(tmp_path, postgresql):
    url = postgresql("doors")
    host = url.partition("host=")[2]
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE me LOGIN PASSWORD 'right'")
        (file,) = connection.exec_driver_sql("SHOW hba_file").one()
        rules = Path(file).read_text("utf-8")
        Path(file).write_text(f"local all me scram-sha-256\n{rules}", "utf-8")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()
    deadline = time.monotonic() + 5
    text = ""
    while "password" not in text and time.monotonic() < deadline:
        store = StudyStore(tmp_path, "s", f"postgresql+psycopg://me:wr0ng@/doors?host={host}")
        with closing(store), pytest.raises(TunerError) as raised:
            store.create(HEADER, maximize=True)
        text = str(raised.value)
    assert 'password authentication failed for user "me"' in text
    assert "wr0ng" not in text
    missing = StudyStore(tmp_path, "s", url.replace("/doors", "/none"))
    with closing(missing), pytest.raises(TunerError, match='database "none" does not exist'):
        _ = missing.exists


def test_a_server_that_was_restarted_between_two_trials_is_found_again(tmp_path, postgresql):
    url = postgresql("restarted")
    with closing(StudyStore(tmp_path / "s", "s", url)) as store:
        store.create(HEADER, maximize=True)
        store.asked(asked(0))
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            ended = connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = 'restarted' AND pid <> pg_backend_pid()"
            ).all()
        engine.dispose()
        assert ended
        store.ended(complete(0))
        assert differences(complete(0), store.load(0)) == []


def test_a_report_shows_no_password_of_the_study_file(tmp_path):
    shared = {"uri": "postgresql://me:s3cret@host/db"}
    study = record(tmp_path, n_trials=2, tracking=shared)
    page = report_study(study.config).page
    assert "postgresql://me@host/db" in page.read_text("utf-8")
    for file in (page, page.with_suffix(".md")):
        assert "s3cret" not in file.read_text("utf-8")


def test_without_the_driver_the_message_says_what_to_install(tmp_path):
    script = """
import sys
from pathlib import Path
sys.modules["psycopg"] = None
from tuner.search.storage import StudyStore
try:
    StudyStore(Path("."), "s", "postgresql+psycopg://me:s3cret@localhost/db").exists
except Exception as error:
    print(type(error).__name__, error)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.startswith("TunerError postgresql+psycopg://me@localhost/db: ")
    assert "pip install 'tuner[postgres]'" in said


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:///all.db",
        "sqlite:////data/all.db",
        "postgresql://me@host/db",
        "postgresql+psycopg://me:p%40ss@host:5432/db?sslmode=require",
        "postgresql+psycopg://postgres@/db?host=/tmp/x",
    ],
)
def test_an_address_is_accepted(address):
    assert url_problem(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://me:s3cret@host/db",
        "postgresql://me:s3cret@host",
        "x",
        7,
        None,
    ],
)
def test_what_is_no_address_is_refused_without_its_password(address):
    problem = url_problem(address)
    assert problem is not None
    assert "postgresql+psycopg://USER@HOST/DATABASE" in problem
    assert "s3cret" not in problem


def test_an_address_is_completed(tmp_path):
    assert complete_url("sqlite:///all.db", tmp_path) == f"sqlite:///{tmp_path}/all.db"
    assert complete_url("sqlite:////data/all.db", tmp_path) == "sqlite:////data/all.db"
    assert complete_url("postgresql://me@host/db", tmp_path) == "postgresql+psycopg://me@host/db"


@pytest.mark.parametrize("password", ["s3cret", "a:b", "a@b", "p%40ss", "pö/s"])
def test_no_password_is_shown(password):
    text = f"storage: postgresql+psycopg://me:{password}@host:5432/db  # shared"
    assert without_passwords(text) == "storage: postgresql+psycopg://me@host:5432/db  # shared"
    assert "s3cret" not in without_passwords("postgresql://host/db?user=me&password=s3cret&sslmode=require")
