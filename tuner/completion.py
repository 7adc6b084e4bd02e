"""What a shell offers for the arguments of a command."""

from pathlib import Path

ENDINGS = ("*.yaml", "*.yml")


def study_files(incomplete: str) -> list[str]:
    """Return the paths of .yaml and .yml files that begin with what was typed: in that folder and those directly in it.

    Args:
        incomplete: what was typed so far, such as ``stud`` or ``studies/ch``.
    """
    typed = incomplete.rpartition("/")[0] + "/" if "/" in incomplete else ""
    folder = Path(typed or ".").expanduser()
    if not folder.is_dir():
        return []
    found = [path for ending in ENDINGS for level in ("", "*/") for path in folder.glob(f"{level}{ending}")]
    names = {typed + path.relative_to(folder).as_posix() for path in found if path.is_file()}
    hidden = incomplete.rpartition("/")[2].startswith(".")
    return sorted(
        name
        for name in names
        if name.startswith(incomplete) and (hidden or not _is_hidden(name.removeprefix(typed)))
    )


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
