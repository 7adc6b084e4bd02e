"""Every loss of the stacked engine, and its slope, are those that Keras' own function has under a tape."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.engines.made import HEADS
from tests.model.test_losses import DEFINITIONS
from tuner.engines.row_losses import check_loss_function, row_loss
from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_losses import stacked_loss
from tuner.errors import TunerError
from tuner.hooks import Hook
from tuner.model.heads import Head
from tuner.model.losses import LossPlan
from tuner.tasks import Task

tf = load_tensorflow()

N_FOLDS, N_ROWS = 2, 6


def own(function: str, folder: str, **settings: float) -> LossPlan:
    return LossPlan(
        "own_losses:" + function, hook=Hook("own_losses:" + function, folder, tuple(settings.items()))
    )


def heads_of(plan: LossPlan) -> Iterator[tuple[Task, Head]]:
    """Yield the heads that a loss fits; of a regression, one with each output."""
    for task in sorted(plan.spec.tasks):
        outputs = plan.spec.outputs if task is Task.REGRESSION else (HEADS[task].activation,)
        yield from ((task, replace(HEADS[task], activation=output)) for output in outputs)


@pytest.fixture
def folder(request) -> str:
    return str(request.config.rootpath / "tests" / "contracts")


@pytest.mark.parametrize("plan", DEFINITIONS, ids=str)
def test_losses_and_slopes_of_all_folds_at_once_are_those_of_keras_row_by_row(plan):
    random = np.random.default_rng(2)
    for task, head in heads_of(plan):
        shape = (N_FOLDS, N_ROWS, head.units)
        logits = tf.constant(random.normal(size=shape), tf.float32)
        codes = random.integers(0, head.units, shape[:2])
        target = tf.constant(
            codes
            if task is Task.MULTICLASS
            else random.integers(1 if task is Task.REGRESSION else 0, 2, shape),
            tf.int32 if task is Task.MULTICLASS else tf.float32,
        )
        losses, slopes = stacked_loss(plan, head).of_rows(target, logits)
        for fold in range(N_FOLDS):
            with tf.GradientTape() as tape:
                tape.watch(logits)
                expected = row_loss(plan, head)(target[fold], logits[fold])
            slope = tape.gradient(expected, logits)[fold]
            np.testing.assert_allclose(losses[fold], expected, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(slopes[fold], slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (
            "one_number",
            "returns a single number for 4 rows; it should return one loss for each row, of shape (4,)",
        ),
        ("fails", "fails on 4 rows: RuntimeError: the sea is <salty>"),
        ("none_of_it", "has no function 'none_of_it'"),
    ],
)
def test_a_function_of_the_users_that_is_no_loss_of_rows_is_refused(folder, function, found):
    with pytest.raises(TunerError) as raised:
        check_loss_function(own(function, folder), HEADS[Task.REGRESSION])
    assert found in str(raised.value)


@pytest.mark.parametrize("task", Task)
def test_a_loss_of_rows_of_the_users_is_good_for_every_task(folder, task):
    check_loss_function(own("fair", folder), HEADS[task])
    check_loss_function(own("make_fair", folder, width=2.0), HEADS[task])


def test_a_factory_that_fails_is_told_with_its_arguments(folder):
    with pytest.raises(TunerError, match=r"own_losses:make_fair\(depth=2.0\) fails: TypeError"):
        check_loss_function(own("make_fair", folder, depth=2.0), HEADS[Task.BINARY])
