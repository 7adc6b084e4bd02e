"""Where each column of a table lies among the inputs of a network."""

from tuner.data.date_encoder import DateBlock
from tuner.data.encoders import Block, OneHotBlock
from tuner.data.preprocess import Preprocessor


def column_places(preprocessor: Preprocessor) -> tuple[tuple[str, int, int], ...] | None:
    """Return name, first place and the place after the last of what each column became, in the order of the inputs.

    A column that became no input is left out. What says where a number was missing is called ``<column> is missing``.

    Args:
        preprocessor: a fitted one.

    Returns:
        None where some inputs are left out, since those are others in each fold.
    """
    if preprocessor.kept_ is not None:
        return None
    places: list[tuple[str, int, int]] = []
    start = 0
    for block in (*preprocessor.scaled_, *preprocessor.unscaled_):
        for name, width in _widths(block):
            if width:
                places.append((name, start, start + width))
            start += width
    return tuple(places)


def _widths(block: Block) -> list[tuple[str, int]]:
    """Return name and number of inputs of each column that a block reads."""
    if isinstance(block, OneHotBlock | DateBlock):
        names = [column.name for column in block.columns]
        return list(zip(names, block.widths(), strict=True))
    # All others make one input of each column, and name it after the column.
    return [(name, 1) for name in block.input_names()]
