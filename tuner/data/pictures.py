"""Pictures from files to one array of bytes, all of one size."""

import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from tuner.data.picture_files import COLOUR, GREY, MOST_NUMBERS, refuse
from tuner.errors import DataError

T = TypeVar("T")

LONGEST_SIDE = 64
"""Pixels of the longer side of the size that is proposed where there are several."""

_TURNED = frozenset({5, 6, 7, 8})
"""Orientations of EXIF under which height and width change places."""

_ORIENTATION = 0x0112

_UNREADABLE = (
    *(OSError, EOFError, SyntaxError, ValueError, OverflowError, struct.error, zlib.error),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)
"""What Pillow raises for damaged files, and for those that are a threat to the memory."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a picture's file says of it before its pixels are read.

    Attributes:
        height: in pixels, as it is to be looked at.
        width: likewise.
        channels: ``GREY`` or ``COLOUR``.
        remarks: what is done to it, a phrase each.
    """

    height: int
    width: int
    channels: int
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Pictures of one size.

    Attributes:
        pixels: (n_pictures, height, width, channels) uint8; one channel is a grey's brightness, three are red, green
            and blue.
        notes: sentences that a user should be told.
    """

    pixels: np.ndarray
    notes: tuple[str, ...]


def read_pictures(files: Sequence[Path], size: Sequence[int] | None, place: str) -> Pictures:
    """Read PNG and JPEG files.

    Each is turned as its EXIF data say; transparent pixels lie on white; of 16 bits the upper 8 are read; palettes and
    other colours become red, green and blue, or grey by the luma of ITU-R BT.601. Then it is stretched to the size,
    where it has another one, by linear interpolation over all pixels that become one (Pillow's ``BILINEAR``).

    Args:
        files: the pictures, at least one.
        size: (height, width) or (height, width, channels), each at least 1, channels 1 or 3; without channels they are
            1 where all pictures are grey, else 3; None for the size that all have.
        place: how messages name the folder.

    Raises:
        DataError: files that are no pictures or damaged, all of them; or without a size several, or too large a one.
    """
    seen = look_at_pictures(files)
    height, width, channels = _size_of(seen, size, place)
    pixels = np.empty((len(files), height, width, channels), np.uint8)
    for number, found in enumerate(_of_each(files, lambda image: _pixels(image, height, width, channels))):
        pixels[number] = found
    return Pictures(pixels, tuple(_notes(seen, height, width)))


def look_at_pictures(files: Sequence[Path]) -> list[Seen]:
    """Return what the files say of their pictures.

    Raises:
        DataError: files that are no pictures; all of them.
    """
    return list(_of_each(files, _seen))


def _of_each(files: Sequence[Path], look: Callable[[Image.Image], T]) -> Iterator[T]:
    """Yield what is found in each picture; once all were tried, refuse the files that are none."""
    problems = []
    for path in files:
        try:
            with _opened(path) as image:
                found = look(image)
        except _UNREADABLE as error:
            problems.append(f"{path}: cannot be read as PNG or JPEG: {error}")
        else:
            yield found
    refuse(problems)


def proposed_size(seen: Sequence[Seen]) -> tuple[int, int, int]:
    """Return height, width and channels that suit all pictures: the median of each side, the longer at most 64 pixels.

    Args:
        seen: what their files say of them, at least one.
    """
    sides = np.median([(each.height, each.width) for each in seen], axis=0)
    scale = min(LONGEST_SIDE / sides.max(), 1.0)
    height, width = (max(round(float(side * scale)), 1) for side in sides)
    return height, width, _channels(seen)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture; what Pillow only warns of is no news, but for pictures that fill the memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            yield image


def _seen(image: Image.Image) -> Seen:
    remarks = []
    orientation = image.getexif().get(_ORIENTATION, 1)
    width, height = image.size
    if orientation in _TURNED:
        height, width = width, height
    if orientation not in (0, 1):
        remarks.append("turned as EXIF data say")
    if _is_deep(image):
        remarks.append("with 16 bits a pixel, of which the upper 8 are read")
    if _is_transparent(image):
        remarks.append("with transparent pixels, laid on white")
    return Seen(height, width, GREY if _is_grey(image) else COLOUR, tuple(remarks))


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "P":
        colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, COLOUR)
        return bool((colours == colours[:, :1]).all())
    return image.mode in ("1", "L", "LA") or _is_deep(image)


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I")


def _is_transparent(image: Image.Image) -> bool:
    return not _is_deep(image) and image.has_transparency_data


def _pixels(image: Image.Image, height: int, width: int, channels: int) -> np.ndarray:
    """Return (height, width, channels) uint8."""
    image = ImageOps.exif_transpose(image)
    if _is_deep(image):
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    elif _is_transparent(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == GREY else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(height, width, channels)


def _size_of(seen: Sequence[Seen], size: Sequence[int] | None, place: str) -> tuple[int, int, int]:
    """Return height, width and channels that all pictures are brought to."""
    channels = _channels(seen)
    proposed = proposed_size(seen)
    way_out = f"write data.image: [{proposed[0]}, {proposed[1]}] to bring all to one size"
    sizes = sorted({(each.height, each.width) for each in seen})
    if size is None and len(sizes) > 1:
        raise DataError(f"{place}: the pictures have {_several(sizes)}; {way_out}")
    height, width = sizes[0] if size is None else (size[0], size[1])
    if size is not None and len(size) > 2:
        channels = size[2]
    if height * width * channels > MOST_NUMBERS:
        raise DataError(
            f"{place}: pictures of {height} x {width} pixels and {_named(channels)} have "
            f"{height * width * channels:,} numbers each, at most {MOST_NUMBERS:,}; {way_out}"
        )
    return height, width, channels


def _channels(seen: Sequence[Seen]) -> int:
    return max(each.channels for each in seen)


def _named(channels: int) -> str:
    return "1 channel" if channels == 1 else f"{channels} channels"


def _several(sizes: Sequence[tuple[int, int]]) -> str:
    first, last = (
        min(sizes, key=lambda each: each[0] * each[1]),
        max(sizes, key=lambda each: each[0] * each[1]),
    )
    return f"{len(sizes)} sizes, from {first[0]} x {first[1]} to {last[0]} x {last[1]} pixels"


def _notes(seen: Sequence[Seen], height: int, width: int) -> Iterator[str]:
    """Yield what was done to pictures, and to how many."""
    other = [(each.height, each.width) for each in seen if (each.height, each.width) != (height, width)]
    if other:
        sizes = sorted(set(other))
        had = f"of {_several(sizes)}" if len(sizes) > 1 else f"of {sizes[0][0]} x {sizes[0][1]} pixels"
        yield f"{_counted(len(other), len(seen))} {had} stretched to {height} x {width}"
    counts = Counter(chain.from_iterable(each.remarks for each in seen))
    yield from (f"{_counted(count, len(seen))} {remark}" for remark, count in counts.items())


def _counted(count: int, total: int) -> str:
    if count == total:
        return f"all {total:,} pictures" if total > 1 else "the picture"
    return f"{count:,} of {total:,} pictures"
