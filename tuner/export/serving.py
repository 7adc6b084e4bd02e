"""A model folder as MLflow loads and serves it: ``mlflow.pyfunc.load_model`` finds ``_load_pyfunc`` by its name."""

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from tuner.data.dataset import Dataset
from tuner.export.folder import load_model
from tuner.tracking.mlflow_served import Served
from tuner.tracking.tracker import ModelCard

REQUIRED = ("numpy", "pandas", "scikit-learn", "pydantic", "h5py", "mlflow")
"""What predicting needs beside tuner itself, which is installed where the model is served."""

KERAS = ("tensorflow", "keras")
"""What a network of the user's own needs beside."""

EXAMPLE_ROWS = 3
"""How many rows of the table go with a model as an example."""

_KINDS = MappingProxyType({True: "numeric", False: "category"})


def _load_pyfunc(path: str) -> Served:
    """Return what predicts; MLflow calls this with the folder that it keeps."""
    return Served(load_model(path))


def served_model(folder: Path, dataset: Dataset) -> ModelCard:
    """Return a model folder as a tracker passes it on, with rows of its table as an example.

    Args:
        folder: a model folder.
        dataset: the table that the model was made for.

    Raises:
        TunerError: it is no model folder, or damaged.
    """
    model = load_model(folder)
    example = _as_json(dataset.features.iloc[:EXAMPLE_ROWS])
    predicted = model.predict(example)
    outputs = {str(name): _KINDS[pd.api.types.is_numeric_dtype(predicted[name])] for name in predicted}
    needed = list(KERAS) if model.manifest.own else []
    needed += [model.manifest.backend] if model.manifest.own and model.manifest.backend not in KERAS else []
    return ModelCard(
        folder=folder,
        loader=__name__,
        digest=_digest(folder),
        inputs={column.name: column.kind.value for column in model.columns},
        outputs=outputs,
        example=tuple(
            {str(name): value for name, value in row.items()} for row in example.to_dict("records")
        ),
        requirements=tuple(f"{name}=={version(name)}" for name in (*REQUIRED, *needed)),
    )


def _as_json(features: pd.DataFrame) -> pd.DataFrame:
    """Return rows as JSON holds them: dates as text, None where a value is missing."""
    columns = {
        name: values.astype(str) if values.dtype.kind == "M" else values.astype(object)
        for name, values in features.items()
    }
    return pd.DataFrame(columns).where(features.notna(), None)


def _digest(folder: Path) -> str:
    whole = sha256()
    for place in sorted(folder.iterdir()):
        whole.update(f"{place.name} {place.stat().st_size}\n".encode() + place.read_bytes())
    return whole.hexdigest()
