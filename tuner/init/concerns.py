"""Which columns of a table a person should look at twice, and why: one column at a time."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from tuner.data.columns import (
    FLOAT32_MAX,
    Column,
    Kind,
    almost_numbers,
    is_nested,
    is_number,
    is_numeral,
    is_text,
    shorten,
    to_floats,
)
from tuner.data.dates import is_ambiguous
from tuner.data.encoders import MOST_ONEHOT
from tuner.data.features import FEW_ROWS, looks_like_identifier
from tuner.init.facts import ColumnFacts, Concern
from tuner.report.wording import counted, percent

LONG_TEXT = 4
"""Words; texts that have more on average, and mostly differ, are sentences rather than categories."""

MOSTLY = 0.5
"""A share of the rows; missing in more of them, a column is mostly missing; with more distinct texts, free."""

NEARLY_NONE = 0.005
"""A share of the rows; where fewer differ from the others, a column is nearly constant."""

GROUP_NAME = re.compile(
    r"(?i:(^|[_\W])(id|group|household|family|patient|subject|person|user|customer|client|session|site|school|hospital"
    r"|store|donor|device)s?$)|[a-z]I[dD]$"
)
FEWEST_GROUPS = 10

MARKS = re.compile(r"[\s,'%$€£¥]")
"""What people write in and around numbers, and programs do not read."""


def unreadable(frame: pd.DataFrame, targets: tuple[str, ...]) -> dict[str, Concern]:
    """Return the columns that no model can read, each with the reason.

    Args:
        frame: the table as it was read.
        targets: its target columns, which are not looked at.
    """
    found = {}
    for name in (str(name) for name in frame.columns if name not in targets):
        values = frame[name]
        if is_nested(values):
            found[name] = Concern("lists", "holds lists or mappings, not single values", drops=True)
        elif is_number(values) and (n_infinite := _count_infinite(to_floats(values))):
            reason = f"or too large for a 32-bit float, in {counted(n_infinite, 'row')}; correct it to use the column"
            found[name] = Concern("infinite", reason, drops=True)
    return found


def _count_infinite(values: np.ndarray) -> int:
    with np.errstate(invalid="ignore"):
        return int((np.abs(values) > FLOAT32_MAX).sum())


def useless(values: pd.Series) -> Concern:
    """Return why a column is not read: it has no value, or one only."""
    if not bool(values.notna().any()):
        return Concern("empty", "no row has a value", drops=True)
    value = shorten([str(values.iloc[0])[:40]])
    return Concern("constant", f"the same value in every row: {value}", drops=True)


def column_concerns(column: Column, clean: pd.Series, raw: pd.Series) -> Iterator[Concern]:
    """Yield what stands out in a column that models can read.

    Args:
        column: what it holds.
        clean: (n_rows,) its cleaned values in the rows that have a target.
        raw: its values as they were read, in all rows.
    """
    reason = looks_like_identifier(column, raw)
    told = _free_text(column, clean) if reason is None else _texts_or_identifier(column, clean, reason)
    if told is not None:
        yield told
    missing = float(clean.isna().mean())
    if missing > MOSTLY:
        yield Concern("mostly missing", f"{percent(missing)} of the rows have no value")
    others = len(clean) - int(clean.value_counts(dropna=False).iloc[0])
    if others < NEARLY_NONE * len(clean) and missing < MOSTLY:
        yield Concern("nearly constant", f"all but {counted(others, 'row')} have the same value")
    if len(column.categories) > MOST_ONEHOT and not told:
        most = f"the {MOST_ONEHOT} most frequent become inputs"
        yield Concern("many categories", f"{len(column.categories):,} different texts: as onehot {most}")
    yield from _meant_otherwise(column, raw)


def _meant_otherwise(column: Column, raw: pd.Series) -> Iterator[Concern]:
    """Yield why a column may be meant as another kind, or as other dates, than it was read."""
    if odd := almost_numbers(column.categories):
        found = shorten([repr(text) for text in odd], 3)
        yield Concern("almost numbers", f"texts because of {found}: correct or empty them if it is numbers")
    elif marked := _marked_number(column.categories):
        yield Concern("numbers as text", _with_marks(marked))
    if column.kind is Kind.DATETIME and is_text(raw) and is_ambiguous(raw):
        yield Concern("month first", "read as month/day/year: write 2026-01-31 if it is day/month/year")


def _marked_number(texts: Sequence[str]) -> str | None:
    """Return one of the texts that are numbers but for marks, such as ``1,234`` or ``5 %``; None where few are."""
    marked = [text for text in texts if not is_numeral(text) and is_numeral(MARKS.sub("", text))]
    return marked[0] if len(marked) > MOSTLY * len(texts) else None


def _with_marks(text: str) -> str:
    return f"texts such as {text[:40]!r}: write them as 1234.5 in the file to have numbers"


def _texts_or_identifier(column: Column, clean: pd.Series, reason: str) -> Concern:
    """Return whether a text that differs in nearly every row is written by people or names the row."""
    if marked := _marked_number(column.categories):
        return Concern("numbers as text", _with_marks(marked), drops=True)
    if column.kind is Kind.CATEGORY and _mean_words(clean) > LONG_TEXT:
        return Concern("free text", f"{reason}, {_mean_words(clean):.0f} words each", drops=True)
    return Concern("identifier", reason, drops=True)


def _free_text(column: Column, clean: pd.Series) -> Concern | None:
    n_distinct, n_present = len(column.categories), int(clean.notna().sum())
    if column.kind is not Kind.CATEGORY or n_present <= FEW_ROWS or n_distinct <= MOSTLY * n_present:
        return None
    words = _mean_words(clean)
    if words <= LONG_TEXT:
        return None
    return Concern("free text", f"{n_distinct:,} different texts of {words:.0f} words on average", drops=True)


def _mean_words(clean: pd.Series) -> float:
    """Return the mean number of words of a categorical's first values."""
    texts = [str(text) for text in clean.dropna().iloc[:1000]]
    return sum(len(text.split()) for text in texts) / max(1, len(texts))


def looks_like_group(column: ColumnFacts, n_rows: int) -> bool:
    """Return whether a column may say which rows belong together: by its name, and values that come back."""
    if column.kind not in (Kind.CATEGORY, Kind.NUMERIC) or not GROUP_NAME.search(column.name):
        return False
    return FEWEST_GROUPS <= column.distinct <= n_rows / 2
