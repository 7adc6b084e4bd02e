"""Results that are kept for whoever asks for them next, up to a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MOST_RESULTS = 32
"""However small they are."""


class Kept(Generic[Key, Value]):
    """The results that were asked for last.

    The latest one is kept whatever its size; the others as long as all together stay within the bytes, and are no more
    than ``MOST_RESULTS``.
    """

    def __init__(self, most_bytes: int, size_of: Callable[[Value], int]) -> None:
        self.most_bytes = most_bytes
        self.size_of = size_of
        self.values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the result of a key; ``make`` is called where it is not there."""
        value = self.values[key] if key in self.values else make()
        self.values[key] = value
        self.values.move_to_end(key)
        total = sum(map(self.size_of, self.values.values()))
        while len(self.values) > 1 and (total > self.most_bytes or len(self.values) > MOST_RESULTS):
            _, dropped = self.values.popitem(last=False)
            total -= self.size_of(dropped)
        return value
