"""Values of command-line options, checked."""

from tuner.config.field_checks import timeout_seconds
from tuner.errors import TunerError
from tuner.executors.machine import usable_cores


def choose_workers(workers: int | None, window: int) -> int:
    """Return how many processes train at the same time; more than there are trials in flight would have nothing to do.

    Args:
        workers: the option, at least 1; None where it was not given.
        window: the study's trials in flight.
    """
    return min(workers or usable_cores(), window)


def idle_workers(workers: int | None, window: int) -> str | None:
    """Return a sentence on workers that were asked for and would have nothing to do; None where there are none."""
    if workers is None or workers <= window:
        return None
    return (
        f"--workers {workers}: {window} train, since the study has {window} trials in flight (search.window)"
    )


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
