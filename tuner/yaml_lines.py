"""YAML 1.2 read into plain values, with the line of every key, so that a mistake can be pointed at.

Plain scalars follow the core schema of YAML 1.2 (section 10.3.2): ``1e-4`` is a number, ``on``, ``no`` and a
date are text. Tags and merge keys are refused, and a repeated key is a problem, not a silent overwrite.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from tuner.errors import StudyFileError, nearest

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys of mappings and positions in lists, from the top of the file."""

LARGEST_FILE = 1_000_000
"""Bytes; a larger file is a data set given by mistake."""
MOST_VALUES = 10_000
"""Values of one file with its aliases written out, against aliases that multiply one another."""
DEEPEST = 50
"""Levels of nesting."""

CORE_SCHEMA: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"~|null|Null|NULL|"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?[0-9]{1,300}"), int),
    (re.compile(r"0o[0-7]{1,300}"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]{1,300}"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda text: float("nan")),
)
"""What an unquoted scalar means, first match first; anything else is text."""

PLAIN_WORDS: tuple[tuple[str, str], ...] = (
    (r"found character '\\t' .*", "a tab where YAML wants spaces"),
    (r"found character '(.)' that cannot start any token", r"a text that starts with \1 needs quotes"),
    (
        r"mapping values are not allowed here",
        "a ':' that does not fit; the line is indented too far, or a text with ': ' in it lacks quotes",
    ),
    (r"could not find expected ':'", "a line without 'key: value'"),
    (r"expected <block end>, .*", "a line that is indented differently from the lines around it"),
    (r"found unexpected end of stream", "a quote that is never closed"),
    (r"expected the node content, but found '<stream end>'", "a bracket that is never closed"),
    (r"expected ',' or '([]}])', .*", r"a comma or a closing \1 is missing"),
)
"""The parser's sentences for the mistakes that people make, and the same in plain words."""


def dotted(path: KeyPath) -> str:
    """Return a path as people write it: ``search.first[0].layers``."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file that was read.

    Attributes:
        file: the file's name as the user typed it.
        data: the top mapping; text, int, float, bool, None, lists and mappings of them.
        lines: the line, from 1, of each key and each list item.
        problems: finished lines on what could be read but may not stand: repeated keys, merge keys, tags.
    """

    file: str
    data: dict[str, Any]
    lines: Mapping[KeyPath, int]
    problems: tuple[str, ...] = ()

    def problem(self, path: KeyPath, message: str) -> str:
        """Return ``file:line: key: message``; a key that is missing gets the line of what it belongs to."""
        known = next((path[:end] for end in range(len(path), 0, -1) if path[:end] in self.lines), ())
        line = self.lines.get(known, 1)
        return f"{self.file}:{line}: {dotted(path)}: {message}" if path else f"{self.file}:{line}: {message}"


def read_yaml(path: Path, shown: str | None = None) -> YamlFile:
    """Read a YAML file whose top is a mapping.

    Args:
        path: the file.
        shown: the file's name in messages; default: ``path`` as it is.

    Raises:
        StudyFileError: the file is missing, too large, not UTF-8, not YAML, empty, no mapping, or holds
            several documents.
    """
    file = str(path) if shown is None else shown
    events = _events(file, _text(path, file))
    first = next((event for event in events if isinstance(event, (DocumentStartEvent, StreamEndEvent))), None)
    if not isinstance(first, DocumentStartEvent):
        raise StudyFileError([f"{file}:1: the file is empty"])
    reader = _Reader(file, events)
    start = next(events)
    data = reader.value(start, ())
    for event in events:
        if isinstance(event, DocumentStartEvent):
            raise StudyFileError([f"{file}:{_line(event)}: a second document starts here; a file holds one"])
    if data is None:
        raise StudyFileError([f"{file}:1: the file is empty"])
    if not isinstance(data, dict):
        found = "a list" if isinstance(data, list) else f"{data!r}"
        raise StudyFileError(
            [f"{file}:{_line(start)}: expected keys and values ('key: value'), found {found}"]
        )
    return YamlFile(file, data, reader.lines, tuple(reader.problems))


def _text(path: Path, file: str) -> str:
    if not path.exists():
        folder = path.parent
        there = sorted(other.name for other in folder.iterdir()) if folder.is_dir() else []
        close = nearest(path.name, there)
        raise StudyFileError([f"{file}: no such file{close}"])
    if path.is_dir():
        raise StudyFileError([f"{file}: a folder, not a file"])
    if path.stat().st_size > LARGEST_FILE:
        raise StudyFileError([f"{file}: larger than {LARGEST_FILE:,} bytes; this is not a file of settings"])
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise StudyFileError([f"{file}:{line}: not UTF-8 text; save the file as UTF-8"]) from None


