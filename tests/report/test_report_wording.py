import math

import pytest

from tuner.records import Interval
from tuner.report.wording import bounds, counted, duration, listed, number, percent, sentence, with_bounds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98333, "0.9833"),
        (-12.3456, "-12.35"),
        (123456.7, "123457"),
        (0.0, "0"),
        (1e-7, "1e-07"),
        (3.2e9, "3.2e+09"),
        (math.nan, "undefined"),
    ],
)
def test_a_number_has_four_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_bounds_have_the_decimals_of_their_value() -> None:
    assert with_bounds(Interval(0.83119, 0.764, 0.8911)) == "0.8312 [0.7640, 0.8911]"
    assert with_bounds(Interval(5.651, 5.1, 6.25)) == "5.651 [5.100, 6.250]"


def test_without_bounds_there_are_no_brackets() -> None:
    assert bounds(Interval(0.5, math.nan, math.nan)) == ""
    assert with_bounds(Interval(0.5, math.nan, math.nan)) == "0.5000"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.004, "0.4 %"), (0.05, "5 %"), (0.0951, "9.5 %"), (0.456, "46 %"), (1.0, "100 %")],
)
def test_a_share_is_told_in_percent(share: float, text: str) -> None:
    assert percent(share) == text


def test_counts_and_lists_read_as_sentences() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(1234, "row") == "1,234 rows"
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(["a", "b", "c", "d"], 2) == "a, b, and 2 more"
    assert sentence("trial 1 won") == "Trial 1 won."
    assert sentence("Done.") == "Done."
    assert duration(59.6) == "1 min 0 s"
