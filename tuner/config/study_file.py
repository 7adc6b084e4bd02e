"""The study file: read, checked as a whole, and frozen.

`load_config` reports everything that is wrong with the file and its search space at once, each with its line.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError

from tuner.config.cross_checks import domain_of, section_problems, space_problems
from tuner.config.sections import DataSection, StudySections
from tuner.config.sentences import Problem, empty_values, section_at, sentences
from tuner.engines.choice import EngineChoice, choose_engine
from tuner.errors import StudyFileError, nearest, shown
from tuner.hooks import Hook
from tuner.model.network import MODELS
from tuner.model.own_model import is_own
from tuner.model.written import read_written
from tuner.records import Params
from tuner.search.url import complete_url
from tuner.space.space import SearchSpace
from tuner.space.space_file import Domain, parse_space, space_names, spaces_folder
from tuner.yaml_lines import KeyPath, YamlFile, dotted, read_yaml

FREE_TO_CHANGE: Mapping[str, Any] = {
    "name": True,
    "data": {"path"},
    "search_space": True,
    "search": {"trials", "timeout", "trial_timeout", "trial_memory"},
    "export": True,
    "tracking": True,
    "storage": True,
    "resources": True,
}
"""The keys that do not determine the result of a trial.

``search_space`` is compared by what it holds, and a data file by the fingerprint of its content.
"""


@dataclass(frozen=True, slots=True)
class SpaceSource:
    """Where a search space was read from.

    Attributes:
        file: the space's own file, or the study file.
        params: the keys that lead to the parameters in it.
    """

    file: YamlFile
    params: KeyPath


class StudyConfig(StudySections):
    """A study file, validated; made by `load_config`."""

    _path: Path = PrivateAttr()
    _file: YamlFile = PrivateAttr()
    _space: SearchSpace = PrivateAttr()
    _source: SpaceSource = PrivateAttr()

    @property
    def path(self) -> Path:
        """The study file, as it was given."""
        return self._path

    @property
    def folder(self) -> Path:
        """The study file's folder, absolute; paths in the file are relative to it."""
        return _folder(self._path)

    @property
    def runs_folder(self) -> Path:
        """Where the study's outputs go: ``runs/<name>`` beside the study file's folder."""
        return self.folder.parent / "runs" / self.name

    @property
    def database(self) -> str | None:
        """The address of the database that trials are recorded in; None for files in ``runs_folder``."""
        return None if self.storage == "auto" else complete_url(self.storage, self.folder)

    @property
    def engine(self) -> EngineChoice:
        """What trains the networks, and why."""
        return choose_engine(self.training.engine, self.training.model, self.training.backend)

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self._space

    @property
    def first(self) -> tuple[Params, ...]:
        """The configurations of ``search.first``, completed with the defaults of the search space."""
        return tuple(self._space.complete(entry) for entry in self.search.first)

    def problem(self, key: str, message: str) -> StudyFileError:
        """Return the error for something that turned out wrong with a key, such as once the data were seen.

        Args:
            key: dotted, such as ``data.target``, or ``params.dropout`` for the search space.
            message: what was found and what is allowed.
        """
        start: KeyPath = ()
        file, rest = self._file, key
        if key.startswith("params."):
            file, start, rest = self._source.file, self._source.params, key.removeprefix("params.")
        for path, line in file.lines.items():
            if path[: len(start)] == start and dotted(path[len(start) :]) == rest:
                return StudyFileError([f"{file.file}:{line}: {key}: {message}"])
        return StudyFileError([f"{file.file}: {key}: {message}"])

    def canonical(self) -> dict[str, Any]:
        """Return, as plain JSON values, all that determines the results of trials, defaults included."""
        sections = self.model_dump(mode="json", exclude=dict(FREE_TO_CHANGE))
        sources = {hook.name: f"source {hook.source_sha256()}" for hook in self.functions}
        return {**sections, **self._space.canonical(), **({"functions": sources} if sources else {})}

    @property
    def functions(self) -> tuple[Hook, ...]:
        """The build function, the loss and the metrics that are the user's: their sources belong to the study."""
        written = [
            (self.training.loss, "a loss"),
            *((each, "a metric") for each in (*self.objectives, *self.metrics)),
        ]
        names = [found.python for found in (read_written(*each) for each in written) if found.python]
        if is_own(self.training.model):
            names.append(self.training.model)
        return tuple(Hook(name, str(self.folder)) for name in dict.fromkeys(names))

    @property
    def build(self) -> Hook | None:
        """The user's function that builds the networks; None where tuner does."""
        model = self.training.model
        return Hook(model, str(self.folder)) if is_own(model) else None

    @staticmethod
    def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        """Return what changed between two `canonical` values, a sentence each: ``search.seed: 7 -> 8``."""
        defaults = StudySections.model_construct(data=DataSection()).model_dump(mode="json")
        sentences = list(_differences(_determining(old), new, defaults, ()))
        if len(sentences) > 1:
            # A parameter that comes or goes changes the order as well; that it did says nothing more.
            return [sentence for sentence in sentences if not sentence.startswith("order: ")]
        return sentences


