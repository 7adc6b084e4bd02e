"""Which of several points no other one beats in everything."""

import numpy as np


def on_front(losses: np.ndarray) -> np.ndarray:
    """Return which points are on the Pareto front.

    A point is beaten by another that is at least as good in every objective and better in one; equal points do not beat
    each other (Deb et al. 2002, A fast and elitist multiobjective genetic algorithm: NSGA-II, section II).

    Args:
        losses: (n_points, n_objectives) finite values, of which less is better.

    Returns:
        (n_points,) truth values.
    """
    kept = np.zeros(len(losses), bool)
    # In this order no point is beaten by a later one, and each one that is beaten is so by a point of the front.
    for place in np.lexsort(losses.T[::-1]):
        front, point = losses[kept], losses[place]
        beaten = (front <= point).all(axis=1) & (front < point).any(axis=1)
        kept[place] = not beaten.any()
    return kept
