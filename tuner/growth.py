"""A search space that changes while its study goes on: allowed where every recorded trial still lies in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from tuner.header import SPACE, changes_beside_space, has_changed
from tuner.records import Params
from tuner.search.storage import Header
from tuner.space.ranges import Constant
from tuner.space.space import SearchSpace
from tuner.study import Study


def check_continues(study: Study, header: Header, tried: Mapping[int, Params]) -> tuple[str, ...]:
    """Refuse to continue a study whose file or data have changed, but for a space that its trials still lie in.

    Args:
        study: as its file has it now.
        header: what it is recorded with.
        tried: the parameters of all recorded trials by number.

    Returns:
        What changed of the search space, a sentence each; empty where it is as it was.

    Raises:
        TunerError: names each change that the trials do not survive, and the way out.
    """
    config, now = study.config, study.config.canonical()
    found = changes_beside_space(study, header)
    found += [
        f"{config.path}: params.{line}" for line in _misfits(header.config["params"], config.space, tried)
    ]
    if found:
        raise has_changed(config, header, found)
    before, after = ({name: each[name] for name in SPACE} for each in (header.config, now))
    return tuple(config.differences(before, after))


def _misfits(before: Mapping[str, Any], space: SearchSpace, tried: Mapping[int, Params]) -> Iterator[str]:
    """Yield why recorded trials do not lie in a space, once for each parameter.

    Args:
        before: the parameters of the space that they were drawn from, as `SearchSpace.canonical` has them.
        space: the space as it is now.
        tried: the parameters of the trials by number.
    """
    told: set[str] = set()
    for name, param in space.params.items():
        kinds = [before[name]["type"] if name in before else "", param.canonical()["type"]]
        if name not in before and isinstance(param, Constant) and tried:
            told.add(name)
            yield f"{name}: added as a constant, which the trials do not have; give it a range with a default"
        elif name in before and "constant" not in kinds and kinds[0] != kinds[1]:
            told.add(name)
            yield f"{name}: changed its type: {kinds[0]} -> {kinds[1]}"
    for number, params in tried.items():
        whole = space.complete(params)
        for name, value in params.items():
            if name in told:
                continue
            there = space.parameter(name)
            if there is None:
                told.add(name)
                yield f"{name}: removed, and trial {number} has it"
            elif (problem := there.problem(value)) is not None:
                told.add(name)
                yield f"{name}: {problem}, and trial {number} has it"
            elif name not in whole:
                told.add(name)
                yield f"{name}: does not exist any more where trial {number} has it"
