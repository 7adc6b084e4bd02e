"""Which task a target asks for, and its codes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data.loading import load_frame
from tuner.data.dataset import Dataset
from tuner.errors import DataError
from tuner.tasks import Task

N_ROWS = 60
PLACES = np.arange(N_ROWS)


def load_target(folder: Path, settings: dict[str, object] | None = None, **targets: object) -> Dataset:
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=N_ROWS), **targets})
    return load_frame(frame, folder, list(targets), **(settings or {}))


def refusal(folder: Path, settings: dict[str, object] | None = None, **targets: object) -> str:
    with pytest.raises(DataError) as caught:
        load_target(folder, settings, **targets)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (PLACES % 3 == 0, Task.BINARY, ("False", "True")),
        (np.where(PLACES % 3 == 0, "yes", "no"), Task.BINARY, ("no", "yes")),
        (PLACES % 3 // 2 * 4.0 + 1, Task.BINARY, ("1", "5")),
        (PLACES % 2 + 0.5, Task.BINARY, ("0.5", "1.5")),
        (np.array(["b", "a", "c"])[PLACES % 3], Task.MULTICLASS, ("a", "b", "c")),
        (PLACES % 12, Task.MULTICLASS, tuple(str(number) for number in range(12))),
        (PLACES % 20, Task.MULTICLASS, tuple(str(number) for number in range(20))),
        (PLACES % 21, Task.REGRESSION, ()),
        (PLACES % 3 + 1.0, Task.MULTICLASS, ("1", "2", "3")),
        (PLACES % 3 + 0.5, Task.REGRESSION, ()),
    ],
)
def test_the_task_is_found_from_the_values(
    values: np.ndarray, task: Task, classes: tuple[str, ...], tmp_path: Path
) -> None:
    dataset = load_target(tmp_path, y=values)
    assert (dataset.task, dataset.classes) == (task, classes)
    if classes:
        assert dataset.target.dtype == np.int64
        texts = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in values.tolist()]
        assert [classes[code] for code in dataset.target] == texts
    else:
        np.testing.assert_array_equal(dataset.target, values[:, None])


def test_several_targets_are_labels_or_numbers(tmp_path: Path) -> None:
    labels = load_target(tmp_path, a=PLACES % 2, b=PLACES % 3 == 0)
    assert (labels.task, labels.target_names) == (Task.MULTILABEL, ("a", "b"))
    np.testing.assert_array_equal(labels.target, np.column_stack([PLACES % 2, PLACES % 3 == 0]).astype(float))
    numbers = load_target(tmp_path, a=PLACES % 2, b=PLACES)
    assert (numbers.task, numbers.target.shape) == (Task.REGRESSION, (N_ROWS, 2))
    found = refusal(tmp_path, a=PLACES % 2, b=np.where(PLACES % 2, "u", "v"))
    assert "targets 'b' hold texts" in found


def test_the_rarer_label_is_positive_and_of_two_as_frequent_the_last(tmp_path: Path) -> None:
    assert load_target(tmp_path, y=np.where(PLACES % 3, "a", "b")).classes == ("a", "b")
    assert load_target(tmp_path, y=np.where(PLACES % 3, "b", "a")).classes == ("b", "a")
    assert load_target(tmp_path, y=np.where(PLACES % 2, "b", "a")).classes == ("a", "b")
    assert load_target(tmp_path, y=np.where(PLACES % 2, "a", "b")).classes == ("a", "b")


@pytest.mark.parametrize(
    ("values", "positive", "classes"),
    [
        (np.where(PLACES % 3, "no", "yes"), "no", ("yes", "no")),
        (PLACES % 2 + 1, 1, ("2", "1")),
        (PLACES % 2 + 1, "1", ("2", "1")),
        (PLACES % 2 + 1.0, 1, ("2", "1")),
        (PLACES % 2 + 1.0, "1.0", ("2", "1")),
        (PLACES % 2, False, ("1", "0")),
        (PLACES % 2 == 0, False, ("True", "False")),
        (PLACES % 2 == 0, "False", ("True", "False")),
    ],
)
def test_the_positive_label_is_chosen_by_value_or_by_text(
    values: np.ndarray, positive: object, classes: tuple[str, ...], tmp_path: Path
) -> None:
    dataset = load_target(tmp_path, {"positive": positive}, y=values)
    assert dataset.classes == classes
    texts = [str(int(v)) if isinstance(v, float) else str(v) for v in values.tolist()]
    np.testing.assert_array_equal(dataset.target, [text == classes[1] for text in texts])


def test_a_wrong_positive_label_is_refused(tmp_path: Path) -> None:
    found = refusal(tmp_path, {"positive": "ja"}, y=np.where(PLACES % 3, "no", "yes"))
    assert "positive is 'ja', which target 'y' does not hold; its labels are: no, yes" in found
    found = refusal(tmp_path, {"positive": 1}, y=PLACES % 3)
    assert "only a binary task has a positive label" in found


@pytest.mark.parametrize(
    ("task", "values", "found"),
    [
        (Task.BINARY, PLACES % 3, "has 3 distinct values: 0, 1, 2; set task: multiclass"),
        (Task.BINARY, PLACES / 2, "set task: regression"),
        (Task.MULTICLASS, PLACES % 2, "has two values (0, 1), but the task is multiclass; set task: binary"),
        (Task.MULTICLASS, PLACES % 3 + 0.5, "numbers with fractions, but the task is multiclass"),
        (Task.MULTICLASS, PLACES, "60 classes in 60 rows: nearly every row is a class of its own"),
        (Task.REGRESSION, np.where(PLACES % 3, "7", "a lot"), "holds texts: 'a lot'; set task: multiclass"),
        (Task.MULTILABEL, PLACES % 2, "there is one target, 'y'"),
        (None, PLACES * 0, "target 'y' is '0' in each of 60 rows"),
        (None, [f"t{place}" for place in PLACES], "60 classes in 60 rows"),
        (None, [str(place) for place in PLACES[1:]] + ["x"], "it would be numbers but for 'x'"),
        (None, np.where(PLACES == 7, np.inf, PLACES), "target 'y' is infinite in row 8"),
        (None, pd.date_range("2024-01-01", periods=N_ROWS), "target 'y' holds dates"),
    ],
)
def test_a_target_that_does_not_fit_its_task_is_refused(
    task: Task | None, values: object, found: str, tmp_path: Path
) -> None:
    assert found in refusal(tmp_path, {"task": task}, y=values)


def test_several_targets_that_do_not_fit_their_task_are_refused(tmp_path: Path) -> None:
    two = {"a": PLACES % 2, "b": PLACES % 3}
    assert "there are 2 targets (a, b)" in refusal(tmp_path, {"task": Task.BINARY}, **two)
    found = refusal(tmp_path, {"task": Task.MULTILABEL}, **two)
    assert "target 'b' holds other values than 0 and 1: 2" in found
    assert load_target(tmp_path, {"task": Task.REGRESSION}, **two).task is Task.REGRESSION
