"""What each step draws for its batch, without TensorFlow: dropout masks, noise and mixtures."""

import math
from typing import Any

import numpy as np

from tuner.engines.base import augment_seeds, drop_threshold, dropout_seed
from tuner.engines.draws import bits, normals
from tuner.engines.keras_steps import Lesson
from tuner.engines.runtime import load_keras
from tuner.seeds import generator

load_keras()
import keras  # noqa: E402  (after the settings above)


class DrawnBatches:
    """Masks and noise are those that TensorFlow draws (``dropout``, ``augment``); the shares of mixtures are others.

    Args:
        lesson: what the steps have alike.
    """

    def __init__(self, lesson: Lesson) -> None:
        self._lesson = lesson

    def masks(self, step: int, fold: int, n_rows: int) -> list[np.ndarray]:
        """Return the masks of a batch, (n_rows, n_units) float32 each; see ``TrainingModel.fit``."""
        lesson = self._lesson
        drawn = []
        for rate, units, layer in lesson.model.dropouts:
            first, count = fold * lesson.batch_size * units, n_rows * units
            pair = (dropout_seed(lesson.seed, layer), step)
            # Two units share a number of 32 bits, the first one its lower half.
            words = bits(pair, first // 2, count // 2 + 1)
            halves = words.astype("<u4").view("<u2")[first % 2 :][:count]
            kept = (halves >= drop_threshold(rate)).astype(np.float32) * np.float32(1.0 / (1.0 - rate))
            drawn.append(kept.reshape(n_rows, units))
        return drawn

    def varied(self, inputs: Any, step: int, fold: int) -> Any:
        """Return what is learned from in place of a batch's inputs, (n_rows, n_inputs)."""
        augment = self._lesson.network.augment
        if augment.mixup:
            inputs = self._mixed(inputs, step, fold)
        if augment.noise:
            inputs = inputs + keras.ops.convert_to_tensor(self._noise(inputs.shape, step, fold))
        return inputs

    def _mixed(self, inputs: Any, step: int, fold: int) -> Any:
        """Return rows that are each drawn towards the next row of their batch; see ``augment.mixed``."""
        n_rows, n_inputs = inputs.shape
        alpha, n_codes = self._lesson.network.augment.mixup, self._n_codes
        random = generator(augment_seeds(self._lesson.seed)[0], step, fold)
        shares = random.beta(alpha + 1.0, alpha, (n_rows, 1)).astype(np.float32)
        # A code is that of the row with the larger share.
        of_codes = np.broadcast_to(shares >= 0.5, (n_rows, n_codes)).astype(np.float32)
        weights = np.concatenate([np.broadcast_to(shares, (n_rows, n_inputs - n_codes)), of_codes], axis=1)
        share = keras.ops.convert_to_tensor(weights)
        return share * inputs + (1.0 - share) * keras.ops.roll(inputs, -1, axis=0)

    def _noise(self, shape: tuple[int, int], step: int, fold: int) -> np.ndarray:
        """Return (n_rows, n_inputs) Gaussian noise, 0 for codes; see ``augment.noisy``."""
        lesson = self._lesson
        first = fold * lesson.batch_size * shape[1]
        drawn = normals((augment_seeds(lesson.seed)[1], step), first, math.prod(shape)).reshape(shape)
        noise = drawn * np.float32(lesson.network.augment.noise)
        noise[:, shape[1] - self._n_codes :] = 0.0
        return noise

    @property
    def _n_codes(self) -> int:
        return len(self._lesson.network.embeddings)
