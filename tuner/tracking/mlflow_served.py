"""A model as MLflow's server asks it."""

from typing import Any, Protocol

import pandas as pd

from tuner.errors import TunerError


class Predictor(Protocol):
    """What predicts a table."""

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a row for each row.

        Raises:
            TunerError: the table cannot be predicted as it is.
        """


class Served:
    """A model whose refusals MLflow's server passes on as a sentence; any other error's stack goes with its answer.

    Args:
        model: what predicts.
    """

    def __init__(self, model: Predictor) -> None:
        self._model = model

    def predict(self, frame: Any) -> pd.DataFrame:
        """Return the model's predictions.

        Raises:
            MlflowException: the table cannot be predicted as it is; status 400.
        """
        try:
            return self._model.predict(pd.DataFrame(frame))
        except TunerError as error:
            from mlflow.exceptions import INVALID_PARAMETER_VALUE, MlflowException

            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from None
