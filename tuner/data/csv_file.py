"""Reads comma-separated text, after a pass that finds what pandas would silently repair."""

from __future__ import annotations

import csv
import gzip
import io
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, TYPE_CHECKING, cast

from tuner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import pandas as pd

MOST_PROBLEMS = 5
"""How many faulty rows one message lists."""

MISSING_WORDS = (
    "", "?", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""Cells that are missing: what pandas takes for missing (documented at ``read_csv``), and a question mark."""

FEWEST_NUMBERS = 1 / 3
"""A share of the columns; with fewer named by a number, the first line is a header."""

NO_HEADER = "; if the first line is a row already, put a line with the columns' names above it"

LONGEST_CELL = 2**24
"""Characters; a longer cell is a quotation mark that was never closed."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a CSV file is laid out.

    Attributes:
        delimiter: the character between cells.
        first_line: the line of the first row, where each row is one line; None otherwise.
    """

    delimiter: str
    first_line: int | None


def read_csv(
    path: Path, delimiter: str | None, texts: Collection[str] = ()
) -> tuple[pd.DataFrame, int | None]:
    """Read a CSV file, gzipped or not.

    A cell that is empty, ``?`` or one of pandas' words for it (``NA``, ``null``, ...) is missing. Blanks
    round cells do not count.

    Args:
        path: the file; an ending ``.gz`` is unpacked.
        delimiter: the character between cells; None for what separates most names of the header: comma, semicolon,
            tab or bar.
        texts: columns whose cells are texts even where all of them could be numbers, such as ``007``.

    Returns:
        The table, and ``Layout.first_line``.

    Raises:
        DataError: all that ``check_csv`` finds, or pandas cannot read it.
    """
    import pandas as pd

    layout = check_csv(path, delimiter)
    try:
        frame = pd.read_csv(
            path,
            sep=layout.delimiter,
            encoding="utf-8-sig",
            na_values=list(MISSING_WORDS),
            keep_default_na=False,
            index_col=False,
            dtype=dict.fromkeys(_as_written(path, layout.delimiter, texts), "str"),
            low_memory=False,
        )
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from error
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    return tidy_text(frame, texts, decimal_comma=layout.delimiter == ";"), layout.first_line


def _as_written(path: Path, delimiter: str, names: Collection[str]) -> list[str]:
    """Return those cells of a header that are one of some names once the blanks round them are gone."""
    if not names:
        return []
    with open_text(path) as text:
        first = next(line for line in text if line.strip())
    return [cell for cell in next(csv.reader([first], delimiter=delimiter)) if cell.strip() in names]


def tidy_text(frame: pd.DataFrame, texts: Collection[str] = (), *, decimal_comma: bool) -> pd.DataFrame:
    """Strip blanks round text cells, and read again as numbers what then turns out to be numbers.

    Args:
        frame: the table as pandas read it.
        texts: columns that stay texts.
        decimal_comma: whether a column of texts such as ``3,5`` holds numbers, as where cells are separated
            by semicolons.
    """
    from pandas.api.types import is_string_dtype

    tidied = {}
    for place, name in enumerate(frame.columns):
        text = frame.iloc[:, place]
        if name in texts:
            stripped = text.str.strip()
            tidied[name] = stripped.mask(stripped.isin(MISSING_WORDS))
        elif is_string_dtype(text.dtype) and text.dtype != object:
            tidied[name] = _tidy(text, decimal_comma)
    return frame.assign(**tidied) if tidied else frame


def _tidy(text: pd.Series, decimal_comma: bool) -> pd.Series:
    import pandas as pd

    stripped = text.str.strip()
    blanks = bool((text.notna() & (stripped != text)).any())
    if blanks:
        stripped = stripped.mask(stripped.isin(MISSING_WORDS))
    if decimal_comma:
        commas = stripped.str.fullmatch(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")
        if bool(commas.dropna().astype(bool).all()):
            return pd.to_numeric(stripped.str.replace(",", ".", regex=False))
    if not blanks:
        return text
    numbers = pd.to_numeric(stripped, errors="coerce")
    return numbers if bool(numbers.notna().eq(stripped.notna()).all()) else stripped


def check_csv(path: Path, delimiter: str | None) -> Layout:
    """Go through a CSV file once and find what would be read as something else than was meant.

    Raises:
        DataError: not UTF-8 (with the line), empty, a header alone, two columns of one name, a column without
            a name, rows with more or fewer cells than the header (with their lines), a damaged gzip file.
    """
    previous_limit = csv.field_size_limit(LONGEST_CELL)
    try:
        with open_text(path) as text:
            return _check(path, text, delimiter)
    except UnicodeDecodeError:
        raise DataError(_undecodable(path)) from None
    except (EOFError, OSError) as error:
        raise DataError(f"{path}: cannot be unpacked or read: {error}") from error
    finally:
        csv.field_size_limit(previous_limit)


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """Open a text file, gzipped or not, with its line ends as they are and without a byte-order mark."""
    with _open_bytes(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        yield text


def _open_bytes(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(path))
    return path.open("rb")


def _undecodable(path: Path) -> str:
    with _open_bytes(path) as raw:
        for number, line in enumerate(raw, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return (
                    f"{path}:{number}: byte {error.start + 1} of the line, 0x{byte:02x}, is not UTF-8; "
                    "save the file as UTF-8"
                )
    return f"{path}: not UTF-8; save the file as UTF-8"


def _check(path: Path, text: IO[str], delimiter: str | None) -> Layout:
    first = ""
    skipped = 0
    for first in text:
        if first.strip():
            break
        skipped += 1
    if not first.strip():
        raise DataError(
            f"{path}: the file is empty; it needs a header line with the columns' names, and rows"
        )
    if "\0" in first:
        raise DataError(
            f"{path}:{skipped + 1}: holds zero bytes, which UTF-8 text does not; save the file as UTF-8"
        )
    delimiter = delimiter or find_delimiter(first)
    rows = csv.reader(_chain(first, text), delimiter=delimiter)
    try:
        header = [name.strip() for name in next(rows)]
        problems = check_header(path, header)
        faulty, n_rows = _count_cells(path, rows, len(header), skipped)
    except csv.Error as error:
        raise DataError(f"{path}:{skipped + rows.line_num}: cannot be read as CSV: {error}") from error
    if n_rows == 0:
        problems.append(f"{path}: a header and no rows")
    if problems or faulty:
        raise DataError("\n".join([*problems, *faulty]))
    one_line_each = rows.line_num == n_rows + 1
    return Layout(delimiter, skipped + 2 if one_line_each else None)


def _chain(first: str, rest: IO[str]) -> Iterator[str]:
    yield first
    yield from rest


def find_delimiter(header: str) -> str:
    """Return the character between the names of a header: the comma, semicolon, tab or bar that makes most of them."""

    def n_names(delimiter: str) -> int:
        return len(next(csv.reader([header], delimiter=delimiter), []))

    return max((",", ";", "\t", "|"), key=n_names)


def check_header(path: Path, header: list[str]) -> list[str]:
    """Return what is wrong with the names of the columns."""
    empty = [str(number) for number, name in enumerate(header, start=1) if not name]
    problems = [f"{path}: column {number} of {len(header)} has no name in the header" for number in empty]
    hint = NO_HEADER if looks_like_row(header) else ""
    seen: dict[str, list[int]] = {}
    for number, name in enumerate(header, start=1):
        seen.setdefault(name, []).append(number)
    for name, numbers in seen.items():
        if name and len(numbers) > 1:
            places = ", ".join(map(str, numbers))
            problems.append(f"{path}: columns {places} are all named '{name}'; give each its own name{hint}")
    return problems


def looks_like_row(names: Sequence[str]) -> bool:
    """Return whether the names of a table's columns are a row's values, as in a file without a header.

    Numbers that only rise, such as places or wavelengths, are names.
    """
    from tuner.data.columns import is_numeral

    numbers = [float(name) for name in names if is_numeral(name)]
    rising = all(first < second for first, second in pairwise(numbers))
    return len(numbers) >= max(2.0, FEWEST_NUMBERS * len(names)) and not rising


def _count_cells(path: Path, rows: Iterator[list[str]], width: int, skipped: int) -> tuple[list[str], int]:
    """Return the rows whose number of cells is not the header's, as messages, and the number of rows."""
    reader = rows
    faulty: list[str] = []
    n_faulty = n_rows = 0
    line = reader.line_num  # type: ignore[attr-defined]
    for row in rows:
        if len(row) != width and _is_blank(row):
            line = reader.line_num  # type: ignore[attr-defined]
            continue
        n_rows += 1
        if len(row) != width:
            n_faulty += 1
            if n_faulty <= MOST_PROBLEMS:
                faulty.append(
                    f"{path}:{skipped + line + 1}: {_cells(len(row))}, but the header has {_cells(width)}"
                )
        line = reader.line_num  # type: ignore[attr-defined]
    if n_faulty > MOST_PROBLEMS:
        faulty.append(
            f"{path}: and {n_faulty - MOST_PROBLEMS} more rows whose number of cells is not {width}"
        )
    return faulty, n_rows


def _cells(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"


def _is_blank(row: list[str]) -> bool:
    return not row or (len(row) == 1 and not row[0].strip())
