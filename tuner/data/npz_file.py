"""Arrays of an ``.npz`` file: features and target."""

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from tuner.errors import DataError


def read_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the arrays ``X``, (n_rows, ...), and ``y``, or None where there is none.

    Raises:
        DataError: damaged contents, arrays of Python objects, or no array ``X``.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files if name in ("X", "y")}
            names = list(arrays.files)
    except (ValueError, OSError, EOFError, BadZipFile, zlib.error, AttributeError) as error:
        hint = (
            "; save arrays of numbers or texts, not of Python objects" if "allow_pickle" in str(error) else ""
        )
        raise DataError(f"{path}: cannot be read as NPZ: {error}{hint}") from error
    if "X" not in found:
        raise DataError(
            f"{path}: has no array 'X'; the arrays are: {', '.join(names) or 'none'}; save X (and y)"
        )
    return found["X"], found.get("y")
