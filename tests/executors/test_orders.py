import threading
import time
from concurrent.futures import Future

import pytest

from tuner.errors import TunerError
from tuner.executors.executor import NO_LIMITS
from tuner.executors.orders import Handed, Orders


def an_order(name: str) -> Handed:
    return Handed(None, name, NO_LIMITS, Future(), lambda reason, message, seconds: None)  # type: ignore[arg-type]


def called(orders: Orders) -> tuple[threading.Thread, list[tuple[bool, float]]]:
    """Wait for need in a thread; returns it, and where it puts the answer and how long it waited."""
    answers: list[tuple[bool, float]] = []
    began = time.monotonic()
    thread = threading.Thread(
        target=lambda: answers.append((orders.wait_for_need(), time.monotonic() - began))
    )
    thread.start()
    return thread, answers


def test_orders_are_taken_as_they_came_and_one_that_comes_back_is_the_first():
    orders = Orders()
    first, second = an_order("first"), an_order("second")
    orders.put(first)
    orders.put(second)
    assert orders.take() is first
    orders.put_back(first)
    assert [orders.take(), orders.take()] == [first, second]


def test_a_further_worker_is_called_once_the_first_has_worked_for_as_long_as_it_took_to_load():
    orders = Orders()
    orders.put(an_order("waits"))
    thread, answers = called(orders)
    orders.began(load_seconds=0.3)
    thread.join(5)
    assert answers[0][0]
    assert 0.3 <= answers[0][1] < 2


def test_a_further_worker_is_not_called_while_no_order_waits():
    orders = Orders()
    orders.began(load_seconds=0.0)
    thread, answers = called(orders)
    thread.join(0.3)
    assert not answers
    orders.put(an_order("waits"))
    thread.join(5)
    assert answers[0][0]


def test_when_the_last_worker_leaves_all_orders_fail_and_no_more_are_taken():
    orders = Orders()
    waiting = an_order("waits")
    orders.join()
    orders.join()
    orders.put(waiting)
    orders.leave("no engine")
    assert not waiting.future.done()
    orders.leave("no engine")
    with pytest.raises(TunerError, match="no engine"):
        waiting.future.result()
    with pytest.raises(TunerError, match="no engine"):
        orders.put(an_order("late"))


def test_closing_lets_go_of_whoever_waits():
    orders = Orders()
    thread, answers = called(orders)
    taken: list[object] = []
    taker = threading.Thread(target=lambda: taken.append(orders.take()))
    taker.start()
    orders.close()
    thread.join(5)
    taker.join(5)
    assert (answers[0][0], taken) == (False, [None])
