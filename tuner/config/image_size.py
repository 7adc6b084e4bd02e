"""The check of an image's size in a study file."""

from tuner.config.field_checks import Checked
from tuner.errors import shown


def _image(value: object) -> tuple[int, ...]:
    sides = value if isinstance(value, list) else []
    if len(sides) not in (2, 3) or not all(type(side) is int and side >= 1 for side in sides):
        found = "[" + ", ".join(map(shown, sides)) + "]" if sides else shown(value)
        raise ValueError(
            f"{found} is not the size of an image; write [height, width] or [height, width, channels], whole numbers "
            "of at least 1"
        )
    return tuple(sides)


IMAGE = Checked(
    _image,
    {"type": "array", "minItems": 2, "maxItems": 3, "items": {"type": "integer", "minimum": 1}},
)
