"""What comes of handing an order to a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuner.records import Reason


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """The worker did what it could.

    Attributes:
        answer: what it gives back; a ``TunerError`` where the order cannot be carried out.
    """

    answer: Any


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The order took more than it may; the worker was ended, or the machine ended it.

    Attributes:
        reason: time or memory.
        message: a sentence on it.
        seconds: that it took.
    """

    reason: Reason
    message: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Crashed:
    """The worker's process ended over the order.

    Attributes:
        how: exit status or signal, in words.
        seconds: that it took.
    """

    how: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker was gone before it began, or went away with its machine: that says nothing about the order."""


Attempt = Answered | Exceeded | Crashed | Lost
"""After any but ``Answered`` there is no worker left."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a worker cannot begin.

    Attributes:
        message: a sentence on it.
        lasting: whether another worker would meet it too.
    """

    message: str
    lasting: bool
