"""Values of command-line options, checked."""

from tuner.config.field_checks import timeout_seconds
from tuner.errors import TunerError


def check_workers(workers: int) -> None:
    """Refuse more workers than this version can run.

    Raises:
        TunerError: more than one.
    """
    if workers != 1:
        raise TunerError(f"--workers {workers}: this version runs one trial at a time; leave the option out")


def check_executor(executor: str) -> None:
    """Refuse an executor that this version does not have.

    Raises:
        TunerError: another one than ``local``.
    """
    if executor == "ray":
        raise TunerError("--executor ray: not available in this version; it has: local")
    if executor != "local":
        raise TunerError(f"--executor {executor}: unknown; this version has: local")


def parse_timeout(timeout: str | None) -> float | None:
    """Return seconds; None where the option was not given.

    Raises:
        TunerError: the text has another form than 90s, 10m, 2h or none.
    """
    if timeout is None:
        return None
    try:
        return timeout_seconds(timeout)
    except ValueError as error:
        raise TunerError(f"--timeout: {error}") from None
