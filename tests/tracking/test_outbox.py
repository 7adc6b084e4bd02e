import _thread
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from tuner.tracking.outbox import Dropped, NotDelivered, Outbox, Record, Refused


def running(*records: Record) -> Outbox:
    outbox = Outbox()
    for record in records:
        outbox.put(record)
    outbox.start()
    return outbox


def fails_at_first(times: int, log: list[str], name: str) -> Callable[[], None]:
    attempts = iter(range(times))

    def send() -> None:
        if next(attempts, None) is not None:
            raise NotDelivered("nobody listens")
        log.append(name)

    return send


def nobody() -> None:
    raise NotDelivered("nobody listens")


def test_records_arrive_in_order() -> None:
    arrived: list[int] = []
    outbox = running(*(Record(str(n), partial(arrived.append, n)) for n in range(100)))
    outbox.drain()
    assert arrived == list(range(100))
    assert outbox.unsent == ()
    assert outbox.trouble is None


def test_a_record_that_fails_lets_the_others_pass_and_arrives_once() -> None:
    arrived: list[str] = []
    outbox = running(Record("a", fails_at_first(1, arrived, "a")), Record("b", lambda: arrived.append("b")))
    outbox.drain()
    assert arrived == ["b", "a"]
    assert outbox.trouble is None


def test_trouble_says_what_is_wrong_and_how_many_wait() -> None:
    outbox = running(Record("a", nobody), Record("b", nobody))
    deadline = time.monotonic() + 5
    while outbox.trouble is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert outbox.trouble == "nobody listens; 2 waiting, sent when it works again"
    outbox.drain(patience_s=0.0)


def test_drain_gives_up_without_progress_and_names_what_is_left() -> None:
    outbox = running(Record("a", nobody), Record("b", nobody))
    start = time.monotonic()
    outbox.drain(patience_s=1.5)
    assert 1.4 < time.monotonic() - start < 4.0
    assert sorted(outbox.unsent) == ["a", "b"]


def test_drain_is_patient_while_records_arrive() -> None:
    arrived: list[int] = []

    def slow(number: int) -> None:
        time.sleep(0.3)
        arrived.append(number)

    outbox = running(*(Record(str(n), partial(slow, n)) for n in range(5)))
    outbox.drain(patience_s=0.8)
    assert arrived == [0, 1, 2, 3, 4]


def test_a_refused_record_is_not_tried_again_and_stays_unsent() -> None:
    attempts = []

    def refused() -> None:
        attempts.append(1)
        raise Refused("no such thing")

    outbox = running(Record("a", refused), Record("b", lambda: None))
    outbox.drain()
    assert len(attempts) == 1
    assert outbox.unsent == ("a",)
    assert outbox.trouble == "a is refused: no such thing"


def test_a_bug_keeps_its_traceback_and_comes_out_of_drain() -> None:
    def bug() -> None:
        raise KeyError("our bug")

    outbox = running(Record("a", bug), Record("b", lambda: None))
    with pytest.raises(KeyError, match="our bug"):
        outbox.drain()
    assert outbox.unsent == ("a", "b")


def test_a_second_ctrl_c_ends_the_wait() -> None:
    outbox = running(Record("a", nobody))
    threading.Timer(0.5, _thread.interrupt_main).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        outbox.drain(patience_s=30.0)
    assert time.monotonic() - start < 2.0
    assert outbox.unsent == ("a",)


def test_an_offer_is_taken_unless_one_of_its_name_waits() -> None:
    arrived: list[int] = []
    outbox = Outbox()
    outbox.put(Record("result", lambda: None))
    for n, name in enumerate(("a", "b", "a", "result")):
        outbox.offer(Record(name, partial(arrived.append, n)))
    outbox.start()
    outbox.drain()
    assert arrived == [0, 1]


def test_an_offer_that_does_not_get_through_is_dropped_and_none_is_taken_while_records_wait() -> None:
    def dropped() -> None:
        raise Dropped("nobody listens")

    attempts: list[int] = []
    outbox = running()
    outbox.offer(Record("a", dropped))
    while outbox.unsent:
        time.sleep(0.01)
    assert outbox.trouble is None
    outbox.put(Record("b", nobody))
    while outbox.trouble is None:
        time.sleep(0.01)
    outbox.offer(Record("a", partial(attempts.append, 1)))
    assert outbox.unsent == ("b",)
    outbox.drain(patience_s=0.0)
    assert attempts == []
