"""Checks of single keys of a study file: one sentence for whatever is wrong, and the JSON Schema."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from tuner.config.names import HOOK, NAMES
from tuner.errors import shown
from tuner.model.asked_metrics import check_direction, check_metric
from tuner.model.goals import COSTS
from tuner.model.metrics import METRICS
from tuner.model.written import read_written
from tuner.records import Params
from tuner.search.url import url_problem

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")
BYTES = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([MG]i?B)")
HOOK_FORM = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
STORES = ("http://", "https://", "sqlite:///", "postgresql://")
"""How the address of a tracking store may begin."""
UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f]|^\s|[\s.]$')
"""What some operating system does not allow in the name of a folder."""

TEXTS = {"type": "array", "items": {"type": "string"}}
SCALAR = {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True, slots=True)
class Checked:
    """Annotates a key whose value a function converts.

    Attributes:
        check: from the value in the file to the value in the section; raises ValueError with a sentence.
        schema: the JSON Schema of the value in the file.
    """

    check: Callable[[Any], object]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(self.schema)


@dataclass(frozen=True, slots=True)
class OrNone:
    """Annotates a section that ``none`` switches off."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        options = [
            {"const": "none"} if part == {"type": "null"} else part for part in handler(schema)["anyOf"]
        ]
        return {"anyOf": options}

    @staticmethod
    def _check(value: object) -> object:
        if value == "none":
            return None
        if not isinstance(value, dict):
            raise ValueError(f"{shown(value)} is neither none nor keys and values: {{key: value}}")
        return value


def named(key: str) -> Checked:
    """Return the check of a key that takes one name of ``NAMES``."""

    def check(value: object) -> str:
        if (problem := NAMES[key].problem(value)) is not None:
            raise ValueError(problem)
        return str(value)

    return Checked(check, {"enum": [str(name) for name in NAMES[key].now]})


def timeout_seconds(value: object) -> float | None:
    """Return the seconds of a timeout such as ``90s``, ``10m``, ``2h`` or ``1d``; None for ``none``.

    Raises:
        ValueError: it has another form, or is 0; the message is a sentence for the user.
    """
    if value is None or value == "none":
        return None
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = float(match[1]) * SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueError(
            f"{shown(value)} is not a time; write none, or a number with a unit: 90s, 10m, 2h, 1d"
        )
    return seconds


def memory_bytes(value: object) -> int | None:
    """Return the bytes of an amount of memory such as ``500MB``, ``2GB`` or ``1.5GiB``; None for ``none``.

    Raises:
        ValueError: it has another form, or is 0; the message is a sentence for the user.
    """
    if value is None or value == "none":
        return None
    match = AMOUNT.fullmatch(value) if isinstance(value, str) else None
    amount = round(float(match[1]) * BYTES[match[2]]) if match else 0
    if amount <= 0:
        raise ValueError(
            f"{shown(value)} is not an amount of memory; write none, or a number with a unit: 500MB, 2GB, 1.5GiB"
        )
    return amount


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not text{_quotes(value)}")
    if not value:
        raise ValueError("an empty text")
    return value


def _quotes(value: object) -> str:
    return f"; in quotes it would be: '{shown(value)}'" if isinstance(value, (int, float)) else ""


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} is not a list; write [a, b]")
    texts = [_text(item) for item in value]
    for number, text in enumerate(texts):
        if text in texts[:number]:
            raise ValueError(f"'{text}' is given twice")
    return tuple(texts)


def _target(value: object) -> tuple[str, ...]:
    if value == []:
        raise ValueError("an empty list; name at least one column")
    return _texts(value) if isinstance(value, list) else (_text(value),)


def _label(value: object) -> object:
    if not isinstance(value, (str, int, float)):
        raise ValueError(f"{shown(value)} is not a label; write a text, a number, true or false")
    return value


def _safe_name(value: object) -> str:
    text = _text(value)
    if UNSAFE.search(text) or len(text) > 100:
        raise ValueError(f"'{text}' cannot name a folder; use up to 100 letters, digits, '-', '_' and '.'")
    return text


def hook_name(value: object) -> str:
    """Return a name of the form module:function.

    Raises:
        ValueError: it has another form; the message is a sentence for the user.
    """
    text = _text(value)
    if not HOOK_FORM.fullmatch(text):
        raise ValueError(f"'{text}' does not name a function; write {HOOK}, such as my_data:load")
    return text


def _test(value: object) -> float | str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"{shown(value)} is not a share of at least 0 and below 1, nor the path of a file")
    return float(value)


def _space(value: object) -> object:
    if not isinstance(value, dict) and not (isinstance(value, str) and value):
        raise ValueError(f"{shown(value)} is not a name, a path or a mapping of parameters")
    return value


def _metric(value: object) -> object:
    found = read_written(value, "a metric")
    if found.python:
        hook_name(found.python)
    elif isinstance(value, dict) and (problem := NAMES["metrics"].problem(found.name)) is not None:
        raise ValueError(problem)
    check_metric(value)
    return value


