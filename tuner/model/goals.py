"""What a search improves beside its first metric, and what its networks must keep.

Beside metrics there are two costs of a network, which are known before it is trained; less is better.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from tuner.model.metrics import METRICS, Metric

PARAMETERS = "parameters"
LATENCY = "latency_ms"
COSTS: Mapping[str, str] = MappingProxyType({PARAMETERS: "{:,.0f} parameters", LATENCY: "{:.4g} ms a row"})
"""The costs, and how a person reads one: the trainable weights of one network, and the milliseconds that it takes to
predict one row."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What a search improves.

    Attributes:
        name: a metric, or a name in ``COSTS``.
        direction: ``maximize`` or ``minimize``.
    """

    name: str
    direction: str

    @property
    def sign(self) -> float:
        """What turns a value into a loss, of which less is better."""
        return -1.0 if self.direction == "maximize" else 1.0


def objective_of(name: str, metric: Callable[[str], Metric] = METRICS.__getitem__) -> Objective:
    """Return a metric, found by its name, or a cost with its direction."""
    return Objective(name, "minimize" if name in COSTS else metric(name).direction)


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that a network may cost.

    Attributes:
        cost: a name in ``COSTS``.
        most: above 0.
    """

    cost: str
    most: float

    def excess(self, value: float) -> float:
        """Return by which share of the bound a cost is above it; at most 0 where it is not."""
        return value / self.most - 1

    def sentence(self, value: float) -> str:
        """Return why a cost above the bound breaks it: ``61,234 parameters, more than 50,000``, and the key."""
        most = f"{self.most:,.0f}" if self.cost == PARAMETERS else f"{self.most:g}"
        return f"{COSTS[self.cost].format(value)}, more than {most} (constraints.{self.cost})"


@dataclass(frozen=True, slots=True)
class Goals:
    """What a trial is judged by beside the first metric.

    Attributes:
        others: the objectives after the first: metrics, and names in ``COSTS``.
        bounds: what a network must keep.
    """

    others: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()

    @property
    def needs_latency(self) -> bool:
        """Whether it must be measured how long a network takes for a row."""
        return LATENCY in self.others or any(bound.cost == LATENCY for bound in self.bounds)

    @property
    def prefers_small(self) -> bool:
        """Whether a network that costs less is better than another with the same score."""
        return any(name in COSTS for name in self.others)

    @property
    def repeatable(self) -> "Goals":
        """The goals without latency, whose measurements differ from time to time."""
        others = tuple(name for name in self.others if name != LATENCY)
        return replace(
            self, others=others, bounds=tuple(each for each in self.bounds if each.cost != LATENCY)
        )

    def scores(
        self,
        first: str,
        fold_metrics: Mapping[str, np.ndarray],
        costs: Mapping[str, float | None],
        n_folds: int,
    ) -> tuple[tuple[float, tuple[float, ...]], ...]:
        """Return each objective's value with its values by fold; a cost is the same in all folds.

        Args:
            first: the first objective, a metric.
            fold_metrics: (n_folds,) values of each metric.
            costs: of the network, by name.
            n_folds: how many folds there are.
        """
        scores = []
        for name in (first, *self.others):
            cost = costs.get(name)
            if cost is not None:
                scores.append((float(cost), (float(cost),) * n_folds))
            else:
                values = fold_metrics[name]
                scores.append((float(np.mean(values)), tuple(map(float, values))))
        return tuple(scores)

    def excess(self, costs: Mapping[str, float]) -> dict[str, float]:
        """Return by which share of each bound a network's costs are above it."""
        return {bound.cost: bound.excess(costs[bound.cost]) for bound in self.bounds}

    def obstacle(self, costs: Mapping[str, float]) -> str | None:
        """Return which bounds a network breaks, in words; None where it keeps all."""
        broken = [
            bound.sentence(costs[bound.cost]) for bound in self.bounds if bound.excess(costs[bound.cost]) > 0
        ]
        return "; ".join(broken) or None


NO_GOALS = Goals()
"""One objective, and no bounds."""
