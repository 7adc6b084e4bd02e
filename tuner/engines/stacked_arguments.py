"""What the stacked program is made for, and the tensors that it takes.

All weights lie in one flat vector: part after part (a kernel, a bias, ...), and in each part fold after fold, so that
every part is one contiguous array of shape (n_folds, ...).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_layers import Tensor
from tuner.engines.stacked_optimizers import N_COEFFICIENTS
from tuner.model.heads import Head
from tuner.model.losses import LossPlan

tf = load_tensorflow()


@dataclass(frozen=True, slots=True)
class Structure:
    """What the traced program is made for; all else is an argument.

    Attributes:
        batch_norm: for each hidden layer, where it is normalised; None for nowhere.
        dropout: whether any hidden layer drops units.
        mixup: whether the rows of a batch are mixed.
        noise: whether noise is added to inputs.
        loss: what training lowers.
        head: the end of the network; with a loss that has a written slope its number of units is 0, since that is an
            argument then.
        codes: whether the target is (n_rows,) int32 rather than (n_rows, n_units) float32.
        clip: what bounds the gradients, a name in ``CLIPS``, or None.
        max_norm: whether the norms of hidden kernels are bounded.
        decay: whether weights decay in a step of their own, as ``decays_apart`` says.
        activations: the names in ``ACTIVATIONS`` that the program chooses among.
        families: the families of optimizers that it chooses among.
        embedded: how many of the inputs are codes, the last ones.
    """

    batch_norm: tuple[str | None, ...]
    dropout: bool
    mixup: bool
    noise: bool
    loss: LossPlan
    head: Head
    codes: bool
    clip: str | None
    max_norm: bool
    decay: bool
    activations: tuple[str, ...]
    families: tuple[str, ...]
    embedded: int


class Plan(NamedTuple):
    """A trial's numbers.

    Attributes:
        widths: (n_hidden + 2,) int32: what enters the first layer, units of each hidden layer, output units.
        tables: (n_embedded, 2) int32 rows and size of each table; the tables come first among the weights.
        vectors: (n_read, 2) int32, for each number that a row reads from tables: which of the codes it follows, and how
            far the numbers of two codes lie apart.
        vector_starts: (n_folds, n_read) int32 its place among the weights for code 0.
        n_folds: int32.
        n_rows: int32 rows of a batch.
        activations: (n_hidden,) int32 places among the structure's.
        drop_thresholds: (n_hidden,) uint16, of ``dropout_mask``.
        drop_gains: (n_hidden,) what a kept unit is multiplied by, 1 / (1 - rate).
        dropout_seeds: (n_hidden,) int32.
        augment: (2,) numbers of mixup and noise, see ``Augment``.
        augment_seeds: (2,) int32 of mixup and noise.
        penalties: (2,) weights of the L1 and the L2 penalty.
        kernels: (n_weights,) 1 where a penalty acts, else 0.
        family: int32, its optimizer's place among the structure's.
        epsilon: of the optimizer.
        clip: the bound on gradients; 0 without.
        max_norm: the bound on norms of hidden kernels; 0 without.
        fold_of_weight: (n_weights,) int32 where folds have coefficients of their own, else (1,) zeros.
        fold_of_statistic: (n_statistics,), likewise.
    """

    widths: Tensor
    tables: Tensor
    vectors: Tensor
    vector_starts: Tensor
    n_folds: Tensor
    n_rows: Tensor
    activations: Tensor
    drop_thresholds: Tensor
    drop_gains: Tensor
    dropout_seeds: Tensor
    augment: Tensor
    augment_seeds: Tensor
    penalties: Tensor
    kernels: Tensor
    family: Tensor
    epsilon: Tensor
    clip: Tensor
    max_norm: Tensor
    fold_of_weight: Tensor
    fold_of_statistic: Tensor


class State(NamedTuple):
    """What training changes.

    Attributes:
        weights: (n_weights,) trainable ones.
        first: (n_weights,) the optimizer's first memory.
        second: (n_weights,) its second.
        statistics: (n_statistics,) moving means and variances.
    """

    weights: Tensor
    first: Tensor
    second: Tensor
    statistics: Tensor


class Training(NamedTuple):
    """The rows to learn from: those of all folds, one after the other, and a last row of weight 0.

    Attributes:
        inputs: (n_rows + 1, n_inputs).
        target: (n_rows + 1,) or (n_rows + 1, n_units).
        weight: (n_rows + 1,).
    """

    inputs: Tensor
    target: Tensor
    weight: Tensor


class Course(NamedTuple):
    """Order and pace of some epochs.

    Attributes:
        order: (n_epochs, n_steps, n_folds, n_rows of a batch) int32 places in ``Training``; the last row pads.
        counts: (n_steps, n_folds) real rows of each batch, the same in every epoch.
        coefficients: (n_epochs, n_steps, N_COEFFICIENTS, n_folds or 1).
        kept: (n_epochs, n_steps, n_folds or 1) what weights are multiplied by before a step where they decay apart.
        first_step: int32 the number of steps in the epochs before.
    """

    order: Tensor
    counts: Tensor
    coefficients: Tensor
    kept: Tensor
    first_step: Tensor


class Outcome(NamedTuple):
    """What each of some epochs came to.

    Attributes:
        learnt: (n_epochs, n_folds) summed loss of the training rows while they were learnt from.
        outputs: (n_epochs, n_chunks, n_folds, n_rows, n_units) for the rows of ``Seen``, after the epoch.
        total: (n_epochs, n_folds) their summed weighted loss.
        weights: (n_epochs, n_weights).
        statistics: (n_epochs, n_statistics).
    """

    learnt: Tensor
    outputs: Tensor
    total: Tensor
    weights: Tensor
    statistics: Tensor


class Seen(NamedTuple):
    """The rows that each epoch ends with a look at, in chunks.

    Attributes:
        inputs: (n_chunks, n_folds, n_rows, n_inputs).
        target: (n_chunks, n_folds, n_rows) or (n_chunks, n_folds, n_rows, n_units).
        weight: (n_chunks, n_folds, n_rows), 0 for padding and for rows that are scored only.
    """

    inputs: Tensor
    target: Tensor
    weight: Tensor


def signature(structure: Structure) -> tuple[Any, ...]:
    """Return the program's arguments as shapes and types."""

    def of(rank: int, dtype: Any = tf.float32) -> Any:
        return tf.TensorSpec([None] * rank, dtype)

    integer = tf.int32
    target_rank, target_type = (1, integer) if structure.codes else (2, tf.float32)
    n_hidden = len(structure.batch_norm)
    plan = Plan(
        widths=tf.TensorSpec([n_hidden + 2], integer),
        tables=tf.TensorSpec([structure.embedded, 2], integer),
        vectors=tf.TensorSpec([None, 2], integer),
        vector_starts=of(2, integer),
        n_folds=of(0, integer),
        n_rows=of(0, integer),
        activations=tf.TensorSpec([n_hidden], integer),
        drop_thresholds=tf.TensorSpec([n_hidden], tf.uint16),
        drop_gains=tf.TensorSpec([n_hidden]),
        dropout_seeds=tf.TensorSpec([n_hidden], integer),
        augment=tf.TensorSpec([2]),
        augment_seeds=tf.TensorSpec([2], integer),
        penalties=tf.TensorSpec([2]),
        kernels=of(1),
        family=of(0, integer),
        epsilon=of(0),
        clip=of(0),
        max_norm=of(0),
        fold_of_weight=of(1, integer),
        fold_of_statistic=of(1, integer),
    )
    coefficients = tf.TensorSpec([None, None, N_COEFFICIENTS, None])
    course = Course(of(4, integer), of(2), coefficients, of(3), of(0, integer))
    seen = Seen(of(4), of(target_rank + 2, target_type), of(3))
    return plan, State(*[of(1)] * 4), Training(of(2), of(target_rank, target_type), of(1)), course, seen
