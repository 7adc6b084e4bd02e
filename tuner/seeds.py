"""Every random choice has a seed of its own, derived by hashing; there is no global generator."""

from hashlib import blake2b

import numpy as np


def derive(*parts: int | str) -> int:
    """Return the seed of one random choice, in 0 .. 2**31 - 1.

    Equal parts give equal seeds on every machine; any other part gives an unrelated one.

    Args:
        *parts: what the choice is for, from the general to the special,
            such as ``derive(study_seed, "trial", 7, "fold", 2, "order")``.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") % 2**31


def generator(*parts: int | str) -> np.random.Generator:
    """Return a NumPy generator that is seeded with ``derive(*parts)``."""
    return np.random.default_rng(derive(*parts))
