"""Convolutional networks are trained as Keras trains them, on images that are varied as they should be."""

from contextlib import closing
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy import ndimage

from tuner.engines.augment_images import transforms, varied_images
from tuner.engines.base import Epoch, FoldData, Rows, row_order
from tuner.engines.keras_engine import KerasEngine
from tuner.engines.keras_model import build_keras_model, build_optimizer, initial_weights
from tuner.model.augment import Augment
from tuner.model.heads import make_head
from tuner.model.network import Network, plan_cnn
from tuner.seeds import generator
from tuner.tasks import Task

HEAD = make_head(Task.MULTICLASS, 1, 3)
IMAGE = (7, 6, 2)
N_INPUTS = 7 * 6 * 2
SEED = 5
SMALL = {"blocks": 2, "filters.0": 3, "filters.1": 4, "layers": 1, "neurons": 5, "batch_size": 8}


def network_of(**params: object) -> Network:
    return replace(plan_cnn({**SMALL, **params}), image=IMAGE)


def rows_of(n_rows: int, name: str) -> Rows:
    random = generator("images", name)
    inputs = random.uniform(0, 1, (n_rows, N_INPUTS)).astype(np.float32)
    target = np.digitize(inputs[:, :20].mean(axis=1), [0.47, 0.53]).astype(np.int32)
    return Rows(inputs, target, random.uniform(0.5, 2, n_rows).astype(np.float32))


def folds_of(*lengths: int) -> list[FoldData]:
    folds = []
    for number, length in enumerate(lengths):
        score = rows_of(6, f"score {number}")
        folds.append(FoldData(rows_of(length, f"train {number}"), score, score))
    return folds


def trained(network: Network, folds: list[FoldData], n_epochs: int = 2) -> list[Epoch]:
    engine = KerasEngine().train(network, HEAD, "categorical_crossentropy", folds, epochs=3, seed=SEED)
    with closing(engine) as epochs:
        return list(islice(epochs, n_epochs))


def test_weights_are_those_of_model_fit():
    import keras

    network = network_of(pooling="average", batch_norm="after", l2=1e-3, max_norm=1.5, activation="tanh")
    (fold,) = folds_of(21)
    layers, norm = keras.layers, keras.constraints.MaxNorm
    penalty = keras.regularizers.L2(1e-3)
    parts: list[keras.layers.Layer] = [layers.Input((N_INPUTS,)), layers.Reshape(IMAGE)]
    for filters in (3, 4):  # written out, as a user of Keras would
        bounded = norm(1.5, axis=[0, 1, 2])
        parts += [
            layers.Conv2D(filters, 3, padding="same", kernel_regularizer=penalty, kernel_constraint=bounded),
            layers.Activation("tanh"),
            layers.BatchNormalization(),
            layers.AveragePooling2D(2),
        ]
    hidden = layers.Dense(5, "tanh", kernel_regularizer=penalty, kernel_constraint=norm(1.5))
    parts += [layers.Flatten(), hidden, layers.BatchNormalization()]
    model = keras.Sequential([*parts, layers.Dense(3, "softmax", kernel_regularizer=penalty)])
    model.set_weights(initial_weights(network, HEAD, N_INPUTS, seed=SEED, fold=0))
    model.compile(build_optimizer(network.optimizer), "sparse_categorical_crossentropy")
    order = row_order(SEED, 0, 1, 21)
    train = fold.train
    model.fit(
        train.inputs[order],
        train.target[order],
        sample_weight=train.weight[order],
        batch_size=8,
        shuffle=False,
        verbose=0,
    )
    (epoch,) = trained(network, [fold], 1)
    for found, expected in zip(epoch.weights()[0], model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        epoch.scored, model.predict(fold.score.inputs, verbose=0), rtol=1e-5, atol=1e-6
    )


def test_everything_random_repeats_to_the_bit_and_only_batches_are_varied():
    augment = Augment(noise=0.05, mixup=0.2, flip="both", shift=1, rotate=20.0, zoom=0.2, contrast=0.3)
    network = replace(network_of(blocks=1, block_dropout=0.3, dropout=0.3), augment=augment)
    folds = folds_of(21, 17)
    one, other = trained(network, folds), trained(network, folds)
    for first, second in zip(one, other, strict=True):
        assert first.scored.tobytes() == second.scored.tobytes()
        assert first.train_loss.tobytes() == second.train_loss.tobytes()
    plain = trained(replace(network, augment=Augment()), folds)
    assert (one[0].train_loss != plain[0].train_loss).all()
    # What is scored is the network that was exported, on images as they are.
    model = build_keras_model(network, HEAD, N_INPUTS)
    model.set_weights(one[1].weights()[1])
    np.testing.assert_allclose(
        one[1].scored[6:], model.predict(folds[1].score.inputs, verbose=0), rtol=1e-5, atol=1e-6
    )


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return generator("augment").uniform(0, 1, (400, 7, 6, 2)).astype(np.float32)


