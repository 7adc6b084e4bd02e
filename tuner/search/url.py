"""The address of a study's database, as a study file gives it; passwords in it are never shown."""

import re
from pathlib import Path

SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql+psycopg://", "postgresql://")

_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):[^\s'\"]*@")
_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&\s'\"]*", re.IGNORECASE)


def url_problem(value: object) -> str | None:
    """Return why a value is no address of a database, in one phrase; None where it is one."""
    if isinstance(value, str):
        if value.startswith(SQLITE) and value.removeprefix(SQLITE).partition("?")[0] not in ("", ":memory:"):
            return None
        if value.startswith(POSTGRESQL) and re.match(r"[^/]*/[^/?]", value.partition("://")[2]):
            return None
    return (
        f"'{without_passwords(str(value))}' is no database; write auto, sqlite:///FILE, or "
        "postgresql+psycopg://USER@HOST/DATABASE"
    )


def complete_url(url: str, folder: Path) -> str:
    """Return an address as SQLAlchemy takes it: the file of SQLite absolute, PostgreSQL with its driver.

    Args:
        url: without a problem.
        folder: the study file's, which a relative file is relative to.
    """
    if url.startswith(SQLITE):
        return f"{SQLITE}{folder / url.removeprefix(SQLITE)}"
    return f"{POSTGRESQL[0]}{url.partition('://')[2]}"


def without_passwords(text: str) -> str:
    """Return a text with the passwords taken out of the addresses in it."""
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1@", text))
