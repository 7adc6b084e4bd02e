"""From tensors of the backend that Keras computes with to arrays."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tuner.engines.runtime import load_keras

load_keras()
import keras  # noqa: E402  (after the settings above)


def as_array(tensor: Any) -> np.ndarray:
    """Return a tensor, or the value of a Keras variable, as an array that may share its memory."""
    return _AS_ARRAY[keras.config.backend()](tensor)


_AS_ARRAY: Mapping[str, Callable[[Any], np.ndarray]] = MappingProxyType(
    {
        "tensorflow": lambda tensor: tensor.numpy(),
        "torch": lambda tensor: tensor.detach().cpu().numpy(),
        "jax": np.asarray,
    }
)
"""Keras' own way asks libraries for a copy in a form that not all of them know, of which NumPy warns."""
