"""A model folder: written as a whole, and loaded without its study, without MLflow, without a network.

``load_model("model").predict(frame)`` is all that a user needs. Nothing in a folder is run: its JSON is validated, and
of its Keras files only the weights and sizes of plain layers are read (``keras_files.read_network``). A network that a
user's function built is opened by Keras in its safe mode (``own_file.read_own``); a module of torch's is built by that
function, which must have been imported before (``module_file.read_module``).
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tuner.data.column_places import column_places
from tuner.data.columns import Column, Rows
from tuner.data.preprocess import Preprocessor, TargetScaler
from tuner.errors import DataError, TunerError
from tuner.export.keras_files import open_keras, read_network
from tuner.export.manifest import MANIFEST, Manifest, NetworkPart, read_manifest, read_part
from tuner.export.module_file import ENDING, read_module
from tuner.export.own_file import OwnNetwork, read_own
from tuner.export.plain_network import PlainNetwork
from tuner.export.preprocess_json import PreprocessFile, from_file
from tuner.export.tables import array_columns, read_columns, to_table
from tuner.hooks import Hook
from tuner.model.own_model import OwnModel, own_params

CARD = "README.md"
"""The model card's name in a model folder."""

OWN_FILE = re.compile(r"manifest\.json|README\.md|model(-\d+)?\.(keras|npz)|preprocess(-\d+)?\.json")
"""The names of the files that a model folder is made of."""


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """One network with what it reads of a table, and how its outputs become the target's own unit.

    Attributes:
        part: the network's place in the manifest.
        preprocessor: from columns to inputs.
        target_scaler: undoes the scaling of a regression target; None where it is not scaled.
        network: from inputs to outputs.
    """

    part: NetworkPart
    preprocessor: Preprocessor
    target_scaler: TargetScaler | None
    network: PlainNetwork | OwnNetwork


class SavedModel:
    """A model that was read from a folder.

    Attributes:
        folder: where it lies.
        manifest: what it says of itself.
        columns: those that it reads.
        branches: its networks.
    """

    def __init__(self, folder: Path, manifest: Manifest, branches: tuple[Branch, ...]) -> None:
        self.folder = folder
        self.manifest = manifest
        self.columns: tuple[Column, ...] = tuple(part.column() for part in manifest.columns)
        self.branches = branches

    def __repr__(self) -> str:
        targets = ", ".join(f"'{name}'" for name in self.manifest.target_names)
        columns = f"{len(self.columns)} column{'' if len(self.columns) == 1 else 's'}"
        return f"SavedModel({self.manifest.task}, predicts {targets} from {columns})"

    def predict(self, rows: pd.DataFrame | np.ndarray) -> pd.DataFrame:
        """Return predictions: a row for each row of a table, under the same index.

        One class a row: columns ``prediction`` and ``probability_<class>``. Several labels: ``prediction_<label>`` and
        ``probability_<label>``. Values: ``prediction``, or ``prediction_<target>`` where there are several.

        Args:
            rows: a table with the columns that the model reads, in any order; others are not looked at. Or an array
                (n_rows, ...) with the numbers of each row in C order, such as (n_rows, height, width) for images.

        Raises:
            DataError: a column is missing or holds values of another kind, an array has another shape than the model's
                rows, or there are no rows.
        """
        image = self.manifest.image
        frame = rows if isinstance(rows, pd.DataFrame) else array_columns(rows, self.columns, image)
        return to_table(self.outputs(frame), self.manifest, frame.index)

    def outputs(self, frame: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, n_units) probabilities, or values in the target's own unit.

        Raises:
            DataError: as for ``predict``.
        """
        return self.outputs_of(frame, Rows("the table", None, len(frame)))

    def outputs_of(self, frame: pd.DataFrame, rows: Rows) -> np.ndarray:
        """Return the weighted mean of the networks' outputs for a table whose name messages should tell.

        Args:
            frame: as for ``predict``.
            rows: how messages name the table and its rows.

        Raises:
            DataError: as for ``predict``.
        """
        features = read_columns(frame, self.columns, rows)
        total: np.ndarray | None = None
        for branch in self.branches:
            outputs = branch.network.outputs(branch.preprocessor.transform(features))
            if branch.target_scaler is not None:
                outputs = branch.target_scaler.inverse(outputs)
            if len(self.branches) == 1:
                return outputs
            weighted = outputs.astype(np.float64) * branch.part.weight
            total = weighted if total is None else total + weighted
        assert total is not None, "a model has a network"
        return total

    def keras_models(self) -> list[Any]:
        """Return the networks as Keras models, which read what ``branches`` prepare; this loads Keras.

        Raises:
            TunerError: a network is a module of torch's.
        """
        if any(branch.part.keras.endswith(ENDING) for branch in self.branches):
            raise TunerError(
                f"{self.folder}: its networks are modules of torch; see branches[0].network.module"
            )
        return [open_keras(self.folder / branch.part.keras) for branch in self.branches]


def load_model(folder: str | Path) -> SavedModel:
    """Read a model folder of any origin; nothing in it is run.

    Args:
        folder: such as ``runs/churn/model``.

    Raises:
        TunerError: it is no model folder, is damaged, or holds something that no model of tuner has.
    """
    place = Path(folder)
    manifest = read_manifest(place)
    columns = tuple(part.column() for part in manifest.columns)
    branches = []
    for part in manifest.networks:
        path = place / part.preprocess
        file = read_part(path, PreprocessFile)
        try:
            preprocessor, target_scaler = from_file(file, columns)
            _check_target(target_scaler, manifest)
        except (ValueError, DataError) as error:
            raise TunerError(f"{path}: {error}; the folder is damaged: export it again") from None
        network: PlainNetwork | OwnNetwork
        if manifest.own and part.keras.endswith(ENDING):
            own = _own_model(manifest, part, preprocessor)
            network = read_module(place / part.keras, own, manifest.head, preprocessor.n_inputs)
        elif manifest.own:
            network = read_own(place / part.keras, preprocessor.n_inputs, manifest.head)
        else:
            tables = preprocessor.tables
            network = read_network(place / part.keras, preprocessor.n_inputs, manifest.head, tables)
        branches.append(Branch(part, preprocessor, target_scaler, network))
    return SavedModel(place, manifest, tuple(branches))


def _own_model(manifest: Manifest, part: NetworkPart, preprocessor: Preprocessor) -> OwnModel:
    """Return what a network of torch's is built from, by the parameters of its trial."""
    params = next((trial.params for trial in manifest.trials if trial.number == part.trial), {})
    hook = Hook(manifest.model, ".")
    return OwnModel(hook, tuple(own_params(params).items()), column_places(preprocessor), "torch")


