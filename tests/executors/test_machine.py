import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tuner.executors.choice import choose_workers
from tuner.executors.machine import cpu_quota, kills_for_memory, resident_bytes
from tuner.options import idle_workers


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
    assert choose_workers(8, window=4, room=2) == 4
    assert choose_workers(2, window=4, room=8) == 2
    assert choose_workers(None, window=1, room=8) == 1
    assert choose_workers(None, window=1000, room=3) == 3
    assert choose_workers(None, window=4, room=0) == 1


def test_workers_that_would_have_nothing_to_do_are_told():
    assert (
        idle_workers(8, window=4)
        == "--workers 8: 4 train, since the study has 4 trials in flight (search.window)"
    )
    assert idle_workers(4, window=4) is idle_workers(None, window=1) is None


def a_system(root: Path, groups: str, files: dict[str, str]) -> Path:
    """Write what a kernel would say of this process's control groups."""
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


def test_the_limit_of_a_container_is_read_in_both_versions_of_control_groups(tmp_path):
    first = {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}
    assert cpu_quota(a_system(tmp_path / "1", "4:cpu,cpuacct:/docker/ab\n2:memory:/docker/ab", first)) == 1.5
    second = {"sys/fs/cgroup/cpu.max": "300000 100000"}
    assert cpu_quota(a_system(tmp_path / "2", "0::/", second)) == 3.0


def test_the_least_limit_of_all_groups_above_holds(tmp_path):
    files = {
        "sys/fs/cgroup/pods/cpu.max": "400000 100000",
        "sys/fs/cgroup/pods/mine/cpu.max": "max 100000",
        "sys/fs/cgroup/cpu.max": "max 100000",
    }
    assert cpu_quota(a_system(tmp_path, "0::/pods/mine", files)) == 4.0


def test_without_a_limit_or_without_control_groups_there_is_no_quota(tmp_path):
    none = {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}
    assert cpu_quota(a_system(tmp_path / "unlimited", "1:cpu:/\n0::/", none)) is None
    assert cpu_quota(tmp_path / "nothing") is None