def _objective(value: object) -> object:
    written = value if isinstance(value, list) else [value]
    if not written:
        raise ValueError("an empty list; name a metric, or write auto")
    for number, each in enumerate(written):
        if each in written[:number]:
            raise ValueError(f"{shown(each)} is given twice")
        check_direction(_metric(each if isinstance(each, dict) and each else _text(each)))
    first = written[0]
    if isinstance(first, str) and first in COSTS:
        raise ValueError(f"'{first}' is what a network costs; name a metric before it: [auto, {first}]")
    if "auto" in written[1:]:
        raise ValueError("'auto' is the metric of the task, and comes first: [auto, parameters]")
    return first if len(written) == 1 else tuple(written)


def _metrics(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} is not a list; write [{shown(value).strip(chr(39))}]")
    for number, each in enumerate(value):
        if each in value[:number]:
            raise ValueError(f"{shown(each)} is given twice")
    return tuple(_metric(each) if isinstance(each, dict) else _metric(_text(each)) for each in value)


def _monitor(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("val_"):
        raise ValueError(f"{shown(value)} cannot be watched; write val_loss, or val_ before a metric")
    return value


def _first(value: object) -> tuple[Params, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} is not a list; write [{{layers: 2}}]")
    for entry in value:
        if not isinstance(entry, dict):
            raise ValueError(
                f"{shown(entry)} is no configuration; write parameters and values: {{layers: 2}}"
            )
    return tuple(value)


def _tracking_uri(value: object) -> str:
    if value == "auto" or (isinstance(value, str) and value.startswith(STORES)):
        return str(value)
    raise ValueError(
        f"{shown(value)} is no tracking store; write auto, or an address with {', '.join(STORES)}"
    )


def _storage(value: object) -> str:
    if value != "auto" and (problem := url_problem(value)) is not None:
        raise ValueError(problem)
    return str(value)


def _finite(value: object) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value < 0
    ):
        raise ValueError(f"{shown(value)} is not a number of at least 0")
    return float(value)


def _at_least_1(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{shown(value)} is not a whole number of at least 1")
    return value


def _above_0(value: object) -> float:
    if _finite(value) == 0:
        raise ValueError(f"{shown(value)} is not a number above 0")
    return _finite(value)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(
            f"{shown(value)} is not a share of a GPU, from 0 to 1; a network trains on one device"
        )
    return float(value)


def with_arguments(what: str) -> dict[str, Any]:
    """Return the schema of a loss or a metric with arguments, or of a function of the user's."""
    named = {key: {"type": "string", "description": f"The {what}."} for key in ("name", "python")}
    return {
        "type": "object",
        "properties": named,
        "additionalProperties": SCALAR,
        "oneOf": [{"required": ["name"]}, {"required": ["python"]}],
    }


FUNCTION = {"type": "string", "pattern": f"^{HOOK_FORM.pattern}$"}
_METRIC = {"anyOf": [{"enum": list(METRICS)}, FUNCTION, with_arguments("metric")]}

TEXT = Checked(_text, {"type": "string", "minLength": 1})
TEXT_LIST = Checked(_texts, {**TEXTS, "uniqueItems": True})
TARGET = Checked(_target, {"anyOf": [{"type": "string"}, {**TEXTS, "minItems": 1, "uniqueItems": True}]})
LABEL = Checked(_label, SCALAR)
SAFE_NAME = Checked(_safe_name, {"type": "string", "minLength": 1, "maxLength": 100})
HOOK_NAME = Checked(hook_name, {"type": "string", "pattern": f"^{HOOK_FORM.pattern}$"})
TEST = Checked(
    _test, {"anyOf": [{"type": "number", "minimum": 0, "exclusiveMaximum": 1}, {"type": "string"}]}
)
SPACE = Checked(_space, {"type": ["string", "object"]})
OBJECTIVE = Checked(
    _objective,
    {
        "anyOf": [
            {"enum": ["auto", *METRICS]},
            with_arguments("metric"),
            {
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "prefixItems": [{"anyOf": [{"enum": ["auto", *METRICS]}, with_arguments("metric")]}],
                "items": {"anyOf": [{"enum": [*METRICS, *COSTS]}, with_arguments("metric")]},
            },
        ]
    },
)
METRIC_LIST = Checked(_metrics, {"type": "array", "uniqueItems": True, "items": _METRIC})
MONITOR = Checked(_monitor, {"type": "string", "pattern": "^val_"})
TIMEOUT = Checked(
    timeout_seconds, {"anyOf": [{"const": "none"}, {"type": "string", "pattern": f"^{DURATION.pattern}$"}]}
)
MEMORY = Checked(
    memory_bytes, {"anyOf": [{"const": "none"}, {"type": "string", "pattern": f"^{AMOUNT.pattern}$"}]}
)
FIRST = Checked(_first, {"type": "array", "items": {"type": "object", "additionalProperties": SCALAR}})
TRACKING_URI = Checked(_tracking_uri, {"type": "string"})
STORAGE = Checked(_storage, {"type": "string"})
AT_LEAST_1 = Checked(_at_least_1, {"type": "integer", "minimum": 1})
ABOVE_0 = Checked(_above_0, {"type": "number", "exclusiveMinimum": 0})
SHARE = Checked(_share, {"type": "number", "minimum": 0, "maximum": 1})
AT_LEAST_0 = Checked(_finite, {"type": "number", "minimum": 0})
