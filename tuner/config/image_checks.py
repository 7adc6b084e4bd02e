"""Checks of what a study file says of images: it fits a model that reads images, and only that one."""

from collections.abc import Iterator

from tuner.config.preprocess_checks import OF_IMAGES
from tuner.config.sections import StudySections
from tuner.config.sentences import Problem
from tuner.model.network import IMAGE_MODELS
from tuner.space.space import SearchSpace

_WHOLE = "leaves out inputs, and a '{model}' reads whole images; leave it out"


def image_problems(study: StudySections) -> Iterator[Problem]:
    """Yield what of a study file's sections does not fit its model."""
    model = study.training.model
    augment = study.preprocess.augment
    if model not in IMAGE_MODELS:
        given = [key for key in OF_IMAGES if key in augment] if isinstance(augment, dict) else []
        if given:
            yield ("preprocess", "augment", given[0]), _no_images(given[0], model)
        return
    if study.preprocess.select != "none":
        yield ("preprocess", "select"), _WHOLE.format(model=model)
    if study.preprocess.missing.indicator:
        yield (
            ("preprocess", "missing", "indicator"),
            f"adds inputs, and a '{model}' reads images alone; write false",
        )


def image_space_problems(study: StudySections, space: SearchSpace) -> Iterator[Problem]:
    """Yield what of a search space's preprocessing does not fit the study's model."""
    model = study.training.model
    for name in space.params:
        section, _, key = name.removeprefix("preprocess.").partition(".")
        if section == "augment" and key in OF_IMAGES and model not in IMAGE_MODELS:
            yield ("search_space", name), f"{name}: {_no_images(key, model)}"
        elif section == "select" and model in IMAGE_MODELS:
            yield ("search_space", name), f"{name}: {_WHOLE.format(model=model)}"


def _no_images(key: str, model: str) -> str:
    models = " or ".join(sorted(IMAGE_MODELS))
    way_out = f"write training.model: {models}, or leave it out"
    return f"'{key}' varies images, and a '{model}' reads single numbers; {way_out}"
