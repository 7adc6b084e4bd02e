"""Trains the smallest and the largest network of a study for a few epochs, to say how long the study will take."""

import time

from tuner.engines.choice import make_engine
from tuner.executors.machine import usable_cores
from tuner.init.budget import Pace, Paces
from tuner.model.network import MODELS
from tuner.records import Params
from tuner.seeds import derive
from tuner.study import Study
from tuner.trial import prepare

EPOCHS = 4
LONGEST = 20.0
"""Seconds; no further epoch begins after it."""


def measure(study: Study) -> Paces:
    """Return what an epoch costs on this machine; a worker trains with one thread, and so does this process.

    Raises:
        TunerError: a network cannot be trained.
    """
    space = study.config.space
    workers = min(usable_cores(), study.config.search.window)
    return Paces(_pace(study, space.smallest()), _pace(study, space.largest()), workers)


def _pace(study: Study, params: Params) -> Pace:
    problem = study.problem
    folds = [fold.data for fold in prepare(problem, params)]
    network = MODELS[problem.model].plan(params)
    engine, seed = make_engine(problem.engine), derive(problem.seed, "measure")
    epochs = engine.train(network, problem.head, problem.loss, folds, epochs=EPOCHS, seed=seed)
    seconds: list[float] = []
    begun = before = time.perf_counter()
    for _ in epochs:
        now = time.perf_counter()
        seconds.append(now - before)
        before = now
        if now - begun > LONGEST:
            break
    epochs.close()
    later = sorted(seconds[1:]) or seconds
    return Pace(first=seconds[0], later=later[len(later) // 2])
