"""The record of a study's last verification: ``verified.json`` beside its trials."""

import json
from dataclasses import asdict
from pathlib import Path

from tuner.records import Verification

VERIFIED = "verified.json"
"""The record's name in a study's folder."""


def read_verification(folder: Path) -> Verification | None:
    """Return what the last verification found; None where there was none, or its record cannot be read.

    Args:
        folder: the study's folder.
    """
    try:
        return Verification(**json.loads((folder / VERIFIED).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_verification(folder: Path, verification: Verification) -> None:
    """Record a verification in place of the one before; a crash leaves either the one or the other.

    Args:
        folder: the study's folder, which exists.
        verification: what was found.
    """
    unfinished = folder / f"{VERIFIED}.tmp"
    unfinished.write_text(json.dumps(asdict(verification), indent=1, ensure_ascii=False), encoding="utf-8")
    unfinished.replace(folder / VERIFIED)
