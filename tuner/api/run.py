"""Studies from Python: run a study file, search with a table in memory, or open what was run."""

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from tuner import run
from tuner.api.tuned_study import TunedStudy
from tuner.api.written import merged, space_given, write_study
from tuner.config.study_file import StudyConfig, load_config
from tuner.errors import TunerError
from tuner.executors.choice import local_workers
from tuner.options import parse_timeout
from tuner.records import Glimpse, TrialResult
from tuner.run import Closed, Event, Note, Opened
from tuner.view.cell import Cell
from tuner.view.progress import Bar, Lines, Silent, View

Callback = Callable[[TrialResult], object]
"""Called with each trial that has ended; what it returns is not looked at. It may raise ``StopSearch``."""


class StopSearch(Exception):  # noqa: N818 (it says what to do, as StopIteration does)
    """Raised in a callback: the search ends here, and the same call goes on with it another time."""


def run_study(
    study: str | Path,
    *,
    trials: int | None = None,
    timeout: str | None = None,
    workers: int | None = 1,
    fresh: bool = False,
    origin: str | Path | None = None,
    callback: Callback | None = None,
    show: bool = True,
) -> TunedStudy:
    """Run a study file, or continue what is unfinished: what ``tune run`` does.

    Args:
        study: the study file.
        trials: how many trials the study is to have; None for the number in the file.
        timeout: no trial starts after this, such as ``10m``; None for what the file says.
        workers: processes that train; 1 is this process itself, None as many as there are cores. The result is the
            same.
        fresh: whether to start anew; the old records are kept under a dated name.
        origin: the file of another study, whose best configurations are tried first.
        callback: called with each trial that has ended.
        show: whether progress is shown, on standard error or in the notebook.

    Raises:
        TunerError: the study cannot be run as it is.
        KeyboardInterrupt: the search was interrupted; what is recorded is kept.
    """
    config = load_config(study)
    return search(
        config,
        trials=trials,
        timeout=parse_timeout(timeout, "timeout"),
        workers=workers,
        fresh=fresh,
        origin=None if origin is None else Path(origin),
        callback=callback,
        show=show,
    )


def search_table(
    table: pd.DataFrame,
    target: str | int | Sequence[str | int],
    *,
    name: str,
    folder: str | Path = ".",
    search_space: str | Mapping[str, Any] = "mlp",
    objective: str | Sequence[str] = "auto",
    trials: int = 50,
    seed: int = 7,
    settings: Mapping[str, Any] | None = None,
    workers: int | None = 1,
    fresh: bool = False,
    callback: Callback | None = None,
    show: bool = True,
) -> TunedStudy:
    """Search for the best network for a table in memory.

    The table and a study file are written to ``<folder>/studies``, the records go to ``<folder>/runs/<name>``: the
    study is one like any other, which ``tune show``, ``report``, ``verify`` and ``export`` know. The same call goes on
    with it.

    Args:
        table: all columns, the target among them.
        target: the column to predict, or a list of columns; numbers where the columns are numbered.
        name: the study's name.
        folder: where ``studies`` and ``runs`` are, or are made.
        search_space: a name in ``search_spaces/``, a path, or the parameters themselves.
        objective: a metric, or a list of objectives.
        trials: how many trials the study is to have.
        seed: where every random choice comes from.
        settings: all other keys of a study file, by section, such as ``{"cv": {"folds": 3}}``.
        workers: as for ``run_study``.
        fresh: as for ``run_study``; another table may then take the place of the former one.
        callback: as for ``run_study``.
        show: as for ``run_study``.

    Raises:
        TunerError: the table, the target or a setting cannot be used.
        KeyboardInterrupt: the search was interrupted; what is recorded is kept.
    """
    if not isinstance(table, pd.DataFrame):
        raise TunerError(
            f"table: a {type(table).__name__} is not a DataFrame; make one: pandas.DataFrame(...)"
        )
    given = {
        "data": {"target": _names(target, table)},
        "search_space": space_given(search_space),
        "objective": objective,
        "search": {"trials": trials, "seed": seed},
    }
    path = write_study(Path(folder), name, table, merged(given, settings or {}), fresh=fresh)
    config = load_config(path)
    return search(config, workers=workers, fresh=fresh, callback=callback, show=show)


def _names(target: Any, table: pd.DataFrame) -> Any:
    """Return the target's columns as a study file has them: the text of each name."""
    if isinstance(target, Hashable) and target in table.columns:
        return str(target)
    if isinstance(target, list | tuple | pd.Index):
        return [str(name) for name in target]
    return target


def load_study(study: str | Path) -> TunedStudy:
    """Open the records of a study that was run.

    Args:
        study: its study file.

    Raises:
        TunerError: the study file is not right, or the study was not run yet.
    """
    return TunedStudy(load_config(study))


def search(
    config: StudyConfig,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    workers: int | None = 1,
    fresh: bool = False,
    origin: Path | None = None,
    callback: Callback | None = None,
    show: bool = True,
) -> TunedStudy:
    """Run a study whose file was read; see ``run_study``, but ``timeout`` is in seconds."""
    check_at_least_1("trials", trials)
    check_at_least_1("workers", workers)
    if callback is not None and not callable(callback):
        raise TunerError(
            f"callback: {callback!r} is no function; it is called with each trial that has ended"
        )
    executor = None if workers == 1 else local_workers(config, workers)
    events = run.run_study(
        config, trials=trials, timeout=timeout, fresh=fresh, origin=origin, executor=executor
    )
    with closing(events):
        quiet = not show
        console = Console(stderr=True, quiet=quiet, highlight=False, markup=False, soft_wrap=True)
        _follow(events, callback, console)
    return TunedStudy(config)


def check_at_least_1(name: str, value: int | None) -> None:
    """Raise ``TunerError`` where an argument is neither None nor a whole number of at least 1."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise TunerError(f"{name}: {value!r} is not a whole number of at least 1")


def _follow(events: Generator[Event], callback: Callback | None, console: Console) -> None:
    """Show a run and call back, to its end."""
    view: View = Silent()
    try:
        for event in events:
            if isinstance(event, Opened):
                view = _view(event, console)
            elif isinstance(event, TrialResult):
                view.ended(event)
                if callback is not None:
                    callback(event)
            elif isinstance(event, Glimpse):
                view.glimpsed(event)
            elif isinstance(event, Note):
                console.print(event.text)
            elif isinstance(event, Closed) and event.interrupted:
                raise KeyboardInterrupt
    except StopSearch:
        _end(events)
    except Exception:
        _end(events)
        raise
    finally:
        view.stop()


def _end(events: Generator[Event]) -> None:
    """Have a run end as by Ctrl-C, so that all is recorded and told; one that has ended already stays as it is."""
    try:
        events.throw(KeyboardInterrupt)
    except (StopIteration, KeyboardInterrupt):
        return


def _view(opened: Opened, console: Console) -> View:
    if console.quiet:
        return Silent()
    if console.is_jupyter:
        return Cell(opened)
    if console.is_terminal:
        return Bar(opened, console)
    return Lines(opened, console.print)
