"""Turns what is wrong with the sections of a study file into sentences at keys."""

import types
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tuner.errors import nearest, shown
from tuner.yaml_lines import KeyPath

Problem = tuple[KeyPath, str]
"""A place in a file, and what is wrong there."""

SENTENCES: Mapping[str, str] = types.MappingProxyType(
    {
        "missing": "missing",
        "int_type": "{found} is not a whole number",
        "int_from_float": "{found} is not a whole number",
        "int_parsing_size": "{found} is too large",
        "bool_type": "{found} is not true or false",
        "greater_than_equal": "{found} is too small; at least {ge}",
        "model_type": "{found} is not a section; write its keys below it: {keys}",
    }
)
"""What pydantic finds, by its type of error; the checks of single keys bring sentences of their own."""


def section_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """Return the section that stands at a place, or None where the place is a value."""
    section: type[BaseModel] | None = model
    for key in path:
        if section is None or not isinstance(key, str) or key not in section.model_fields:
            return None
        section = _section_of(section.model_fields[key].annotation)
    return section


def _section_of(annotation: Any) -> type[BaseModel] | None:
    options = get_args(annotation) if get_origin(annotation) is types.UnionType else (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def empty_values(model: type[BaseModel], data: Mapping[str, Any], path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the places of keys and sections that were written without a value."""
    for key, value in data.items():
        here = (*path, key)
        if value is None:
            yield here
        elif isinstance(value, dict) and section_at(model, here) is not None:
            yield from empty_values(model, value, here)


def sentences(model: type[BaseModel], error: ValidationError) -> Iterator[Problem]:
    """Yield each thing that pydantic found, at its key, in plain words."""
    for details in error.errors(include_url=False):
        path: KeyPath = details["loc"]
        if details["type"] == "extra_forbidden":
            yield path, _unknown(model, path)
        elif details["type"] == "value_error":
            yield path, str(details["ctx"]["error"])
        else:
            yield path, _sentence(model, path, details)


def _sentence(model: type[BaseModel], path: KeyPath, details: ErrorDetails) -> str:
    template = SENTENCES.get(details["type"], "{found}: " + details["msg"].lower())
    section = section_at(model, path)
    keys = ", ".join(section.model_fields) if section is not None else ""
    return template.format(found=shown(details["input"]), keys=keys, **details.get("ctx", {}))


def _unknown(model: type[BaseModel], path: KeyPath) -> str:
    """Return the sentence for a key that does not exist: a close name, or the section that has it."""
    name = str(path[-1])
    section = section_at(model, path[:-1]) or model
    homes = [".".join((*home, name)) for home in _sections(model) if name in _fields(model, home)]
    if homes:
        return f"unknown key here; did you mean '{homes[0]}'?"
    if hint := nearest(name, section.model_fields):
        return f"unknown key{hint}"
    place = f"'{path[-2]}'" if len(path) > 1 else "a study file"
    return f"unknown key; {place} has: {', '.join(section.model_fields)}"


def _sections(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in _fields(model, path):
        if section_at(model, (*path, name)) is not None:
            yield from _sections(model, (*path, name))


def _fields(model: type[BaseModel], path: tuple[str, ...]) -> tuple[str, ...]:
    section = section_at(model, path)
    return tuple(section.model_fields) if section is not None else ()
