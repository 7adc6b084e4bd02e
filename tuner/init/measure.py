"""Trains the smallest and the largest network of a study for a few epochs, to say how long the study will take."""

from dataclasses import replace

import numpy as np

from tuner.data.folds import Fold
from tuner.errors import TunerError
from tuner.executors.machine import usable_cores
from tuner.init.budget import Pace, Paces
from tuner.prepared import prepare
from tuner.problem import Problem
from tuner.records import Params, Reason, TrialResult
from tuner.search.pruning import Bar
from tuner.seeds import generator
from tuner.study import Study
from tuner.trial import TrialTask, evaluate

EPOCHS = 16
"""Epochs of the second training; a few of them may run as one call of a program."""

LONGEST = 10.0
"""Seconds that the second training takes at most, as far as the first one tells."""

MOST_NUMBERS = 2_000_000
"""Numbers that enter the networks of a fold in an epoch; of more rows, a random part is trained on."""

FEWEST_INPUTS = 64
"""A row with fewer takes as long: the layers behind them count."""

FEWEST_ROWS = 2_000
FEWEST_OF_A_CLASS = 20
"""Rows of a fold to train on and of those to score on that are kept of a class, if there are so many."""


def measure(study: Study, n_inputs: int) -> Paces:
    """Return what an epoch costs on this machine, as a trial trains and scores it; a worker has one thread, too.

    Where there are many rows, some are trained on, and the time of an epoch is scaled up to all of them.

    Args:
        study: the study.
        n_inputs: about how many numbers of a row enter a network.

    Raises:
        TunerError: a network cannot be trained.
    """
    space, n_rows = study.config.space, len(study.search_rows)
    most = max(FEWEST_ROWS, MOST_NUMBERS // max(n_inputs, FEWEST_INPUTS))
    problem = study.problem if n_rows <= most else thinned(study.problem, most / n_rows)
    share = min(1.0, most / n_rows)
    prepare(problem, space.default())  # A worker prepares rows once, not for each trial.
    bar = Bar({}, maximize=study.direction == "maximize")
    smallest, largest = (_pace(problem, params, bar, share) for params in (space.smallest(), space.largest()))
    return Paces(smallest, largest, min(usable_cores(), study.config.search.window), share)


def thinned(problem: Problem, share: float) -> Problem:
    """Return a problem whose folds have a share of their rows, of each class some; the same ones each time.

    Args:
        problem: what trials share.
        share: above 0, at most 1.
    """
    codes = problem.dataset.target if problem.dataset.classes else None

    def some(rows: np.ndarray, *names: str | int) -> np.ndarray:
        random = generator("init", "measure", *names)
        parts = [rows] if codes is None else [rows[codes[rows] == code] for code in np.unique(codes[rows])]
        fewest = 1 if codes is None else FEWEST_OF_A_CLASS
        kept = [
            random.choice(part, min(len(part), max(fewest, round(share * len(part)))), replace=False)
            for part in parts
        ]
        return np.sort(np.concatenate(kept))

    folds = tuple(
        Fold(fold.number, some(fold.train, fold.number, "train"), some(fold.score, fold.number, "score"))
        for fold in problem.folds
    )
    return replace(problem, folds=folds)


def scaled_up(first: float, later: float, share: float) -> Pace:
    """Return the pace on all rows, where an epoch takes longer and compilation does not.

    Args:
        first: seconds of a trial of one epoch on a share of the rows, compilation included.
        later: seconds of a later epoch on these.
        share: above 0, at most 1.
    """
    return Pace(first=max(0.0, first - later) + later / share, later=later / share)


def _pace(problem: Problem, params: Params, bar: Bar, share: float) -> Pace:
    first = _train(problem, params, bar, 1).seconds
    again = _train(problem, params, bar, max(1, min(EPOCHS, int(LONGEST / max(first, 1e-3)))))
    return scaled_up(first, again.seconds / again.epochs, share)


def _train(problem: Problem, params: Params, bar: Bar, epochs: int) -> TrialResult:
    """Return a trial of so many epochs, or fewer where its loss stops being finite or better."""
    result = evaluate(TrialTask(problem, 0, {**params, "epochs": epochs}, bar))
    if result.reason is Reason.ERROR or not result.epochs:
        place = problem.dataset.place
        raise TunerError(f"{place}: a network cannot be trained on it: {result.message}")
    return result
