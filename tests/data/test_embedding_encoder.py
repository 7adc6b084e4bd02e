"""Categories as codes of vectors that a network learns, compared with codes counted by hand."""

import numpy as np
import pandas as pd
import pytest

from tuner.data.columns import Column, describe
from tuner.data.preprocess import Preprocessor, PreprocessPlan

HOSTILE = ["<script>alert(1)</script>", "a|b", "../../etc/passwd", "**bold**", "日本語", "مرحبا", "", " "]


def described(**values: object) -> tuple[tuple[Column, ...], pd.DataFrame]:
    pairs = [describe(pd.Series(value, name=name)) for name, value in values.items()]
    return tuple(column for column, _ in pairs), pd.DataFrame({column.name: clean for column, clean in pairs})


def fitted(columns: tuple[Column, ...], train: pd.DataFrame, **plan: str) -> Preprocessor:
    return Preprocessor(columns, PreprocessPlan(categorical="embedding", **plan), 3).fit(train)


def test_codes_are_places_in_the_vocabulary_from_one_upwards_and_missing_values_come_after_them():
    columns, frame = described(colour=["red", "green", None, "blue"], size=[1.0, 2.0, 3.0, 4.0])
    preprocessor = fitted(columns, frame, numeric="none")
    assert preprocessor.input_names == ("size", "colour")
    assert preprocessor.tables == (1 + 3 + 1,)
    assert preprocessor.transform(frame).tolist() == [[1, 3], [2, 2], [3, 4], [4, 1]]
    assert preprocessor.groups().tolist() == [-1, 0]


def test_what_the_training_rows_lack_is_unknown_though_the_number_of_codes_stays():
    columns, frame = described(colour=["red", "green", None, "blue"])
    rows = pd.DataFrame({"colour": ["red", "green", None, "blue", "violet"]})
    for train, codes in ((frame, [3, 2, 4, 1, 0]), (frame.iloc[:2], [3, 2, 0, 0, 0])):
        preprocessor = fitted(columns, train)
        assert preprocessor.tables == (5,)
        assert preprocessor.transform(rows).ravel().tolist() == codes


def test_a_missing_value_is_the_most_frequent_category_or_unknown_where_the_data_set_has_none():
    columns, frame = described(colour=["red", "green", None, "red", "blue"])
    often = fitted(columns, frame, missing_categorical="most_frequent")
    assert often.tables == (4,)
    assert often.transform(frame).ravel().tolist() == [3, 2, 3, 3, 1]
    columns, frame = described(colour=["red", "green", "red"])
    whole = fitted(columns, frame)
    assert whole.tables == (3,)
    assert whole.transform(pd.DataFrame({"colour": [None, "red"]})).ravel().tolist() == [0, 2]


@pytest.mark.parametrize("n_categories", [10_000, len(HOSTILE)])
def test_each_of_many_or_strange_categories_has_a_code_of_its_own(n_categories):
    names = (
        HOSTILE if n_categories == len(HOSTILE) else [f"{name}{HOSTILE[0]}" for name in range(n_categories)]
    )
    columns = (Column("c", describe(pd.Series(["a", "b"], name="c"))[0].kind, tuple(sorted(names))),)
    frame = pd.DataFrame({"c": names})
    preprocessor = fitted(columns, frame)
    assert preprocessor.tables == (n_categories + 1,)
    codes = preprocessor.transform(frame).ravel()
    assert codes.dtype == np.float32
    assert np.array_equal(codes, 1 + np.argsort(np.argsort(names)))