def _events(file: str, text: str) -> Iterator[Event]:
    """Yield the parser's events; its complaints become one line each."""
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise StudyFileError([f"{file}:{line}: a control character that YAML does not allow"]) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # What is never closed or finished is found lines later and mended where it began.
        began = (
            error.context_mark
            if str(error.context).startswith(("while scanning", "while parsing a flow"))
            else None
        )
        line = (began or mark).line + 1
        raise StudyFileError([f"{file}:{line}: not valid YAML: {_plain(str(error.problem))}"]) from None


def _plain(found: str) -> str:
    for pattern, words in PLAIN_WORDS:
        if match := re.fullmatch(pattern, found):
            return match.expand(words)
    return found


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Any
    lines: dict[KeyPath, int]
    size: int


@dataclass(slots=True)
class _Reader:
    """Turns the events of one document into values.

    Attributes:
        file: the file's name in messages.
        events: the rest of the document.
        lines: see `YamlFile`.
        problems: see `YamlFile`.
        anchors: what ``*name`` stands for; None while the anchored value is still being read.
        size: values so far, aliases written out.
    """

    file: str
    events: Iterator[Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    anchors: dict[str, _Anchored | None] = field(default_factory=dict)
    size: int = 0

    def value(self, event: Any, path: KeyPath) -> Any:
        """Return the value that starts with ``event``; ``path`` is where it stands."""
        self._grow(1, event)
        if len(path) > DEEPEST:
            raise StudyFileError([f"{self.file}:{_line(event)}: nested deeper than {DEEPEST} levels"])
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        if event.ctag is not None:
            tag = str(event.ctag).replace("tag:yaml.org,2002:", "!!")
            self._problem(event, path, f"the tag {tag} is not allowed; write the value alone")
        before = self.size
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        if isinstance(event, ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, SequenceStartEvent):
            value = self._list(path)
        else:
            value = self._mapping(path)
        if event.anchor is not None:
            n = len(path)
            below = {key[n:]: line for key, line in self.lines.items() if key[:n] == path and len(key) > n}
            self.anchors[event.anchor] = _Anchored(value, below, self.size - before)
        return value

    def _list(self, path: KeyPath) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            here = (*path, len(values))
            self.lines[here] = _line(event)
            values.append(self.value(event, here))
        return values

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self._key(event, path)
            here = (*path, key)
            if key in values:
                self._problem(event, here, f"a repeated key; it stands in line {self.lines[here]} already")
                _Reader(self.file, self.events, anchors=self.anchors, size=self.size).value(
                    next(self.events), here
                )
                continue
            self.lines[here] = _line(event)
            value = self.value(next(self.events), here)
            if key == "<<":
                self._problem(event, path, "merge keys (<<) are not allowed; write the keys out")
            else:
                values[key] = value
        return values

    def _key(self, event: Any, path: KeyPath) -> str:
        if isinstance(event, ScalarEvent) and event.ctag is None:
            return str(event.value)
        where = f"{self.file}:{_line(event)}: "
        inside = f"{dotted(path)}: " if path else ""
        found = "a mapping" if isinstance(event, MappingStartEvent) else "something else"
        raise StudyFileError(
            [f"{where}{inside}a key is plain text, found {found}; a value with braces needs quotes"]
        )

    def _alias(self, event: Any, path: KeyPath) -> Any:
        here = f"{self.file}:{_line(event)}: *{event.anchor}: "
        if event.anchor not in self.anchors:
            hint = "a text that starts with * needs quotes"
            raise StudyFileError([f"{here}there is no &{event.anchor} above; {hint}"])
        anchored = self.anchors[event.anchor]
        if anchored is None:
            raise StudyFileError([f"{here}stands inside its own value"])
        self._grow(anchored.size, event)
        self.lines.update({path + key: line for key, line in anchored.lines.items()})
        return anchored.value

    def _grow(self, n_values: int, event: Any) -> None:
        self.size += n_values
        if self.size > MOST_VALUES:
            raise StudyFileError(
                [f"{self.file}:{_line(event)}: more than {MOST_VALUES:,} values, with aliases written out"]
            )

    def _problem(self, event: Any, path: KeyPath, message: str) -> None:
        inside = f"{dotted(path)}: " if path else ""
        self.problems.append(f"{self.file}:{_line(event)}: {inside}{message}")


def _scalar(event: ScalarEvent) -> Any:
    """Return what a scalar means; a quoted or block one is always text."""
    text = str(event.value)
    if not event.implicit[0]:
        return text
    for pattern, convert in CORE_SCHEMA:
        if pattern.fullmatch(text):
            return convert(text)
    return text
