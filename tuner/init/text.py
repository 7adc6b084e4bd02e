"""Values and comments as YAML text, whatever the names of a table hold."""

import json
import re
import textwrap

from tuner.yaml_lines import CORE_SCHEMA

WIDTH = 110
"""Columns of text in the files that are written."""

PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
"""What YAML reads as text without quotes, but for the words of ``CORE_SCHEMA`` and of ``OLD_WORDS``."""

OLD_WORDS = frozenset({"y", "n", "yes", "no", "on", "off"})
"""Texts that YAML 1.1, and so other programs, takes for truth values."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")

Scalar = str | int | float | bool


def scalar(value: Scalar) -> str:
    """Return a value as YAML 1.2 writes it; read back, it is the same value of the same type."""
    if isinstance(value, str):
        return value if _is_plain(value) else quoted(value)
    if isinstance(value, float) and "e" in repr(value):
        mantissa, _, exponent = repr(value).partition("e")
        # 1e-07 is a text to YAML 1.1, and 1.0e-7 a number to both.
        return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{int(exponent):+d}"
    return json.dumps(value)


def quoted(text: str) -> str:
    """Return a text in double quotes, on one line, with what cannot be seen written as an escape."""
    return _UNPRINTABLE.sub(_escaped, json.dumps(text, ensure_ascii=False))


def flow(value: object) -> str:
    """Return a value, a list or a mapping of them on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    assert isinstance(value, (str, int, float)), f"{value!r} has no place in a study file"
    return scalar(value)


def one_line(text: str) -> str:
    """Return a text that is safe in a comment and on a terminal: what cannot be seen is escaped."""
    return _UNPRINTABLE.sub(_escaped, text)


def comment(text: str, indent: str) -> list[str]:
    """Return a text as lines of a comment."""
    width = WIDTH - len(indent) - 2
    return [f"{indent}# {line}" for line in textwrap.wrap(one_line(text), width, break_on_hyphens=False)]


def _is_plain(text: str) -> bool:
    if not PLAIN.fullmatch(text) or text.lower() in OLD_WORDS:
        return False
    return not any(pattern.fullmatch(text) for pattern, _ in CORE_SCHEMA)


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
