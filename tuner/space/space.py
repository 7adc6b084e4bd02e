"""A search space: parameters with ranges and conditions, and the configurations that it allows.

It knows nothing of the file it was read from, of networks or of a sampler: whoever samples offers the three
``suggest_...`` methods of `Trial`, which are Optuna's own.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tuner.errors import nearest, shown
from tuner.records import Params, ParamValue
from tuner.space.ranges import FloatParam, Param, Trial, same

LAYERS = "layers"
"""The parameter that says how many layers a network has, and so how often a per-layer parameter exists."""
BLOCKS = "blocks"
"""The parameter that says how many convolutional blocks a network has."""
PER_BLOCK = frozenset({"filters", "kernel_size", "block_dropout"})
"""The parameters that exist once a block rather than once a layer; all said here of layers holds for blocks."""
MOST_LAYERS = 100
"""A network that is deeper is a slip of the finger, and each layer is a parameter to sample."""
SIZES = (BLOCKS, "filters", LAYERS, "neurons")
"""The parameters that make a network small or large."""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Ordered parameters with conditions.

    A parameter ``per: layer`` called ``neurons`` exists as ``neurons.0`` .. ``neurons.{layers - 1}``; one
    that is written as ``neurons.1`` stands for it in that layer.

    Attributes:
        description: what the space is for.
        params: each parameter under its name, in the order of the file.
    """

    description: str
    params: Mapping[str, Param]

    def suggest(self, trial: Trial) -> dict[str, ParamValue]:
        """Return one configuration; ``trial`` chooses each value that exists in it."""
        return self._resolve(lambda name, param: param.suggest(name, trial))

    def configuration(self, choose: Callable[[str, Param], ParamValue]) -> dict[str, ParamValue]:
        """Return one configuration; ``choose`` is asked for each value that exists in it, parents first."""
        return self._resolve(choose)

    def default(self) -> dict[str, ParamValue]:
        """Return the default configuration, trial 0 of every study."""
        return self._resolve(lambda name, param: param.usual)

    def smallest(self, sizes: Collection[str] = SIZES) -> dict[str, ParamValue]:
        """Return the configuration with the fewest layers and neurons, or least of other sizes, else the default."""
        return self._resolve(lambda name, param: param.smallest if stem(name) in sizes else param.usual)

    def largest(self, sizes: Collection[str] = SIZES) -> dict[str, ParamValue]:
        """Return the configuration with the most layers and neurons, or of other sizes, else the default."""
        return self._resolve(lambda name, param: param.largest if stem(name) in sizes else param.usual)

    def complete(self, given: Params) -> dict[str, ParamValue]:
        """Return the configuration with the given values and defaults for the rest.

        Args:
            given: values by name; a per-layer parameter under its own name (``neurons``) for all layers, or
                for one (``neurons.0``), which goes first. Names that do not exist then are left out.
        """

        def choose(name: str, param: Param) -> ParamValue:
            value = given.get(name, given.get(stem(name), param.usual))
            return float(value) if isinstance(param, FloatParam) else value

        return self._resolve(choose)

    def problems(self, given: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return what is wrong with a configuration that a user wrote: (name, sentence) pairs.

        Args:
            given: values by name, see `complete`.
        """
        problems = []
        for name, value in given.items():
            param = self.parameter(name)
            if param is None:
                hint = nearest(name, self.params)
                problems.append((name, f"not in the search space, which has: {', '.join(self.params)}{hint}"))
            elif (problem := param.problem(value)) is not None:
                problems.append((name, problem))
        if problems:
            return problems
        whole = self.complete(given)
        stems = {stem(name) for name in whole}
        absent = [name for name in given if name not in whole and not (self._layered(name) and name in stems)]
        return [(name, f"does not exist here: {self._absence(name, whole)}") for name in absent]

    def parameter(self, name: str) -> Param | None:
        """Return the parameter behind a trial's name such as ``neurons.1``, or None."""
        param = self.params.get(name)
        if param is None and stem(name) != name:
            param = self.params.get(stem(name))
            return param if param is not None and param.per_layer else None
        return param

    def canonical(self) -> dict[str, Any]:
        """Return plain JSON values, equal for two spaces that search the same in the same order."""
        return {
            "order": list(self.params),
            "params": {name: param.canonical() for name, param in self.params.items()},
        }

    def parents(self, name: str) -> Iterator[tuple[str, tuple[ParamValue, ...]]]:
        """Yield the names that a trial's parameter depends on, each with the values that let it exist.

        A per-layer parameter depends on the same layer of another per-layer one.
        """
        param = self.parameter(name)
        for parent, allowed in param.when.items() if param is not None else ():
            shared = self.params.get(parent)
            layered = shared is not None and shared.per_layer and stem(name) != name
            yield (f"{parent}.{layer(name)}" if layered else parent), allowed

    def _layered(self, name: str) -> bool:
        return name in self.params and self.params[name].per_layer

    def _absence(self, name: str, whole: Mapping[str, ParamValue]) -> str:
        """Return why a parameter is not in a configuration."""
        number = counter(name)
        if stem(name) != name and layer(name) >= int(whole[number]):
            return f"{number} is {whole[number]}, and the first {number.removesuffix('s')} is 0"
        for parent, allowed in self.parents(name):
            wanted = " or ".join(shown(value) for value in allowed)
            if parent not in whole:
                return f"it needs {parent} = {wanted}, which does not exist either"
            if not any(same(whole[parent], value) for value in allowed):
                return f"it needs {parent} = {wanted}, not {shown(whole[parent])}"
        return "it needs a layer" if whole.get(LAYERS) == 0 else "no layer meets its condition"

    def _resolve(self, choose: Callable[[str, Param], ParamValue]) -> dict[str, ParamValue]:
        """Return the values of the parameters that exist, parents first, else in the order of the file."""
        values: dict[str, ParamValue] = {}
        seen: set[str] = set()

        def visit(name: str) -> None:
            param = self.parameter(name)
            if name in seen or param is None:
                return
            seen.add(name)
            if stem(name) != name:
                visit(counter(name))
                if layer(name) >= int(values[counter(name)]):
                    return
            conditions = list(self.parents(name))
            for parent, _ in conditions:
                visit(parent)
            if all(
                parent in values and any(same(values[parent], value) for value in allowed)
                for parent, allowed in conditions
            ):
                values[name] = choose(name, param)

        for name, param in self.params.items():
            if param.per_layer:
                visit(counter(name))
                for number in range(int(values[counter(name)])):
                    visit(f"{name}.{number}")
            else:
                visit(name)
        return values


def stem(name: str) -> str:
    """Return the name without its layer: ``neurons`` for ``neurons.1`` and for ``neurons``."""
    match = _LAYERED.fullmatch(name)
    return match[1] if match else name


def counter(name: str) -> str:
    """Return the parameter that says how often a per-layer parameter exists: ``blocks`` for ``filters``."""
    return BLOCKS if stem(name) in PER_BLOCK else LAYERS


def layer(name: str) -> int:
    """Return the layer that a name ends with: 1 for ``neurons.1``."""
    return int(name.rpartition(".")[2])


def always_there(space: SearchSpace) -> list[str]:
    """Return the names of the parameters that every configuration has, constants included."""
    names = []
    for name, param in space.params.items():
        if not param.when:
            layers = space.params.get(counter(name))
            fewest = int(layers.smallest) if layers is not None else 0
            layered = [f"{name}.{number}" for number in range(fewest)] if param.per_layer else [name]
            names += [each for each in layered if stem(each) == each or layer(each) < fewest]
    written = {name: each for name in names if (each := space.parameter(name)) is not None}
    return [name for name, each in written.items() if not each.when]


def circle_from(space: SearchSpace, name: str, above: tuple[str, ...], done: set[str]) -> tuple[str, ...]:
    """Return the circle that ``name`` leads into, the first name again at its end, or nothing."""
    if name in above:
        return (*above[above.index(name) :], name)
    if name in done:
        return ()
    done.add(name)
    parents = [parent for parent, _ in space.parents(name)]
    if stem(name) != name:
        parents.append(counter(name))
    for parent in parents:
        if circle := circle_from(space, parent, (*above, name), done):
            return circle
    return ()


_LAYERED = re.compile(r"(.+)\.(0|[1-9][0-9]{0,5})")
