"""Checks of the keys of ``preprocess`` that take more than a name, and of their like in a search space."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from tuner.config.field_checks import Checked
from tuner.config.names import NAMES
from tuner.data.choices import DATETIME_WORDS
from tuner.errors import nearest, shown
from tuner.model.augment import FLIPS
from tuner.model.parameters import Parameter, ParameterKind
from tuner.records import ParamValue

NUMBERS: Mapping[str, Parameter] = MappingProxyType(
    {
        each.name: each
        for each in (
            Parameter("select.k", ParameterKind.INT, None, "How many inputs are kept.", low=1),
            Parameter("select.variance", ParameterKind.FLOAT, None, "What a variance must exceed.", low=0),
            Parameter("augment.noise", ParameterKind.FLOAT, None, "Standard deviation of noise.", low=0),
            Parameter(
                "augment.mixup", ParameterKind.FLOAT, None, "Both numbers of mixup's Beta.", low=0, below=1000
            ),
            Parameter("augment.flip", ParameterKind.CHOICE, None, "How images are mirrored.", options=FLIPS),
            Parameter(
                "augment.shift", ParameterKind.INT, None, "The most pixels that images are moved by.", low=0
            ),
            Parameter(
                "augment.rotate",
                ParameterKind.FLOAT,
                None,
                "The most degrees that images are turned by.",
                low=0,
                below=360,
            ),
            Parameter(
                "augment.zoom",
                ParameterKind.FLOAT,
                None,
                "The largest share that images shrink or grow by.",
                low=0,
                below=1,
            ),
            Parameter(
                "augment.contrast",
                ParameterKind.FLOAT,
                None,
                "The largest share that the contrast of images falls or rises by.",
                low=0,
                below=1,
            ),
        )
    }
)
"""The values below ``preprocess``, by their key there; a search space may hold them as well."""

OF_IMAGES = ("flip", "shift", "rotate", "zoom", "contrast")
"""What of ``preprocess.augment`` varies images as such."""

SEARCHABLE = (
    "preprocess.numeric",
    "preprocess.categorical",
    "preprocess.datetime",
    "preprocess.missing.numeric",
    "preprocess.missing.categorical",
    "preprocess.balance",
    *(f"preprocess.{name}" for name in NUMBERS),
)
"""The preprocessing that a search space may hold, under these names."""


def searched_problem(name: str, value: ParamValue) -> str | None:
    """Return what is wrong with a value of a parameter in ``SEARCHABLE`` in one phrase, or None."""
    number = NUMBERS.get(name.removeprefix("preprocess."))
    if number is not None:
        return number.problem(value)
    if name == "preprocess.datetime" and value in DATETIME_WORDS:
        return None
    return NAMES[name].problem(value)


def _datetime(value: object) -> object:
    """Return ``auto``, ``none`` or the parts; with ``cyclic: false`` beside them, a mapping."""
    if not isinstance(value, dict):
        return _parts(value)
    for key in value:
        if key not in ("parts", "cyclic"):
            raise ValueError(f"'{key}' is unknown; it has: parts, cyclic{nearest(key, ('parts', 'cyclic'))}")
    cyclic = value.get("cyclic", True)
    if not isinstance(cyclic, bool):
        raise ValueError(f"cyclic: {shown(cyclic)} is not true or false")
    parts = _parts(value.get("parts", "auto"))
    return parts if cyclic else {"parts": parts, "cyclic": False}


def _parts(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str) and value in DATETIME_WORDS:
        return value
    if not isinstance(value, list) or not value:
        known = ", ".join(NAMES["preprocess.datetime"].now)
        raise ValueError(f"{shown(value)} is not auto, none or a list of parts; the parts are: {known}")
    for number, part in enumerate(value):
        if (problem := NAMES["preprocess.datetime"].problem(part)) is not None:
            raise ValueError(problem)
        if part in value[:number]:
            raise ValueError(f"'{part}' is given twice")
    return tuple(value)


def _numbers_of(section: str) -> Callable[[object], object]:
    """Return the check of a key that is ``none`` or a mapping of numbers."""
    known = [name.partition(".")[2] for name in NUMBERS if name.startswith(f"{section}.")]

    def check(value: object) -> object:
        if value == "none":
            return value
        if not isinstance(value, dict) or not value:
            written = " or ".join(f"{{{key}: ...}}" for key in known)
            raise ValueError(f"{shown(value)} is neither none nor {written}")
        for key, number in value.items():
            if key not in known:
                raise ValueError(f"'{key}' is unknown; it has: {', '.join(known)}{nearest(key, known)}")
            if (problem := NUMBERS[f"{section}.{key}"].problem(number)) is not None:
                raise ValueError(f"{key}: {problem}")
        return {key: _typed(NUMBERS[f"{section}.{key}"], number) for key, number in value.items()}

    return check


def _typed(number: Parameter, value: ParamValue) -> ParamValue:
    return float(value) if number.kind is ParameterKind.FLOAT else value


def _schema_of_one(number: Parameter) -> dict[str, Any]:
    if number.kind is ParameterKind.CHOICE:
        return {"enum": list(number.options), "description": number.meaning}
    kind = "integer" if number.kind is ParameterKind.INT else "number"
    return {"type": kind, "minimum": number.low, "description": number.meaning}


def _schema_of(section: str) -> dict[str, Any]:
    properties = {
        name.partition(".")[2]: _schema_of_one(number)
        for name, number in NUMBERS.items()
        if name.startswith(f"{section}.")
    }
    mapping = {
        "type": "object",
        "minProperties": 1,
        "properties": properties,
        "additionalProperties": False,
    }
    return {"anyOf": [{"const": "none"}, mapping]}


_PARTS: dict[str, Any] = {
    "anyOf": [
        {"enum": list(DATETIME_WORDS)},
        {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"enum": list(NAMES["preprocess.datetime"].now)},
        },
    ]
}

DATETIME = Checked(
    _datetime,
    {
        "anyOf": [
            *_PARTS["anyOf"],
            {
                "type": "object",
                "minProperties": 1,
                "properties": {
                    "parts": {**_PARTS, "description": "The parts; auto: those that vary."},
                    "cyclic": {
                        "type": "boolean",
                        "description": "Whether a part that recurs becomes a sine and a cosine; else a number.",
                    },
                },
                "additionalProperties": False,
            },
        ]
    },
)
SELECT = Checked(_numbers_of("select"), _schema_of("select"))
AUGMENT = Checked(_numbers_of("augment"), _schema_of("augment"))
