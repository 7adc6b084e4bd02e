"""Checks of what Keras computes with: it is installed, and has what the study asks for."""

from collections.abc import Iterator
from importlib.util import find_spec

from tuner.config.preprocess_checks import OF_IMAGES
from tuner.config.sections import StudySections, TrainingSection
from tuner.config.sentences import Problem
from tuner.engines.choice import TENSORFLOW, choose_engine
from tuner.space.space import SearchSpace


def backend_problems(training: TrainingSection) -> Iterator[Problem]:
    """Yield that a backend is not installed, or that an engine cannot train with it."""
    if find_spec(training.backend) is None:
        yield (
            ("training", "backend"),
            f"'{training.backend}' needs the package {training.backend}, which is not installed; type: "
            f"pip install 'tuner[{training.backend}]'",
        )
    try:
        choose_engine(training.engine, training.model, training.backend)
    except ValueError as error:
        yield ("training", "engine"), str(error)


def augment_problems(study: StudySections) -> Iterator[Problem]:
    """Yield that images are to be varied by another backend than the one that can."""
    augment = study.preprocess.augment
    given = [key for key in OF_IMAGES if key in augment] if isinstance(augment, dict) else []
    if given and study.training.backend != TENSORFLOW:
        yield ("preprocess", "augment", given[0]), _not_varied(given[0], study.training.backend)


def augment_space_problems(study: StudySections, space: SearchSpace) -> Iterator[Problem]:
    """Yield the same of a search space."""
    for name in space.params:
        key = name.removeprefix("preprocess.augment.")
        if key != name and key in OF_IMAGES and study.training.backend != TENSORFLOW:
            yield ("search_space", name), f"{name}: {_not_varied(key, study.training.backend)}"


def _not_varied(key: str, backend: str) -> str:
    return f"'{key}' varies images, which {backend} does not do here; leave it out, or write backend: {TENSORFLOW}"
