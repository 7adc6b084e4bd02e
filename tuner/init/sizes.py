"""Search spaces that fit the number of rows and of inputs."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """What suits a number of rows.

    Attributes:
        rows: up to so many rows.
        layers: the most hidden layers.
        widths: the most units of a layer: for few inputs, and for many.
        batches: rows of one step, to choose from; the middle one is the default.
        epochs: the most passes over the rows.
        patience: epochs without an improvement before training ends.
    """

    rows: float
    layers: int
    widths: tuple[int, int]
    batches: tuple[int, int, int]
    epochs: int
    patience: int


SIZES = (
    Size(200, 2, (32, 64), (8, 16, 32), 200, 15),
    Size(2_000, 2, (64, 128), (16, 32, 64), 200, 15),
    Size(20_000, 3, (128, 256), (32, 64, 128), 100, 10),
    Size(100_000, 3, (256, 256), (128, 256, 512), 60, 6),
    Size(math.inf, 4, (256, 512), (256, 512, 1024), 40, 4),
)
"""From few rows to many. Larger batches make fewer, surer steps, and one epoch of many rows teaches more."""


def size_of(n_rows: int) -> Size:
    """Return what suits a number of rows."""
    return next(size for size in SIZES if n_rows <= size.rows)


def widest(size: Size, n_inputs: int) -> int:
    """Return the most units of a layer: the power of two from twice the inputs on, within the size's widths."""
    least, most = size.widths
    return min(most, max(least, 1 << math.ceil(math.log2(2 * max(1, n_inputs)))))
