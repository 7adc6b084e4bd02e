"""The kinds of prediction that a study can tune for."""

from enum import StrEnum


class Task(StrEnum):
    """What the target asks a network to predict."""

    REGRESSION = "regression"
    """One or several numbers a row."""
    BINARY = "binary"
    """One of two classes a row."""
    MULTICLASS = "multiclass"
    """One of three or more classes a row."""
    MULTILABEL = "multilabel"
    """Any number of several labels a row."""

    @property
    def has_classes(self) -> bool:
        """Whether a row belongs to exactly one class, so that folds can be stratified."""
        return self in (Task.BINARY, Task.MULTICLASS)
