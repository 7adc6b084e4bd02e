"""Runs ``tune``, in this process or in one of its own."""

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from tuner.cli import main
from tuner.executors import choice
from tuner.executors.in_process import InProcess


@dataclass(frozen=True)
class Said:
    """What a command ended with, and wrote."""

    code: int
    out: str
    err: str


def tune(*arguments: object) -> Said:
    """Run ``tune`` with arguments in this process, and its trials too.

    A worker takes seconds to load and gives the same bits: tests/test_executors.py and tests/test_repeats.py.
    """
    with patch.object(choice, "LocalWorkers", lambda engine, **_: InProcess(engine)):
        return tune_with_workers(*arguments)


def tune_with_workers(*arguments: object) -> Said:
    """Run ``tune`` with arguments in this process, its trials in workers as it always has them."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        patch.object(sys, "argv", ["tune", *map(str, arguments)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Said(code, out.getvalue(), err.getvalue())


def start_tune(*arguments: object) -> subprocess.Popen[str]:
    """Start ``tune`` with arguments as a process; its output and its messages come through one pipe."""
    command = [sys.executable, "-c", "from tuner.cli import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)


def read_until(process: subprocess.Popen[str], beginning: str) -> str:
    """Read what a process writes up to the line with this beginning; returns all of it."""
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if line.startswith(beginning):
            return read
    raise AssertionError(f"it ended before '{beginning}':\n{read}")
