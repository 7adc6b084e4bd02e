import math
import threading
import time
from concurrent.futures import Future
from dataclasses import replace

import pytest

from tuner.errors import TunerError
from tuner.executors.executor import NO_LIMITS, Limits
from tuner.executors.orders import Handed, Orders, seconds_to_wait
from tuner.records import Params
from tuner.search.pruning import Bar
from tuner.worker import Order


def an_order(name: str) -> Handed:
    return Handed(None, name, NO_LIMITS, Future(), lambda reason, message, seconds: None)  # type: ignore[arg-type]


def called(orders: Orders) -> tuple[threading.Thread, list[tuple[bool, float]]]:
    """Wait for need in a thread; returns it, and where it puts the answer and how long it waited."""
    answers: list[tuple[bool, float]] = []
    began = time.monotonic()
    thread = threading.Thread(
        target=lambda: answers.append((orders.join_when_needed(), time.monotonic() - began))
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


def a_trial(number: int, limits: Limits = NO_LIMITS) -> Handed:
    order = Order(number, {"layers": number}, Bar({}, maximize=True))
    return Handed(None, order, limits, Future(), lambda reason, message, seconds: None)  # type: ignore[arg-type]


def ahead_of_the_first(orders: Orders, *trials: Handed) -> tuple[Params, ...]:
    for each in (*trials, an_order("final model")):
        orders.put(each)
    taken = orders.take()
    assert taken is not None
    assert taken.order.number == trials[0].order.number
    return taken.order.ahead


def test_a_trial_comes_with_what_waits_behind_it_while_a_core_is_free():
    orders = Orders(room=2)
    orders.join()
    assert ahead_of_the_first(orders, *map(a_trial, range(3))) == ({"layers": 1}, {"layers": 2})


def test_a_trial_comes_alone_where_all_cores_are_taken_or_its_worker_is_bounded():
    orders = Orders(room=2)
    orders.join()
    orders.join()
    assert ahead_of_the_first(orders, *map(a_trial, range(3))) == ()
    orders = Orders(room=2)
    orders.join()
    assert ahead_of_the_first(orders, a_trial(0, Limits(seconds=60.0)), a_trial(1)) == ()


def test_a_trial_that_ended_its_worker_comes_back_alone():
    orders = Orders(room=2)
    orders.join()
    for each in map(a_trial, range(3)):
        orders.put(each)
    taken = orders.take()
    assert taken is not None
    assert taken.order.ahead == ({"layers": 1}, {"layers": 2})
    orders.put_back(replace(taken, crashes=1))
    again = orders.take()
    assert again is not None
    assert (again.order.number, again.order.ahead) == (0, ())


@pytest.mark.parametrize(
    ("load", "worked", "ahead", "at_work", "seconds"),
    [
        (6, 0, 100, 1, 6),  # a long study: once the first has worked for as long as it took to load
        (6, 4, 100, 1, 2),
        (6, 9, 100, 1, 0),
        (6, 9, 15, 1, math.inf),  # 15 s of training are over before a further worker has earned its 6
        (6, 0, 15, 1, math.inf),
        (6, 9, 18, 1, math.inf),
        (6, 9, 18.1, 1, 0),
        (6, 9, 30, 2, math.inf),  # two workers share 30 s
        (6, 9, 40, 2, 0),
        (6, 2, math.inf, 3, 4),  # nothing is known yet: the trials in hand may be long ones
        (6, 9, -3, 1, math.inf),  # the study's time is over
        (0, 0, 1, 1, 0),  # a worker that costs nothing
    ],
)
def test_when_a_further_worker_is_worth_its_start(load, worked, ahead, at_work, seconds):
    assert seconds_to_wait(load, worked, ahead, at_work=at_work) == seconds


def test_a_study_on_two_cores_never_loses_by_the_rule_more_than_a_load():
    def seconds(n_trials: int, each: float, load: float, *, by_rule: bool) -> float:
        """Return the end of a study whose further worker loads beside the first and then takes half of what is left."""
        at = 0.0
        for ended in range(n_trials):
            left = each * (n_trials - ended)
            if by_rule and seconds_to_wait(load, at, left, at_work=1) == 0:
                return at + load + max(0.0, left - load) / 2
            at += each
        return at

    for load in (2.0, 6.0, 12.0):
        for each in (0.1, 0.5, 3.0, 20.0):
            for n_trials in (5, 50, 400):
                alone = seconds(n_trials, each, load, by_rule=False)
                shared = seconds(n_trials, each, load, by_rule=True)
                assert shared <= alone
                if alone > 10 * load + each:
                    assert shared < 0.75 * alone


def test_a_further_worker_is_called_while_an_order_waits_and_enough_is_ahead():
    orders = Orders()
    orders.join()
    orders.began(load_seconds=0.1)
    orders.expect(0.2)
    thread, answers = called(orders)
    thread.join(0.3)
    assert not answers  # no order waits
    orders.put(an_order("waits"))
    thread.join(0.3)
    assert not answers  # too little is ahead
    orders.expect(10.0)
    thread.join(5)
    assert answers[0][0]


def test_a_further_worker_waits_until_the_first_has_worked_for_as_long_as_it_took_to_load():
    orders = Orders()
    orders.join()
    orders.put(an_order("waits"))
    thread, answers = called(orders)
    orders.began(load_seconds=0.3)
    thread.join(5)
    assert answers[0][0]
    assert 0.3 <= answers[0][1] < 2


def test_workers_are_called_one_after_the_other_and_each_is_counted():
    orders = Orders()
    orders.join()
    orders.put(an_order("waits"))
    orders.expect(2.0)  # enough for two workers that take .5 s to load, but not for three: 2 / 2 < 3 x .5
    threads = [called(orders) for _ in range(3)]
    orders.began(load_seconds=0.5)
    deadline = time.monotonic() + 10
    while not any(answers for _, answers in threads) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    assert sum(len(answers) for _, answers in threads) == 1
    orders.close()
    for thread, _ in threads:
        thread.join(5)
    assert sorted(answers[0][0] for _, answers in threads) == [False, False, True]


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
