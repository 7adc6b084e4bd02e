"""A table in memory as a study on disk: its study file and, beside it, the table, as every command reads them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tuner.config.field_checks import UNSAFE
from tuner.errors import DataError, TunerError

MARK = "# Written by tuner for a table in memory, which lies beside it; the next search of this name rewrites it."
"""The first line of a study file that may be rewritten."""

_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON leaves as it is and YAML does not allow."""


def write_study(
    folder: Path, name: str, table: pd.DataFrame, settings: Mapping[str, Any], *, fresh: bool
) -> Path:
    """Write ``studies/<name>.yaml`` and its table under a folder; the study's records will lie in ``runs/<name>``.

    Args:
        folder: where ``studies`` and ``runs`` are, or are made.
        name: the study's name.
        table: all columns, the target too; its index is left out.
        settings: the keys of a study file but ``data.path``; None stands for ``none``.
        fresh: whether another table than that of the study's records may take its place.

    Returns:
        The study file.

    Raises:
        TunerError: the name cannot be a file's, another study file has it, its records are of another table, or the
            table cannot be kept as it is.
    """
    if not name or UNSAFE.search(name):
        raise TunerError(f"name: {name!r} cannot be the name of a folder; use letters, digits, - and _")
    studies = folder / "studies"
    path, data = studies / f"{name}.yaml", studies / f"{name}.feather"
    if path.is_file() and not path.read_text("utf-8").startswith(MARK):
        raise TunerError(
            f"{path}: is a study file of your own; give another name, or run it: tuner.run_study"
        )
    text = study_text(merged({"data": {"path": data.name}}, settings))
    try:
        studies.mkdir(parents=True, exist_ok=True)
        _keep_table(table, data, fixed=(folder / "runs" / name).is_dir() and not fresh)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise TunerError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path


def study_text(settings: Mapping[str, Any]) -> str:
    """Return a study file: JSON, which is YAML.

    Raises:
        TunerError: a value that a study file cannot hold.
    """
    text = json.dumps(_plain(settings, ""), indent=1, ensure_ascii=False)
    return f"{MARK}\n{_NOT_YAML.sub(_escaped, text)}\n"


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def merged(first: Mapping[str, Any], second: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """Return the keys of both, section by section.

    Raises:
        TunerError: a key has a value in both, or a section is not a mapping.
    """
    result = dict(first)
    for key, value in second.items():
        here = f"{place}{key}"
        if key not in first:
            result[key] = value
        elif isinstance(first[key], Mapping) and isinstance(value, Mapping):
            result[key] = merged(first[key], value, f"{here}.")
        else:
            raise TunerError(f"settings: {here} is given by an argument too; give it in one place")
    return result


def space_given(space: Any) -> Any:
    """Return a search space for a study file anywhere: the path of one from the working directory becomes absolute."""
    if isinstance(space, Path) or (
        isinstance(space, str) and (space.endswith((".yaml", ".yml")) or "/" in space)
    ):
        return str(Path(space).absolute())
    return space


def _plain(value: Any, place: str) -> Any:
    """Return a value as JSON has it."""
    if value is None:
        return "none"
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{place}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item, place) for item in value]
    raise TunerError(f"{place or 'settings'}: a {type(value).__name__} is nothing that a study file can hold")


def _keep_table(table: pd.DataFrame, path: Path, *, fixed: bool) -> None:
    """Save a table; the file of an equal one stays as it is, and that of a study with records as well.

    Raises:
        TunerError: ``fixed``, and another table is there; or the table cannot be saved.
    """
    new = path.with_name(f".{path.name}.new")
    _save(table, new)
    if path.is_file():
        if pd.read_feather(path).equals(pd.read_feather(new)):
            new.unlink()
            return
        if fixed:
            new.unlink()
            raise TunerError(
                f"{path}: the study has records, and they are of another table; give another name; or start "
                "anew with search_table(..., fresh=True), which keeps the old records under a dated name"
            )
    new.replace(path)


def _save(table: pd.DataFrame, path: Path) -> None:
    names = [str(name) for name in table.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"the table: several columns are named '{twice[0]}'; give each its own name")
    plain = table.reset_index(drop=True)
    plain.columns = pd.Index(names, dtype=object)
    try:
        plain.to_feather(path)
    except (ValueError, TypeError, NotImplementedError) as error:  # Arrow's own errors are among them
        path.unlink(missing_ok=True)
        told = str(error).partition("\n")[0]
        raise DataError(
            f"the table: cannot be saved: {told}; a column holds numbers, truth values, dates or texts, one of them"
        ) from None
