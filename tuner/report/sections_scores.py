"""The section on predictions in detail, by task, and the one on the final model."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from tuner.model.heads import EVEN, Head
from tuner.records import Final
from tuner.report import charts_scores
from tuner.report.collect import Predictions, Report
from tuner.report.document import Block, Callout, Note, Paragraph, Section, Table
from tuner.report.tables import (
    ClassRow,
    calibration,
    class_table,
    confusion,
    label_table,
    residual_summary,
    roc_points,
)
from tuner.report.wording import counted, number, params, percent, with_bounds
from tuner.tasks import Task

MOST_CLASSES = 200
MOST_CONFUSIONS = 20
_KINDS = {
    "refit": "the winner's parameters, trained once on all rows of the search",
    "folds": "the winner's networks of all folds, whose outputs are averaged",
    "ensemble": "several trials, each trained on all rows of the search, whose outputs are averaged by weight",
}


def predictions(report: Report) -> Section | None:
    """Return how good predictions are in detail; None where there are none."""
    found = report.predictions
    if found is None:
        return None
    title = "Predictions for held-out rows" if found.held_out else "Out-of-fold predictions"
    return Section("predictions", title, (*_origin(report, found), *_details(report, found)))


def _origin(report: Report, found: Predictions) -> Iterator[Block]:
    if found.held_out:
        yield Paragraph(
            f"Computed from the final model's predictions for {counted(len(found.rows), 'held-out row')}, "
            "which no trial saw."
        )
        return
    assert report.winner is not None
    why = (
        "No rows were held out"
        if not len(report.study.test_rows)
        else "The held-out rows were not looked at yet"
    )
    yield Callout(
        f"{why}: this is computed from the out-of-fold predictions of trial {report.winner.number}, each row "
        "predicted by a network that was not trained on it. The trial was chosen for them, so they look a little "
        "better than they are."
    )
    if report.study.problem.n_repeats > 1:
        yield Note("The predictions of the repeats of cross-validation are averaged row by row.")


def deciding_head(report: Report) -> Head:
    """Return what decides labels from outputs: with the final model's thresholds, once there is one."""
    head = report.study.problem.head
    return head if report.final is None else replace(head, thresholds=report.final.thresholds)


def _threshold_note(report: Report) -> Iterator[Block]:
    """Yield the probabilities above which labels are given, where they are not one half."""
    thresholds = deciding_head(report).thresholds
    metric = report.study.problem.threshold_metric
    if thresholds == EVEN and metric is None:
        return
    listed = ", ".join(map(number, thresholds[:MOST_CLASSES]))
    why = f"; chosen by {metric} on out-of-fold predictions of rows of the search" if metric else ""
    if len(thresholds) == 1:
        yield Note(f"A row is called positive where its probability is above {listed}{why}.")
    else:
        yield Note(
            f"A label is given where its probability is above, in the order of the labels: {listed}{why}."
        )


def _details(report: Report, found: Predictions) -> Iterator[Block]:
    task = report.study.dataset.task
    if task is Task.REGRESSION:
        yield from _regression(report, found)
    elif task is Task.MULTILABEL:
        yield from _multilabel(report, found)
    else:
        yield from _classes(report, found)


def _classes(report: Report, found: Predictions) -> Iterator[Block]:
    dataset = report.study.dataset
    names, labels = dataset.classes, deciding_head(report).decode(found.outputs)
    counts = confusion(found.target, labels, len(names))
    yield from _threshold_note(report)
    if len(names) <= charts_scores.MOST_CELLS:
        yield charts_scores.confusion_picture(counts, names)
    else:
        yield _top_confusions(counts, names)
    yield _class_rows(found.target, labels, names, found.outputs)
    if dataset.task is Task.BINARY:
        chances = found.outputs[:, 0]
        what = f"the chance of {names[1]}"
        one = [(names[1], (found.target == 1).astype(int), chances)]
        drawn, left_out = _with_both(one)
        reliability = calibration((found.target == 1).astype(int), chances)
    else:
        each = [(name, (found.target == k).astype(int), found.outputs[:, k]) for k, name in enumerate(names)]
        drawn, left_out = _with_both(each)
        what = "the chance of the most probable class"
        reliability = charts_scores.top_label_calibration(found.target, found.outputs)
    curves = charts_scores.curves_picture(drawn, left_out)
    if curves is not None:
        yield curves
    yield charts_scores.calibration_picture(reliability, what)


def _class_rows(target: np.ndarray, labels: np.ndarray, names: Sequence[str], outputs: np.ndarray) -> Table:
    """Return how each class is predicted; with several columns of outputs also its AUC against the rest."""
    rows = class_table(target, labels, names)
    several = outputs.shape[1] > 1
    lines = tuple(
        _cells(row, *([roc_points(target == k, outputs[:, k]).area] if several else []))
        for k, row in enumerate(rows[:MOST_CLASSES])
    )
    title = "Scores by class" + (f" (the first {MOST_CLASSES})" if len(rows) > MOST_CLASSES else "")
    heads = ("class", "precision", "recall", "F1", *["ROC AUC"] * several, "rows", "predicted")
    return Table(title, heads, lines, frozenset(range(1, len(heads))), folded=len(lines) > 20)


def _cells(row: ClassRow, *areas: float) -> tuple[str, ...]:
    """Return a class's or label's line of a table: its rates, what follows them, and its rows."""
    rates = map(number, (row.precision, row.recall, row.f1, *areas))
    return row.name, *rates, f"{row.support:,}", f"{row.predicted:,}"


