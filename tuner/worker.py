"""A worker: a process that keeps Keras loaded, evaluates one trial after the other, and trains final models.

It is started as ``python -m tuner.worker CONNECTION LIFELINE ENGINE`` with two inherited file descriptors. It knows
neither the study nor its records: a task comes in over the connection, a result goes back, and before it a glimpse now
and then where that takes long.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.errors import TunerError
from tuner.records import Params
from tuner.search.pruning import Bar

if TYPE_CHECKING:  # pandas, which TensorFlow should not have to wait for
    from tuner.final import FinalPlan, Trained
    from tuner.problem import Problem

READY = "ready"
"""What a worker says once its engine is loaded; any other text says why it cannot work."""


@dataclass(frozen=True, slots=True)
class Order:
    """A trial to evaluate, for the problem that was sent last.

    Attributes:
        number: the trial's number.
        params: what it tries.
        bar: what its curve must reach.
        ahead: what the next trials will try, as far as that is known and a core is free to get ready for them.
    """

    number: int
    params: Params
    bar: Bar
    ahead: tuple[Params, ...] = ()


def main() -> None:
    """Serve until the driver closes the connection; end at once when the driver's process ends."""
    connection, lifeline = (int(text) for text in sys.argv[1:3])
    threading.Thread(target=_end_with_driver, args=(lifeline,), daemon=True).start()
    serve(Connection(connection), sys.argv[3])


def serve(connection: Connection, engine: str) -> None:
    """Load an engine, say so, then answer each order with its result, and before it with ``Glimpse``s of a long trial.

    A final model that cannot be trained is answered with the ``TunerError`` that says why.

    Args:
        connection: brings a ``Problem``, then orders and final plans for it; perhaps another problem later.
        engine: the name of an ``EngineChoice``.
    """
    from tuner.engines.choice import make_engine
    from tuner.engines.runtime import missing_gpu, without
    from tuner.problem import Problem
    from tuner.rehearsals import Rehearsals
    from tuner.trial import TrialTask, evaluate

    # This module runs as a program, whose classes are not those of the module that the driver imports.
    from tuner.worker import Order

    try:
        with without("matplotlib"):  # takes half a second, and draws nothing here
            make_engine(engine)
    except TunerError as error:
        connection.send(str(error))
        return
    if (obstacle := missing_gpu()) is not None:
        connection.send(obstacle)
        return
    connection.send(READY)
    problem: Problem | None = None
    rehearsals = Rehearsals()
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        if isinstance(message, Problem):
            problem = message
            continue
        assert problem is not None, "a worker is sent its problem first"
        if isinstance(message, Order):
            rehearsals.expect(problem, message.ahead)
            task = TrialTask(problem, message.number, message.params, message.bar)
            connection.send(evaluate(task, glimpse=connection.send))
        else:
            connection.send(_finish(problem, message))


def _finish(problem: Problem, plan: FinalPlan) -> Trained | TunerError:
    """Return a final model, or why there is none; the worker goes on in any case."""
    from tuner.final import train_final

    try:
        return train_final(problem, plan)
    except TunerError as error:
        return error
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}, line {last.lineno}"
        return TunerError(f"the final model could not be trained: {type(error).__name__}: {error} ({place})")


def _end_with_driver(lifeline: int) -> None:
    """Wait for the end of a pipe that the driver never writes to: it comes when the driver's process ends."""
    os.read(lifeline, 1)
    os._exit(0)


if __name__ == "__main__":
    main()
