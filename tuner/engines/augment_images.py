"""Images of a batch as they are varied before they are learned from, each in its own way."""

import math
from typing import Any

from tuner.engines.runtime import load_tensorflow
from tuner.model.augment import Augment

tf = load_tensorflow()

_CHANCES = 7
"""Draws for one image: two flips, two shifts, an angle, a zoom and a contrast."""


def varied_images(images: Any, augment: Augment, seed: Any) -> Any:
    """Return images that are mirrored, moved, turned, zoomed and of another contrast.

    Whatever is moved in from beyond an edge repeats the pixel at the edge, so that it does not matter which number
    stands for black. What an image gets does not depend on the other images of its batch, but on its place there.

    Args:
        images: (n_images, height, width, channels) float32.
        augment: how much at most; each image draws its own from there, each amount as likely as the next.
        seed: (2,) int32.
    """
    chances = tf.random.stateless_uniform([tf.shape(images)[0], _CHANCES], seed)
    if augment.moves:
        shape = images.shape
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=transforms(chances, augment, int(shape[1]), int(shape[2])),
            output_shape=tf.constant(shape[1:3].as_list()),
            fill_value=tf.constant(0.0),
            interpolation="BILINEAR",
            fill_mode="NEAREST",
        )
    if augment.contrast:
        factor = 1.0 + augment.contrast * (2.0 * chances[:, 6] - 1.0)
        mean = tf.reduce_mean(images, axis=(1, 2), keepdims=True)
        images = mean + (images - mean) * factor[:, tf.newaxis, tf.newaxis, tf.newaxis]
    return images


def transforms(chances: Any, augment: Augment, height: int, width: int) -> Any:
    """Return (n_images, 8) numbers that say where in an image each pixel of the varied one comes from.

    Pixel (x, y) comes from (a0 x + a1 y + a2, b0 x + b1 y + b2), for numbers a0, a1, a2, b0, b1, b2, 0, 0: about the
    middle of the image it is mirrored, turned and zoomed, then moved.

    Args:
        chances: (n_images, 7) draws in [0, 1).
        augment: how much at most.
        height: of the images.
        width: of the images.
    """

    def mirrored(place: int, direction: str) -> Any:
        flips = augment.flip in (direction, "both")
        return tf.where(chances[:, place] < 0.5, -1.0, 1.0) if flips else tf.ones_like(chances[:, place])

    def moved(place: int) -> Any:
        return tf.floor(chances[:, place] * (2 * augment.shift + 1)) - augment.shift

    across, down = mirrored(0, "horizontal"), mirrored(1, "vertical")
    angle = math.radians(augment.rotate) * (2.0 * chances[:, 4] - 1.0)
    scale = 1.0 + augment.zoom * (2.0 * chances[:, 5] - 1.0)
    cosine, sine = scale * tf.cos(angle), scale * tf.sin(angle)
    a0, a1, b0, b1 = cosine * across, -sine * down, sine * across, cosine * down
    x, y = (width - 1) / 2.0, (height - 1) / 2.0
    a2 = x - (a0 * x + a1 * y) - moved(2)
    b2 = y - (b0 * x + b1 * y) - moved(3)
    nothing = tf.zeros_like(a0)
    return tf.stack([a0, a1, a2, b0, b1, b2, nothing, nothing], axis=1)
