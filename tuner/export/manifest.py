"""What a model folder says of itself: ``manifest.json``, validated as the word of a stranger."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from tuner.data.choices import DATE_PARTS
from tuner.data.columns import Column, Kind
from tuner.data.dates import DATE_FORMATS, ISO_FORM
from tuner.engines.choice import BACKENDS, TENSORFLOW
from tuner.errors import TunerError
from tuner.export.kinds import EXPORTS
from tuner.export.preprocess_json import Part
from tuner.model.heads import AUTO_OUTPUT, EVEN, OUTPUTS, Head, make_head
from tuner.model.own_model import is_own
from tuner.records import ParamValue
from tuner.tasks import Task

MANIFEST = "manifest.json"
"""The manifest's name in a model folder."""

FORMAT = 1
"""The version of the folder's form."""

LARGEST_JSON = 512 * 2**20
"""Bytes; a larger file is not read."""

FileName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\.(keras|npz|json)$", max_length=80)
]
"""A name without separators, so that it cannot lead out of the folder."""


Threshold = Annotated[float, Field(gt=0, lt=1)]
"""The probability above which a label is given."""

Side = Annotated[int, Field(ge=1)]
"""Height, width or channels of an image."""


class ColumnPart(Part):
    """A column that the model reads; see ``tuner.data.columns.Column``."""

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    has_missing: bool = False
    parts: tuple[str, ...] = ()
    form: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "ColumnPart":
        if len(set(self.categories)) != len(self.categories):
            raise ValueError("a category is there twice")
        if not set(self.parts) <= set(DATE_PARTS):
            raise ValueError(f"parts: {', '.join(self.parts)}: not all are parts of a date")
        if self.form not in (None, ISO_FORM, *DATE_FORMATS):
            raise ValueError(f"form: {self.form}: not a form of dates")
        return self

    def column(self) -> Column:
        """Return the column as preprocessing knows it."""
        return Column(self.name, self.kind, self.categories, self.has_missing, self.parts, self.form)


class TrialPart(Part):
    """A trial that the model is made of."""

    number: Annotated[int, Field(ge=0)]
    weight: Annotated[float, Field(gt=0, le=1)]
    params: dict[str, ParamValue]
    epochs: tuple[int, ...]


class NetworkPart(Part):
    """A network, a Keras file or the arrays of a torch module, and what it reads: two files of the folder."""

    trial: Annotated[int, Field(ge=0)]
    weight: Annotated[float, Field(gt=0, le=1)]
    keras: FileName
    preprocess: FileName


class StudyPart(Part):
    """The study that the model comes from."""

    name: str
    data: str
    data_sha256: str
    objective: str
    direction: str
    seed: int
    trials: int
    rows: int
    cross_validated: dict[str, float | None]


class IntervalPart(Part):
    """A score with its bounds; null where it is undefined."""

    value: float | None
    low: float | None
    high: float | None
    level: float


class HeldOutPart(Part):
    """The scores on rows that neither search nor training saw."""

    rows: Annotated[int, Field(ge=0)]
    looks: Annotated[int, Field(ge=0)]
    scores: dict[str, IntervalPart]
    note: str = ""


