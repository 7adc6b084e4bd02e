"""Where a table comes from: a file, a folder of pictures, a data set of scikit-learn, or a user's own function.

This module imports nothing heavy at its top, so that the study file's checks can read its tables.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from tuner.data.csv_file import read_csv
from tuner.data.picture_files import LABEL, class_pictures, is_picture_folder
from tuner.errors import DataError, TunerError, nearest
from tuner.hooks import load_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import numpy as np
    import pandas as pd

SourceKind = Literal["path", "sklearn", "python"]
"""The keys of a study file's ``data`` that name a source."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a table comes from.

    Attributes:
        kind: what ``value`` is.
        value: the path of a file or a folder of pictures, relative to the study file's folder; a key of ``SKLEARN``;
            or ``module:function``.
        image: (height, width) or (height, width, channels) of the image that a row is, in C order, which pictures are
            brought to; None where the source itself says what a row is.
    """

    kind: SourceKind
    value: str
    image: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table as it was read.

    Attributes:
        frame: (n_rows, n_columns) all columns; the index is 0, 1, ...
        target_columns: the columns that the source itself says are the target; None where it does not say.
        place: how messages name the source.
        first_line: the line of row 0 in the file, where each row is one line; None otherwise.
        row_shape: the shape of one row where a row is an array, such as (28, 28) for an image; the columns
            before the target are its values in C order. None for a table of unrelated columns.
        notes: sentences on how it was read that a user should be told.
    """

    frame: pd.DataFrame
    target_columns: tuple[str, ...] | None
    place: str
    first_line: int | None = None
    row_shape: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()


def read_source(source: Source, folder: Path) -> Table:
    """Read a table.

    Args:
        source: where it comes from.
        folder: the study file's folder.

    Raises:
        DataError: there is no such source, or it cannot be read as it is.
    """
    return SOURCES[source.kind](source, folder)


def read_file(
    value: str, folder: Path, texts: Collection[str] = (), image: Sequence[int] | None = None
) -> Table:
    """Read the file at a path, by its ending, or a folder of pictures with a sub-folder for each class.

    Args:
        value: the path, relative to the folder.
        folder: such as the study file's.
        texts: columns whose cells are texts even where a text file's could all be numbers, such as ``007``.
        image: the size that pictures of a folder are brought to; see ``Source``.

    Raises:
        DataError: no such file (with similar names), a folder without pictures, no permission, an unknown ending,
            damaged contents.
    """
    path = Path(os.path.normpath(folder / Path(value).expanduser()))
    if is_picture_folder(path):
        return _read_folder(path, image)
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a file{_files_like('', path)}")
    if not path.is_file():
        raise DataError(f"{path}: no such file{_files_like(path.name, path.parent)}")
    ending = file_ending(path)
    if ending is None:
        raise DataError(f"{path}: the ending '{path.suffix}' is not known; one of: {', '.join(FILES)}")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path}: may not be read by this user; change its permissions")
    table = FILES[ending](path, texts)
    _check_names(table)
    return table


def file_ending(path: Path) -> str | None:
    """Return the key of ``FILES`` that a file's name ends with, in upper or lower case; None without one."""
    name = path.name.lower()
    return next((ending for ending in sorted(FILES, key=len, reverse=True) if name.endswith(ending)), None)


def _files_like(name: str, folder: Path) -> str:
    if not folder.is_dir():
        return f"; there is no folder {folder} either"
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file() and file_ending(entry))
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"; similar names there: {', '.join(close)}"
    return (
        f"; data files there: {', '.join(names[:5])}" if names else "; there are no data files in that folder"
    )


