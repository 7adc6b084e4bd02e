"""All combinations of a search space's values, one a trial: those that exist under its conditions, none twice.

A combination is counted and found by its place without listing the others: only the parameters that others depend on
are gone through, the rest multiply.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tuner.records import Params, ParamValue, key_of
from tuner.seeds import derive
from tuner.space.ranges import Constant, Param
from tuner.space.space import BLOCKS, LAYERS, SearchSpace, stem

GOLDEN = (math.sqrt(5) - 1) / 2
"""Places this share of the grid apart, counted round and round, spread evenly however many are taken."""


def grid_problems(space: SearchSpace) -> Iterator[tuple[str, str]]:
    """Yield the parameters that have no list of values: (name, sentence) pairs."""
    way_out = "as a choice: {type: choice, options: [...]}"
    for name, param in space.params.items():
        if isinstance(param, Constant) or param.listed is not None:
            continue
        if param.log:
            yield name, f"sampler 'grid' needs a list of values, and a log range has none; write it {way_out}"
        else:
            yield name, f"sampler 'grid' needs a list of values; give the range a step, or write it {way_out}"


@dataclass(frozen=True, slots=True)
class _Block:
    """The combinations that agree in every parameter that others depend on.

    Attributes:
        first: the place of the first of them in the grid.
        size: how many they are.
        fixed: what they agree in.
    """

    first: int
    size: int
    fixed: Params


@dataclass(slots=True)
class _Walk:
    """Chooses values in one pass over a space, and remembers how many each parameter had.

    Attributes:
        choose: from a name and how many values it has to the place of one of them.
        sizes: of the parameters that were met, by name, in the order of meeting.
    """

    choose: Callable[[str, int], int]
    sizes: dict[str, int] = field(default_factory=dict)

    def resolve(self, space: SearchSpace) -> dict[str, ParamValue]:
        """Return the combination that is chosen."""

        def value(name: str, param: Param) -> ParamValue:
            if isinstance(param, Constant):
                return param.value
            listed = _values(param)
            self.sizes[name] = len(listed)
            return listed[self.choose(name, len(listed))]

        return space.configuration(value)


class Grid:
    """The grid of a search space, in an order that depends on the seed and spreads evenly.

    Args:
        space: what may be tried; without ``grid_problems``.
        seed: of the order.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._n_passed = 0
        self._tried: set[tuple[tuple[str, str], ...]] = set()
        self._n_seen = 0

    @property
    def size(self) -> int:
        """How many combinations exist."""
        return sum(block.size for block in self._blocks)

    def propose(self, past: Sequence[Params]) -> Params | None:
        """Return the first combination in the grid's order that was not tried; None where all were."""
        self._tried |= {key_of(params) for params in past[self._n_seen :]}
        self._n_seen = len(past)
        size = self.size
        while self._n_passed < size:
            combination = self.at((self._start + self._n_passed * self._stride) % size)
            self._n_passed += 1
            if key_of(combination) not in self._tried:
                return combination
        return None

    def at(self, place: int) -> Params:
        """Return the combination at a place, 0 .. size - 1; in the order of the file the last value varies fastest."""
        block = next(block for block in self._blocks if place < block.first + block.size)
        rest = place - block.first
        fixed = block.fixed

        def choose(name: str, n_values: int) -> int:
            nonlocal rest
            if name in fixed:
                return int(fixed[name])
            rest, digit = divmod(rest, n_values)
            return digit

        return _Walk(choose).resolve(self._space)

    @cached_property
    def _start(self) -> int:
        return derive(self._seed, "grid") % self.size

    @cached_property
    def _stride(self) -> int:
        stride = max(1, round(self.size * GOLDEN))
        while math.gcd(stride, self.size) != 1:
            stride += 1
        return stride

    @cached_property
    def _blocks(self) -> tuple[_Block, ...]:
        """Go through the parameters that others depend on, as an odometer does."""
        parents = {
            BLOCKS,
            LAYERS,
            *(stem(parent) for param in self._space.params.values() for parent in param.when),
        }
        blocks: list[_Block] = []
        digits: dict[str, int] = {}
        first = 0
        while True:
            walk = _walk_of(digits)
            walk.resolve(self._space)
            turning = [name for name in walk.sizes if stem(name) in parents]
            size = math.prod(n for name, n in walk.sizes.items() if name not in turning)
            blocks.append(_Block(first, size, {name: digits.get(name, 0) for name in turning}))
            first += size
            while turning and digits.get(turning[-1], 0) + 1 == walk.sizes[turning[-1]]:
                turning.pop()
            if not turning:
                return tuple(blocks)
            last = turning[-1]
            digits = {name: digits.get(name, 0) for name in turning} | {last: digits.get(last, 0) + 1}


def _walk_of(digits: Mapping[str, int]) -> _Walk:
    """Return a walk that chooses the given places, and the first value of all other parameters."""
    return _Walk(lambda name, n_values: digits.get(name, 0))


def _values(param: Param) -> Sequence[ParamValue]:
    listed = None if isinstance(param, Constant) else param.listed
    assert listed is not None, "a grid's parameters have lists"
    return listed
