from dataclasses import replace
from pathlib import Path

import pytest

from tuner.data.columns import Kind
from tuner.init.choices import (
    METRICS,
    choose_balance,
    choose_categorical,
    choose_missing,
    choose_objective,
    choose_scaler,
    choose_splits,
    choose_task,
    choose_threshold,
    count_inputs,
    most_epochs,
)
from tuner.init.facts import ColumnFacts, TableFacts, TargetFacts
from tuner.init.sizes import SIZES, size_of, widest
from tuner.model.metrics import metrics_for
from tuner.tasks import Task


def table(
    counts: tuple[int, ...] = (), columns: tuple[ColumnFacts, ...] = (), n_rows: int = 0, **target: object
) -> TableFacts:
    """Return the facts of a table with classes of so many rows, or else with a number to predict."""
    task = Task.REGRESSION if not counts else Task.BINARY if len(counts) == 2 else Task.MULTICLASS
    labels = tuple("abcdefghij"[: len(counts)])
    ranges = () if counts else ((0.0, 1.0, 9.0),)
    positive = labels[1] if len(counts) == 2 else None
    facts = TargetFacts(("y",), task, labels, counts, positive, ranges, **target)  # type: ignore[arg-type]
    return TableFacts(Path("/t.csv"), n_rows or sum(counts), 0, 0, facts, False, columns)


@pytest.mark.parametrize(
    ("facts", "objective"),
    [
        (table((860, 140)), "roc_auc"),
        (table((990, 10)), "average_precision"),
        (table((50, 50, 50)), "accuracy"),
        (table((900, 90, 10)), "f1_macro"),
        (table(n_rows=500), "rmse"),
    ],
)
def test_the_objective_fits_the_task_and_the_balance(facts, objective):
    assert choose_objective(facts, facts.target.task).value == objective


@pytest.mark.parametrize("task", Task)
def test_what_is_recorded_beside_an_objective_fits_its_task(task):
    facts = table((990, 10) if task is Task.BINARY else (900, 90, 10))
    objective = str(choose_objective(facts, task).value)
    assert {objective, *METRICS[objective]} <= set(metrics_for(task))


@pytest.mark.parametrize(
    ("counts", "test", "folds", "repeats"),
    [
        ((2, 2), 0.0, 2, 2),
        ((40, 40), 0.0, 10, 2),
        ((120, 100), 0.2, 10, 2),
        ((120, 5), 0.2, 4, 2),
        ((4000, 1000), 0.2, 5, 1),
        ((4000, 3), 0.2, 2, 1),
        ((4000, 2), 0.0, 2, 1),
        ((150_000, 50_000), 0.1, 3, 1),
    ],
)
def test_the_splits_fit_the_rows_and_the_rarest_class(counts, test, folds, repeats):
    facts = table(counts)
    splits = choose_splits(facts, facts.target.task)
    assert (splits.test, splits.folds, splits.repeats) == (test, folds, repeats)


def test_a_number_to_predict_asks_for_rows_only():
    splits = choose_splits(table(n_rows=7), Task.REGRESSION)
    assert (splits.test, splits.folds, splits.repeats) == (0.0, 7, 1)


def test_a_rating_is_regression_and_says_how_to_change_that():
    choice = choose_task(table((5, 50, 400, 60, 4), rating=True, numeric=True))
    assert choice.value == "regression"
    assert "write multiclass" in choice.why


@pytest.mark.parametrize(("numeric", "task"), [(True, "regression"), (False, "multiclass")])
def test_numbers_that_are_there_once_cannot_be_classes(numeric, task):
    assert choose_task(table((5, 4, 1), numeric=numeric)).value == task


def numbers(*skewness: float, missing: float = 0.0) -> tuple[ColumnFacts, ...]:
    return tuple(ColumnFacts(f"x{n}", Kind.NUMERIC, missing, 99, each) for n, each in enumerate(skewness))


@pytest.mark.parametrize(
    ("columns", "n_rows", "scaler"),
    [
        (numbers(0.1, -0.5, 1.0), 5000, "standard"),
        (numbers(4.0, -3.0, 1.0), 5000, "quantile"),
        (numbers(4.0, -3.0, 1.0), 500, "robust_clip"),
        ((), 5000, "standard"),
    ],
)
def test_skewed_columns_are_scaled_by_rank_where_rows_suffice(columns, n_rows, scaler):
    assert choose_scaler(table(columns=columns, n_rows=n_rows)).value == scaler


def test_missing_numbers_are_marked_where_there_are_many():
    assert choose_missing(table(columns=numbers(0.0))) is None
    few, many = (choose_missing(table(columns=numbers(0.0, missing=share))) for share in (0.01, 0.3))
    assert few is not None
    assert many is not None
    assert few.value == {"numeric": "median", "categorical": "constant", "indicator": False}
    assert many.value == {"numeric": "median", "categorical": "constant", "indicator": True}
    assert "'x0' (30 % of the rows)" in many.why


@pytest.mark.parametrize(
    ("distinct", "n_rows", "searched"), [(20, 5000, False), (51, 5000, True), (51, 500, False)]
)
def test_many_categories_with_enough_rows_each_may_be_embedded(distinct, n_rows, searched):
    columns = (ColumnFacts("c", Kind.CATEGORY, 0, 5), ColumnFacts("state", Kind.CATEGORY, 0, distinct))
    choice = choose_categorical(table(columns=columns, n_rows=n_rows))
    assert (choice is not None) == searched
    if choice is not None:
        assert choice.value == {"type": "choice", "options": ["onehot", "embedding"]}
        assert choice.why.startswith("'state': 51 categories")


def test_rare_positives_are_weighed_and_have_a_threshold_of_their_own():
    rare, common = table((4142, 32)), table((860, 140))
    balance, threshold = choose_balance(rare), choose_threshold(rare)
    assert balance is not None
    assert threshold is not None
    assert (balance.value["options"], threshold.value) == (["none", "class_weight"], "tuned")
    assert METRICS[str(choose_objective(rare, Task.BINARY).value)][0] == "f1"  # what a threshold is tuned by
    assert choose_balance(common) is choose_threshold(common) is None


def test_images_ask_for_fewer_epochs():
    tabular = table((2000, 2000))
    assert (most_epochs(tabular), most_epochs(replace(tabular, row_shape=(28, 28)))) == (100, 40)


def test_images_have_fewer_folds_since_they_train_long():
    splits = choose_splits(replace(table((2000, 2000)), row_shape=(28, 28)), Task.BINARY)
    assert (splits.test, splits.folds, splits.repeats) == (0.2, 3, 1)
    few = choose_splits(replace(table((120, 120)), row_shape=(28, 28, 3)), Task.BINARY)
    assert (few.test, few.folds, few.repeats) == (0.2, 5, 1)


def test_inputs_are_counted_as_the_preprocessing_makes_them():
    columns = (*numbers(0.0), ColumnFacts("c", Kind.CATEGORY, 0, 7), ColumnFacts("d", Kind.CATEGORY, 0, 5000))
    assert count_inputs(table(columns=columns)) == 1 + 7 + 100


def test_more_rows_allow_wider_networks_and_larger_steps():
    sizes = [size_of(n) for n in (100, 1000, 10_000, 50_000, 10**6)]
    assert sizes == list(SIZES)
    assert [widest(size, 8) for size in sizes] == [32, 64, 128, 256, 256]
    assert [widest(size, 700) for size in sizes] == [64, 128, 256, 256, 512]
    assert sorted(size.batches[1] for size in sizes) == [size.batches[1] for size in sizes]
