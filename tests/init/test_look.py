from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tuner.data.columns import Kind
from tuner.errors import DataError
from tuner.init.facts import ColumnFacts, TableFacts
from tuner.init.look import look_at
from tuner.tasks import Task

N_ROWS = 400


def made_table() -> pd.DataFrame:
    """Return rows with one column of each sort that a person should look at twice."""
    random = np.random.default_rng(5)
    height, sick = random.normal(170, 9, N_ROWS), random.integers(0, 2, N_ROWS)
    words = np.array(["the", "patient", "came", "in", "with", "a", "cough", "and", "left", "with", "none"])
    return pd.DataFrame(
        {
            "patient_id": random.permutation(N_ROWS) + 1000,
            "name": [f"person-{row}" for row in range(N_ROWS)],
            "letter": [" ".join(random.choice(words, 9)) + f" {row}" for row in range(N_ROWS)],
            "height": height,
            "height_in": height / 2.54,
            "ward": np.array(["north", "south", "west"])[random.integers(0, 3, N_ROWS)],
            "rare": np.where(random.random(N_ROWS) < 0.8, np.nan, 1.0 + random.random(N_ROWS)),
            "country": "here",
            "void": None,
            "flag": np.arange(N_ROWS) == 7,
            "seen": pd.date_range("2024-01-01", periods=N_ROWS, freq="D"),
            "household": random.integers(0, 80, N_ROWS),
            "income": random.lognormal(8, 1.5, N_ROWS),
            "huge": np.where(np.arange(N_ROWS) == 3, np.inf, height),
            "treated": np.where(random.random(N_ROWS) < 0.002, 1 - sick, sick),
            "sick": np.where(sick, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def looked(tmp_path_factory) -> TableFacts:
    path = tmp_path_factory.mktemp("look") / "made.parquet"
    made_table().to_parquet(path)
    return look_at(path, ("sick",))


def column(facts: TableFacts, name: str) -> ColumnFacts:
    return next(each for each in facts.columns if each.name == name)


def look(folder: Path, frame: pd.DataFrame, *targets: str) -> TableFacts:
    frame.to_parquet(folder / "table.parquet")
    return look_at(folder / "table.parquet", targets)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("patient_id", "identifier"),
        ("name", "identifier"),
        ("letter", "free text"),
        ("country", "constant"),
        ("void", "empty"),
        ("huge", "infinite"),
    ],
)
def test_columns_that_no_model_should_see_are_dropped(looked, name, what):
    dropped = column(looked, name).dropped
    assert dropped is not None
    assert dropped.what == what
    assert name not in [each.name for each in looked.inputs]


@pytest.mark.parametrize(
    ("name", "what", "doubtful"),
    [
        ("height_in", "duplicate", True),
        ("treated", "gives the target away", True),
        ("rare", "mostly missing", False),
        ("flag", "nearly constant", False),
    ],
)
def test_doubtful_columns_are_told_of_and_kept(looked, name, what, doubtful):
    found = column(looked, name)
    assert [concern.what for concern in found.concerns] == [what]
    assert found.dropped is None
    assert (found.doubtful is not None) == doubtful


@pytest.mark.parametrize("name", ["height", "ward", "seen", "household", "income"])
def test_ordinary_columns_are_not_talked_about(looked, name):
    assert column(looked, name).concerns == ()


def test_kinds_missing_shares_and_distinct_values_are_those_of_the_table(looked):
    frame = made_table()
    for name in ("height", "ward", "rare", "seen", "flag"):
        found = column(looked, name)
        assert found.missing == pytest.approx(frame[name].isna().mean())
        assert found.distinct == frame[name].nunique()
    assert column(looked, "ward").kind is Kind.CATEGORY
    assert column(looked, "flag").kind is Kind.BOOLEAN


def test_skewness_is_the_third_standardised_moment(looked):
    from scipy.stats import skew

    assert column(looked, "income").skewness == pytest.approx(skew(made_table()["income"]))


def test_dates_and_households_are_offered_as_time_and_group(looked):
    assert looked.times == ("seen",)
    assert looked.groups == ("household",)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([*map(str, range(89)), "12 kg"], "almost numbers: texts because of '12 kg'"),
        (
            [f"{1000 + n:,}.50" for n in range(90)],
            "numbers as text: texts such as '1,000.50': write them as 1234.5",
        ),
        (["5 %", "10 %", "7 %"] * 30, "numbers as text: texts such as"),
        (["03/04/2025", "05/06/2025", "07/08/2025"] * 30, "month first: read as month/day/year"),
    ],
)
def test_a_column_that_may_be_meant_otherwise_is_told_of(tmp_path, values, what):
    facts = look(tmp_path, pd.DataFrame({"a": values, "y": np.arange(90) % 2}), "y")
    told = [f"{concern.what}: {concern.reason}" for concern in column(facts, "a").concerns]
    assert any(each.startswith(what) for each in told)


def test_the_target_is_counted(looked):
    counts = made_table()["sick"].value_counts()
    assert looked.target.task is Task.BINARY
    assert dict(zip(looked.target.labels, looked.target.counts, strict=True)) == counts.to_dict()
    assert looked.target.positive == counts.index[-1]


def test_rows_without_a_target_and_copies_of_rows_are_counted(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 1.0, 2.0, 3.0, 4.0, 4.0], "y": [0.5, 0.5, 1.5, None, 2.5, None]})
    facts = look(tmp_path, frame, "y")
    assert (facts.n_rows, facts.n_unlabelled, facts.n_copies) == (4, 2, 1)
    assert facts.target.ranges == ((0.5, 1.0, 2.5),)


