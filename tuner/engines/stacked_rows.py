"""The rows of all folds as the stacked program reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary, ref

import numpy as np

from tuner.engines.base import FoldData, row_order
from tuner.engines.runtime import load_tensorflow
from tuner.engines.stacked_arguments import Seen, Training
from tuner.engines.stacked_layers import Tensor

tf = load_tensorflow()

_CHUNK_ROWS = 1024  # rows of a fold that are predicted at once: their activations stay in the cache


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class StackedRows:
    """All folds' rows.

    Attributes:
        lengths: (n_folds,) training rows of each fold.
        training: the training rows.
        seen: the watched rows, and the scored ones where they are others.
        watch_weight: (n_folds,) summed weight of the watched rows.
        watched: (n_watched,) places of the watched rows among all of ``seen``, fold after fold.
        scored: (n_scored,) likewise; the same array where the rows are the same.
    """

    lengths: np.ndarray
    training: Training
    seen: Seen
    watch_weight: np.ndarray
    watched: np.ndarray
    scored: np.ndarray

    @property
    def n_chunks(self) -> int:
        """How many chunks the rows to look at come in."""
        return int(self.seen.inputs.shape[0])


_STACKED: WeakKeyDictionary[FoldData, tuple[list["ref[FoldData]"], StackedRows]] = WeakKeyDictionary()


def stack_rows(folds: Sequence[FoldData]) -> StackedRows:
    """Return the rows of all folds; what was made for the same folds before, as long as they live."""
    known, stacked = _STACKED.get(folds[0], ([], None))
    if stacked is not None and len(known) == len(folds) and all(map(_refers, known, folds)):
        return stacked
    stacked = _stack(folds)
    _STACKED[folds[0]] = ([ref(fold) for fold in folds], stacked)
    return stacked


def epoch_order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Return the places in ``Training`` that each step of an epoch reads, (n_steps, n_folds, batch_size) int32.

    Args:
        lengths: (n_folds,) training rows of each fold.
        batch_size: rows of a batch.
        seed: of the trial.
        epoch: 1, 2, ...
    """
    n_steps = -(-int(lengths.max()) // batch_size)
    order = np.full((len(lengths), n_steps * batch_size), lengths.sum(), np.int32)
    first = 0
    for number, n_rows in enumerate(map(int, lengths)):
        order[number, :n_rows] = row_order(seed, number, epoch, n_rows) + first
        first += n_rows
    return np.ascontiguousarray(order.reshape(len(lengths), n_steps, batch_size).swapaxes(0, 1))


def _refers(known: "ref[FoldData]", fold: FoldData) -> bool:
    return known() is fold


def _stack(folds: Sequence[FoldData]) -> StackedRows:
    trains = [fold.train for fold in folds]
    training = Training(
        _with_padding_row([rows.inputs for rows in trains]),
        _with_padding_row([rows.target for rows in trains]),
        _with_padding_row([rows.weight for rows in trains]),
    )
    seen, watched, scored = _stack_seen(folds)
    return StackedRows(
        lengths=np.array([len(rows) for rows in trains]),
        training=training,
        seen=seen,
        watch_weight=np.array([fold.watch.weight.sum(dtype=np.float64) for fold in folds]),
        watched=watched,
        scored=scored,
    )


def _with_padding_row(arrays: Sequence[np.ndarray]) -> Tensor:
    return tf.constant(np.concatenate([*arrays, np.zeros_like(arrays[0][:1])]))


def _stack_seen(folds: Sequence[FoldData]) -> tuple[Seen, np.ndarray, np.ndarray]:
    """Return the rows to look at and the places of the watched and of the scored ones."""
    apart = [fold.score is not fold.watch for fold in folds]
    lengths = [len(fold.watch) + len(fold.score) * other for fold, other in zip(folds, apart, strict=True)]
    chunk_rows = min(_CHUNK_ROWS, max(lengths))
    n_chunks = -(-max(lengths) // chunk_rows)
    first = folds[0].watch

    def padded(part: np.ndarray) -> np.ndarray:
        return np.zeros((len(folds), n_chunks * chunk_rows, *part.shape[1:]), part.dtype)

    inputs, target, weight = padded(first.inputs), padded(first.target), padded(first.weight)
    watched, scored = [], []
    for number, (fold, other) in enumerate(zip(folds, apart, strict=True)):
        places = number * n_chunks * chunk_rows + np.arange(len(fold.watch) + len(fold.score) * other)
        watch, score = places[: len(fold.watch)], places[-len(fold.score) :]
        watched.append(watch)
        scored.append(score)
        for rows, place in ((fold.score, score), (fold.watch, watch)):
            _flat(inputs)[place], _flat(target)[place] = rows.inputs, rows.target
        _flat(weight)[watch] = fold.watch.weight
    chunked = [
        tf.constant(array.reshape(len(folds), n_chunks, chunk_rows, *array.shape[2:]).swapaxes(0, 1))
        for array in (inputs, target, weight)
    ]
    places = _chunk_places(len(folds), n_chunks, chunk_rows)
    watched_places = places[np.concatenate(watched)]
    return Seen(*chunked), watched_places, places[np.concatenate(scored)] if any(apart) else watched_places


def _flat(array: np.ndarray) -> np.ndarray:
    """Return a view with folds and rows on one axis."""
    return array.reshape(-1, *array.shape[2:])


def _chunk_places(n_folds: int, n_chunks: int, chunk_rows: int) -> np.ndarray:
    """Return where fold after fold's rows lie once they are chunk after chunk."""
    places = np.arange(n_chunks * n_folds * chunk_rows).reshape(n_chunks, n_folds, chunk_rows)
    return places.swapaxes(0, 1).reshape(-1)
