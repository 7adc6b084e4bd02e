"""The blocks of a convolutional network as ordinary Keras layers."""

from tuner.engines.runtime import load_keras
from tuner.model.cnn import POOLED, Block, Image, pools
from tuner.model.mlp_parameters import BEFORE

load_keras()
import keras  # noqa: E402  (after the settings above)


def block_stages(
    block: Block,
    image: Image,
    number: int,
    *,
    initializer: keras.initializers.Initializer,
    penalty: keras.regularizers.Regularizer | None,
    max_norm: float,
) -> list[keras.layers.Layer]:
    """Return the layers of a block before its dropout, fresh ones, named by their number.

    A convolution that is normalised before its activation has no bias, as a dense layer (``keras_model``).

    Args:
        block: its plan.
        image: the size of what enters it.
        number: its place among the blocks.
        initializer: of its kernel.
        penalty: on its kernel, or None.
        max_norm: the largest norm of the weights that enter a feature map; 0 for any.
    """
    convolution = keras.layers.Conv2D(
        block.filters,
        block.kernel_size,
        padding="same",
        use_bias=block.batch_norm != BEFORE,
        kernel_initializer=initializer,
        kernel_regularizer=penalty,
        kernel_constraint=keras.constraints.MaxNorm(max_norm, axis=[0, 1, 2]) if max_norm else None,
        name=f"convolution_{number}",
    )
    stages = [convolution, keras.layers.Activation(block.activation, name=f"block_activation_{number}")]
    if block.batch_norm is not None:
        norm = keras.layers.BatchNormalization(name=f"block_batch_norm_{number}")
        stages.insert(1 if block.batch_norm == BEFORE else 2, norm)
    if pools(image):
        pooling = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}[block.pooling]
        stages.append(pooling(POOLED, name=f"pooling_{number}"))
    return stages
