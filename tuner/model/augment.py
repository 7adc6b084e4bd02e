"""How training batches are varied."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Augment:
    """What is done to each batch before it is learned from; watched and scored rows stay as they are.

    Attributes:
        noise: standard deviation of Gaussian noise that each step adds to all inputs; 0 for none.
        mixup: both numbers of the Beta distribution from which each step draws how rows are mixed (Zhang, Cisse,
            Dauphin and Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization"); 0 for none.
    """

    noise: float = 0.0
    mixup: float = 0.0


NO_AUGMENT = Augment()
"""Batches as they are."""
