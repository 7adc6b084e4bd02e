import os
import subprocess
import sys

import numpy as np
import pytest

from tuner.executors.machine import kills_for_memory, resident_bytes, usable_cores
from tuner.options import choose_workers, idle_workers


def test_resident_memory_grows_by_what_is_filled():
    before = resident_bytes(os.getpid())
    filled = np.ones(50_000_000, np.uint8)
    assert 45e6 < resident_bytes(os.getpid()) - before < 60e6
    assert filled.all()


def test_a_process_that_has_ended_has_no_memory():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert resident_bytes(ended.pid) == 0


def test_the_kernel_counts_what_it_has_ended():
    assert kills_for_memory() >= 0


@pytest.mark.skipif(sys.platform != "linux", reason="a process is bound to cores on Linux")
def test_only_cores_that_this_process_may_use_count():
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    code += "from tuner.executors.machine import usable_cores; print(usable_cores())"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "1\n"
    )


def test_there_are_never_more_workers_than_trials_in_flight():
    assert choose_workers(8, window=4) == 4
    assert choose_workers(2, window=4) == 2
    assert choose_workers(None, window=1) == 1
    assert choose_workers(None, window=1000) == usable_cores()


def test_workers_that_would_have_nothing_to_do_are_told():
    assert (
        idle_workers(8, window=4)
        == "--workers 8: 4 train, since the study has 4 trials in flight (search.window)"
    )
    assert idle_workers(4, window=4) is idle_workers(None, window=1) is None
