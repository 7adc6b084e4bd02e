"""What the operating system tells of this machine and of processes on it."""

import math
import os
import subprocess
import sys
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def usable_cores() -> int:
    """Return how many cores this process may use, at least 1; a container's part of a core counts as one."""
    if sys.platform != "linux":
        return os.cpu_count() or 1
    quota = cpu_quota(Path("/"))
    bound = len(os.sched_getaffinity(0))
    return bound if quota is None else max(1, min(bound, math.ceil(quota)))


def cpu_quota(root: Path) -> float | None:
    """Return how many cores' time the kernel lets this process's control groups have; None for any.

    The groups of a container are limited (``docker run --cpus 2``, a Kubernetes limit) although all cores of its host
    are seen. A limit of any group above holds too. Both versions of control groups are read: ``cpu.max`` of version 2,
    ``cpu.cfs_quota_us`` of version 1 (Linux kernel, Documentation/admin-guide/cgroup-v2.rst and
    scheduler/sched-bwc.rst). Inside a container the group's own path may not be there: then its root is the group.

    Args:
        root: the root of the file system.
    """
    quotas: list[float] = []
    for line in _words_of(root / "proc/self/cgroup", "\n"):
        _, controllers, group = line.split(":", 2)
        version_2 = not controllers
        if not version_2 and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("" if version_2 else "cpu")
        place = mount / group.lstrip("/")
        for folder in (place, *place.parents):
            quotas += _quota_of(folder)
            if folder == mount:
                break
    return min(quotas, default=None)


def _quota_of(folder: Path) -> list[float]:
    """Return the limit of one control group in cores; nothing where it has none."""
    words = _words_of(folder / "cpu.max") or [
        *_words_of(folder / "cpu.cfs_quota_us"),
        *_words_of(folder / "cpu.cfs_period_us"),
    ]
    if len(words) != 2 or words[0] in ("max", "-1"):
        return []
    return [int(words[0]) / int(words[1])]


def _words_of(file: Path, separator: str | None = None) -> list[str]:
    """Return what a file of the kernel says, cut up; nothing where it cannot be read."""
    try:
        return file.read_text().strip().split(separator)
    except OSError:
        return []


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process; 0 for one that has ended."""
    if sys.platform == "linux":
        try:
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        except (OSError, IndexError):
            return 0
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return int(told.stdout.strip() or 0) * 1024


def kills_for_memory() -> int:
    """Return how many processes the kernel has ended since it started because memory ran out; 0 if it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
