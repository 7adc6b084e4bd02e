"""From a model folder and new rows to predictions, in a table or a file: what ``tune predict`` does."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from tuner.data.columns import Kind, Rows
from tuner.data.picture_files import all_pictures
from tuner.data.pictures import read_pictures
from tuner.data.sources import read_file
from tuner.engines.runtime import use_backend
from tuner.errors import DataError, TunerError
from tuner.export.folder import SavedModel, load_model
from tuner.export.manifest import read_manifest
from tuner.export.tables import array_columns, ignored, to_table, undefined_rows, unused_columns
from tuner.hooks import import_users

FILE = "file"
"""The column that holds the names of pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """Predictions for a file of rows, or for pictures.

    Attributes:
        table: (n_rows, ...) one row for each row of the file, in its order; see ``SavedModel.predict``. Of pictures, by
            name, with the name in the column ``file`` before the others.
        written: the file that holds them; None where none was asked for.
        notes: sentences that a user should be told.
    """

    table: pd.DataFrame
    written: Path | None
    notes: tuple[str, ...]


def predict_file(model: Path, data: Path, output: Path | None, imports: Sequence[str] = ()) -> Predicted:
    """Predict the rows of a file, or the pictures of a folder.

    Args:
        model: a model folder.
        data: a file with the columns that the model reads, in any order, among others; or a folder of pictures, at any
            depth, which are brought to the model's size.
        output: the file to write, by its ending; None for none.
        imports: modules of the user's that the model's networks need, in the working directory or installed.

    Raises:
        TunerError: the model, the table, a module or the output cannot be used as they are; nothing was written.
    """
    write = None if output is None else _writer(output)
    if imports:
        use_backend(read_manifest(model).backend)
    for name in imports:
        import_users(name, Path.cwd())
    loaded = load_model(model)
    new = _read_pictures(loaded, data) if data.is_dir() else _read_rows(loaded, data)
    outputs = loaded.outputs_of(new.frame, new.rows)
    predictions = to_table(outputs, loaded.manifest, new.frame.index)
    if new.files:
        predictions.insert(0, FILE, list(new.files))
    if output is not None and write is not None:
        _replace(output, predictions, write)
    undefined = undefined_rows(outputs)
    lost = (f"{undefined} rows have no finite prediction",) if undefined else ()
    return Predicted(predictions, output, (*new.notes, *lost))


@dataclass(frozen=True, slots=True, eq=False)
class _New:
    """Rows to predict: a table, how messages name it, the names of pictures, and what a user should be told."""

    frame: pd.DataFrame
    rows: Rows
    files: tuple[str, ...]
    notes: tuple[str, ...]


def _read_rows(model: SavedModel, data: Path) -> _New:
    texts = frozenset(column.name for column in model.columns if column.kind is Kind.CATEGORY)
    table = read_file(str(data), Path.cwd(), texts)
    note = ignored(unused_columns(table.frame, model.manifest))
    rows = Rows(table.place, table.first_line, len(table.frame))
    return _New(table.frame, rows, (), () if note is None else (note,))


def _read_pictures(model: SavedModel, folder: Path) -> _New:
    image = model.manifest.image
    if image is None:
        raise DataError(f"{folder}: is a folder, and the model reads tables, not pictures; name a file")
    files = all_pictures(folder)
    found = read_pictures([picture.path for picture in files], image, str(folder))
    frame = array_columns(found.pixels, model.columns, image)
    rows = Rows(str(folder), None, len(frame))
    return _New(frame, rows, tuple(picture.name for picture in files), found.notes)


Writer = Callable[[pd.DataFrame, Path], None]

WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        ".csv": lambda table, path: table.to_csv(path, index=False, compression=None),
        ".csv.gz": lambda table, path: table.to_csv(path, index=False, compression="gzip"),
        ".tsv": lambda table, path: table.to_csv(path, index=False, sep="\t", compression=None),
        ".tsv.gz": lambda table, path: table.to_csv(path, index=False, sep="\t", compression="gzip"),
        ".parquet": lambda table, path: table.to_parquet(path, index=False),
        ".feather": lambda table, path: table.to_feather(path),
    }
)
"""The ending of a file's name -> what writes a table to it."""


def _writer(output: Path) -> Writer:
    """Return what writes a file, before anything is computed that could not be written."""
    name = output.name.lower()
    ending = next((known for known in sorted(WRITERS, key=len, reverse=True) if name.endswith(known)), None)
    if ending is None:
        raise TunerError(f"{output}: the ending {output.suffix!r} is not known; one of: {', '.join(WRITERS)}")
    if output.is_dir():
        raise TunerError(f"{output}: is a folder; name a file")
    folder = output.absolute().parent
    if not folder.is_dir():
        raise TunerError(f"{output}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise TunerError(f"{folder}: may not be written by this user; name another place")
    return WRITERS[ending]


def _replace(output: Path, table: pd.DataFrame, write: Writer) -> None:
    """Write a file as a whole: what lay there is gone only once all is written."""
    unfinished = output.with_name(f".{output.name}.tmp")
    try:
        write(table, unfinished)
        unfinished.replace(output)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise TunerError(f"{output}: cannot be written: {error.strerror or error}") from None