def load_config(path: str | Path) -> StudyConfig:
    """Read and check a study file.

    Args:
        path: the file; messages name it as it is given here.

    Raises:
        StudyFileError: all that is wrong with the file, its search space, and how they fit together.
    """
    file = read_yaml(Path(path), str(path))
    folder = _folder(Path(path))
    found: list[Problem] = []
    data = _sections_given(file, found)
    study = _validated({"name": Path(path).stem, **_own_space(data), **data}, found)
    bad = frozenset(place for place, _ in found)
    found += section_problems(study, folder, bad)
    lines = list(file.problems)
    space, source = _read_space(study, file, folder, found, lines)
    if space is not None:
        found += space_problems(study, space, data)
    lines += [file.problem(place, message) for place, message in found]
    if lines or space is None or source is None:
        raise StudyFileError(sorted(dict.fromkeys(lines), key=_place))
    config = StudyConfig.model_construct(**dict(study))
    config._path, config._file, config._space, config._source = Path(path), file, space, source
    return config


def _sections_given(file: YamlFile, found: list[Problem]) -> dict[str, Any]:
    """Return the file's values; an empty section becomes one without keys, an empty key is left out."""
    data: dict[str, Any] = _copy(file.data)
    for path in list(empty_values(StudySections, data)):
        _remove(data, path)
        if section_at(StudySections, path) is None:
            found.append((path, "has no value; write one, or leave the key out"))
    return data


def _own_space(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the search space of the model that a study file names, where there is one of its name."""
    training = data.get("training")
    model = training.get("model") if isinstance(training, dict) else None
    return {"search_space": model} if model in MODELS else {}


def _validated(data: dict[str, Any], found: list[Problem]) -> StudySections:
    """Return the sections; a key with a problem is told of and then stands at its default."""
    try:
        return StudySections.model_validate(data)
    except ValidationError as error:
        problems = list(sentences(StudySections, error))
    for path, message in problems:
        if path == ("data",) and message == "missing":
            message = "missing; say where the rows come from, such as 'data: {path: table.csv, target: y}'"
        found.append((path, message))
        _remove(data, path)
    data.setdefault("data", {})
    return StudySections.model_validate(data)


def _read_space(
    study: StudySections, file: YamlFile, folder: Path, found: list[Problem], lines: list[str]
) -> tuple[SearchSpace | None, SpaceSource | None]:
    """Read the search space that a study names or holds; problems go to ``found`` or, finished, ``lines``."""
    key: KeyPath = ("search_space",)
    if any(place == key for place, _ in found):
        return None, None
    domain = domain_of(study.training.model)
    if isinstance(study.search_space, dict):
        return _parse(file, key, domain, lines)
    name = study.search_space
    if name.endswith((".yaml", ".yml")) or "/" in name or os.sep in name:
        path, typed = folder / name, os.path.normpath(Path(file.file).parent / name)
        known = [other.name for other in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    else:
        path, typed = spaces_folder() / f"{name}.yaml", _from_here(spaces_folder() / f"{name}.yaml")
        known = list(space_names())
    if not path.is_file():
        listed = f"; there are: {', '.join(sorted(known))}" if known else ""
        hint = nearest(Path(name).name, known)
        found.append((key, f"'{name}' is not a search space, nor the path of one{listed}{hint}"))
        return None, None
    try:
        own = read_yaml(path, typed)
    except StudyFileError as error:
        lines += error.problems
        return None, None
    lines += own.problems
    return _parse(own, (), domain, lines)


def _parse(
    file: YamlFile, path: KeyPath, domain: Domain, lines: list[str]
) -> tuple[SearchSpace | None, SpaceSource]:
    space, problems = parse_space(file, path, domain)
    lines += problems
    inside: KeyPath = (*path, "params")
    return space, SpaceSource(file, inside if inside in file.lines else path)


def _folder(path: Path) -> Path:
    """Return the folder that a file was named in, absolute; a link is not followed."""
    return Path(os.path.normpath(path.absolute())).parent


def _from_here(path: Path) -> str:
    """Return a path as short as it can be written from the working directory."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _put(data: dict[str, Any], path: KeyPath, value: object) -> None:
    for key in path[:-1]:
        data = data[str(key)]
    data[str(path[-1])] = value


def _remove(data: dict[str, Any], path: KeyPath) -> None:
    """Take a key out; what is wrong inside a list takes out the list."""
    for key in path[:-1]:
        inside = data.get(str(key))
        if not isinstance(inside, dict):
            data.pop(str(key), None)
            return
        data = inside
    data.pop(str(path[-1]), None)


def _place(line: str) -> tuple[str, int]:
    """Return the file and line that a finished problem begins with."""
    match = re.match(r"(.*?):(\d+): ", line)
    return (match[1], int(match[2])) if match else (line, 0)


def _determining(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return sections without the keys that are free to change, which an earlier version may have recorded."""
    kept = {key: value for key, value in sections.items() if FREE_TO_CHANGE.get(key) is not True}
    for section in FREE_TO_CHANGE.keys() & kept.keys():
        inside = kept[section].items()
        kept[section] = {key: value for key, value in inside if key not in FREE_TO_CHANGE[section]}
    return kept


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], defaults: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[str]:
    for key in {**old, **new}:
        here = ".".join((*path, key))
        if key not in old and key in defaults and new[key] == defaults[key]:
            continue  # A study of an earlier version, which had no such key, did what the default does.
        if key not in new or key not in old:
            yield f"{here}: {'removed' if key in old else 'added'}"
        elif isinstance(old[key], Mapping) and isinstance(new[key], Mapping):
            inside = defaults.get(key)
            yield from _differences(
                old[key], new[key], inside if isinstance(inside, Mapping) else {}, (*path, key)
            )
        elif old[key] != new[key]:
            yield f"{here}: {_plain(old[key])} -> {_plain(new[key])}"


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (list, dict)):
        return "none" if value is None else json.dumps(value)
    return shown(value)
