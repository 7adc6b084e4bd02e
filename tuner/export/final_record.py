"""The record of a study's final model: ``final.json`` and ``held_out.npz`` beside the trials."""

import json
import math
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tuner.errors import TunerError
from tuner.model.heads import EVEN
from tuner.records import Final, Interval, Member
from tuner.search.storage import StudyStore

FINAL = "final.json"
"""The record's name in a study's folder."""

HELD_OUT = "held_out.npz"
"""The name of the outputs for the held-out rows in a study's folder."""


def write_final(folder: Path, final: Final) -> None:
    """Record a final model in a study's folder; the outputs first, so that the record is never ahead of them.

    Raises:
        TunerError: the folder cannot be written.
    """
    try:
        if final.held_out is not None:
            unfinished = folder / f"{HELD_OUT}.tmp"
            with unfinished.open("wb") as file:
                np.savez(file, outputs=final.held_out, created=np.array(final.created))
            unfinished.replace(folder / HELD_OUT)
        unfinished = folder / f"{FINAL}.tmp"
        text = json.dumps(_to_json(final), indent=1, ensure_ascii=False, allow_nan=False)
        unfinished.write_text(text, "utf-8")
        unfinished.replace(folder / FINAL)
    except OSError as error:
        raise TunerError(f"{folder}: cannot be written: {error.strerror or error}") from None


def read_final(folder: Path) -> Final | None:
    """Return the final model that is recorded in a study's folder; None before there is one.

    ``held_out`` is None where the outputs are missing or those of another model.

    Raises:
        TunerError: the record is damaged.
    """
    path = folder / FINAL
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text("utf-8"))
        return _from_json(record, _outputs(folder, record["created"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TunerError(
            f"{path}: damaged: {type(error).__name__}: {error}; put a copy in its place, or remove it, and the next "
            "'tune run' makes it again"
        ) from None


def keep_final(store: StudyStore, final: Final) -> None:
    """Record a final model in its study's folder, and for other machines where they share the study's database.

    Raises:
        TunerError: the folder or the database cannot be written.
    """
    write_final(store.folder, final)
    if store.is_shared:
        store.note(FINAL, _to_json(final))


def find_final(store: StudyStore) -> Final | None:
    """Return the final model that is recorded for a study; None before there is one.

    One that another machine has made comes without ``held_out``, whose values lie with its model on that machine.

    Raises:
        TunerError: the record is damaged.
    """
    record = store.noted(FINAL) if store.is_shared else None
    if record is None:
        return read_final(store.folder)
    return _from_json(record, _outputs(store.folder, record["created"]))


def to_json(final: Final) -> dict[str, Any]:
    """Return what ``tune show --json`` says of a final model: JSON values, null for what is undefined."""
    return {
        **_scored(final),
        "rows": final.rows,
        "looks": final.looks,
        "earlier": [_scored(each) for each in final.earlier],
    }


def _scored(final: Final) -> dict[str, Any]:
    """Return what a model is made of and its scores on the held-out rows."""
    record = _to_json(final)
    trials = [{"number": member["trial"], "weight": member["weight"]} for member in record["members"]]
    return {"kind": final.kind, "trials": trials, "scores": record["scores"]}


def _outputs(folder: Path, created: str) -> np.ndarray | None:
    try:
        with np.load(folder / HELD_OUT, allow_pickle=False) as arrays:
            return arrays["outputs"] if str(arrays["created"]) == created else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _to_json(final: Final) -> dict[str, Any]:
    return {
        "kind": final.kind,
        "members": [{**asdict(member), "params": dict(member.params)} for member in final.members],
        "rows": final.rows,
        "scores": {
            name: {key: _defined(value) for key, value in asdict(interval).items()}
            for name, interval in final.scores.items()
        },
        "looks": final.looks,
        "created": final.created,
        "train_scores": {name: _defined(value) for name, value in final.train_scores.items()},
        "earlier": [_to_json(each) for each in final.earlier],
        "thresholds": list(final.thresholds),
    }


def _from_json(record: dict[str, Any], held_out: np.ndarray | None) -> Final:
    """Return a record as ``_to_json`` gave it; ``earlier`` is missing in those that were made before it was kept."""
    members = [Member(**{**member, "epochs": tuple(member["epochs"])}) for member in record["members"]]
    scores = {
        name: Interval(**{key: _number(value) for key, value in bounds.items()})
        for name, bounds in record["scores"].items()
    }
    return Final(
        kind=str(record["kind"]),
        members=tuple(members),
        rows=int(record["rows"]),
        scores=scores,
        looks=int(record["looks"]),
        created=str(record["created"]),
        train_scores={name: _number(value) for name, value in record["train_scores"].items()},
        held_out=held_out,
        earlier=tuple(_from_json(each, None) for each in record.get("earlier", ())),
        thresholds=tuple(map(float, record.get("thresholds", EVEN))),
    )


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
