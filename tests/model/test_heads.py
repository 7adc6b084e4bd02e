import numpy as np
import pytest

from tuner.model.heads import HEADS, OUTPUTS, make_head
from tuner.tasks import Task


def test_every_task_has_a_head():
    assert set(HEADS) == set(Task)


@pytest.mark.parametrize(
    ("task", "n_targets", "n_classes", "units", "activation"),
    [
        (Task.REGRESSION, 1, 0, 1, "linear"),
        (Task.REGRESSION, 3, 0, 3, "linear"),
        (Task.BINARY, 1, 2, 1, "sigmoid"),
        (Task.MULTICLASS, 1, 5, 5, "softmax"),
        (Task.MULTILABEL, 4, 0, 4, "sigmoid"),
    ],
)
def test_units_and_activation_follow_from_the_task(task, n_targets, n_classes, units, activation):
    head = make_head(task, n_targets, n_classes)
    assert (head.task, head.units, head.activation) == (task, units, activation)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_regression_may_have_another_activation(output):
    assert make_head(Task.REGRESSION, 2, 0, output).activation == output


@pytest.mark.parametrize(
    ("task", "target", "shape", "dtype"),
    [
        (Task.REGRESSION, np.array([1.5, 2.5]), (2, 1), np.float32),
        (Task.REGRESSION, np.array([[1.5, 0.0], [2.5, 1.0]]), (2, 2), np.float32),
        (Task.BINARY, np.array([0, 1]), (2, 1), np.float32),
        (Task.MULTICLASS, np.array([0, 2]), (2,), np.int32),
        (Task.MULTILABEL, np.array([[0, 1], [1, 1]]), (2, 2), np.float32),
    ],
)
def test_an_encoded_target_has_the_shape_and_type_that_losses_read(task, target, shape, dtype):
    encoded = make_head(task, target.shape[-1], 3).encode(target)
    assert (encoded.shape, encoded.dtype) == (shape, dtype)
    assert encoded.ravel().tolist() == target.ravel().tolist()


def test_a_probability_above_one_half_is_the_positive_class():
    outputs = np.array([[0.49], [0.5], [0.51]], np.float32)
    assert make_head(Task.BINARY, 1, 2).decode(outputs).tolist() == [0, 0, 1]


def test_the_first_of_the_most_probable_classes_is_chosen():
    outputs = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]], np.float32)
    assert make_head(Task.MULTICLASS, 1, 3).decode(outputs).tolist() == [1, 0]


def test_each_label_is_decided_by_itself():
    outputs = np.array([[0.9, 0.6], [0.1, 0.2]], np.float32)
    assert make_head(Task.MULTILABEL, 2, 0).decode(outputs).tolist() == [[1, 1], [0, 0]]


def test_values_stay_as_they_are():
    outputs = np.array([[3.5, -2.0]], np.float32)
    assert make_head(Task.REGRESSION, 2, 0).decode(outputs) is outputs
