"""The traced program: some epochs of all folds, each with their outputs for the watched and scored rows after it.

It is traced once for a structure. Widths, rates, activations, optimizer, batch size and numbers of rows and folds
are arguments.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from threading import RLock
from typing import Any, NamedTuple

from tuner.engines.augment import mixed, noisy
from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_arguments import Course, Outcome, Plan, Seen, State, Structure, Training, signature
from tuner.engines.stacked_layers import Tensor
from tuner.engines.stacked_losses import OUTPUTS
from tuner.engines.stacked_network import StackedNetwork
from tuner.engines.stacked_optimizers import update

tf = load_tensorflow()

_KEEP_STATISTICS = 0.99  # momentum of keras.layers.BatchNormalization


class Penalty(NamedTuple):
    """The L1 and L2 penalties of all weights, the same in every step.

    Attributes:
        acts: whether there is one.
        l1: (n_weights,) weight of the L1 penalty for the kernels, else 0.
        twice_l2: (n_weights,) twice that of the L2 penalty, likewise.
    """

    acts: Tensor
    l1: Tensor
    twice_l2: Tensor

    def added(self, gradient: Tensor, weights: Tensor) -> Tensor:
        """Return a gradient with that of the penalties: l1 sign(w) + 2 l2 w for the kernels."""
        return tf.cond(
            self.acts,
            lambda: tf.add_n([self.l1 * tf.sign(weights), self.twice_l2 * weights, gradient]),
            lambda: gradient,
        )


def _penalty(plan: Plan) -> Penalty:
    l1, l2 = tf.unstack(plan.penalties, num=2)
    return Penalty(tf.reduce_any(plan.penalties > 0.0), plan.kernels * l1, plan.kernels * (2.0 * l2))


def _train(
    network: StackedNetwork, penalty: Penalty, state: State, rows: Training, course: Course, epoch: Tensor
) -> tuple[Tensor, State]:
    """Return each fold's summed loss over an epoch of the course, and the state after it.

    The epoch ends at the first batch in which a fold's loss is not finite.
    """
    plan, structure = network.plan, network.structure
    n_steps = tf.shape(course.order)[1]
    order, table = tf.gather(course.order, epoch), tf.gather(course.coefficients, epoch)
    kept = tf.gather(course.kept, epoch) if structure.decay else None
    first_step = course.first_step + epoch * n_steps

    def more(batch: Tensor, total: Tensor, *_: Tensor) -> Tensor:
        return tf.logical_and(batch < n_steps, tf.reduce_all(tf.math.is_finite(total)))

    def step(batch: Tensor, total: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        places = tf.gather(order, batch)
        part = Training(*[tf.gather(array, places) for array in rows])
        count = tf.gather(course.counts, batch)
        part = part._replace(inputs=_varied(network, part.inputs, count, first_step + batch))
        summed, gradient, statistics = network.learn(state.weights, part, count, first_step + batch)
        gradient = penalty.added(gradient, state.weights)
        coefficients = tf.gather(tf.gather(table, batch), plan.fold_of_weight, axis=1)
        weights = state.weights
        if structure.clip is not None:
            gradient = network.clipped(gradient)
        if structure.decay:
            weights = weights * tf.gather(tf.gather(kept, batch), plan.fold_of_weight)
        slots = (state.first, state.second)
        weights, first, second = update(
            plan.family, weights, slots, gradient, coefficients, plan.epsilon, structure.families
        )
        if structure.max_norm:
            weights = network.bounded(weights, count)
        moved = state.statistics
        if any(structure.batch_norm):
            moved = _moved(plan, moved, statistics, count)
        return batch + 1, total + summed, State(weights, first, second, moved)

    start = (tf.constant(0), tf.zeros([plan.n_folds]), state)
    _, total, state = tf.while_loop(more, step, start, parallel_iterations=1)
    return total, state


def _moved(plan: Plan, moving: Tensor, batch: Tensor, count: Tensor) -> Tensor:
    """Return the moving statistics after a step; those of a fold without rows in it stay as they are.

    Args:
        plan: the trial's numbers.
        moving: (n_statistics,) before the step.
        batch: (n_statistics,) of the step's rows.
        count: (n_folds,) rows of the step.
    """
    share = tf.gather(tf.where(count > 0.0, 1.0 - _KEEP_STATISTICS, 0.0), plan.fold_of_statistic)
    return moving * (1.0 - share) + batch * share


def _varied(network: StackedNetwork, inputs: Tensor, count: Tensor, step: Tensor) -> Tensor:
    """Return a batch's inputs as they are learned from, (n_folds, n_rows, n_inputs)."""
    plan = network.plan
    if network.structure.mixup:
        seed = tf.stack([plan.augment_seeds[0], step])
        inputs = mixed(inputs, count, plan.augment[0], seed, network.structure.embedded)
    if network.structure.noise:
        seed = tf.stack([plan.augment_seeds[1], step])
        inputs = noisy(inputs, plan.augment[1], seed, network.structure.embedded)
    return inputs


def _look(network: StackedNetwork, state: State, seen: Seen) -> tuple[Tensor, Tensor]:
    """Return outputs, (n_chunks, n_folds, n_rows, n_units), and summed weighted loss, (n_folds,)."""
    n_chunks = tf.shape(seen.inputs)[0]
    output = OUTPUTS[network.structure.head.activation]

    def step(chunk: Tensor, total: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits = network.predict(state, tf.gather(seen.inputs, chunk))
        loss, _ = network.loss.of_rows(tf.gather(seen.target, chunk), logits)
        # Rows that are scored only may overflow; the loss of the watched ones must not know.
        summed = tf.reduce_sum(tf.math.multiply_no_nan(loss, tf.gather(seen.weight, chunk)), axis=1)
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
        network, penalty = StackedNetwork(structure, plan), _penalty(plan)
        n_epochs = tf.shape(course.order)[0]

        def one(epoch: Tensor, state: State, before: Outcome) -> tuple[Tensor, State, Outcome]:
            learnt, state = _train(network, penalty, state, rows, course, epoch)
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


@dataclass(slots=True, eq=False)
class Turn:
    """Whose turn it is to trace a structure.

    Attributes:
        lock: held while it is traced.
        begun: whether a thread has set out to.
    """

    lock: Any = field(default_factory=RLock)
    begun: bool = False


_TURNS: dict[Structure, Turn] = {}


def turn_of(structure: Structure) -> Turn:
    """Return the turn of a structure, the same one for all threads."""
    return _TURNS.setdefault(structure, Turn())


def shared_program(structure: Structure) -> Callable[..., tuple[Outcome, State]]:
    """Return the traced epochs of a structure; waits where another thread is making them ready."""
    turn = turn_of(structure)
    with turn.lock:
        turn.begun = True
        return program(structure)
