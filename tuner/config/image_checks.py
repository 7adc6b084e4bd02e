"""Checks of what a study file says of images: it fits a model that reads images, and only that one."""

import math
from collections.abc import Iterator

from tuner.config.preprocess_checks import OF_IMAGES
from tuner.config.sections import StudySections
from tuner.config.sentences import Problem
from tuner.data.picture_files import COLOUR, GREY, MOST_NUMBERS
from tuner.model.cnn import as_image
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


def picture_problems(image: tuple[int, ...] | None) -> Iterator[Problem]:
    """Yield what is wrong with the size that the pictures of a folder are brought to."""
    if image is None:
        return
    if len(image) > 2 and image[2] not in (GREY, COLOUR):
        yield (
            ("data", "image"),
            f"{image[2]} channels: a picture has 1, grey, or 3, red, green and blue; leave them out for what the "
            "files have",
        )
    elif math.prod(image) > MOST_NUMBERS:
        yield (
            ("data", "image"),
            f"{' x '.join(map(str, image))} are {math.prod(image):,} numbers a picture; at most {MOST_NUMBERS:,}",
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


def table_problem(
    study: StudySections, row_shape: tuple[int, ...] | None, place: str
) -> tuple[str, str] | None:
    """Return what does not fit between a model that reads images and a table: a key and a sentence; or None.

    Args:
        study: the sections.
        row_shape: of the array that a row of the table is; None for unrelated columns.
        place: how messages name the table.
    """
    image = as_image(row_shape)
    if image is None:
        found = "unrelated columns" if row_shape is None else f"arrays of shape {row_shape}"
        return (
            "training.model",
            f"'{study.training.model}' reads images, and the rows of {place} are {found}; write data.image: [height, "
            "width, channels], or model: mlp",
        )
    augment = study.preprocess.augment
    shift = augment.get("shift", 0) if isinstance(augment, dict) else 0
    side = min(image[:2])
    if isinstance(shift, int) and shift >= side:
        sentence = f"{shift} moves images of {image[0]} x {image[1]} pixels out of sight; at most {side - 1}"
        return "preprocess.augment.shift", sentence
    return None


def _no_images(key: str, model: str) -> str:
    models = " or ".join(sorted(IMAGE_MODELS))
    way_out = f"write training.model: {models}, or leave it out"
    return f"'{key}' varies images, and a '{model}' reads single numbers; {way_out}"
