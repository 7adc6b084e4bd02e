"""What the signals of Ctrl-C and `kill` do while a study runs; tests/test_repeats.py sends them to real studies."""

import signal
import subprocess
import sys
import time

import pytest

from tests.command import read_until
from tuner.interrupts import Interrupts

WAITS = """
import sys, time
from tuner.interrupts import Interrupts
with Interrupts() as interrupts:
    try:
        with interrupts.let_through():
            print("training", flush=True)
            time.sleep(60)
    except KeyboardInterrupt:
        print("ending", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_the_trial_and_the_second_the_process_at_once(sent):
    with subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, text=True) as process:
        read_until(process, "training")
        process.send_signal(sent)
        read_until(process, "ending")
        assert process.poll() is None
        started = time.monotonic()
        process.send_signal(sent)
        assert process.wait() == 130
        assert time.monotonic() - started < 5


def test_a_signal_while_records_are_written_is_held_back_until_the_next_trial():
    steps: list[str] = []

    def search() -> None:
        with Interrupts() as interrupts:
            with interrupts.let_through():
                steps.append("trained")
            signal.raise_signal(signal.SIGINT)
            steps.append("written")
            with interrupts.let_through():
                steps.append("trained again")

    with pytest.raises(KeyboardInterrupt):
        search()
    assert steps == ["trained", "written"]


def test_the_former_handlers_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
