"""Reads a search space from YAML values and finds everything that is wrong with it, at once."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from tuner.errors import nearest, shown
from tuner.records import ParamValue
from tuner.space.ranges import ChoiceParam, Constant, FloatParam, IntParam, Param, same
from tuner.space.space import BLOCKS, LAYERS, MOST_LAYERS, SearchSpace, circle_from, counter, layer, stem
from tuner.yaml_lines import KeyPath, YamlFile

TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "int": ("type", "low", "high", "log", "step", "default", "when", "per"),
        "float": ("type", "low", "high", "log", "step", "default", "when", "per"),
        "choice": ("type", "options", "default", "when", "per"),
    }
)
"""The keys of a parameter, by its ``type``."""


@dataclass(frozen=True, slots=True)
class Domain:
    """What a model allows in its search space.

    Attributes:
        name_problem: why there is no such parameter, or None.
        value_problem: why a parameter (first argument) cannot have a value (second argument), or None.
        layered: the parameters that may differ from layer to layer.
        owned: whether a parameter belongs to a function of the user's, which may want it for each layer.
    """

    name_problem: Callable[[str], str | None]
    value_problem: Callable[[str, ParamValue], str | None]
    layered: frozenset[str]
    owned: Callable[[str], bool] = lambda name: False


def spaces_folder() -> Path:
    """Return the folder of the search spaces that come with the package."""
    package = Path(__file__).parents[1]
    installed = package / "search_spaces"
    return installed if installed.is_dir() else package.parent / "search_spaces"


def space_names() -> tuple[str, ...]:
    """Return the names that ``search_space`` may have without being a path."""
    return tuple(sorted(path.stem for path in spaces_folder().glob("*.yaml")))


def parse_space(file: YamlFile, path: KeyPath, domain: Domain) -> tuple[SearchSpace | None, tuple[str, ...]]:
    """Return the search space at a place of a file, and finished lines on what is wrong with it.

    Args:
        file: the space's own file, or the study file that holds it.
        path: the keys that lead to the space; a mapping without ``params`` is taken as the parameters.
        domain: what the model allows.

    Returns:
        The space, or None where there are problems; the problems.
    """
    raw: Any = file.data
    for key in path:
        raw = raw[key]
    reader = _SpaceReader(file, path, domain)
    if not path or "params" in raw:
        for key in raw:
            if key not in ("description", "params"):
                hint = nearest(key, ("description", "params"))
                reader.tell((key,), f"unknown key; a search space has description and params{hint}")
        if not isinstance(raw.get("description", ""), str):
            reader.tell(("description",), f"{shown(raw['description'])} is not text")
        description, params = raw.get("description", ""), raw.get("params")
        reader = replace(reader, path=(*path, "params"))
    else:
        description, params = "", raw
    if not isinstance(params, dict) or not params:
        reader.tell((), "there are no parameters; write 'name: {type: ...}' for each one")
    else:
        reader.read(params)
    if reader.problems:
        return None, tuple(reader.problems)
    return SearchSpace(description, reader.params), ()


@dataclass(frozen=True, slots=True)
class _SpaceReader:
    file: YamlFile
    path: KeyPath
    domain: Domain
    params: dict[str, Param] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def tell(self, path: KeyPath, message: str) -> None:
        self.problems.append(self.file.problem(self.path + path, message))

    def read(self, params: dict[str, Any]) -> None:
        """Fill ``params``; a parameter with a problem is left out."""
        whens: dict[str, Any] = {}
        for name, raw in params.items():
            problem = self.domain.name_problem(name)
            if problem is not None:
                self.tell((name,), problem)
                continue
            before = len(self.problems)
            param = self._param(name, raw)
            if param is not None and len(self.problems) == before:
                self._check_domain(name, param)
                self.params[name] = param
            if isinstance(raw, dict) and "when" in raw:
                whens[name] = raw["when"]
        for name in params:
            self._check_layers(name, params)
        for name, when in whens.items():
            if name in self.params:
                self._read_when(name, when, params)
        if not self.problems:
            self._check_circles()

    def _param(self, name: str, raw: Any) -> Param | None:
        if raw is None:
            self.tell((name,), "has no value; write a constant, or {type: ...}")
        elif isinstance(raw, list):
            options = ", ".join(map(str, raw))
            self.tell(
                (name,), f"a list alone; for one of several write {{type: choice, options: [{options}]}}"
            )
        elif isinstance(raw, dict):
            return self._searched(name, raw)
        else:
            return Constant(raw)
        return None

    def _searched(self, name: str, raw: dict[str, Any]) -> Param | None:
        kind = raw.get("type")
        if not isinstance(kind, str) or kind not in TYPES:
            found = f"{shown(kind)} is no type" if "type" in raw else "missing"
            self.tell((name, "type"), f"{found}; one of: {', '.join(TYPES)}{nearest(kind, TYPES)}")
            return None
        for key in raw:
            if key not in TYPES[kind]:
                allowed = f"{kind} has: {', '.join(TYPES[kind])}"
                self.tell((name, key), f"unknown key; {allowed}{nearest(key, TYPES[kind])}")
        one = counter(name).removesuffix("s")
        if raw.get("per", one) != one:
            self.tell((name, "per"), f"{shown(raw['per'])} is not known; the one that is: {one}")
        per_layer = "per" in raw
        if kind == "choice":
            return self._choice(name, raw, per_layer)
        return self._range(name, raw, kind, per_layer)

    def _choice(self, name: str, raw: dict[str, Any], per_layer: bool) -> Param | None:
        options = raw.get("options")
        if not isinstance(options, list) or not options:
            found = "missing" if "options" not in raw else "empty" if options == [] else "not a list"
            self.tell((name, "options"), f"{found}; write the values to choose from: [a, b]")
            return None
        for number, option in enumerate(options):
            if option is None or isinstance(option, (dict, list)) or option != option:
                self.tell(
                    (name, "options", number), f"{shown(option)} is not a number, a text, true or false"
                )
            elif any(same(option, earlier) for earlier in options[:number]):
                self.tell((name, "options", number), f"{shown(option)} is given twice")
        param = ChoiceParam(tuple(options), per_layer=per_layer)
        return self._with_default(name, raw, param)

    def _range(self, name: str, raw: dict[str, Any], kind: str, per_layer: bool) -> Param | None:
        before = len(self.problems)
        low, high = self._number(name, raw, "low", kind), self._number(name, raw, "high", kind)
        step = self._number(name, raw, "step", kind) if "step" in raw else None
        log = raw.get("log", False)
        if not isinstance(log, bool):
            self.tell((name, "log"), f"{shown(log)} is not true or false")
        if len(self.problems) > before:
            return None
        if low > high:
            self.tell((name, "low"), f"{low} is above high, {high}")
        if log and low <= 0:
            self.tell((name, "low"), f"a log range that includes 0 (low is {low}); low must be above 0")
        if log and step is not None:
            self.tell((name, "step"), "a log range has no steps; leave out log or step")
        if step is not None and step <= 0:
            self.tell((name, "step"), f"{step} is not above 0")
        if len(self.problems) > before:
            return None
        if kind == "int":
            whole = IntParam(int(low), int(high), log, 1 if step is None else int(step), per_layer=per_layer)
            return self._with_default(name, raw, whole)
        number = FloatParam(float(low), float(high), log, None if step is None else float(step))
        return self._with_default(name, raw, replace(number, per_layer=per_layer))

    def _number(self, name: str, raw: dict[str, Any], key: str, kind: str) -> float:
        value = raw.get(key)
        if key not in raw:
            self.tell((name, key), "missing")
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            self.tell((name, key), f"{shown(value)} is not a number")
        elif kind == "int" and not isinstance(value, int):
            self.tell((name, key), f"{value} is not a whole number; 'type: float' takes any number")
        else:
            return value
        return math.nan

    def _with_default(self, name: str, raw: dict[str, Any], param: Param) -> Param:
        if "default" not in raw:
            return param
        default = raw["default"]
        if (problem := param.problem(default)) is not None:
            self.tell((name, "default"), problem)
            return param
        if isinstance(param, IntParam):
            return replace(param, default=default)
        if isinstance(param, FloatParam):
            return replace(param, default=float(default))
        return replace(cast(ChoiceParam, param), default=default)

    def _check_domain(self, name: str, param: Param) -> None:
        """Check every option, or both ends of a range, against what the model takes."""
        places: list[tuple[KeyPath, ParamValue]]
        if isinstance(param, Constant):
            places = [((name,), param.value)]
        elif isinstance(param, ChoiceParam):
            places = [((name, "options", number), option) for number, option in enumerate(param.options)]
        else:
            places = [((name, "low"), param.low), ((name, "high"), param.high)]
        for place, value in places:
            if (problem := self.domain.value_problem(stem(name), value)) is not None:
                self.tell(place, problem)
            elif name in (LAYERS, BLOCKS) and isinstance(value, int) and value > MOST_LAYERS:
                self.tell(place, f"{value} is too many; at most {MOST_LAYERS} {name}")

    def _check_layers(self, name: str, params: Mapping[str, Any]) -> None:
        """Check that a per-layer parameter, or one of a single layer, can exist."""
        raw = params[name]
        per_layer, base = _per_layer(raw), stem(name)
        number = counter(name)
        one = number.removesuffix("s")
        if per_layer and base != name:
            self.tell((name, "per"), f"'{name}' is the value of one {one} already")
        elif per_layer and base not in self.domain.layered and not self.domain.owned(base):
            named = ", ".join(sorted(self.domain.layered))
            self.tell(
                (name, "per"), f"'{name}' is one value for the whole network; by layer there are: {named}"
            )
        elif (per_layer or base != name) and number not in params:
            self.tell(
                (name,), f"a value for each {one} needs the parameter '{number}', the number of {number}"
            )
        elif base != name and number in self.params:
            most = self.params[number].largest
            if isinstance(most, int) and layer(name) >= most:
                self.tell(
                    (name,), f"does not exist in any trial: there are at most {most} {number}, 0 is the first"
                )
        if name in (LAYERS, BLOCKS) and isinstance(raw, dict) and "when" in raw:
            layered = [
                other
                for other, its in params.items()
                if counter(other) == name and (stem(other) != other or _per_layer(its))
            ]
            if layered:
                one = name.removesuffix("s")
                self.tell((name, "when"), f"not for '{name}', as {layered[0]} has a value for each {one}")

    def _read_when(self, name: str, raw: Any, params: Mapping[str, Any]) -> None:
        """Read a condition once all parameters are known, and put it into the parameter."""
        if not isinstance(raw, dict) or not raw:
            self.tell((name, "when"), f"{shown(raw)} is no condition; write {{parameter: value}} or [values]")
            return
        conditions: dict[str, tuple[ParamValue, ...]] = {}
        for parent, allowed in raw.items():
            values = allowed if isinstance(allowed, list) else [allowed]
            conditions[parent] = tuple(values)
            if (problem := self._parent_problem(name, parent, values, params)) is not None:
                self.tell((name, "when", parent), problem)
        param = self.params[name]
        if not isinstance(param, Constant):
            self.params[name] = replace(param, when=conditions)

    def _parent_problem(
        self, name: str, parent: str, values: list[Any], params: Mapping[str, Any]
    ) -> str | None:
        param = SearchSpace("", self.params).parameter(parent)
        if param is None:
            if parent in params:
                return None  # It has a problem of its own.
            return f"not a parameter of this space; it has: {', '.join(params)}{nearest(parent, params)}"
        alike = self._layered(name) and counter(name) == counter(parent)
        if param.per_layer and parent in self.params and not alike:
            return f"'{parent}' has a value for each layer; name one, such as '{parent}.0'"
        if not values:
            return "an empty list; name the values that let the parameter exist"
        never = [shown(value) for value in values if param.problem(value) is not None]
        if never:
            return f"{parent} is never {' or '.join(never)}; {_all(param)}"
        return None

    def _layered(self, name: str) -> bool:
        return self.params[name].per_layer or stem(name) != name

    def _check_circles(self) -> None:
        """Check that no parameter needs itself; layers that nobody names are all like the first."""
        space = SearchSpace("", self.params)
        named = [layer(name) for name in self._mentioned() if stem(name) != name]
        names = [
            each
            for name, param in self.params.items()
            for each in ([f"{name}.{n}" for n in {*named, 0}] if param.per_layer else [name])
        ]
        done: set[str] = set()
        for name in names:
            circle = circle_from(space, name, (), done)
            if circle:
                written = circle[0] if circle[0] in self.params else stem(circle[0])
                self.tell((written, "when"), f"a circle: {' needs '.join(circle)}")

    def _mentioned(self) -> Iterable[str]:
        for name, param in self.params.items():
            yield name
            yield from param.when


def _per_layer(raw: Any) -> bool:
    return isinstance(raw, dict) and "per" in raw


def _all(param: Param) -> str:
    if isinstance(param, Constant):
        return f"it is always {shown(param.value)}"
    if isinstance(param, ChoiceParam):
        return f"it is one of: {', '.join(map(shown, param.options))}"
    return f"it lies in {param.smallest} .. {param.largest}"