def varied(images: np.ndarray, seed: int = 1, **plan: object) -> np.ndarray:
    return varied_images(images_of(images), Augment(**plan), np.array([seed, 4], np.int32)).numpy()


def images_of(images: np.ndarray):
    import tensorflow as tf

    return tf.constant(images)


@pytest.mark.parametrize(("flip", "axes"), [("horizontal", [2]), ("vertical", [1]), ("both", [1, 2])])
def test_half_of_the_images_are_mirrored_exactly(images, flip, axes):
    found = varied(images, flip=flip)
    for axis in axes:
        others = [other for other in axes if other != axis]
        candidates = [np.flip(images, [axis, *more]) for more in ([], others)][: 1 + len(others)]
        mirrored = np.any([(found == each).all(axis=(1, 2, 3)) for each in candidates], axis=0)
        assert 150 < mirrored.sum() < 250
    known = [np.flip(images, some) for some in ([], [1], [2], [1, 2]) if set(some) <= set(axes)]
    assert np.any([(found == each).all(axis=(1, 2, 3)) for each in known], axis=0).all()


def test_images_are_moved_by_whole_pixels_and_edges_repeat(images):
    found = varied(images, shift=2)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    moves = {(y, x): padded[:, y : y + 7, x : x + 6] for y in range(5) for x in range(5)}
    hits = np.array([(found == each).all(axis=(1, 2, 3)) for each in moves.values()])
    assert (hits.sum(axis=0) == 1).all()
    assert (hits.sum(axis=1) > 3).all()  # each of the 25 places has about 16 of 400


@pytest.mark.parametrize("plan", [{"rotate": 30.0}, {"zoom": 0.3}, {"rotate": 45.0, "zoom": 0.2, "shift": 1}])
def test_images_are_turned_and_zoomed_as_scipy_does(images, plan):
    import tensorflow as tf

    seed = np.array([1, 4], np.int32)
    chances = tf.random.stateless_uniform([400, 7], seed)
    places = transforms(chances, Augment(**plan), 7, 6).numpy().astype(float)
    found = varied(images, **plan)
    for number in range(3):
        a0, a1, a2, b0, b1, b2, *_ = places[number]
        for channel in range(2):
            expected = ndimage.affine_transform(
                images[number, :, :, channel],
                [[b1, b0], [a1, a0]],
                [b2, a2],
                order=1,
                mode="nearest",
            )
            np.testing.assert_allclose(found[number, :, :, channel], expected, atol=1e-4)
    turned = np.degrees(np.arctan2(places[:, 3], places[:, 0]))
    size = np.hypot(places[:, 0], places[:, 3])
    assert np.abs(turned).max() <= plan.get("rotate", 0.0) + 1e-3
    assert np.abs(turned).max() >= 0.95 * plan.get("rotate", 0.0)
    assert np.abs(size - 1).max() <= plan.get("zoom", 0.0) + 1e-5
    # The middle of the image stays where it is, but for the shift.
    middle = np.array([2.5, 3.0])
    moved = np.stack([places[:, 0:2] @ middle + places[:, 2], places[:, 3:5] @ middle + places[:, 5]], axis=1)
    assert np.abs(moved - middle).max() <= plan.get("shift", 0) + 1e-4


def test_contrast_keeps_the_mean_of_each_channel(images):
    found = varied(images, contrast=0.4)
    mean = images.mean(axis=(1, 2))
    np.testing.assert_allclose(found.mean(axis=(1, 2)), mean, atol=1e-5)
    factor = found.std(axis=(1, 2)) / images.std(axis=(1, 2))
    np.testing.assert_allclose(factor[:, 0], factor[:, 1], rtol=1e-4)
    assert factor.min() == pytest.approx(0.6, abs=0.02)
    assert factor.max() == pytest.approx(1.4, abs=0.02)
    assert not np.array_equal(varied(images, seed=2, contrast=0.4), found)
