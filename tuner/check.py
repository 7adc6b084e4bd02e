"""What ``tune check`` does: put a study together and train one batch of its smallest and its largest network."""

import time
from contextlib import closing
from dataclasses import dataclass

from tuner.config.study_file import StudyConfig
from tuner.constraints import Kept, check_bounds, count_kept
from tuner.engines.base import FoldData, Rows
from tuner.engines.choice import make_engine
from tuner.export.costs import count_weights
from tuner.growth import check_continues
from tuner.own_checks import check_model_runs, sizes_of
from tuner.places import experiment_name, is_tracked, tracking_place
from tuner.prepared import network_of, prepare
from tuner.records import Params
from tuner.search.storage import StudyStore
from tuner.seeds import derive
from tuner.study import Study, check_loss_runs, open_study
from tuner.tracking.mlflow_store import check_reachable


@dataclass(frozen=True, slots=True)
class NetworkCheck:
    """One network that was tried.

    Attributes:
        name: ``smallest`` or ``largest``.
        params: its parameters.
        inputs: columns that enter it.
        parameters: trainable weights.
        seconds: for one batch of every fold, compilation included.
        loss: mean over folds of that batch's loss.
    """

    name: str
    params: Params
    inputs: int
    parameters: int
    seconds: float
    loss: float


@dataclass(frozen=True, slots=True)
class CheckReport:
    """A study that can be run.

    Attributes:
        study: its parts.
        networks: the ends of the search space.
        kept: how many random configurations keep the study's bounds; None where it has none.
        notes: what the user should know of these bounds.
    """

    study: Study
    networks: tuple[NetworkCheck, ...]
    kept: Kept | None = None
    notes: tuple[str, ...] = ()


def check_study(config: StudyConfig) -> CheckReport:
    """Put a study together and train one batch of the smallest and the largest network; writes nothing.

    Raises:
        TunerError: something does not fit, the study's records are of another file or other data, the tracking
            store does not answer, or a network cannot be trained.
    """
    study = open_study(config)
    with closing(StudyStore(config.runs_folder, config.name, config.database)) as store:
        if store.exists:
            tried = {trial.number: trial.params for trial in store.asked_trials()}
            check_continues(study, store.header(), tried)
    if is_tracked(config):
        check_reachable(tracking_place(config)[0], experiment_name(config))
    if study.problem.build is not None:
        make_engine(study.problem.engine)  # so that no other process need load Keras as well
    check_model_runs(study)
    check_loss_runs(study)
    notes = check_bounds(study)
    bounded = study.problem.goals.bounds and study.problem.build is None
    kept = count_kept(study) if bounded else None
    sizes = sizes_of(study)
    ends = (("smallest", config.space.smallest(sizes)), ("largest", config.space.largest(sizes)))
    return CheckReport(study, tuple(_try(study, name, params) for name, params in ends), kept, notes)


def _try(study: Study, name: str, params: Params) -> NetworkCheck:
    problem = study.problem
    engine = make_engine(problem.engine)
    network = network_of(problem, params)
    folds = [_first_batch(fold.data, network.batch_size) for fold in prepare(problem, params)]
    n_inputs = folds[0].train.inputs.shape[1]
    started = time.perf_counter()
    seed = derive(problem.seed, "check")
    epochs = engine.train(network, problem.head, problem.loss, folds, epochs=1, seed=seed)
    loss = float(next(epochs).train_loss.mean())
    epochs.close()
    seconds = time.perf_counter() - started
    parameters = count_weights(network, n_inputs, problem.head)
    return NetworkCheck(name, params, n_inputs, parameters, seconds, loss)


def _first_batch(fold: FoldData, batch_size: int) -> FoldData:
    def first(rows: Rows) -> Rows:
        return Rows(rows.inputs[:batch_size], rows.target[:batch_size], rows.weight[:batch_size])

    watch = first(fold.watch)
    return FoldData(first(fold.train), watch, watch if fold.score is fold.watch else first(fold.score))
