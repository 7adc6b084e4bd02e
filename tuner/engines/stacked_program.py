"""The traced program: some epochs of all folds, each with their outputs for the watched and scored rows after it.

It is traced once for a structure. Widths, rates, activations, optimizer, batch size and numbers of rows and folds
are arguments.
"""

from collections.abc import Callable
from functools import lru_cache

from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_arguments import Course, Outcome, Plan, Seen, State, Structure, Training, signature
from tuner.engines.stacked_layers import Tensor
from tuner.engines.stacked_losses import OUTPUTS
from tuner.engines.stacked_network import StackedNetwork
from tuner.engines.stacked_optimizers import update

tf = load_tensorflow()

_KEEP_STATISTICS = 0.99  # momentum of keras.layers.BatchNormalization


def _train(
    network: StackedNetwork, state: State, rows: Training, course: Course, epoch: Tensor
) -> tuple[Tensor, State]:
    """Return each fold's summed loss over an epoch of the course, and the state after it.

    The epoch ends at the first batch in which a fold's loss is not finite.
    """
    plan = network.plan
    n_steps = tf.shape(course.order)[1]
    order, table = tf.gather(course.order, epoch), tf.gather(course.coefficients, epoch)
    first_step = course.first_step + epoch * n_steps

    def more(batch: Tensor, total: Tensor, *_: Tensor) -> Tensor:
        return tf.logical_and(batch < n_steps, tf.reduce_all(tf.math.is_finite(total)))

    def step(batch: Tensor, total: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        places = tf.gather(order, batch)
        part = Training(*[tf.gather(array, places) for array in rows])
        count = tf.gather(course.counts, batch)
        summed, gradient, statistics = network.learn(state.weights, part, count, first_step + batch)
        coefficients = tf.gather(tf.gather(table, batch), plan.fold_of_weight, axis=1)
        changed = update(
            plan.family,
            state.weights,
            (state.first, state.second),
            gradient + _penalty(plan, state.weights),
            coefficients,
            plan.epsilon,
        )
        if any(network.structure.batch_norm):
            share = tf.where(count > 0.0, 1.0 - _KEEP_STATISTICS, 0.0)
            share = tf.gather(share, plan.fold_of_statistic)
            moved = state.statistics * (1.0 - share) + statistics * share
        else:
            moved = state.statistics
        return batch + 1, total + summed, State(*changed, moved)

    start = (tf.constant(0), tf.zeros([plan.n_folds]), state)
    _, total, state = tf.while_loop(more, step, start, parallel_iterations=1)
    return total, state


def _penalty(plan: Plan, weights: Tensor) -> Tensor:
    """Return the gradient of the L1 and L2 penalties: l1 sign(w) + 2 l2 w for the kernels."""
    l1, l2 = tf.unstack(plan.penalties, num=2)
    return tf.cond(
        tf.reduce_any(plan.penalties > 0.0),
        lambda: plan.kernels * (l1 * tf.sign(weights) + (2.0 * l2) * weights),
        lambda: tf.zeros([1]),
    )


def _look(network: StackedNetwork, state: State, seen: Seen) -> tuple[Tensor, Tensor]:
    """Return outputs, (n_chunks, n_folds, n_rows, n_units), and summed weighted loss, (n_folds,)."""
    n_chunks = tf.shape(seen.inputs)[0]
    output = OUTPUTS[network.structure.head.activation]

    def step(chunk: Tensor, total: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits = network.predict(state, tf.gather(seen.inputs, chunk))
        loss, _ = network.loss.of_rows(tf.gather(seen.target, chunk), logits)
        summed = tf.reduce_sum(network.loss.weigh(loss, tf.gather(seen.weight, chunk)), axis=1)
        return chunk + 1, total + summed, outputs.write(chunk, output(logits))

    start = (tf.constant(0), tf.zeros([network.plan.n_folds]), tf.TensorArray(tf.float32, n_chunks))
    _, total, outputs = tf.while_loop(lambda chunk, *_: chunk < n_chunks, step, start, parallel_iterations=1)
    return outputs.stack(), total


@lru_cache(maxsize=32)
def program(structure: Structure) -> Callable[..., tuple[Outcome, State]]:
    """Return the traced epochs of a structure.

    It takes a ``Plan``, a ``State``, a ``Training``, a ``Course`` and a ``Seen``, and gives the outcome of the course's
    epochs and the state after them.
    """

    def epochs(plan: Plan, state: State, rows: Training, course: Course, seen: Seen) -> tuple[Outcome, State]:
        network = StackedNetwork(structure, plan)
        n_epochs = tf.shape(course.order)[0]

        def one(epoch: Tensor, state: State, before: Outcome) -> tuple[Tensor, State, Outcome]:
            learnt, state = _train(network, state, rows, course, epoch)
            outputs, total = _look(network, state, seen)
            values = Outcome(learnt, outputs, total, state.weights, state.statistics)
            return (
                epoch + 1,
                state,
                Outcome(*[array.write(epoch, value) for array, value in zip(before, values, strict=True)]),
            )

        nothing = Outcome(*[tf.TensorArray(tf.float32, n_epochs) for _ in Outcome._fields])
        start = (tf.constant(0), state, nothing)
        _, state, outcome = tf.while_loop(
            lambda epoch, *_: epoch < n_epochs, one, start, parallel_iterations=1
        )
        return Outcome(*[array.stack() for array in outcome]), state

    traced = tf.function(epochs, input_signature=signature(structure), autograph=False)
    return traced.get_concrete_function()  # type: ignore[no-any-return]
