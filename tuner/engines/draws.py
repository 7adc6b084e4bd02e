"""The random numbers of TensorFlow's stateless generators, without TensorFlow: what other backends train with.

Numbers are drawn as TensorFlow draws them on a CPU: by Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, Parallel
random numbers: as easy as 1, 2, 3), whose key and counter come from a pair of seeds. Initial weights, dropout masks and
noise are then the same for each backend. A number depends on its place alone, so any part of a sequence can be drawn.
"""

import numpy as np

Seeds = tuple[int, int]
"""A pair as TensorFlow's stateless functions take it, both at least 0."""

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_SCRAMBLE = (0x3EC8F720, 0x02461E29)
"""The key under which TensorFlow turns a pair of seeds into key and counter."""

_WORD, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
_ROUNDS = 10
_GROUP = 4
"""Numbers of one counter."""

_RESERVED = 256
"""Counters that TensorFlow sets aside for a group of truncated numbers."""

_TRIED = 6
"""Counters that are looked at for a group: 24 normal numbers, of which 4 are within two deviations, each by 95 %."""


def bits(seeds: Seeds, first: int, count: int) -> np.ndarray:
    """Return ``count`` uint32 numbers of the sequence of a pair of seeds, from place ``first`` on."""
    start, stop = first // _GROUP, -(-(first + count) // _GROUP)
    words = _blocks(seeds, np.arange(start, stop, dtype=np.uint64)).reshape(-1)
    return words[first - start * _GROUP :][:count]


def uniforms(seeds: Seeds, count: int) -> np.ndarray:
    """Return (count,) float32 numbers in [0, 1)."""
    return _as_floats(bits(seeds, 0, count))


def normals(seeds: Seeds, first: int, count: int) -> np.ndarray:
    """Return ``count`` float32 numbers of the standard normal distribution, from place ``first`` on."""
    start = first - first % 2
    pairs = bits(seeds, start, count + 2 + count % 2)
    return _box_muller(pairs)[first - start :][:count]


def truncated_normals(seeds: Seeds, count: int) -> np.ndarray:
    """Return (count,) float32 standard normal numbers, those of two deviations or more drawn again."""
    groups = np.arange(-(-count // _GROUP), dtype=np.uint64) * np.uint64(_RESERVED)
    counters = groups[:, None] + np.arange(_TRIED, dtype=np.uint64)
    drawn = _box_muller(_blocks(seeds, counters.reshape(-1)).reshape(-1)).reshape(len(groups), -1)
    kept = np.argsort(np.abs(drawn) >= 2.0, axis=1, kind="stable")[:, :_GROUP]
    return np.take_along_axis(drawn, kept, axis=1).reshape(-1)[:count]


def _blocks(seeds: Seeds, places: np.ndarray) -> np.ndarray:
    """Return (n, 4) uint32 numbers for (n,) uint64 places in the sequence of a pair of seeds."""
    halves = [part for seed in seeds for part in (seed & 0xFFFFFFFF, seed >> 32)]
    scrambled = _philox([np.array([part], np.uint64) for part in halves], _SCRAMBLE)[0]
    key = (int(scrambled[0]), int(scrambled[1]))
    fixed = [np.full(len(places), part, np.uint64) for part in scrambled[2:]]
    return _philox([places & _LOW, places >> _WORD, *fixed], key)


def _philox(counter: list[np.ndarray], key: tuple[int, int]) -> np.ndarray:
    """Return (n, 4) uint32 numbers for a counter of four (n,) uint64 arrays of 32 bits each (section 3.3)."""
    for number in range(_ROUNDS):
        keys = [np.uint64((part + number * step) % 2**32) for part, step in zip(key, _WEYL, strict=True)]
        first, second = _MULTIPLIERS[0] * counter[0], _MULTIPLIERS[1] * counter[2]
        counter = [
            (second >> _WORD) ^ counter[1] ^ keys[0],
            second & _LOW,
            (first >> _WORD) ^ counter[3] ^ keys[1],
            first & _LOW,
        ]
    return np.stack(counter, axis=1).astype(np.uint32)


def _as_floats(words: np.ndarray) -> np.ndarray:
    """Return float32 numbers in [0, 1) of the lowest 23 bits of uint32 numbers."""
    mantissa = (words & np.uint32(0x7FFFFF)) | np.uint32(127 << 23)
    return mantissa.view(np.float32) - np.float32(1)


def _box_muller(words: np.ndarray) -> np.ndarray:
    """Return as many normal numbers as there are uint32 numbers, pair by pair (Box and Muller 1958)."""
    chances = _as_floats(words).reshape(-1, 2)
    radius = np.sqrt(np.float32(-2) * np.log(np.maximum(chances[:, 0], np.float32(1e-7))))
    angle = np.float32(2 * np.pi) * chances[:, 1]
    drawn: np.ndarray = np.stack([np.sin(angle), np.cos(angle)], axis=1) * radius[:, None]
    return drawn.reshape(-1)
