"""The convolutional part of a network for images: blocks as values, and the sizes of what they pass on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tuner.records import ParamValue

Image = tuple[int, int, int]
"""An image's height, width and channels, each at least 1."""

POOLED = 2
"""Pixels along a side that pooling makes one."""


@dataclass(frozen=True, slots=True)
class Block:
    """A convolution that keeps the image's size, activation, pooling, dropout, in this order (LeCun et al. 1998).

    Attributes:
        filters: feature maps that it makes, at least 1.
        kernel_size: pixels along a side of the kernel, at least 1.
        pooling: ``max`` or ``average`` of each 2 x 2 pixels; an image that is one pixel high or wide stays as it is.
        activation: a name in ``ACTIVATIONS``.
        batch_norm: where feature maps are normalised, ``before`` or ``after`` the activation; None for nowhere.
        dropout: share of the feature maps that each step leaves out (Tompson et al. 2015, section 3.2), in [0, 1).
        initializer: of the kernel, a name in ``INITIALIZERS``.
    """

    filters: int
    kernel_size: int
    pooling: str
    activation: str
    batch_norm: str | None
    dropout: float
    initializer: str


Value = Callable[[str, int | None], ParamValue]
"""From a parameter's name, and a block or None for all, to its value in a trial."""


def plan_blocks(value: Value, batch_norm: str | None) -> tuple[Block, ...]:
    """Return the blocks that a trial's parameters describe, from the image on."""
    return tuple(
        Block(
            filters=int(value("filters", number)),
            kernel_size=int(value("kernel_size", number)),
            pooling=str(value("pooling", None)),
            activation=str(value("activation", None)),
            batch_norm=batch_norm,
            dropout=float(value("block_dropout", number)),
            initializer=str(value("initializer", None)),
        )
        for number in range(int(value("blocks", None)))
    )


def as_image(row_shape: tuple[int, ...] | None) -> Image | None:
    """Return the image that a row of a table is, or None where it is none.

    Args:
        row_shape: (height, width) or (height, width, channels); None for a table of unrelated columns.
    """
    match row_shape:
        case (height, width):
            return height, width, 1
        case (height, width, channels):
            return height, width, channels
    return None


def image_size(image: Image) -> str:
    """Return an image's size in words."""
    height, width, channels = image
    return f"{height} x {width} pixels, {channels} channel{'s' * (channels > 1)}"


def pools(image: Image) -> bool:
    """Return whether feature maps of this size are pooled."""
    return min(image[:2]) >= POOLED


def after(block: Block, image: Image) -> Image:
    """Return the size of what a block passes on; of an odd number of pixels the last is left out."""
    height, width, _ = image
    if pools(image):
        height, width = height // POOLED, width // POOLED
    return height, width, block.filters


def entering(blocks: Sequence[Block], image: Image) -> Iterator[Image]:
    """Yield the size of what enters each block, then of what leaves the last."""
    yield image
    for block in blocks:
        image = after(block, image)
        yield image


def widest(blocks: Sequence[Block], image: Image) -> int:
    """Return the most numbers that one image becomes on its way through the blocks, before pooling."""
    sizes = [height * width for height, width, _ in entering(blocks, image)]
    return max(pixels * block.filters for pixels, block in zip(sizes, blocks, strict=False))
