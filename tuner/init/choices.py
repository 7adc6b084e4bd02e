"""What each key of a first study should be, and why: functions of a table's facts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tuner.data.columns import Kind
from tuner.data.encoders import MOST_ONEHOT
from tuner.init.facts import TableFacts
from tuner.init.sizes import size_of
from tuner.model.metrics import AUTO_OBJECTIVE
from tuner.report.wording import counted, percent
from tuner.tasks import Task

FEW_ROWS, SOME_ROWS, MANY_ROWS = 100, 300, 100_000
RARE_POSITIVE = 0.05
UNEQUAL = 0.5
"""Of an equal share; a class with less makes classes unequal."""
SKEWED = 2.0
"""Skewness; an exponential distribution has 2."""
MANY_SKEWED = 1 / 3
OFTEN_MISSING = 0.05
MANY_CATEGORIES = 20
ROWS_OF_A_CATEGORY = 20
"""On average; with fewer, a vector for each category would be learned from too few rows."""

FEW_IMAGES = 1000
IMAGE_EPOCHS = 40
"""Convolutional networks learn in fewer epochs than others, and each takes longer."""

MANY_INPUTS = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of the study file, and the reason for it.

    Attributes:
        value: what is written.
        why: a phrase.
    """

    value: object
    why: str


@dataclass(frozen=True, slots=True)
class Splits:
    """How rows are split.

    Attributes:
        test: share of the rows that is held out.
        folds: of cross-validation, at least 2.
        repeats: how often the rows are split anew.
        why_test: the reason for ``test``.
        why_folds: the reason for the others.
    """

    test: float
    folds: int
    repeats: int
    why_test: str
    why_folds: str


def choose_task(facts: TableFacts) -> Choice:
    """Return the task: what the values ask for, but regression for ratings and for numbers too rare to be classes."""
    target = facts.target
    if target.rating:
        return Choice(
            Task.REGRESSION.value,
            f"{len(target.labels)} whole numbers, frequent in the middle and rare at both ends, look like a scale; "
            "write multiclass if they are names",
        )
    if target.task is Task.MULTICLASS and target.numeric and min(target.counts) < 2:
        return Choice(
            Task.REGRESSION.value,
            "some of these numbers are there once, so that they cannot be classes; a class needs 2 rows",
        )
    return Choice(target.task.value, _why_task(facts))


def _why_task(facts: TableFacts) -> str:
    target = facts.target
    if target.task is Task.BINARY:
        (first, second), (n_first, n_second) = target.labels, target.counts
        return f"two values: {first} in {n_first:,} rows, {second} in {n_second:,}"
    if target.task is Task.MULTICLASS:
        scale = "; write regression if they are a quantity" if target.numeric else ""
        fewest, most = min(target.counts), max(target.counts)
        rows = f"{fewest:,} rows each" if fewest == most else f"{fewest:,} to {most:,} rows"
        return f"{len(target.labels)} classes of {rows}{scale}"
    if target.task is Task.MULTILABEL:
        return f"{len(target.names)} columns of 0 and 1"
    (low, median, high), *others = target.ranges
    if others:
        return f"{len(target.names)} columns of numbers"
    return f"numbers from {low:.4g} to {high:.4g}, median {median:.4g}"


def choose_objective(facts: TableFacts, task: Task) -> Choice:
    """Return the metric that fits the task and the balance of the classes."""
    target = facts.target
    if task is Task.BINARY:
        share = target.counts[1] / facts.n_rows
        if is_rare(facts):
            why = f"{percent(share)} of the rows are positive: what counts is to rank these few above the others"
            return Choice("average_precision", why)
        return Choice("roc_auc", f"{percent(share)} of the rows are positive; independent of any threshold")
    if task is Task.MULTICLASS:
        least = min(target.counts) / facts.n_rows * len(target.counts)
        if least < UNEQUAL:
            return Choice("f1_macro", "the classes are of unequal size, and each one counts the same here")
        return Choice("accuracy", "the classes are of about equal size")
    if task is Task.MULTILABEL:
        return Choice(AUTO_OBJECTIVE[task], "counts each label of each row; f1_macro: each label the same")
    return Choice("rmse", "in the target's own unit; mae if single large errors should not count more")


METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "average_precision": ("f1", "balanced_accuracy", "roc_auc"),
        "roc_auc": ("accuracy", "f1", "log_loss"),
        "f1_macro": ("accuracy", "balanced_accuracy", "log_loss"),
        "accuracy": ("f1_macro", "log_loss"),
        "f1_micro": ("f1_macro", "hamming_loss"),
        "rmse": ("mae", "r2"),
    }
)
"""An objective -> what is recorded beside it."""


def choose_splits(facts: TableFacts, task: Task) -> Splits:
    """Return the held-out share and the folds that the rows, and the rarest class, have enough of."""
    n_rows = facts.n_rows
    rarest = min(facts.target.counts) if task.has_classes else n_rows
    test, why_test = _choose_test(n_rows)
    if test and task.has_classes and rarest - math.ceil(rarest * test) < 2:
        test, why_test = 0.0, f"the rarest class has {counted(rarest, 'row')}: too few to hold any out"
    elif test and task.has_classes and math.ceil(n_rows * test) < len(facts.target.counts):
        test, why_test = 0.0, f"{len(facts.target.counts)} classes: too many to hold a row of each out"
    left = rarest - math.ceil(rarest * test) if test else rarest
    if facts.pixels is not None:
        folds, repeats = (3 if n_rows > FEW_IMAGES else 5), 1
        why = f"networks for images train long; each score is a mean over {folds}"
    elif n_rows < SOME_ROWS:
        folds, repeats, why = 10, 2, "with few rows one split says little"
    elif n_rows <= MANY_ROWS:
        folds, repeats, why = 5, 1, "each score is a mean over five networks"
    else:
        folds, repeats, why = 3, 1, "so many rows make each fold's score sure; more folds cost time"
    if left < folds:
        folds = max(2, left)
        fewest = "the rarest class has" if task.has_classes else "there are"
        why = f"{fewest} {counted(left, 'row')} for the search; each fold needs one of them"
    if folds == n_rows or facts.ordered is not None:
        repeats = 1  # each row is a fold, whatever the order; or there is one order
    return Splits(test, folds, repeats, why_test, why)


