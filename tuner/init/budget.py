"""How long a study takes, by the time that its smallest and its largest network need, and what fits into an hour."""

from dataclasses import dataclass

HOUR = 3600.0
"""Seconds; the trials and epochs of a first study are chosen so that it stays below."""

START = 15.0
"""Seconds until the workers have loaded TensorFlow, and for writing what a study ends with."""

STRUCTURES = 6
"""Programs that a worker compiles: networks of different depth, with and without batch normalisation."""

TRIALS, FEWER_TRIALS, FEWEST_TRIALS = 50, 20, 10
FEWEST_EPOCHS = 20


@dataclass(frozen=True, slots=True)
class Pace:
    """What one network of every fold costs.

    Attributes:
        first: seconds of the first epoch, compilation included.
        later: seconds of each later one.
    """

    first: float
    later: float


@dataclass(frozen=True, slots=True)
class Paces:
    """What was measured.

    Attributes:
        smallest: with the fewest layers and units.
        largest: with the most.
        workers: trials that train at the same time on this machine.
        share: of the rows that were trained on; the seconds are scaled up to all of them.
    """

    smallest: Pace
    largest: Pace
    workers: int
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a study may try.

    Attributes:
        trials: configurations.
        epochs: the most, of each.
        seconds: of the whole study if no trial ends early.
        workers: trials that train at the same time.
        hour: whether a time limit of an hour is needed to stay below it.
        share: of the rows by which that is known.
        wanted: seconds of a study that tries as much as it would want.
    """

    trials: int
    epochs: int
    seconds: float
    workers: int
    hour: bool
    share: float = 1.0
    wanted: float = 0.0


def study_seconds(paces: Paces, trials: int, epochs: int) -> float:
    """Return the seconds of a study in which every trial and the final model train all epochs.

    A trial costs the mean of the smallest and the largest network; what each worker compiles is counted once a
    structure.

    Args:
        paces: what was measured.
        trials: at least 1.
        epochs: of each trial, at least 1.
    """
    ends = (paces.smallest, paces.largest)
    epoch = sum(end.later for end in ends) / 2
    compile_once = max(0.0, sum(end.first - end.later for end in ends) / 2)
    each = trials / min(paces.workers, trials)
    return START + compile_once * min(STRUCTURES, each) + epoch * epochs * (each + 1)


def fit_budget(paces: Paces, epochs: int) -> Budget:
    """Return the trials and epochs that fit into an hour; fewer trials first, then fewer epochs, then a time limit.

    Args:
        paces: what was measured.
        epochs: the most that the study would want.
    """
    fewer = min(epochs, FEWEST_EPOCHS)
    tries = (
        (TRIALS, epochs),
        (FEWER_TRIALS, epochs),
        (FEWER_TRIALS, max(fewer, epochs // 2)),
        (FEWER_TRIALS, fewer),
        (FEWEST_TRIALS, fewer),
    )
    for trials, most in tries:
        seconds = study_seconds(paces, trials, most)
        if seconds <= HOUR:
            break
    wanted = study_seconds(paces, TRIALS, epochs)
    return Budget(trials, most, seconds, paces.workers, seconds > HOUR, paces.share, wanted)
