"""Quasi-random search: trial n tries point n of one scrambled Sobol sequence, which fills the space evenly.

Sobol (1967), scrambled as by Owen (1998), as SciPy has it. Each parameter that may exist has a dimension of its own, so
that conditions do not shift the others.
"""

import math
import warnings
from collections.abc import Iterator, Sequence

from tuner.records import Params, ParamValue
from tuner.seeds import generator
from tuner.space.ranges import Constant, IntParam, Param
from tuner.space.space import SearchSpace, counter


class Sobol:
    """A scrambled Sobol sequence over a search space: fills it more evenly than chance.

    Args:
        space: what may be tried.
        seed: of the scrambling.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._dimensions = {name: place for place, name in enumerate(dict.fromkeys(_names(space)))}

    def propose(self, past: Sequence[Params]) -> Params:
        """Return the configuration at the point whose number is that of the next trial."""
        from scipy.stats.qmc import Sobol as Sequence_

        if not self._dimensions:
            return self._space.default()
        sequence = Sequence_(len(self._dimensions), rng=generator(self._seed, "sobol"))
        with warnings.catch_warnings():
            # One point at a time is not a power of two, for which SciPy knows the balance.
            warnings.simplefilter("ignore", UserWarning)
            if past:  # SciPy cannot pass over no point
                sequence.fast_forward(len(past))
            point = sequence.random(1)[0]

        def value(name: str, param: Param) -> ParamValue:
            if isinstance(param, Constant):
                return param.value
            return value_at(param, float(point[self._dimensions[name]]))

        return self._space.configuration(value)


def value_at(param: Param, share: float) -> ParamValue:
    """Return the value below which this share of a parameter's range lies.

    Args:
        param: an ``int``, a ``float`` or a ``choice``; options and steps take equal shares.
        share: in [0, 1).
    """
    assert not isinstance(param, Constant), "a constant has no range"
    listed = param.listed
    if listed is not None:
        return listed[int(share * len(listed))]
    if isinstance(param, IntParam):
        # Each whole number stands for what rounds to it.
        low, high = math.log(param.low - 0.5), math.log(param.high + 0.5)
        return min(max(round(math.exp(low + share * (high - low))), param.low), param.high)
    low, high = float(param.smallest), float(param.largest)
    if param.log:
        return min(max(math.exp(math.log(low) + share * (math.log(high) - math.log(low))), low), high)
    return low + share * (high - low)


def _names(space: SearchSpace) -> Iterator[str]:
    """Yield the names of all parameters that some configuration has."""
    for name, param in space.params.items():
        if param.per_layer:
            layers = space.params.get(counter(name))
            most = int(layers.largest) if layers is not None else 0
            yield from (f"{name}.{number}" for number in range(most))
        elif not isinstance(param, Constant):
            yield name
