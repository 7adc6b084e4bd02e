"""A folder of pictures: which files are its pictures, and which class each one belongs to.

This module imports nothing heavy, so that the study file's checks can ask it.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuner.errors import DataError

ENDINGS = (".png", ".jpg", ".jpeg")
"""What the names of pictures end with, in upper or lower case."""

LABEL = "class"
"""The column that holds the class of a picture."""

SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})
"""Names of folders that are shares of the rows rather than classes, where each holds folders of its own."""

UNSEEN = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""What systems put into folders without being asked, in lower case; so is all whose name begins with a dot."""

GREY, COLOUR = 1, 3
"""Channels of a picture: one, or red, green and blue."""

MOST_NUMBERS = 2**16
"""Numbers of one picture, each of them a column: 147 x 147 pixels in colour."""

MOST_PROBLEMS = 10
"""How many problems one message lists."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that holds a picture.

    Attributes:
        path: the file.
        name: below the folder that was asked for, with ``/`` between the parts, in Unicode's composed form.
        label: the class: the name of the folder that the file lies in, in the same form.
    """

    path: Path
    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The pictures of a folder.

    Attributes:
        pictures: by class, then by name.
        aside: names of files beside the folders of the classes, which are not looked at.
    """

    pictures: tuple[Picture, ...]
    aside: tuple[str, ...]


def is_picture_folder(path: Path) -> bool:
    """Return whether a path is a folder that holds pictures, right in it or up to two folders deeper."""
    if not path.is_dir():
        return False
    try:
        return _holds_pictures(path, 2)
    except DataError:
        return False


def class_pictures(folder: Path) -> Listed:
    """Return the pictures of a folder that has a sub-folder for each class.

    Files and folders whose names begin with a dot, and what systems put there, are not looked at, nor are files of
    other kinds beside the folders of the classes.

    Args:
        folder: one that is there.

    Raises:
        DataError: pictures without a class, fewer than two classes, a class without pictures, a folder or a file of
            another kind among the pictures of a class, train and test in one folder, a name that is no text, or no
            permission; all of them at once.
    """
    entries = _entries(folder)
    classes = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir()]
    _refuse_shares(folder, classes)
    loose = [entry.name for entry in files if _is_picture(entry)]
    if loose:
        some = "a picture lies" if len(loose) == 1 else f"{len(loose)} pictures lie"
        beside = " beside the folders of the classes" if classes else " right in the folder"
        raise DataError(
            f"{folder}: {some}{beside} (such as '{loose[0]}'); the class of a picture is the name of the folder that "
            f"it lies in: {folder.name}/<class>/{loose[0]}"
        )
    if len(classes) < 2:
        found = f"one, '{classes[0].name}'" if classes else "none"
        raise DataError(
            f"{folder}: has a sub-folder for each class, at least two of them, and there is {found}; name the "
            "folder above the classes"
        )
    problems: list[str] = []
    pictures = [picture for each in classes for picture in _of_class(folder, each, problems)]
    refuse(problems)
    ordered = sorted(pictures, key=lambda picture: (picture.label, picture.name))
    return Listed(tuple(ordered), tuple(entry.name for entry in files))


def all_pictures(folder: Path) -> tuple[Picture, ...]:
    """Return all pictures of a folder, at any depth, by name; what systems put there is not looked at.

    Args:
        folder: one that is there.

    Raises:
        DataError: none, a file of another kind, a name that is no text, or no permission; all of them at once.
    """
    problems: list[str] = []
    found = [_picture(folder, entry, problems) for entry in _below(folder)]
    refuse(problems)
    if not found:
        raise DataError(f"{folder}: holds no pictures ({', '.join(ENDINGS)})")
    return tuple(sorted((each for each in found if each is not None), key=lambda picture: picture.name))


def _of_class(folder: Path, place: Path, problems: list[str]) -> Iterator[Picture]:
    """Yield the pictures of one class, and add what is wrong with its folder to the problems."""
    try:
        entries = _entries(place)
    except DataError as error:
        problems.append(str(error))
        return
    inner = [entry.name for entry in entries if entry.is_dir()]
    if inner:
        some = "a folder" if len(inner) == 1 else f"{len(inner)} folders"
        problems.append(
            f"{place}: holds {some} (such as '{inner[0]}'), and the pictures of a class lie right in its folder; name "
            f"{place} itself if its folders are the classes, or move the pictures"
        )
    elif not entries:
        problems.append(f"{place}: holds no pictures; put some there, or remove the folder")
    for entry in entries:
        if not entry.is_dir():
            picture = _picture(folder, entry, problems)
            if picture is not None:
                yield picture


def _picture(folder: Path, entry: Path, problems: list[str]) -> Picture | None:
    """Return a file as a picture; one of another kind is a problem, since it may be a picture that would be lost."""
    name = unicodedata.normalize("NFC", entry.relative_to(folder).as_posix())
    try:
        name.encode()
    except UnicodeEncodeError:
        problems.append(f"{folder}: the name {name!r} is no text that can be written; rename it")
        return None
    if not _is_picture(entry):
        problems.append(
            f"{entry}: is no picture by its name; one of: {', '.join(ENDINGS)}; convert it, or move it away"
        )
        return None
    return Picture(entry, name, name.split("/")[-2] if "/" in name else "")


def _refuse_shares(folder: Path, classes: list[Path]) -> None:
    """Refuse a folder whose sub-folders are shares of the rows."""
    shares = [each for each in classes if each.name.lower() in SPLITS]
    if not shares or not any(entry.is_dir() for share in shares for entry in _entries(share)):
        return
    names = [each.name for each in shares]
    train = next((name for name in names if name.lower().startswith("train")), names[0])
    rest = [name for name in names if name != train]
    way_out = f"name {folder / train} as the data"
    if rest:
        way_out += f", and {folder / rest[0]} as test, or leave test a share of the rows"
    listed = ", ".join(f"'{name}'" for name in names)
    verb = "is a share of the rows, not a class" if len(names) == 1 else "are shares of the rows, not classes"
    raise DataError(f"{folder}: {listed} {verb}; {way_out}")


def refuse(problems: Sequence[str]) -> None:
    """Raise a DataError that tells the first of the problems and how many more there are; without any do nothing."""
    if problems:
        more = len(problems) - MOST_PROBLEMS
        raise DataError("\n".join([*problems[:MOST_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]))


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder and a person put there, by name."""
    try:
        found = [entry for entry in folder.iterdir() if _is_seen(entry)]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from None
    return sorted(found, key=lambda entry: entry.name)


def _below(folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.is_dir():
            if not entry.is_symlink():  # one may lead back to where it lies
                yield from _below(entry)
        else:
            yield entry


def _holds_pictures(folder: Path, deeper: int) -> bool:
    entries = _entries(folder)
    if any(_is_picture(entry) for entry in entries):
        return True
    return deeper > 0 and any(_holds_pictures(entry, deeper - 1) for entry in entries if entry.is_dir())


def _is_seen(entry: Path) -> bool:
    return not entry.name.startswith(".") and entry.name.lower() not in UNSEEN


def _is_picture(entry: Path) -> bool:
    return entry.suffix.lower() in ENDINGS and not entry.is_dir()
