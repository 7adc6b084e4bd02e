"""The JSON Schema (draft 2020-12) of study files, for editors."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tuner.config import sections
from tuner.config.sections import StudySections
from tuner.space.space_file import TYPES, space_names

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_SCALAR = {"type": ["string", "number", "boolean"]}
_KEYS: dict[str, dict[str, Any]] = {
    "low": {"type": "number", "description": "The smallest value."},
    "high": {"type": "number", "description": "The largest value."},
    "log": {"type": "boolean", "description": "Whether each doubling is as likely as the next."},
    "step": {"type": "number", "exclusiveMinimum": 0, "description": "The distance between values."},
    "options": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": _SCALAR,
        "description": "The values.",
    },
    "default": {**_SCALAR, "description": "The value in trial 0; else the middle, or the first option."},
    "when": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "minItems": 1, "items": _SCALAR}]},
        "description": "The parameter exists only where these have one of these values.",
    },
    "per": {"enum": ["layer", "block"], "description": "Each layer, or block, has a value of its own."},
}
_NEEDED = {"int": ["type", "low", "high"], "float": ["type", "low", "high"], "choice": ["type", "options"]}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of study files."""
    whole = StudySections.model_json_schema()
    for name, meanings in _meanings().items():
        section = whole if name == StudySections.__name__ else whole["$defs"].get(name, {})
        for key, meaning in meanings.items():
            section["properties"][key]["description"] = meaning
    whole["$defs"] |= {f"{kind}_parameter": _parameter(kind) for kind in TYPES}
    whole["$defs"]["parameters"] = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "anyOf": [_SCALAR, *({"$ref": f"#/$defs/{kind}_parameter"} for kind in TYPES)]
        },
    }
    whole["$defs"]["search_space"] = {
        "type": "object",
        "properties": {"description": {"type": "string"}, "params": {"$ref": "#/$defs/parameters"}},
        "required": ["params"],
        "additionalProperties": False,
    }
    described = whole["properties"]["search_space"]
    whole["properties"]["search_space"] = {
        "default": described["default"],
        "description": described["description"],
        "examples": list(space_names()),
        "anyOf": [
            {"type": "string"},
            {"$ref": "#/$defs/search_space"},
            {"$ref": "#/$defs/parameters"},
        ],
    }
    # The file's own name is the default, and that differs from file to file.
    del whole["properties"]["name"]["default"]
    return {"$schema": DRAFT, **_tidy(whole), "title": "Study file"}


def _meanings() -> dict[str, dict[str, str]]:
    """Return the sentence below each key of each section, read from their source.

    Pydantic could do this while the sections are imported, which would slow down every command.
    """
    classes = [node for node in ast.parse(inspect.getsource(sections)).body if isinstance(node, ast.ClassDef)]
    return {each.name: dict(_documented(each.body)) for each in classes}


def _documented(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
        ):
            yield field.target.id, str(ast.literal_eval(text.value))


def _tidy(part: Any) -> Any:
    """Return the schema without titles that repeat a key, and with ``none`` where Python has None."""
    if isinstance(part, list):
        return [_tidy(item) for item in part]
    if not isinstance(part, dict):
        return part
    # Under "properties" the keys are those of a study file, not words of the schema.
    tidy = {
        key: {name: _tidy(item) for name, item in value.items()} if key == "properties" else _tidy(value)
        for key, value in part.items()
        if key != "title"
    }
    if "$ref" in tidy:
        tidy.pop("default", None)  # A section's keys have their own.
    if "default" in tidy and tidy["default"] is None:
        del tidy["default"]
        if {"const": "none"} in tidy.get("anyOf", []):
            tidy["default"] = "none"
    return tidy


def _parameter(kind: str) -> dict[str, Any]:
    keys = {key: {"const": kind} if key == "type" else _KEYS[key] for key in TYPES[kind]}
    return {"type": "object", "properties": keys, "required": _NEEDED[kind], "additionalProperties": False}
