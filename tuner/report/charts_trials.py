"""Pictures of the best trials: how they learned, and their scores fold by fold."""

import math
from collections.abc import Iterator

import numpy as np

from tuner.records import TrialResult
from tuner.report.chart import Axis, Band, Chart, Line, Mark, Picture, Points, Rule, Tone, whole_axis
from tuner.report.charts_search import score_range
from tuner.report.collect import Report
from tuner.report.wording import counted, number

_TRAIN, _VALIDATION = Tone.SECOND, Tone.MAIN
_MOST_FOLD_LINES = 10
"""With more folds than this their lines would be a tangle."""


def losses(report: Report) -> Picture | None:
    """Return the training and validation loss of the best trials by epoch; None where no curves are kept."""
    shown = [result for result in report.shown if result.curves and "train_loss" in result.curves]
    if not shown:
        return None
    charts = tuple(_loss_chart(result, _title(report, result)) for result in shown)
    told = "; ".join(
        f"trial {result.number} ends at a training loss of {number(_mean(result, 'train_loss')[-1])} and a validation "
        f"loss of {number(_mean(result, 'val_loss')[-1])}"
        for result in shown
    )
    note = (
        "Thin lines are folds, thick ones their mean, the dashed line is the epoch that the score was taken at. The "
        "training loss is measured while the network learns, with dropout on, so it may lie above the validation loss."
    )
    return Picture(
        "losses", "Learning curves of the best trials", f"Line charts of losses; {told}.", note, charts
    )


def scores_by_epoch(report: Report) -> Picture | None:
    """Return the objective of the best trials by epoch, the mean over folds."""
    shown = [result for result in report.shown if len(result.curve) > 1]
    if not shown:
        return None
    marks: list[Mark] = []
    marked: list[float] = []
    tones = (Tone.SECOND, Tone.MAIN, Tone.THIRD, Tone.QUIET)
    for result, tone in zip(shown, tones, strict=False):
        epochs = tuple(float(epoch) for epoch in range(1, len(result.curve) + 1))
        marks.append(Line(_title(report, result), epochs, tuple(result.curve), tone=tone))
        if result.best_epoch is not None:
            at = (float(result.best_epoch),), (result.curve[result.best_epoch - 1],)
            marked += at[1]
            marks.append(Points("", *at, (f"best epoch of trial {result.number}",), tone))
    objective = report.summary.objective
    values = [value for result in shown for value in result.curve if math.isfinite(value)]
    span = score_range(values, maximize=report.summary.maximize)
    low, high = min([span.low, *marked]), max([span.high, *marked])
    outside = sum(not low <= value <= high for value in values)
    epochs_axis = whole_axis("epoch", 1, max(len(each.curve) for each in shown))
    chart = Chart("", epochs_axis, Axis(objective, low=low, high=high), tuple(marks), 320)
    told = "; ".join(f"trial {result.number} reaches {number(result.values[0])}" for result in shown)
    note = "The mean over folds; a point marks the epoch that the score was taken at."
    if outside:
        note += f" {counted(outside, 'much worse value')} beyond the edge."
    return Picture("epochs", f"{objective} by epoch", f"Line chart; {told}.", note, (chart,))


def folds(report: Report) -> Picture | None:
    """Return the scores of winner, runner-up and default fold by fold; None where there is one trial only."""
    winner = report.winner
    if winner is None or not report.rivalries:
        return None
    trials = [("winner", winner)]
    for rivalry in report.rivalries:
        trials.append((rivalry.second_name.removeprefix("the "), report.summary.results[rivalry.second]))
    marks: list[Mark] = []
    tones = {"winner": Tone.SECOND, "default": Tone.QUIET, "runner-up": Tone.MAIN}
    for name, result in trials:
        values = result.fold_values[0]
        x = tuple(float(fold) for fold in range(len(values)))
        labels = tuple(
            f"trial {result.number}, fold {fold}: {number(value)}" for fold, value in enumerate(values)
        )
        marks.append(Line("", x, values, labels, tones[name], width=1.2, opacity=0.5))
        marks.append(Points(f"{name} (trial {result.number})", x, values, labels, tones[name]))
    objective = report.summary.objective
    chart = Chart(
        "", whole_axis("fold", 0, len(winner.fold_values[0]) - 1), Axis(objective), tuple(marks), 300
    )
    told = "; ".join(
        f"{name}: {', '.join(map(number, result.fold_values[0][:10]))}" for name, result in trials
    )
    note = "All trials are trained and scored on the same folds, so they can be compared fold by fold."
    return Picture("folds", f"{objective} by fold", f"Line chart; {told}.", note, (chart,))


def _title(report: Report, result: TrialResult) -> str:
    ranked = [each.number for each in report.summary.ranked()]
    if result.number == ranked[0]:
        return f"trial {result.number}, the winner"
    if result.number == 0:
        return "trial 0, the default"
    place = ranked.index(result.number)
    return (
        f"trial {result.number}, {('', 'second', 'third')[place]}" if place < 3 else f"trial {result.number}"
    )


def _loss_chart(result: TrialResult, title: str) -> Chart:
    assert result.curves is not None
    marks: list[Mark] = []
    for key, name, tone in (("train_loss", "training", _TRAIN), ("val_loss", "validation", _VALIDATION)):
        by_fold = result.curves[key]
        epochs = tuple(float(epoch) for epoch in range(1, len(by_fold) + 1))
        marks += _fold_marks(by_fold, epochs, name, tone)
        mean = tuple(by_fold.mean(axis=1).tolist())
        labels = tuple(f"epoch {at + 1}, {name}: {number(value)}" for at, value in enumerate(mean))
        marks.append(Line(name, epochs, mean, labels, tone, width=2.6))
    if result.best_epoch is not None:
        marks.append(Rule("", float(result.best_epoch), "x"))
    low, high = _loss_range(result)
    epochs_axis = whole_axis("epoch", 1, len(result.curves["val_loss"]))
    if result.best_epoch is not None:
        title += f"; best epoch {result.best_epoch}"
    return Chart(title, epochs_axis, Axis("loss", low=low, high=high), tuple(marks), 280)


def _fold_marks(by_fold: np.ndarray, epochs: tuple[float, ...], name: str, tone: Tone) -> Iterator[Mark]:
    """Yield a line a fold, or with many folds the area between the least and the greatest of them."""
    if by_fold.shape[1] > _MOST_FOLD_LINES:
        yield Band("", epochs, tuple(by_fold.min(axis=1).tolist()), tuple(by_fold.max(axis=1).tolist()), tone)
        return
    for fold, values in enumerate(by_fold.T.tolist()):
        labels = (f"fold {fold}, {name}",) * len(values)
        yield Line("", epochs, tuple(values), labels, tone, width=1, opacity=0.35)


def _loss_range(result: TrialResult) -> tuple[float, float]:
    """Return the losses to show: all but those of a first epoch that would flatten the rest of the curve."""
    assert result.curves is not None
    both = np.concatenate([result.curves["train_loss"], result.curves["val_loss"]], axis=1)
    finite = both[np.isfinite(both)]
    low, high = float(finite.min()), float(finite.max())
    later = both[1:][np.isfinite(both[1:])]
    if len(later) and high - low > 3 * (float(later.max()) - low) > 0:
        high = low + 1.5 * (float(later.max()) - low)
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - pad, high + pad


def _mean(result: TrialResult, key: str) -> list[float]:
    assert result.curves is not None
    means: list[float] = result.curves[key].mean(axis=1).tolist()
    return means
