"""What holds with another backend than TensorFlow: run by ``test_backends`` in a process of its own.

``TUNER_BACKEND`` names the backend, ``TUNER_REFERENCE`` a file of what plain Keras gives with TensorFlow.
"""

import os
import pickle
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.contracts.test_engines import CASES, assert_equal_to_the_bit, train, trained
from tests.engines.made import HEADS, N_INPUTS, made_folds
from tuner.engines.runtime import load_keras, use_backend
from tuner.export.keras_files import read_network, save_network
from tuner.model.augment import Augment
from tuner.model.network import embed, plan_network

BACKEND = os.environ["TUNER_BACKEND"]
ENGINE = f"keras-{BACKEND}"
use_backend(BACKEND)
REFERENCE = pickle.loads(Path(os.environ["TUNER_REFERENCE"]).read_bytes())


@pytest.mark.parametrize("name", REFERENCE)
def test_curves_outputs_and_weights_are_those_of_tensorflow_in_every_epoch(name):
    for found, (series, weights) in zip(trained(ENGINE, name), REFERENCE[name], strict=True):
        for key, expected in series.items():
            np.testing.assert_allclose(getattr(found.epoch, key), expected, rtol=1e-4, atol=1e-5, err_msg=key)
        for fold, expected in zip(found.weights, weights, strict=True):
            for part, like in zip(fold, expected, strict=True):
                np.testing.assert_allclose(part, like, rtol=1e-3, atol=1e-4)


def test_the_same_training_again_gives_the_same_bits():
    name = next(iter(REFERENCE))
    case = CASES[name]
    assert_equal_to_the_bit(trained(ENGINE, name), train(ENGINE, case, made_folds(case.task, case.lengths)))


def test_rows_are_mixed_within_their_batch_and_differ_from_step_to_step():
    from tuner.engines.arrays import as_array
    from tuner.engines.drawn_batches import DrawnBatches
    from tuner.engines.keras_steps import Lesson

    network = embed(plan_network({}), {}, (4,))
    lesson = Lesson(None, None, (), None, replace(network, augment=Augment(mixup=0.4)), None, 2, 8, 5)
    rows = np.stack([np.arange(8.0), np.arange(8.0) * 10, np.arange(8.0) % 4], axis=1).astype(np.float32)
    tensor, drawn = load_keras().ops.convert_to_tensor(rows), DrawnBatches(lesson)
    first, second = (as_array(drawn.varied(tensor, step, 0)) for step in (0, 1))
    others = np.roll(rows, -1, axis=0)
    share = (first[:, 0] - others[:, 0]) / (rows[:, 0] - others[:, 0])
    assert ((share > 0) & (share < 1)).all()
    np.testing.assert_allclose(first[:, 1], share * rows[:, 1] + (1 - share) * others[:, 1], rtol=1e-4)
    assert np.array_equal(first[:, 2], np.where(share >= 0.5, rows[:, 2], others[:, 2]))
    assert not np.array_equal(first, second)


def test_a_trained_network_is_a_keras_file_that_numpy_computes(tmp_path):
    name = next(iter(REFERENCE))
    case, last = CASES[name], trained(ENGINE, name)[-1]
    network, head, path = plan_network(case.params), HEADS[case.task], tmp_path / "model.keras"
    assert save_network(network, head, N_INPUTS, last.weights[0], path) == path
    rows = made_folds(case.task, case.lengths)[0].score.inputs
    outputs = read_network(path, N_INPUTS, head).outputs(rows)
    np.testing.assert_allclose(outputs, last.epoch.scored[: len(rows)], rtol=1e-4, atol=1e-6)


def test_tensorflow_is_never_loaded():
    assert "tensorflow" not in sys.modules
