"""Where a search starts from: the best configurations of another study."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tuner.config.study_file import StudyConfig, load_config
from tuner.errors import TunerError, shown
from tuner.records import Params, key_of
from tuner.search.storage import Header, StudyStore
from tuner.space.ranges import Constant
from tuner.space.space import SearchSpace
from tuner.summary import summarise

MOST = 5
"""Configurations that are taken over; so many, learned on other data, halved the regret after ten trials."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a search is given beside its study file.

    Attributes:
        given: configurations to try after the default one and the study file's ``first``.
        origin: the ``name`` and the ``id`` of the study that they are from; empty where there is none.
        notes: what was taken over and what was not.
    """

    given: tuple[Params, ...] = ()
    origin: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()


def start_from(config: StudyConfig, other: Path) -> Start:
    """Return the best configurations of another study, as far as they fit into this one's space.

    Raises:
        TunerError: the other study has no complete trial, or nothing of its best ones fits.
    """
    source = load_config(other)
    with closing(StudyStore(source.runs_folder, source.name, source.database)) as store:
        if not store.exists:
            raise TunerError(f"--from {other}: no trials yet in {store.place}; type: tune run {other}")
        header, ranked = store.header(), summarise(store).ranked()
    best = list({key_of(result.params): result for result in reversed(ranked)}.values())[::-1][:MOST]
    if not best:
        raise TunerError(f"--from {other}: no trial completed, so there is nothing to start from")
    given: list[Params] = []
    dropped: dict[str, str] = {}
    for result in best:
        kept = {}
        for name, value in result.params.items():
            reason = _misfit(config.space, name, value)
            if reason is None:
                kept[name] = value
            else:
                dropped.setdefault(name, reason)
        if any(not isinstance(config.space.parameter(name), Constant) for name in kept):
            given.append(config.space.complete(kept))
    if not given:
        listed = "; ".join(f"{name}: {reason}" for name, reason in dropped.items())
        raise TunerError(f"--from {other}: none of its parameters fits the space of {config.path}: {listed}")
    unlike = tuple({key_of(params): params for params in given}.values())
    return Start(unlike, {"name": source.name, "id": header.id}, _notes(source.name, unlike, dropped))


def check_origin(config: StudyConfig, header: Header, other: Path) -> None:
    """Refuse to go on from another study than the one that this study started from.

    Raises:
        TunerError: it is another one, or the study started without one.
    """
    source = load_config(other)
    with closing(StudyStore(source.runs_folder, source.name, source.database)) as store:
        found = store.header().id if store.exists else None
    if found is None or found != header.origin.get("id"):
        before = (
            f"started from study '{header.origin['name']}'" if header.origin else "started without --from"
        )
        raise TunerError(
            f"--from {other}: study '{config.name}' {before}; leave the option out to go on, "
            f"or start anew with: tune run {config.path} --from {other} --fresh"
        )


def _misfit(space: SearchSpace, name: str, value: object) -> str | None:
    param = space.parameter(name)
    return f"{shown(value)}, not in the space" if param is None else param.problem(value)


def _notes(name: str, given: Sequence[Params], dropped: Mapping[str, str]) -> tuple[str, ...]:
    noun = "configuration" if len(given) == 1 else "configurations"
    taken = f"the best {len(given)} {noun} of study '{name}' are tried first"
    if not dropped:
        return (taken,)
    return (
        taken,
        f"of study '{name}' left out: {'; '.join(f'{each}: {why}' for each, why in dropped.items())}",
    )
