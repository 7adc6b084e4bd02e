"""A worker: a process that keeps TensorFlow loaded and evaluates one trial after the other.

It is started as ``python -m tuner.worker CONNECTION LIFELINE ENGINE`` with two inherited file descriptors. It knows
neither the study nor its records: a task comes in over the connection, a result goes back.
"""

import os
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection

from tuner.records import Params
from tuner.search.pruning import Bar

READY = "ready"
"""What a worker says once its engine is loaded."""


@dataclass(frozen=True, slots=True)
class Order:
    """A trial to evaluate, for the problem that was sent last.

    Attributes:
        number: the trial's number.
        params: what it tries.
        bar: what its curve must reach.
    """

    number: int
    params: Params
    bar: Bar


def main() -> None:
    """Serve until the driver closes the connection; end at once when the driver's process ends."""
    connection, lifeline = (int(text) for text in sys.argv[1:3])
    threading.Thread(target=_end_with_driver, args=(lifeline,), daemon=True).start()
    serve(Connection(connection), sys.argv[3])


def serve(connection: Connection, engine: str) -> None:
    """Load an engine, say so, then answer each order with its result.

    Args:
        connection: brings a ``Problem``, then orders for it; perhaps another problem later.
        engine: a name in ``ENGINES``.
    """
    from tuner.engines.choice import make_engine
    from tuner.trial import Problem, TrialTask, evaluate

    make_engine(engine)
    connection.send(READY)
    problem: Problem | None = None
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        if isinstance(message, Problem):
            problem = message
            continue
        assert problem is not None, "a worker is sent its problem first"
        connection.send(evaluate(TrialTask(problem, message.number, message.params, message.bar)))


def _end_with_driver(lifeline: int) -> None:
    """Wait for the end of a pipe that the driver never writes to: it comes when the driver's process ends."""
    os.read(lifeline, 1)
    os._exit(0)


if __name__ == "__main__":
    main()
