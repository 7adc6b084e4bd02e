"""The page of all keys of a study file, made from its JSON Schema."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from documents.markdown import code, codes, page, section, table, text
from tuner.config.field_checks import AMOUNT, DURATION, HOOK_FORM
from tuner.config.schema import schema
from tuner.model.losses import LOSSES
from tuner.model.metrics import METRICS

Schema = Mapping[str, Any]

INTRODUCTION = """\
On this page you find each key of a study file: which values it takes, what it is where the file does not say, and
what it does. It is made from the schema that `tune schema` prints. [The study file](study-file.md) tells the same as
one long example, and explains it."""

LINKS: Mapping[str, str] = {
    "#/$defs/search_space": f"a mapping with {code('params')}: [a search space](#search-space)",
    "#/$defs/parameters": "[parameters](#search-space)",
}
LISTED: Mapping[str, Mapping[str, object]] = {"metrics": METRICS, "losses": LOSSES}
"""Names that have a section of the page of names, which says what each one is."""

FORMS: Mapping[str, str] = {
    f"^{HOOK_FORM.pattern}$": f"a function of yours, {code('module:function')}",
    f"^{DURATION.pattern}$": f"a time such as {codes(('90s', '10m', '2h', '1d'))}",
    f"^{AMOUNT.pattern}$": f"an amount such as {codes(('500MB', '2GB', '1.5GiB'))}",
    "^val_": f"{code('val_loss')}, or {code('val_')} before a [metric](names.md#metrics)",
}
"""Texts of a form, by its pattern."""

TYPES = {"string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false"}
BOUNDS = (
    ("minimum", "of at least"),
    ("exclusiveMinimum", "above"),
    ("maximum", "at most"),
    ("exclusiveMaximum", "below"),
)


def keys_page() -> str:
    """Return the page."""
    whole = schema()
    parts = [_keys_of("", whole, whole)]
    parts += [
        section(
            code(name), text(each["description"]), _keys_of(f"{name}.", each, whole), anchor=_anchor(name)
        )
        for name, each in sections(whole)
    ]
    return page("All keys", INTRODUCTION, *parts, _search_space(whole))


def sections(whole: Schema, inside: Schema | None = None, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield the sections of study files in their order: dotted name, schema.

    Args:
        whole: the schema of study files.
        inside: the section to look into; None for the file itself.
        prefix: its dotted name with a dot behind; empty for the file itself.
    """
    for key, value in (inside or whole)["properties"].items():
        found = _section_of(value, whole)
        if found is not None:
            yield prefix + key, found
            yield from sections(whole, found, f"{prefix}{key}.")


def _section_of(value: Schema, whole: Schema) -> Schema | None:
    """Return the section that a key holds, or None where it holds a value."""
    for part in (value, *value.get("anyOf", ())):
        name = part.get("$ref", "").removeprefix("#/$defs/")
        if name.endswith("Section"):
            found: Schema = whole["$defs"][name]
            return found
    return None


def _keys_of(prefix: str, part: Schema, whole: Schema) -> str:
    rows = []
    for key, value in part["properties"].items():
        name = prefix + key
        if _section_of(value, whole) is None:
            rows.append([code(key), values(value), _default(value), text(value["description"])])
        else:
            off = " or <code>none</code>" if {"const": "none"} in value.get("anyOf", ()) else ""
            rows.append([code(key), f"[keys](#{_anchor(name)}){off}", "", text(value["description"])])
    return table(("key", "values", "default", "what it does"), rows)


def _anchor(name: str) -> str:
    return name.replace(".", "-")


def _default(value: Schema) -> str:
    if "default" not in value:
        return ""
    default = value["default"]
    return code(default if isinstance(default, str) else json.dumps(default))


def values(part: Schema) -> str:
    """Return, as Markdown, which values a part of the schema allows."""
    if "const" in part:
        return code(part["const"])
    if "enum" in part:
        return _choice(part["enum"])
    if "$ref" in part:
        return LINKS[part["$ref"]]
    if "anyOf" in part:
        return "; or ".join(dict.fromkeys(map(values, part["anyOf"])))
    kind = part.get("type", "")
    if isinstance(kind, list):
        return ", ".join(TYPES[each] for each in kind[:-1]) + f", {TYPES[kind[-1]]}"
    if kind == "array":
        return _list(part)
    if kind == "object":
        return _mapping(part)
    if "pattern" in part:
        return FORMS.get(part["pattern"]) or f"text of the form {code(part['pattern'])}"
    bounds = [f"{words} {part[key]:g}" for key, words in BOUNDS if key in part]
    return f"{TYPES[kind]} {' and '.join(bounds)}".strip()


def _choice(names: Sequence[object]) -> str:
    for title, listed in LISTED.items():
        if listed.keys() <= set(names):
            auto = f"{code('auto')}, or " if "auto" in names else ""
            return f"{auto}one of the [{title}](names.md#{title})"
    return codes(names)


def _list(part: Schema) -> str:
    low, high = part.get("minItems", 0), part.get("maxItems")
    size = f" of {low} to {high}" if high else " with at least one" if low else ""
    return f"a list{size}, each: {values(part['items'])}"


def _mapping(part: Schema) -> str:
    known = [f"{code(key)}: {values(value)}" for key, value in part.get("properties", {}).items()]
    others = part.get("additionalProperties")
    if isinstance(others, Mapping):
        known.append(f"other names: {values(others)}" if known else f"names: {values(others)}")
    return f"a mapping ({'; '.join(known)})" if known else "a mapping"


def _search_space(whole: Schema) -> str:
    rows = []
    for kind in ("int", "float", "choice"):
        part = whole["$defs"][f"{kind}_parameter"]
        for key, value in part["properties"].items():
            if key != "type":
                needed = "yes" if key in part["required"] else ""
                rows.append(
                    [code(f"type: {kind}"), code(key), needed, values(value), text(value["description"])]
                )
    spaces = codes(whole["properties"]["search_space"]["examples"])
    return section(
        "In a search space",
        f"A search space is one of {spaces}, the path of a file, or a mapping of names to parameters. A bare value is "
        "a constant; else a parameter has these keys. Its name is one of [these](parameters.md), or one of yours with "
        "[a model of your own](own-model.md).",
        table(("parameter", "key", "needed", "values", "what it does"), rows),
        anchor="search-space",
    )
