"""The results of a study as an object: trials as a table, scores, charts, the model."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from os.path import relpath
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from tuner.api.table_html import html_rows
from tuner.conclude.exported import export_study
from tuner.conclude.final_model import MODEL_FOLDER
from tuner.config.study_file import StudyConfig
from tuner.errors import TunerError
from tuner.export.folder import SavedModel, load_model
from tuner.header import check_unchanged
from tuner.records import Interval, Params, State, TrialResult
from tuner.report import charts_front, charts_search, charts_space, charts_trials
from tuner.report.chart import Picture
from tuner.report.collect import Report, collect
from tuner.report.publish import publish_report
from tuner.report.wording import counted, number, params, score_of, with_bounds
from tuner.report.write import report_study
from tuner.search.storage import StudyStore
from tuner.study import open_study
from tuner.summary import StudySummary, read_summary


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A report that was written; a notebook shows it as a link.

    Attributes:
        page: the HTML file.
        text: the same in Markdown.
    """

    page: Path
    text: Path

    def __fspath__(self) -> str:
        return str(self.page)

    def _repr_html_(self) -> str:
        return _link(self.page)


class TunedStudy:
    """What a study has come to, as it stood when it was opened; nothing is trained to look at it.

    Args:
        config: its study file.

    Attributes:
        config: the study file.
        summary: its trials as they are recorded.

    Raises:
        TunerError: the study was not run yet.
    """

    def __init__(self, config: StudyConfig) -> None:
        self.config = config
        self.summary: StudySummary = read_summary(config)

    @property
    def name(self) -> str:
        """The study's name."""
        return self.config.name

    @property
    def path(self) -> Path:
        """The study file, which the ``tune`` commands take."""
        return self.config.path

    @property
    def folder(self) -> Path:
        """Where its records lie."""
        return self.config.runs_folder

    @property
    def trials(self) -> pd.DataFrame:
        """One row for each trial that has ended, by its number.

        Columns: ``state``, each objective with its standard deviation over folds (``<objective> std``), the metrics
        beside it, ``best_epoch``, ``epochs``, ``seconds``, ``parameters`` (weights), ``reason`` of a failure, and
        ``param_<name>`` for each parameter, missing where a trial has none of that name.
        """
        results = [self.summary.results[trial] for trial in sorted(self.summary.results)]
        rows = [{**_scores(self.summary, result), **_params(result.params)} for result in results]
        index = pd.Index([result.number for result in results], name="trial")
        frame = pd.DataFrame(rows, index=index)
        named = [name for name in frame.columns if not name.startswith("param_")]
        return frame[[*named, *(name for name in frame.columns if name.startswith("param_"))]]

    @property
    def best_trial(self) -> TrialResult:
        """The best complete trial; of several objectives, by the first.

        Raises:
            TunerError: no trial is complete.
        """
        if self.summary.best is None:
            failed = [each for each in self.summary.results.values() if each.state is State.FAILED]
            why = (
                f"; trial {failed[0].number} failed: {failed[0].message or failed[0].reason}"
                if failed
                else ""
            )
            raise TunerError(f"{self.path}: no trial completed{why}")
        return self.summary.best

    @property
    def best_params(self) -> dict[str, Any]:
        """The best trial's parameters."""
        return dict(self.best_trial.params)

    @property
    def best_score(self) -> float:
        """The best trial's mean over folds; optimistic, since it was chosen for being the best: see ``corrected``."""
        return self.best_trial.values[0]

    @property
    def default_score(self) -> float | None:
        """The score of the default configuration, trial 0; None where it has none."""
        default = self.summary.results.get(0)
        return default.values[0] if default is not None and default.state is State.COMPLETE else None

    @property
    def corrected(self) -> Interval | None:
        """What to expect of new rows: the best score, corrected for the choice; None for a study not at its end."""
        return self.summary.corrected

    @property
    def held_out(self) -> Mapping[str, Interval]:
        """Metric -> score of the final model on the held-out rows; empty where there are none, or no model yet."""
        return {} if self.summary.final is None else self.summary.final.scores

    @cached_property
    def model(self) -> SavedModel:
        """The final model, which predicts without TensorFlow.

        Raises:
            TunerError: there is none yet; ``export`` trains the best trial's.
        """
        if self.summary.final is None:
            raise TunerError(
                f"{self.path}: has no final model yet, since it is not at its end; run it again, or export(FOLDER) the "
                "best trial's"
            )
        return load_model(self.folder / MODEL_FOLDER)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the final model's predictions for a table; see ``SavedModel.predict``."""
        return self.model.predict(frame)

    def export(self, folder: str | Path, *, trial: int | None = None) -> Path:
        """Put a model into a folder of its own; trains in this process where it has to.

        Args:
            folder: missing, empty, or a model folder.
            trial: whose model it is to be; None for the final one, or the best trial's while there is none.
        """
        return export_study(self.config, trial=trial, folder=Path(folder)).folder

    def report(self, page: str | Path | None = None) -> ReportPage:
        """Write the report; trains nothing.

        Args:
            page: the HTML file; None for ``report.html`` among the records.
        """
        written = report_study(self.config, None if page is None else Path(page))
        publish_report(self.config, written)
        return ReportPage(written.page, written.text)

    def plot_history(self) -> Any:
        """Return a Plotly figure: the scores by trial, with the best so far."""
        return self._figures(charts_search.history, "a trial that is complete")[0]

    def plot_importance(self) -> Any:
        """Return a Plotly figure: how much each parameter mattered.

        Raises:
            TunerError: there are too few trials to tell.
        """
        return self._figures(charts_search.importance, "ten complete trials whose scores differ")[0]

    def plot_parallel(self) -> Any:
        """Return a Plotly figure: each trial as a line across its parameters.

        Raises:
            TunerError: there are too few trials, or parameters.
        """
        return self._figures(charts_space.parallel, "three complete trials and two searched parameters")[0]

    def plot_slices(self) -> list[Any]:
        """Return a Plotly figure for each parameter: the scores by its values.

        Raises:
            TunerError: no trial is complete, or nothing was searched.
        """
        return self._figures(charts_space.slices, "two complete trials and a searched parameter")

    def plot_learning(self) -> list[Any]:
        """Return a Plotly figure for each of the best trials and the default one: its losses by epoch.

        Raises:
            TunerError: no trial is complete.
        """
        return self._figures(charts_trials.losses, "a trial that is complete")

    def plot_front(self) -> Any:
        """Return a Plotly figure of the first two of several objectives, with the Pareto front.

        Raises:
            TunerError: the study has one objective.
        """
        return self._figures(charts_front.pareto, "several objectives and a trial that is complete")[0]

    def scikeras(self) -> Any:
        """Return the winner as a SciKeras estimator that is not fitted; see ``tuner.api.winner.winner_estimator``.

        Raises:
            TunerError: no trial is complete.
        """
        from tuner.api.winner import winner_estimator

        best = self.best_trial
        return winner_estimator(best.params, best.best_epoch or 1, self.summary.about["task"])

    @cached_property
    def _report(self) -> Report:
        with closing(StudyStore(self.config.runs_folder, self.config.name, self.config.database)) as store:
            study = open_study(self.config)
            check_unchanged(study, store.header())
            return collect(study, store)

    def _figures(self, draw: Callable[[Report], Picture | None], needed: str) -> list[Any]:
        """Return the figures of a picture; ``needed`` is what it cannot be drawn without."""
        from tuner.report.plotly_figures import plotly_figure

        picture = draw(self._report)
        if picture is None:
            complete = counted(self.summary.count(State.COMPLETE), "complete trial")
            raise TunerError(f"{self.path}: this picture needs {needed}; the study has {complete}")
        return [plotly_figure(chart) for chart in picture.charts]

    def __repr__(self) -> str:
        best = self.summary.best
        score = "no trial completed" if best is None else f"{self.summary.objective} {score_of(best)}"
        return f"TunedStudy({str(self.path)!r}: {len(self.summary.results)} trials, {score})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the scores that count, and a link to the report once it is written."""
        summary, best = self.summary, self.summary.best
        rows = [("study", f"{self.name}: {len(summary.results)} trials")]
        if best is not None:
            rows += [(f"best {summary.objective}", f"{score_of(best)} (trial {best.number})")]
            rows += [("parameters", params(best.params))]
        if self.corrected is not None:
            rows += [("to be expected of new rows", with_bounds(self.corrected))]
        if self.default_score is not None:
            rows += [("default (trial 0)", number(self.default_score))]
        if summary.objective in self.held_out:
            rows += [("held-out rows", with_bounds(self.held_out[summary.objective]))]
        page = self.folder / "report.html"
        return html_rows(rows) + (_link(page) if page.is_file() else "")


def _scores(summary: StudySummary, result: TrialResult) -> dict[str, Any]:
    """Return a trial's row of the table but for its parameters."""
    row: dict[str, Any] = {"state": result.state.value}
    for place, objective in enumerate(summary.objectives):
        scored = bool(result.values)
        row[objective.name] = result.values[place] if scored else np.nan
        row[f"{objective.name} std"] = float(np.std(result.fold_values[place])) if scored else np.nan
    row |= {name: value for name, value in (result.metrics or {}).items() if name not in row}
    row |= {"best_epoch": result.best_epoch, "epochs": result.epochs, "seconds": result.seconds}
    return row | {
        "parameters": result.parameters,
        "reason": None if result.reason is None else result.reason.value,
    }


def _params(values: Params) -> dict[str, Any]:
    return {f"param_{name}": value for name, value in values.items()}


def _link(page: Path) -> str:
    """Return a link to a file as seen from the working directory, which is where a notebook lies."""
    place = quote(relpath(page).replace("\\", "/"))
    return f'<a href="{place}" target="_blank" rel="noopener">report</a>'
