"""Categories as vectors that are learned with the network (Guo and Berkhahn 2016, "Entity Embeddings").

Each column that is embedded enters a network as a code, the last inputs of all; its table turns the code into a vector,
which joins the other inputs before the first layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

LARGEST = 50
"""Numbers in a vector, before a scale."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """A table with a vector for each code of a column.

    Attributes:
        rows: codes, at least 2. Code 0 is an unknown category, whose vector is zeros and is never trained.
        size: numbers in a vector, at least 1.
    """

    rows: int
    size: int


def plan_embeddings(tables: Sequence[int], scale: float) -> tuple[Embedding, ...]:
    """Return tables whose sizes follow the number n of known codes: min(50, round(1.6 n^0.56)).

    The rule is that of fastai (``emb_sz_rule``; Howard and Gugger 2020), with a lower limit.

    Args:
        tables: rows of each table.
        scale: what a size is multiplied by.
    """
    return tuple(
        Embedding(rows, max(1, round(scale * min(LARGEST, round(1.6 * (rows - 1) ** 0.56)))))
        for rows in tables
    )