def test_a_value_for_value_copy_of_a_category_is_found(tmp_path):
    code = np.tile([3, 1, 2], 30)
    frame = pd.DataFrame({"code": code, "word": np.array(["x", "a", "m", "b"])[code], "y": np.arange(90) / 7})
    concern = column(look(tmp_path, frame, "y"), "word").doubtful
    assert concern is not None
    assert concern.reason == "says the same as 'code', value for value"


def test_columns_that_differ_in_each_row_are_no_copies_of_one_another(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(9).random((60, 3)), columns=["a", "b", "y"])
    assert not any(each.concerns for each in look(tmp_path, frame, "y").columns)


def test_a_column_that_gives_a_number_away_is_found(tmp_path):
    y = np.random.default_rng(0).normal(size=300)
    frame = pd.DataFrame({"noise": np.random.default_rng(1).normal(size=300), "bill": 3 * y**3, "y": y})
    facts = look(tmp_path, frame, "y")
    assert [each.what for each in column(facts, "bill").concerns] == ["gives the target away"]
    assert column(facts, "noise").concerns == ()


def test_a_good_but_honest_column_gives_nothing_away(shared_data):
    facts = look_at(shared_data / "pima.csv", ("diabetes",))
    assert not [each.name for each in facts.columns if each.concerns]


def test_where_only_identifiers_are_left_they_are_kept_and_doubted(tmp_path):
    facts = look(tmp_path, pd.DataFrame({"row_id": range(60), "y": np.arange(60) % 3}), "y")
    assert [each.name for each in facts.inputs] == ["row_id"]
    assert facts.inputs[0].doubtful is not None


@pytest.mark.parametrize(
    ("counts", "rating"),
    [
        ((30, 216, 2138, 2836, 193), True),
        ((3, 40, 30, 100, 95, 98, 50, 9), True),
        ((300, 290, 310, 305, 295), False),
        ((3, 100, 20, 100, 9), False),
    ],
)
def test_numbers_that_are_rare_at_both_ends_look_like_a_scale(tmp_path, counts, rating):
    y = np.repeat(np.arange(3, 3 + len(counts)), counts)
    facts = look(tmp_path, pd.DataFrame({"a": np.random.default_rng(2).random(len(y)), "y": y}), "y")
    assert facts.target.rating is rating


def test_without_a_target_the_likeliest_columns_are_named(tmp_path):
    frame = pd.DataFrame({"age": [1.5, 2.5], "churn": ["yes", "no"], "note": ["a", "b"]})
    with pytest.raises(DataError) as raised:
        look(tmp_path, frame)
    said = str(raised.value)
    assert "--target" in said
    assert "likeliest: 'churn' (2 different values), 'note'" in said
    frame = pd.DataFrame({"age": [1.5, 2.5, 3.5], "left": ["yes", "no", "no"], "note": ["a", "b", "c"]})
    with pytest.raises(DataError, match=r"'left' \(2 different values\)"):
        look(tmp_path, frame)
    assert said.endswith("the columns are: age, churn, note")


def test_a_target_that_is_no_column_is_refused_with_the_nearest(tmp_path):
    for written in ("chrun", "CHURN"):
        with pytest.raises(DataError, match=rf"target '{written}' is not a column; did you mean 'churn'\?"):
            look(tmp_path, pd.DataFrame({"a": [1, 2], "churn": [0, 1]}), written)


def test_several_targets_may_be_named_by_a_pattern(tmp_path):
    random = np.random.default_rng(6)
    columns = {
        "x": random.random(60),
        "label1": np.arange(60) % 2,
        "label2": np.arange(60) // 2 % 2,
        "l*": 1.5,
    }
    frame = pd.DataFrame(columns).assign(**{"l*": random.random(60)})
    assert look(tmp_path, frame, "label*").target.names == ("label1", "label2")
    assert look(tmp_path, frame, "l*").target.names == ("l*",)  # a column itself
    with pytest.raises(DataError, match=r"target 'z\*' is not a column"):
        look(tmp_path, frame, "z*")


def test_an_npz_file_says_itself_what_its_target_is(tmp_path):
    images = np.random.default_rng(4).random((50, 4, 4))
    np.savez(tmp_path / "images.npz", X=images, y=np.arange(50) % 3)
    facts = look_at(tmp_path / "images.npz", ())
    assert (facts.own_target, facts.target.names, facts.row_shape) == (True, ("y",), (4, 4))
    assert len(facts.inputs) == 16
    assert not any(each.concerns for each in facts.columns)


HEADLESS = "5.1,3.5,1.4,a\n4.9,3.0,1.4,b\n" + "6.1,2.5,3.3,a\n5.5,2.4,1.1,b\n" * 20


def test_a_file_without_a_header_is_noticed(tmp_path):
    (tmp_path / "t.csv").write_text(HEADLESS, encoding="utf-8")
    assert look_at(tmp_path / "t.csv", ("a",)).no_header
    with pytest.raises(
        DataError, match=r"'y' is not a column; the columns are: 5.1, 3.5, 1.4, a; if the first line is a"
    ):
        look_at(tmp_path / "t.csv", ("y",))


def test_numbers_that_rise_are_names(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(3).random((60, 4)), columns=["400.5", "401", "401.5", "y"])
    assert not look(tmp_path, frame, "y").no_header


def test_dates_are_no_target(tmp_path):
    days = pd.date_range("2024-01-01", periods=90, freq="D").strftime("%Y-%m-%d")
    with pytest.raises(
        DataError, match=r"nearly every row is a class of its own \(they are dates; a target is numbers"
    ):
        look(tmp_path, pd.DataFrame({"a": range(90), "y": days}), "y")
