"""What a table holds, as a hash, so that a study can tell that its data have changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from tuner.data.columns import as_text, is_nested, is_number, shorten, to_floats

EXACT_FLOAT = 2**53
"""Up to here a float64 holds every integer."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The content of a table, whatever its file's name, format and compression.

    Attributes:
        sha256: the hash of all of it.
        rows: how many rows there are, those of a separate test file included.
        columns: each column of the table in order, with the hash of its own values; dropped ones included.
    """

    sha256: str
    rows: int
    columns: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return {
            "sha256": self.sha256,
            "rows": self.rows,
            "columns": [list(column) for column in self.columns],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Fingerprint":
        """Return what ``to_dict`` was made from."""
        columns = tuple((str(name), str(digest)) for name, digest in values["columns"])
        return cls(str(values["sha256"]), int(values["rows"]), columns)


def take_fingerprint(frame: pd.DataFrame, n_test: int) -> Fingerprint:
    """Hash a table as it was read.

    Numbers count as float64 (integers beyond 2**53 as int64), truth values as 0 and 1, texts and dates as
    UTF-8 with their lengths, and missing values as such; so a CSV file and a Parquet file of one
    table agree.

    Args:
        frame: (n_rows, n_columns), the rows of a separate test file last.
        n_test: how many rows came from the test file.
    """
    columns = tuple((str(name), _hash_column(values)) for name, values in frame.items())
    whole = sha256(f"{len(frame)} {n_test}\n".encode())
    for name, digest in columns:
        encoded = name.encode()
        whole.update(f"{len(encoded)} ".encode() + encoded + digest.encode())
    return Fingerprint(whole.hexdigest(), len(frame), columns)


def _hash_column(values: pd.Series) -> str:
    if values.dtype == np.uint8:  # a pixel, of which a table has thousands: never missing, always exact
        return _hash_floats(values.to_numpy(np.float64))
    if not bool(values.notna().any()):
        return sha256(f"missing {len(values)}".encode()).hexdigest()
    if is_number(values):
        return _hash_numbers(values)
    if is_nested(values):
        values = values.map(
            lambda value: repr(value.tolist()) if isinstance(value, np.ndarray) else repr(value)
        )
    if values.dtype.kind == "M":
        values = values.astype(str).where(values.notna())
    codes, uniques = pd.factorize(values, use_na_sentinel=True)
    digest = sha256(b"text")
    for unique in uniques:
        encoded = as_text(unique).encode("utf-8", "surrogatepass")
        digest.update(f"{len(encoded)} ".encode() + encoded)
    digest.update(np.ascontiguousarray(codes, "<i8").tobytes())
    return digest.hexdigest()


def _hash_numbers(values: pd.Series) -> str:
    if values.dtype.kind in "iu" and not isinstance(values.dtype, pd.api.extensions.ExtensionDtype):
        integers = values.to_numpy()
        if len(integers) and max(abs(int(integers.min())), abs(int(integers.max()))) > EXACT_FLOAT:
            return sha256(b"integers" + ",".join(map(str, integers.tolist())).encode()).hexdigest()
    numbers = to_floats(values) + 0.0  # turns -0.0 into 0.0
    numbers[np.isnan(numbers)] = np.nan  # one of the many bit patterns of NaN
    return _hash_floats(numbers)


def _hash_floats(numbers: np.ndarray) -> str:
    return sha256(b"numbers" + np.ascontiguousarray(numbers, "<f8").tobytes()).hexdigest()


def changed(old: Fingerprint, new: Fingerprint) -> list[str]:
    """Return sentences on what differs between two tables; empty if nothing does."""
    if old.sha256 == new.sha256:
        return []
    before, after = dict(old.columns), dict(new.columns)
    sentences = []
    if old.rows != new.rows:
        sentences.append(f"rows {old.rows} -> {new.rows}")
    sentences += [f"column '{name}' is new" for name in after if name not in before]
    sentences += [f"column '{name}' is gone" for name in before if name not in after]
    both = [name for name in after if name in before]
    if old.rows == new.rows:
        differing = [name for name in both if before[name] != after[name]]
        if len(differing) == 1:
            sentences.append(f"column '{differing[0]}' changed")
        elif differing:
            quoted = shorten(f"'{name}'" for name in differing)
            sentences.append(f"columns {quoted} changed ({len(differing)} of {len(after)})")
    if [name for name in before if name in after] != both:
        sentences.append("the columns are in another order")
    return sentences or ["other rows belong to the test file"]