class Manifest(Part):
    """A model folder's manifest.

    Attributes:
        image: height, width and channels of the pictures of bytes whose numbers, in C order, are the columns; None
            where the model reads no pictures.
    """

    format: Literal[1] = 1
    tuner: str
    created: str
    kind: str
    task: Task
    target_names: Annotated[tuple[str, ...], Field(min_length=1)]
    classes: tuple[str, ...]
    output: str = AUTO_OUTPUT
    model: Annotated[str, Field(max_length=200)] = "mlp"
    thresholds: Annotated[tuple[Threshold, ...], Field(min_length=1)] = EVEN
    columns: Annotated[tuple[ColumnPart, ...], Field(min_length=1)]
    image: tuple[Side, Side, Side] | None = None
    trials: Annotated[tuple[TrialPart, ...], Field(min_length=1)]
    networks: Annotated[tuple[NetworkPart, ...], Field(min_length=1, max_length=1000)]
    study: StudyPart
    train_scores: dict[str, float | None]
    held_out: HeldOutPart
    versions: dict[str, str]

    @model_validator(mode="after")
    def _check(self) -> "Manifest":
        if not math.isclose(sum(network.weight for network in self.networks), 1.0, rel_tol=1e-6):
            raise ValueError("networks: their weights do not add up to 1")
        if self.kind not in EXPORTS:
            raise ValueError(f"kind: {self.kind!r} is none of {', '.join(EXPORTS)}")
        needed = {Task.BINARY: 2, Task.MULTICLASS: 3}.get(self.task, 0)
        if len(self.classes) < needed or (not needed and self.classes):
            raise ValueError(f"classes: {len(self.classes)} do not fit a {self.task} task")
        if self.output != AUTO_OUTPUT and (self.task is not Task.REGRESSION or self.output not in OUTPUTS):
            raise ValueError(f"output: {self.output!r} does not fit a {self.task} task")
        for key, names in (("classes", self.classes), ("target_names", self.target_names)):
            if len(set(names)) != len(names):
                raise ValueError(f"{key}: a name is there twice")
        if len(self.thresholds) not in (1, len(self.target_names)):
            raise ValueError(f"thresholds: {len(self.thresholds)}, not one, nor one for each target")
        if len({column.name for column in self.columns}) != len(self.columns):
            raise ValueError("columns: a name is there twice")
        if self.image is not None and math.prod(self.image) != len(self.columns):
            raise ValueError(f"image: {self.image} does not fit {len(self.columns)} columns")
        return self

    @property
    def own(self) -> bool:
        """Whether a function of the user's built the networks."""
        return is_own(self.model)

    @property
    def backend(self) -> str:
        """What Keras computed with when the networks were trained."""
        return next((name for name in BACKENDS if name != TENSORFLOW and name in self.versions), TENSORFLOW)

    @property
    def head(self) -> Head:
        """The end of each network."""
        head = make_head(self.task, len(self.target_names), len(self.classes), self.output)
        return replace(head, thresholds=self.thresholds)

    @property
    def positive(self) -> str | None:
        """The label that a binary model's probability is of; None for other tasks."""
        return self.classes[1] if self.task is Task.BINARY else None


FilePart = TypeVar("FilePart", bound=Part)


def read_manifest(folder: Path) -> Manifest:
    """Read a model folder's manifest.

    Raises:
        TunerError: there is none, or it is damaged, of a later version, or not one at all.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "no such folder"
        raise TunerError(f"{folder}: {what}; a model folder is what 'tune run' or 'tune export' makes")
    if not path.is_file():
        raise TunerError(
            f"{folder}: is no model folder: it has no {MANIFEST}; 'tune run' makes one in runs/<study>/model, "
            "'tune export STUDY -o DIR' elsewhere"
        )
    return read_part(path, Manifest)


def read_part(path: Path, part: type[FilePart]) -> FilePart:
    """Read a JSON file of a model folder.

    Raises:
        TunerError: it is missing, too large, no JSON, or has other keys or values than it should.
    """
    text = _read(path)
    try:
        _check_format(path, text)
        return part.model_validate_json(text)
    except ValidationError as error:
        found = [f"{_place(each['loc'])}{each['msg']}" for each in error.errors(include_input=False)[:3]]
        raise _damaged(path, "; ".join(found)) from None
    except RecursionError:
        raise _damaged(path, "nested too deeply") from None


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _damaged(path, "is missing")
        if path.stat().st_size > LARGEST_JSON:
            raise _damaged(path, f"is larger than {LARGEST_JSON // 2**20} MB")
        return path.read_bytes()
    except OSError as error:
        raise TunerError(f"{path}: cannot be read: {error.strerror}") from None


def _check_format(path: Path, text: bytes) -> None:
    try:
        content: Any = json.loads(text)
    except ValueError as error:
        raise _damaged(path, f"is not JSON: {error}") from None
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, int) and found > FORMAT:
        raise TunerError(
            f"{path}: has form {found}, this version of tuner reads {FORMAT}: use a newer version, or export again"
        )


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) + ": " if location else ""


def _damaged(path: Path, found: str) -> TunerError:
    return TunerError(f"{path}: {found}; the folder is damaged or no model folder: export it again")