def _check_names(table: Table) -> None:
    """Refuse a table without rows, or with columns that have no name or the same name."""
    names = [str(name).strip() for name in table.frame.columns]
    problems = [
        f"{table.place}: column {number} of {len(names)} has no name"
        for number, name in enumerate(names, start=1)
        if not name
    ]
    repeated = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()
    problems += [
        f"{table.place}: {names.count(name)} columns are named '{name}'; give each its own name"
        for name in sorted(repeated)
        if name
    ]
    if not names:
        problems.append(f"{table.place}: the table has no columns")
    elif table.frame.empty:
        problems.append(f"{table.place}: the table has no rows")
    if problems:
        raise DataError("\n".join(problems))


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with texts as column names and 0, 1, ... as index."""
    import pandas as pd

    plain = frame.reset_index(drop=True)
    plain.columns = pd.Index([str(name) for name in plain.columns])
    return plain


def _read_separated(separator: str | None, path: Path, texts: Collection[str]) -> Table:
    frame, first_line = read_csv(path, separator, texts)
    return Table(frame, None, str(path), first_line)


def _read_columnar(form: Literal["Parquet", "Feather"], path: Path, texts: Collection[str]) -> Table:
    import pandas as pd

    try:
        frame = pd.read_parquet(path) if form == "Parquet" else pd.read_feather(path)
        return Table(_plain(frame), None, str(path))
    except (ValueError, OSError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as {form}: {error}") from error


def _read_npz(path: Path, texts: Collection[str]) -> Table:
    from tuner.data.npz_file import read_npz

    X, y = read_npz(path)
    return join_target(X, y, str(path))


def _read_folder(folder: Path, image: Sequence[int] | None) -> Table:
    """Read a folder of pictures: one sub-folder for each class."""
    import pandas as pd

    from tuner.data.pictures import read_pictures

    listed = class_pictures(folder)
    found = read_pictures([picture.path for picture in listed.pictures], image, str(folder))
    labels = pd.Series([picture.label for picture in listed.pictures], name=LABEL)
    left = f"left aside, beside the folders of the classes: {', '.join(listed.aside[:10])}"
    notes = (*found.notes, left) if listed.aside else found.notes
    return replace(join_target(found.pixels, labels, str(folder)), notes=notes)


def join_target(X: Any, y: Any, place: str) -> Table:
    """Make one table of features and target.

    Args:
        X: a DataFrame, or an array-like (n_rows, ...) whose values become the columns x0, x1, ...
        y: a Series, a DataFrame, or an array-like: (n_rows,) becomes the column y, (n_rows, n_targets) the
            columns y0, y1, ...; None for no target.
        place: how messages name the source.

    Raises:
        DataError: the shapes do not fit together, or two columns have one name.
    """
    import numpy as np
    import pandas as pd

    row_shape = None
    if isinstance(X, pd.DataFrame):
        features = _plain(X)
    else:
        values = np.asarray(X)
        row_shape = tuple(values.shape[1:]) if values.ndim > 2 else None
        features = _columns_of(values, "x", place)
    if y is None:
        table = Table(features, None, place, row_shape=row_shape)
    else:
        target = _target_of(y, place)
        if len(target) != len(features):
            raise DataError(f"{place}: X has {len(features)} rows, y has {len(target)}")
        joined = pd.concat([features, target], axis=1)
        table = Table(joined, tuple(target.columns), place, row_shape=row_shape)
    _check_names(table)
    return table


def _target_of(y: Any, place: str) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    if isinstance(y, pd.DataFrame):
        return _plain(y)
    if isinstance(y, pd.Series):
        return _plain(y.to_frame("y" if y.name is None else y.name))
    return _columns_of(np.asarray(y), "y", place)


def _columns_of(values: np.ndarray, letter: Literal["x", "y"], place: str) -> pd.DataFrame:
    import pandas as pd

    if values.ndim == 0:
        raise DataError(f"{place}: {letter} is a single value, not an array of rows")
    if values.dtype.kind in "cV":
        raise DataError(f"{place}: {letter} holds values of type {values.dtype}, not numbers or texts")
    if values.ndim == 1:
        return pd.DataFrame({"y" if letter == "y" else "x0": values})
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    return pd.DataFrame(flat, columns=[f"{letter}{number}" for number in range(flat.shape[1])])


def read_path(source: Source, folder: Path) -> Table:
    """Read a file or a folder of pictures; see ``read_file``."""
    return read_file(source.value, folder, image=source.image)


def read_sklearn(source: Source, folder: Path) -> Table:
    """Load a data set that scikit-learn ships; class labels become their names.

    Raises:
        DataError: there is no such data set.
    """
    import sklearn.datasets

    value = source.value
    if value not in SKLEARN:
        raise DataError(
            f"scikit-learn: '{value}' is not a data set it ships{nearest(value, SKLEARN)}; "
            f"one of: {', '.join(SKLEARN)}"
        )
    bunch = getattr(sklearn.datasets, SKLEARN[value])(as_frame=True)
    target = bunch.target
    labels = bunch.get("target_names")
    if labels is not None and getattr(labels, "dtype", None) is not None and labels.dtype.kind == "U":
        target = target.map(dict(enumerate(labels.tolist())))
    table = join_target(bunch.data, target, f"scikit-learn: {value}")
    images = bunch.get("images")
    row_shape = None if images is None else tuple(images.shape[1:])
    return Table(table.frame, table.target_columns, table.place, row_shape=row_shape)


def read_python(source: Source, folder: Path) -> Table:
    """Call a user's function, which returns a DataFrame or (X, y).

    Raises:
        DataError: there is no such function, it fails, or it returns something else.
    """
    import pandas as pd

    value = source.value
    try:
        function = load_hook(value, folder)
    except TunerError as error:
        raise DataError(f"data.python: {error}") from error
    try:
        result = function()
    except TunerError:
        raise
    except Exception as error:
        raise DataError(f"data.python: {value} fails: {type(error).__name__}: {error}") from error
    if isinstance(result, pd.DataFrame):
        table = Table(_plain(result), None, value)
        _check_names(table)
        return table
    if isinstance(result, tuple) and len(result) == 2:
        return join_target(result[0], result[1], value)
    found = f"a tuple of {len(result)}" if isinstance(result, tuple) else type(result).__name__
    raise DataError(f"data.python: {value} returns {found}; it should return a DataFrame or a tuple (X, y)")


FILES: Mapping[str, Callable[[Path, Collection[str]], Table]] = MappingProxyType(
    {
        ".csv": partial(_read_separated, None),
        ".csv.gz": partial(_read_separated, None),
        ".tsv": partial(_read_separated, "\t"),
        ".tsv.gz": partial(_read_separated, "\t"),
        ".parquet": partial(_read_columnar, "Parquet"),
        ".feather": partial(_read_columnar, "Feather"),
        ".npz": _read_npz,
    }
)
"""The ending of a file's name -> its reader, a function of the path and the columns that stay texts."""

SKLEARN: Mapping[str, str] = MappingProxyType(
    {
        "iris": "load_iris",
        "wine": "load_wine",
        "breast_cancer": "load_breast_cancer",
        "digits": "load_digits",
        "diabetes": "load_diabetes",
        "linnerud": "load_linnerud",
    }
)
"""A data set of scikit-learn -> the function of ``sklearn.datasets`` that loads it."""

SOURCES: Mapping[SourceKind, Callable[[Source, Path], Table]] = MappingProxyType(
    {
        "path": read_path,
        "sklearn": read_sklearn,
        "python": read_python,
    }
)
"""A key of ``data`` -> its reader, a function of the source and the study file's folder."""
