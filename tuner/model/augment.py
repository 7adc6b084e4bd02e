"""How training batches are varied."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Augment:
    """What is done to each batch before it is learned from; watched and scored rows stay as they are.

    Attributes:
        noise: standard deviation of Gaussian noise that each step adds to all inputs; 0 for none.
        mixup: both numbers of the Beta distribution from which each step draws how rows are mixed (Zhang, Cisse,
            Dauphin and Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization"); 0 for none.
        flip: the direction in which half of the images are mirrored, a name in ``FLIPS``.
        shift: the most whole pixels that an image is moved by, along each side; 0 for none.
        rotate: the most degrees that an image is turned by, either way; 0 for none.
        zoom: the largest share that an image shrinks or grows by, below 1; 0 for none.
        contrast: the largest share that the contrast of an image falls or rises by, below 1; 0 for none.
    """

    noise: float = 0.0
    mixup: float = 0.0
    flip: str = "none"
    shift: int = 0
    rotate: float = 0.0
    zoom: float = 0.0
    contrast: float = 0.0

    @property
    def moves(self) -> bool:
        """Whether the pixels of images change places."""
        return self.flip != "none" or self.shift > 0 or self.rotate > 0.0 or self.zoom > 0.0

    @property
    def of_images(self) -> bool:
        """Whether images are varied as such."""
        return self.moves or self.contrast > 0.0


FLIPS = ("none", "horizontal", "vertical", "both")
"""How images are mirrored: left and right, upside down, or either, each for half of them."""


NO_AUGMENT = Augment()
"""Batches as they are."""
