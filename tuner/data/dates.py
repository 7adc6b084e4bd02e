"""Texts that are points in time, and the parts of a point in time."""

import re
from collections.abc import Sequence

import pandas as pd

from tuner.data.choices import AUTO_DATE_PARTS, DATE_PARTS

ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T].*)?")

ISO_FORM = "ISO8601"
"""pandas' word for any form of ISO 8601."""

LIKE_A_DATE = re.compile(r"\d{1,4}[-/. ]\w+[-/. ]|[A-Z][a-z]+ \d{1,2}, ")

MOST_DATES = 0.5
"""A share of the distinct values; with more dates of one form than this, a column is meant to be dates."""

SLASHES = re.compile(r"\d{1,2}/\d{1,2}/\d{4}")

DATE_FORMATS = (
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%Y/%m/%d %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
"""The forms of dates that are tried after ISO 8601, in order; the first that every value has is taken."""


def parse_dates(values: pd.Series) -> pd.Series | None:
    """Return texts as datetime64[us] values, or None where any text that is not missing is no date."""
    form = find_form(values)
    return None if form is None else parse_form(values, form)


def find_form(values: pd.Series) -> str | None:
    """Return the form that all texts have, ``ISO8601`` or one of ``DATE_FORMATS``; None where there is none."""
    first = values.first_valid_index()
    if first is None:
        return None
    example = str(values.loc[first])
    if not any(character.isdigit() for character in example[:40]):
        return None
    forms = (ISO_FORM,) if ISO_DATE.fullmatch(example) else DATE_FORMATS
    fitting = (form for form in forms if parse_form(pd.Series([example]), form).notna().all())
    present = values.notna()
    return next((form for form in fitting if bool(parse_form(values, form).notna().eq(present).all())), None)


def almost_dates(texts: Sequence[str]) -> list[str]:
    """Return the few texts that keep a column from being dates; [] where half of them or more have no common form.

    Args:
        texts: distinct values.
    """
    if sum(map(bool, map(LIKE_A_DATE.match, texts))) <= MOST_DATES * len(texts):
        return []
    iso = sum(map(bool, map(ISO_DATE.fullmatch, texts))) > MOST_DATES * len(texts)
    values = pd.Series(texts, dtype="str")
    for form in (ISO_FORM,) if iso else DATE_FORMATS:
        odd = values[parse_form(values, form).isna()]
        if len(odd) < (1 - MOST_DATES) * len(values):
            return [str(text) for text in odd]
    return []


def is_ambiguous(values: pd.Series) -> bool:
    """Return whether texts that are read as month/day/year are dates as day/month/year too, but other ones.

    Args:
        values: (n_rows,) texts, at least one of them not missing.
    """
    first = str(values.loc[values.first_valid_index()])
    if not SLASHES.match(first):
        return False
    dates = parse_dates(values)
    if dates is None:
        return False
    swapped = (parse_form(values, form) for form in DATE_FORMATS if form.startswith("%d/%m/"))
    return any(bool(other.notna().eq(values.notna()).all()) and not other.equals(dates) for other in swapped)


def parse_form(values: pd.Series, form: str) -> pd.Series:
    """Return texts as UTC without a zone, NaT where one has another form."""
    return to_utc(pd.to_datetime(values, format=form, errors="coerce", utc=True))


def to_utc(dates: pd.Series) -> pd.Series:
    """Return points in time with a zone as datetime64[us] without one."""
    plain: pd.Series = dates.dt.tz_localize(None).dt.as_unit("us")
    return plain


def varying_parts(dates: pd.Series) -> tuple[str, ...]:
    """Return those of ``AUTO_DATE_PARTS`` that differ between the dates that are not missing."""
    present = dates.dropna()
    return tuple(part for part in AUTO_DATE_PARTS if date_part(present, part).nunique() > 1)


def date_part(dates: pd.Series, part: str) -> pd.Series:
    """Return one part of each date, such as its month; NaN where the date is missing."""
    return DATE_PARTS[part].read(dates).astype("float64")  # type: ignore[no-any-return]
