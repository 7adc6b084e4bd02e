import numpy as np
import pytest

from tuner.model.heads import make_head
from tuner.model.losses import AUTO_LOSS, LATER_LOSSES, LOSSES, losses_for
from tuner.tasks import Task

N_UNITS = {Task.REGRESSION: 2, Task.BINARY: 1, Task.MULTICLASS: 3, Task.MULTILABEL: 2}


def _log_cosh(error):
    return np.log(np.cosh(error))


def _huber(error):
    return np.where(np.abs(error) <= 1, error**2 / 2, np.abs(error) - 0.5)


# What each loss is by its definition, from the target and the head's outputs, one value a row.
DEFINITIONS = {
    "mse": lambda target, outputs: ((target - outputs) ** 2).mean(axis=1),
    "mae": lambda target, outputs: np.abs(target - outputs).mean(axis=1),
    "huber": lambda target, outputs: _huber(target - outputs).mean(axis=1),
    "log_cosh": lambda target, outputs: _log_cosh(target - outputs).mean(axis=1),
    "binary_crossentropy": lambda target, outputs: (
        -np.log(np.where(target > 0, outputs, 1 - outputs)).mean(axis=1)
    ),
    "categorical_crossentropy": lambda target, outputs: -np.log(outputs[np.arange(len(target)), target]),
    "sparse_categorical_crossentropy": lambda target, outputs: (
        -np.log(outputs[np.arange(len(target)), target])
    ),
}


def test_auto_chooses_a_loss_that_fits_each_task():
    assert all(task in LOSSES[AUTO_LOSS[task]].tasks for task in Task)


def test_no_loss_is_both_here_and_for_later():
    assert not LATER_LOSSES & set(LOSSES)


def test_losses_are_listed_by_task():
    assert losses_for(Task.REGRESSION) == ("mse", "mae", "huber", "log_cosh")
    assert losses_for(Task.MULTILABEL) == ("binary_crossentropy",)


def test_only_a_regression_target_is_standardised():
    assert all(loss.scales_target == (loss.tasks == {Task.REGRESSION}) for loss in LOSSES.values())


@pytest.mark.parametrize("name", LOSSES)
def test_the_keras_function_of_a_loss_gives_each_row_the_loss_of_its_definition(keras, name):
    loss = LOSSES[name]
    generator = np.random.default_rng(3)
    for task in sorted(loss.tasks):
        head = make_head(task, N_UNITS[task], N_UNITS[task])
        codes = generator.integers(0, max(2, head.units) if task is Task.MULTICLASS else 2, 12)
        shaped = codes if task.has_classes else generator.integers(0, 2, (12, head.units))
        target = head.encode(shaped)
        logits = (3 * generator.normal(size=(12, head.units))).astype(np.float32)
        outputs = np.asarray(keras.activations.get(head.activation)(keras.ops.convert_to_tensor(logits)))
        arguments = {"from_logits": True} if loss.from_logits else {}
        rows = getattr(keras.losses, loss.keras)(target, logits if loss.from_logits else outputs, **arguments)
        np.testing.assert_allclose(
            np.asarray(rows), DEFINITIONS[name](target, outputs.astype(float)), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("name", sorted(name for name in LOSSES if LOSSES[name].from_logits))
def test_the_loss_of_a_confident_mistake_grows_with_its_logit(keras, name):
    loss = LOSSES[name]
    task = Task.MULTICLASS if Task.MULTICLASS in loss.tasks else Task.BINARY
    head = make_head(task, 1, 2)
    target = head.encode(np.array([0, 0]))
    size = np.array([[50.0], [100.0]], np.float32)
    logits = size if task is Task.BINARY else np.hstack([-size / 2, size / 2])
    rows = np.asarray(getattr(keras.losses, loss.keras)(target, logits, from_logits=True))
    np.testing.assert_allclose(rows, [50.0, 100.0], rtol=1e-6)
