"""What the tests of plans and numbers share."""

import warnings
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """Keras over TensorFlow, set up as the engines do, so that both can run in one process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tuner.engines.runtime import load_tensorflow

        load_tensorflow()
        import keras

    return keras