def _choose_test(n_rows: int) -> tuple[float, str]:
    if n_rows < FEW_ROWS:
        return 0.0, (
            f"{n_rows} rows are too few to hold any out; tune run corrects the best score for having been chosen"
        )
    share = 0.2 if n_rows <= MANY_ROWS else 0.1
    return (
        share,
        f"{round(share * n_rows):,} rows that the search never sees; the final model is scored on them once",
    )


def choose_scaler(facts: TableFacts) -> Choice:
    """Return how numbers are scaled, by their skewness."""
    if facts.row_shape is not None:
        return Choice("max", "the values of an array; 0 stays 0")
    numeric = [column for column in facts.inputs if column.kind is Kind.NUMERIC]
    skewed = [column for column in numeric if abs(column.skewness) > SKEWED]
    if not numeric or len(skewed) < MANY_SKEWED * len(numeric):
        return Choice("standard", f"{len(skewed)} of {len(numeric)} columns of numbers are skewed")
    why = f"{len(skewed)} of {len(numeric)} columns of numbers are skewed"
    if facts.n_rows >= 1000:
        return Choice("quantile", f"{why}: their ranks are easier to learn from")
    return Choice("robust_clip", f"{why}: what lies far out is drawn in")


def choose_missing(facts: TableFacts) -> Choice | None:
    """Return what stands in for missing values, or None where none are missing."""
    lacking = [column for column in facts.inputs if column.missing > 0]
    if not lacking:
        return None
    most = max(lacking, key=lambda column: column.missing)
    numbers = [column for column in lacking if column.kind is Kind.NUMERIC]
    indicator = any(column.missing > OFTEN_MISSING for column in numbers)
    most_of_all = f"most of all in '{most.name}' ({percent(most.missing)} of the rows)"
    why = f"{counted(len(lacking), 'column')} with missing values, {most_of_all}"
    if indicator:
        why += "; indicator: that a number is missing may itself say something"
    return Choice({"numeric": "median", "categorical": "constant", "indicator": indicator}, why)


def is_rare(facts: TableFacts) -> bool:
    """Return whether few rows have the label that counts as 1, so that a network left alone would never give it."""
    target = facts.target
    return target.task is Task.BINARY and target.counts[1] < RARE_POSITIVE * facts.n_rows


def choose_balance(facts: TableFacts) -> Choice | None:
    """Return how classes may be balanced, where a search should find out whether to; else None."""
    if not is_rare(facts):
        return None
    why = "whether each positive row should count for more in training"
    return Choice({"type": "choice", "options": ["none", "class_weight"]}, why)


def choose_threshold(facts: TableFacts) -> Choice | None:
    """Return where the decision between two classes is, if one half is no good place; else None."""
    if not is_rare(facts):
        return None
    return Choice(
        "tuned", "by f1, on out-of-fold predictions; above one half there would be hardly any positive"
    )


def most_epochs(facts: TableFacts) -> int:
    """Return the most epochs that the rows ask for."""
    epochs = size_of(facts.n_rows).epochs
    return epochs if facts.pixels is None else min(epochs, IMAGE_EPOCHS)


def choose_select(facts: TableFacts) -> Choice | None:
    """Return a selection of inputs that a person may take up, where there are more of them than rows; else None."""
    inputs = count_inputs(facts)
    if facts.row_shape is not None or inputs < max(MANY_INPUTS, facts.n_rows):
        return None
    kept = max(10, facts.n_rows // 10)
    why = f"take this up to keep the {kept} inputs that tell the most of the target, chosen anew in each fold"
    return Choice({"k": kept}, f"{inputs:,} inputs are more than the rows can tell apart: {why}")


def choose_categorical(facts: TableFacts) -> Choice | None:
    """Return how categories may become inputs where a search should find that out, or None."""
    many = [
        column
        for column in facts.inputs
        if column.kind is Kind.CATEGORY
        and MANY_CATEGORIES < column.distinct <= facts.n_rows / ROWS_OF_A_CATEGORY
    ]
    if not many:
        return None
    most = max(many, key=lambda column: column.distinct)
    more = f" and {counted(len(many) - 1, 'more column')}" if len(many) > 1 else ""
    return Choice(
        {"type": "choice", "options": ["onehot", "embedding"]},
        f"'{most.name}'{more}: {most.distinct:,} categories; an embedding learns a short vector for each",
    )


def count_inputs(facts: TableFacts) -> int:
    """Return about how many numbers enter a network."""
    widths = {Kind.NUMERIC: 1, Kind.BOOLEAN: 1, Kind.DATETIME: 6}
    return sum(
        min(column.distinct, MOST_ONEHOT) if column.kind is Kind.CATEGORY else widths[column.kind]
        for column in facts.inputs
        if column.kind is not None
    )