def _check_target(scaler: TargetScaler | None, manifest: Manifest) -> None:
    if scaler is not None and (manifest.classes or len(scaler.shift_) != len(manifest.target_names)):
        raise ValueError("target: does not fit the targets of the model")


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a model folder as a whole, in the place of an earlier one.

    The files are written beside it first; at every moment either the old or the new folder is there under its name
    or, between two renames, the old one under ``.<name>.tuner-old``, which the next call takes back.

    Args:
        folder: where it is to lie; missing, empty, or a model folder.
        files: name -> content.

    Raises:
        TunerError: something else lies there, or it cannot be written.
    """
    folder = folder.absolute()
    new, old = (folder.with_name(f".{folder.name}.tuner-{which}") for which in ("new", "old"))
    try:
        if old.is_dir() and not folder.exists():
            old.rename(folder)
        check_replaceable(folder)
        for leftover in (new, old):
            if leftover.is_dir():
                shutil.rmtree(leftover)
        new.mkdir(parents=True)
        for name, content in files.items():
            (new / name).write_bytes(content)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        if old.is_dir():
            shutil.rmtree(old)
    except OSError as error:
        raise TunerError(f"{folder}: cannot be written: {error.strerror or error}") from None


def check_replaceable(folder: Path) -> None:
    """Refuse to put a model in the place of something else.

    Raises:
        TunerError: a file, or a folder with something in it that is no part of a model.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise TunerError(f"{folder}: is no folder; name another place")
    if not folder.is_dir():
        return
    foreign = sorted(place.name for place in folder.iterdir() if not OWN_FILE.fullmatch(place.name))
    if foreign or (any(folder.iterdir()) and not (folder / MANIFEST).is_file()):
        held = f"holds {foreign[0]!r}, which is no part of a model" if foreign else f"has no {MANIFEST}"
        raise TunerError(f"{folder}: {held}; it is left as it is: name an empty or a new folder")
