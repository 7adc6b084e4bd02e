"""Checks of the keys that take a name, a name with arguments, or a function of the user's; and of the threshold."""

from tuner.config.field_checks import FUNCTION, Checked, hook_name, with_arguments
from tuner.config.names import NAMES
from tuner.errors import shown
from tuner.model.losses import check_loss
from tuner.model.written import read_written


def _loss(value: object) -> object:
    found = read_written(value, "a loss")
    if found.python:
        hook_name(found.python)
    elif (problem := NAMES["training.loss"].problem(found.name)) is not None:
        raise ValueError(problem)
    check_loss(value)
    return value


def _threshold(value: object) -> float | str:
    if value == "tuned":
        return "tuned"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise ValueError(f"{shown(value)} is neither tuned nor a number above 0 and below 1")
    return float(value)


LOSS = Checked(
    _loss, {"anyOf": [{"enum": list(NAMES["training.loss"].now)}, FUNCTION, with_arguments("loss")]}
)
THRESHOLD = Checked(
    _threshold,
    {"anyOf": [{"const": "tuned"}, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}]},
)
