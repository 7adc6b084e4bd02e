"""What was found out about a table before its first study, as values."""

from dataclasses import dataclass, field
from pathlib import Path

from tuner.data.columns import Kind
from tuner.tasks import Task


@dataclass(frozen=True, slots=True)
class Concern:
    """Something about a column that a person should know.

    Attributes:
        what: a word or two, such as ``identifier``.
        reason: a phrase that says how it shows.
        drops: whether models are better off without the column; else it is for the user to decide.
        doubtful: whether the column may have to go all the same, so that it is offered for ``data.drop``.
    """

    what: str
    reason: str
    drops: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column that is not a target.

    Attributes:
        name: its name.
        kind: what it holds; None where a model cannot read it.
        missing: share of the rows without a value, 0 .. 1.
        distinct: number of distinct values; 0 where they cannot be compared.
        skewness: of numbers, from a sample; 0 for all else.
        concerns: what a person should know, the most important first.
    """

    name: str
    kind: Kind | None
    missing: float
    distinct: int
    skewness: float = 0.0
    concerns: tuple[Concern, ...] = ()

    @property
    def dropped(self) -> Concern | None:
        """Why models should not see the column, or None."""
        return next((concern for concern in self.concerns if concern.drops), None)

    @property
    def doubtful(self) -> Concern | None:
        """Why a person may want to drop the column, or None."""
        return next((concern for concern in self.concerns if concern.doubtful), None)


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What is to be predicted.

    Attributes:
        names: its columns.
        task: what it asks for, as a study file without ``task`` would find.
        labels: (n_classes,) the labels of one target, or (n_targets,) the columns of several 0/1 targets; ().
        counts: rows of each label; () where there are none.
        positive: for binary the label that counts as 1, else None.
        ranges: (n_targets,) least, median and greatest value of regression targets; ().
        rating: whether its classes are whole numbers that look like a scale: five or more, rarer towards both ends.
        numeric: whether its classes are numbers.
    """

    names: tuple[str, ...]
    task: Task
    labels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    positive: str | None = None
    ranges: tuple[tuple[float, float, float], ...] = ()
    rating: bool = False
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table, looked at.

    Attributes:
        path: the file, absolute.
        n_rows: rows with a target.
        n_unlabelled: rows without one, which are left out.
        n_copies: rows that are the same as an earlier one in all columns; 0 where that was not looked for.
        target: what is to be predicted.
        own_target: whether the file itself says which columns are the target.
        columns: every other column, in the order of the table.
        row_shape: the shape of a row that is an array, such as (28, 28); None for a table.
        times: columns that may put the rows in order.
        ordered: the one of them by which the rows of a regression follow one another; None without one.
        groups: columns that may say which rows belong together.
        no_header: whether the names of the columns look like a row's values.
        image: (height, width) that pictures of a folder are best brought to; None where they stay as they are.
        notes: sentences on how the table was read.
    """

    path: Path
    n_rows: int
    n_unlabelled: int
    n_copies: int
    target: TargetFacts
    own_target: bool
    columns: tuple[ColumnFacts, ...]
    row_shape: tuple[int, ...] | None = None
    times: tuple[str, ...] = ()
    groups: tuple[str, ...] = field(default=())
    ordered: str | None = None
    no_header: bool = False
    image: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()

    @property
    def pixels(self) -> str | None:
        """The size of the image that a row is, ``28 x 28``; None where a row is none."""
        if self.row_shape is None or len(self.row_shape) not in (2, 3):
            return None
        return " x ".join(map(str, self.row_shape))

    @property
    def inputs(self) -> tuple[ColumnFacts, ...]:
        """The columns that models will see."""
        return tuple(column for column in self.columns if column.dropped is None)
