"""Values of command-line options, checked."""

from tuner.config.field_checks import timeout_seconds
from tuner.errors import TunerError


def idle_workers(workers: int | None, window: int) -> str | None:
    """Return a sentence on workers that were asked for and would have nothing to do; None where there are none."""
    if workers is None or workers <= window:
        return None
    return (
        f"--workers {workers}: {window} train, since the study has {window} trials in flight (search.window)"
    )


def parse_timeout(timeout: str | None, name: str = "--timeout") -> float | None:
    """Return seconds; None where the option was not given.

    Args:
        timeout: as it was given.
        name: how messages name it.

    Raises:
        TunerError: the text has another form than 90s, 10m, 2h or none.
    """
    if timeout is None:
        return None
    try:
        return timeout_seconds(timeout)
    except ValueError as error:
        raise TunerError(f"{name}: {error}") from None
