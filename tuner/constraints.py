"""Whether networks keep a study's bounds: told before any of them is trained."""

from collections.abc import Iterator
from dataclasses import dataclass

from tuner.export.costs import costs_of
from tuner.prepared import network_of, width_of
from tuner.records import Params, ParamValue
from tuner.search.sobol import value_at
from tuner.seeds import generator
from tuner.space.ranges import Constant, Param
from tuner.space.space import SearchSpace
from tuner.study import Study

TRIED = 200
"""Random configurations that are looked at."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How many random configurations keep a study's bounds.

    Attributes:
        tried: how many were looked at.
        kept: how many of them keep all bounds.
    """

    tried: int
    kept: int


def count_kept(study: Study) -> Kept:
    """Return how many random configurations of a study's space keep its bounds; trains nothing."""
    obstacles = [obstacle_of(study, params) for params in random_configurations(study)]
    return Kept(len(obstacles), obstacles.count(None))


def check_bounds(study: Study) -> tuple[str, ...]:
    """Refuse bounds that no network keeps.

    Returns:
        A note where the default configuration breaks them: it is trained all the same, to be compared with.

    Raises:
        StudyFileError: neither the smallest network nor a random configuration keeps the bounds.
    """
    if not study.problem.goals.bounds:
        return ()
    if study.problem.build is not None:
        return ("whether a network keeps the constraints is known only once it is built, in each trial",)
    config = study.config
    smallest = obstacle_of(study, config.space.smallest())
    if smallest is not None and not any(
        obstacle_of(study, params) is None for params in random_configurations(study)
    ):
        key = "constraints"
        if len(study.problem.goals.bounds) == 1:
            key = f"constraints.{study.problem.goals.bounds[0].cost}"
        raise config.problem(
            key,
            f"nothing in the search space keeps it: the smallest network has {smallest}, and {TRIED} random "
            "configurations were no better; allow more, or search smaller networks",
        )
    default = obstacle_of(study, config.space.default())
    if default is None:
        return ()
    return (
        f"the default configuration (trial 0) has {default}: it is trained to compare with, and cannot win",
    )


def obstacle_of(study: Study, params: Params) -> str | None:
    """Return which bounds a configuration's network breaks, in words; None where it keeps all."""
    problem = study.problem
    network = network_of(problem, params)
    return problem.goals.obstacle(costs_of(problem.goals, network, width_of(problem, params), problem.head))


def random_configurations(study: Study) -> Iterator[Params]:
    """Yield ``TRIED`` configurations, each value as likely as the next; the same ones each time."""
    random = generator(study.problem.seed, "constraints")
    space: SearchSpace = study.config.space

    def value(name: str, param: Param) -> ParamValue:
        return param.value if isinstance(param, Constant) else value_at(param, float(random.random()))

    for _ in range(TRIED):
        yield space.configuration(value)
