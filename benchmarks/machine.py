"""What a result depends on besides the code: versions and machine."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

LIBRARIES = (
    "tuner",
    "tensorflow",
    "keras",
    "numpy",
    "scikit-learn",
    "scikeras",
    "pandas",
    "optuna",
    "mlflow",
)


def versions() -> dict[str, str]:
    """Return the version of Python and of each library."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def machine() -> dict[str, str]:
    """Return processor, cores, memory, operating system, graphics processors, and how busy the machine is."""
    return {
        "cpu": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "os": platform.platform(),
        "gpus": _gpus() or "none",
        "load at the start": f"{os.getloadavg()[0]:.2f}",
    }


def resident_mib(field: str = "VmRSS") -> float:
    """Return this process's resident memory now (``VmRSS``) or at its highest (``VmHWM``), in MiB; Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def _processor() -> str:
    place = Path("/proc/cpuinfo")
    lines = place.read_text().splitlines() if place.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _gpus() -> str:
    """Return the graphics processors that TensorFlow sees; asked in a process of its own."""
    code = (
        "import tensorflow as tf\n"
        "cards = tf.config.list_physical_devices('GPU')\n"
        "print(', '.join(tf.config.experimental.get_device_details(card)['device_name'] for card in cards))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()
