"""Wide and deep (Cheng et al. 2016): a linear path for what is simple, beside a deep one for what is not."""

import keras


def build(params, inputs, head):
    """Return the network of one configuration; tuner compiles and trains it."""
    row = inputs.tensor()
    penalty = keras.regularizers.L2(params["l2"])
    deep = row
    for _ in range(params["depth"]):
        deep = keras.layers.Dense(params["units"], activation="relu", kernel_regularizer=penalty)(deep)
        deep = keras.layers.Dropout(params["dropout"])(deep)
    # The wide path reads the columns that say the most on their own.
    wide = keras.layers.Concatenate()([row[:, inputs.columns[name]] for name in ("MedInc", "HouseAge")])
    both = keras.layers.Concatenate()([wide, deep])
    return keras.Model(row, keras.layers.Dense(head.units, activation=head.activation)(both))