def _top_confusions(counts: np.ndarray, names: Sequence[str]) -> Table:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    totals = counts.sum(axis=1)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    places = [divmod(int(place), len(names)) for place in order]
    rows = tuple(
        (names[i], names[j], f"{wrong[i, j]:,}", percent(wrong[i, j] / totals[i]))
        for i, j in places
        if wrong[i, j]
    )
    title = f"The most frequent confusions of {len(names)} classes"
    return Table(title, ("true", "predicted", "rows", "share of the class"), rows, frozenset({2, 3}))


def _with_both(
    classes: Sequence[tuple[str, np.ndarray, np.ndarray]],
) -> tuple[list[tuple[str, np.ndarray, np.ndarray]], int]:
    """Return the classes to draw, those with the lowest AUC if they are many, and how many are left out."""
    usable = [each for each in classes if 0 < each[1].sum() < len(each[1])]
    if len(usable) <= charts_scores.MOST_CURVES:
        return usable, 0
    hardest = sorted(usable, key=lambda each: roc_points(each[1], each[2]).area)[: charts_scores.MOST_CURVES]
    return hardest, len(usable) - len(hardest)


def _multilabel(report: Report, found: Predictions) -> Iterator[Block]:
    names = report.study.dataset.target_names
    yield from _threshold_note(report)
    rows = label_table(found.target, found.outputs, names, np.array(deciding_head(report).thresholds))
    lines = tuple(_cells(row.given, row.roc_auc, row.average_precision) for row in rows[:MOST_CLASSES])
    heads = ("label", "precision", "recall", "F1", "ROC AUC", "average precision", "rows", "predicted")
    yield Table("Scores by label", heads, lines, frozenset(range(1, 8)), folded=len(lines) > 30)
    each = [(name, found.target[:, k].astype(int), found.outputs[:, k]) for k, name in enumerate(names)]
    curves = charts_scores.curves_picture(*_with_both(each))
    if curves is not None:
        yield curves
    reliability = calibration(found.target.reshape(-1).astype(int), found.outputs.reshape(-1))
    yield charts_scores.calibration_picture(reliability, "the chance of a label")


def _regression(report: Report, found: Predictions) -> Iterator[Block]:
    names = report.study.dataset.target_names
    target = found.target.reshape(len(found.target), -1)
    rows = residual_summary(target, found.outputs, names)
    yield charts_scores.residuals_picture(target, found.outputs, names)
    quantiles = sorted(rows[0].quantiles)
    lines = tuple(
        (
            row.name,
            *map(number, (row.rmse, row.mae, row.r2, row.bias, row.skew)),
            *(number(row.quantiles[each]) for each in quantiles),
        )
        for row in rows
    )
    heads = (
        "target",
        "RMSE",
        "MAE",
        "R²",
        "mean residual",
        "skew",
        *(f"{percent(each)} quantile" for each in quantiles),
    )
    yield Table("Residuals", heads, lines, frozenset(range(1, len(heads))), folded=len(lines) > 20)
    yield Note("A residual is the prediction minus the truth; quantiles are those of the residuals.")


def final_model(report: Report) -> Section:
    """Return what the final model is, and its scores."""
    final = report.final
    if final is None:
        told = Callout(
            "There is no final model yet. It is made when the study has its trials: "
            f"tune run {report.study.config.path}"
        )
        return Section("model", "Final model", (told,))
    return Section("model", "Final model", tuple(_final(report, final)))


def _final(report: Report, final: Final) -> Iterator[Block]:
    yield Paragraph(f"A model of kind {final.kind}: {_KINDS.get(final.kind, 'see the model folder')}.")
    if report.winner is not None and report.winner.number not in {member.trial for member in final.members}:
        yield Callout("The winner is no member of it, since trials were added after it was made.", "caution")
    members = tuple(
        (f"trial {each.trial}", percent(each.weight), ", ".join(map(str, each.epochs)), params(each.params))
        for each in final.members
    )
    yield Table("Members", ("member", "weight", "epochs", "parameters"), members, frozenset({1}))
    scored = tuple(
        (name, with_bounds(score), _or_blank(final.train_scores.get(name)))
        for name, score in final.scores.items()
    )
    if scored:
        heads = ("metric", f"held-out rows ({final.rows:,})", "rows it was trained on")
        yield Table("Scores of the final model", heads, scored, frozenset({1, 2}))
        if final.earlier:
            yield _scores_before(final)
        times = "once" if final.looks == 1 else f"{final.looks} times, so they are no longer quite untouched"
        yield Note(
            f"In brackets: 95 % percentile bootstrap over held-out rows. The held-out rows were scored {times}."
        )
    else:
        yield Paragraph("No rows were held out, so the model has no score of its own.")
    yield Note(f"Made {final.created}; in runs/{report.study.config.name}/model.")


def _scores_before(final: Final) -> Table:
    """Return what the held-out rows said of the study's other final models."""
    heads = ("model", "trials", *final.scores)
    lines = tuple(
        (
            each.kind,
            ", ".join(str(member.trial) for member in each.members),
            *(with_bounds(each.scores[metric]) for metric in final.scores),
        )
        for each in final.earlier
    )
    numbers = frozenset(range(2, len(heads)))
    return Table("Scores of earlier final models on the same rows", heads, lines, numbers)


def _or_blank(value: float | None) -> str:
    return "" if value is None else number(value)
