"""What ``tune init`` does: looks at a table, writes a study file that runs, and says how long it will take."""

import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuner.config.field_checks import UNSAFE
from tuner.config.schema import schema
from tuner.config.study_file import StudyConfig, load_config
from tuner.data.sources import file_ending
from tuner.errors import TunerError
from tuner.init.budget import Budget, Paces, fit_budget
from tuner.init.choices import count_inputs, most_epochs
from tuner.init.facts import TableFacts
from tuner.init.look import look_at
from tuner.init.measure import measure
from tuner.init.write import SCHEMA_FILE, study_text
from tuner.study import Study, open_study

FOLDER = "studies"
"""Where study files lie by default, below the working directory; what studies make lies in ``runs`` beside it."""

ENDINGS = (".yaml", ".yml")
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Started:
    """A study file that was written.

    Attributes:
        path: the file, as a user would type it.
        facts: what is known of the table.
        config: the file, read again.
        budget: how much the study may try, and how long it takes.
        paces: what was measured.
    """

    path: Path
    facts: TableFacts
    config: StudyConfig
    budget: Budget
    paces: Paces


def init_study(
    data: Path,
    targets: Sequence[str] = (),
    output: Path | None = None,
    *,
    seen: Callable[[TableFacts], None] = lambda facts: None,
) -> Started:
    """Look at a table, and write a study file for it and, beside that, the JSON Schema for editors.

    The file is put together, opened and timed in a temporary folder first, so that one that cannot run is never
    written.

    Args:
        data: the table's file.
        targets: the columns to predict, or patterns of their names; () where the file itself says which they are.
        output: the study file; None for ``studies/<name of the data>.yaml``.
        seen: is given the facts before anything is trained.

    Raises:
        TunerError: the table cannot be used, no target is named, or the study file, or records of a study with its
            name, exist already.
    """
    path = study_place(data, output)
    place = _absolute(path)
    facts = look_at(_absolute(data), tuple(targets))
    seen(facts)
    study = _draft(facts, place)
    paces = measure(study, count_inputs(facts))
    budget = fit_budget(paces, most_epochs(facts))
    text = study_text(facts, place, _name_of(place), budget)
    _write(path, text)
    return Started(path, facts, load_config(path), budget, paces)


def draft_text(facts: TableFacts, place: Path) -> str:
    """Return the study file of a table before it is known how long it takes."""
    return study_text(facts, place, _name_of(place), None)


def study_place(data: Path, output: Path | None) -> Path:
    """Return where the study file goes; nothing may be there yet.

    Args:
        data: the table's file.
        output: the file as a user typed it; None for one in ``studies``, or here where this is such a folder.

    Raises:
        TunerError: it exists, or is not named as a study file, or ``runs`` holds records of a study with its name.
    """
    folder = Path() if Path.cwd().name == FOLDER else Path(FOLDER)
    path = output if output is not None else folder / f"{_stem(data)}.yaml"
    if path.suffix.lower() not in ENDINGS:
        raise TunerError(f"{path}: a study file ends in .yaml or .yml; name another with -o")
    if path.exists():
        raise TunerError(f"{path}: exists already, and is never overwritten; name another file with -o")
    place = _absolute(path)
    name = _name_of(place) or place.stem
    records = place.parent.parent / "runs" / name
    if records.exists():
        raise TunerError(
            f"{records}: holds the records of an earlier study named '{name}'; name another file with -o, such as "
            f"-o {path.with_name(f'{name}_2{path.suffix}')}"
        )
    return path


def _stem(data: Path) -> str:
    """Return the name of a data file without its ending, as one that can name a folder."""
    ending = file_ending(data) or data.suffix
    return _safe(data.name[: len(data.name) - len(ending)])


def _name_of(place: Path) -> str | None:
    """Return the study's name where the file's own cannot name a folder, else None."""
    safe = _safe(place.stem)
    return None if safe == place.stem else safe


def _safe(name: str) -> str:
    safe = re.sub(r"\s+", " ", UNSAFE.sub("-", name)).strip(" .")[:LONGEST_NAME].strip(" .")
    return safe or "study"


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.expanduser().absolute()))


def _draft(facts: TableFacts, place: Path) -> Study:
    """Return the study, opened from a file in a temporary folder; what does not fit is said here."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(os.path.realpath(folder)) / FOLDER / place.name
        draft.parent.mkdir()
        draft.write_text(draft_text(facts, draft), encoding="utf-8")
        return open_study(load_config(draft))


def _write(path: Path, text: str) -> None:
    place = _absolute(path)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        written = json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
        (place.parent / SCHEMA_FILE).write_text(written, encoding="utf-8")
    except FileExistsError:
        raise TunerError(
            f"{path}: exists already, and is never overwritten; name another file with -o"
        ) from None
    except OSError as error:
        raise TunerError(f"{path}: cannot be written: {error.strerror}") from None
