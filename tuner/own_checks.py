"""Whether a user's build function makes networks that this study can train: told before any training."""

from collections.abc import Iterator
from itertools import islice

from tuner.constraints import random_configurations
from tuner.errors import StudyFileError, TunerError, nearest
from tuner.export.try_model import Candidate, try_models
from tuner.model.own_model import TRAINING, own_params
from tuner.prepared import network_of, width_of
from tuner.records import Params
from tuner.space.ranges import IntParam
from tuner.space.space import SIZES, stem
from tuner.study import Study

RANDOM = 20
"""Random configurations that are tried beside the default, the smallest and the largest one."""


def check_model_runs(study: Study) -> None:
    """Try the user's build function on configurations of the search space; a model of tuner's is not tried.

    Raises:
        StudyFileError: it fails, its model does not fit, or it never reads some parameter of the space.
    """
    problem, config = study.problem, study.config
    if problem.build is None:
        return
    candidates: dict[object, Candidate] = {}
    names: set[str] = set()
    for params in _configurations(study):
        network = network_of(problem, params)
        names |= own_params(params).keys()
        candidates.setdefault(network.own, Candidate(network, width_of(problem, params)))
    try:
        read = try_models(list(candidates.values()), problem.head)
    except TunerError as error:
        raise config.problem("training.model", str(error)) from None
    unread = dict.fromkeys(
        name if name in config.space.params else stem(name) for name in sorted(names - read)
    )
    if unread:
        lines = [
            line
            for name in unread
            for line in config.problem(
                f"params.{name}",
                f"{problem.build.name} never reads it, so it would change nothing; read it as params['{name}'], or "
                f"take it out{nearest(name, TRAINING)}",
            ).problems
        ]
        raise StudyFileError(lines)


def sizes_of(study: Study) -> frozenset[str]:
    """Return the parameters that make a study's networks larger; of the user's own, all whole numbers."""
    if study.problem.build is None:
        return frozenset(SIZES)
    space = study.config.space
    return frozenset(
        name for name, param in space.params.items() if isinstance(param, IntParam) and name not in TRAINING
    )


def _configurations(study: Study) -> Iterator[Params]:
    """Yield configurations whose rows are prepared as those of the default one."""
    space, sizes = study.config.space, sizes_of(study)
    default = space.default()
    prepared = {name: value for name, value in default.items() if name.startswith("preprocess.")}
    yield default
    for params in (
        space.smallest(sizes),
        space.largest(sizes),
        *islice(random_configurations(study), RANDOM),
    ):
        kept = {name: value for name, value in params.items() if not name.startswith("preprocess.")}
        yield {**kept, **prepared}
