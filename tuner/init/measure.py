"""Trains the smallest and the largest network of a study for a few epochs, to say how long the study will take."""

from tuner.errors import TunerError
from tuner.executors.machine import usable_cores
from tuner.init.budget import Pace, Paces
from tuner.prepared import prepare
from tuner.records import Params, Reason, TrialResult
from tuner.search.pruning import Bar
from tuner.study import Study
from tuner.trial import TrialTask, evaluate

EPOCHS = 16
"""Epochs of the second training; a few of them may run as one call of a program."""

LONGEST = 10.0
"""Seconds that the second training takes at most, as far as the first one tells."""


def measure(study: Study) -> Paces:
    """Return what an epoch costs on this machine, as a trial trains and scores it; a worker has one thread, too.

    Raises:
        TunerError: a network cannot be trained.
    """
    space = study.config.space
    prepare(study.problem, space.default())  # A worker prepares rows once, not for each trial.
    workers = min(usable_cores(), study.config.search.window)
    return Paces(_pace(study, space.smallest()), _pace(study, space.largest()), workers)


def _pace(study: Study, params: Params) -> Pace:
    first = _train(study, params, 1).seconds
    again = _train(study, params, max(1, min(EPOCHS, int(LONGEST / max(first, 1e-3)))))
    return Pace(first=first, later=again.seconds / again.epochs)


def _train(study: Study, params: Params, epochs: int) -> TrialResult:
    """Return a trial of so many epochs, or fewer where its loss stops being finite or better."""
    bar = Bar({}, maximize=study.direction == "maximize")
    result = evaluate(TrialTask(study.problem, 0, {**params, "epochs": epochs}, bar))
    if result.reason is Reason.ERROR or not result.epochs:
        raise TunerError(f"{study.dataset.place}: a network cannot be trained on it: {result.message}")
    return result
