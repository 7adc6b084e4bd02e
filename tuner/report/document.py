"""What a report says, as values: sections of blocks, which HTML and Markdown write each in their own way."""

from dataclasses import dataclass
from typing import Literal

from tuner.report.chart import Picture

Tone = Literal["plain", "good", "caution"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences.

    Attributes:
        text: plain text.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """How a number was computed, or how a picture is read: small print.

    Attributes:
        text: plain text.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Callout:
    """A conclusion that a reader should not miss.

    Attributes:
        text: plain text.
        tone: what it means for the reader.
    """

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Tile:
    """A number to remember.

    Attributes:
        label: what it is.
        value: the number as text.
        note: its bounds, or where it comes from.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """A few numbers side by side.

    Attributes:
        tiles: the numbers, the most important first.
    """

    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows and columns.

    Attributes:
        title: what it lists.
        columns: (n_columns,) their names.
        rows: each (n_columns,) texts; the first one names the row.
        numeric: the places of the columns that hold numbers.
        folded: whether a page shows it on demand.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """Text as a machine reads it.

    Attributes:
        title: what it is.
        text: the lines.
        language: by which editors colour it.
        folded: whether a page shows it on demand.
    """

    title: str
    text: str
    language: str = ""
    folded: bool = False


Block = Paragraph | Note | Callout | Tiles | Table | Code | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a heading.

    Attributes:
        key: its anchor on a page.
        title: the heading.
        blocks: what it says, in order.
    """

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report.

    Attributes:
        title: the study's name.
        subtitle: one sentence on what was searched.
        sections: the headline first.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures, in the order of the sections."""
        blocks = (block for section in self.sections for block in section.blocks)
        return tuple(block for block in blocks if isinstance(block, Picture))
