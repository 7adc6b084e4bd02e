"""Pictures of predictions: confusion, ROC, precision and recall, calibration, residuals."""

import math
from collections.abc import Sequence

import numpy as np

from tuner.report.chart import Axis, Chart, Heatmap, Line, Mark, Picture, Points, Rule, Tone
from tuner.report.tables import Calibration, Curve, calibration, pr_points, roc_points
from tuner.report.wording import number, percent

MOST_CELLS = 20
"""With more classes than this a confusion matrix is no picture any more; its largest confusions are a table."""
MOST_CURVES = 4
MOST_TARGETS = 6
MOST_DOTS = 800
_LETTER = 8
"""The width of a letter in pixels, for texts of about 11 pixels and a little room."""
_TONES = (Tone.MAIN, Tone.SECOND, Tone.THIRD, Tone.FOURTH)


def confusion_picture(counts: np.ndarray, names: Sequence[str]) -> Picture:
    """Return a confusion matrix as tinted cells.

    Args:
        counts: (n_classes, n_classes) rows by true (first axis) and predicted class.
        names: (n_classes,) the classes.
    """
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    labels = tuple(
        tuple(
            f"{true} predicted as {guess}: {counts[i, j]:,} of {totals[i]:,}" for j, guess in enumerate(names)
        )
        for i, true in enumerate(names)
    )
    roomy = len(names) <= 6
    texts = tuple(
        tuple(_cell(int(counts[i, j]), float(shares[i, j]), roomy=roomy) for j in range(len(names)))
        for i in range(len(names))
    )
    ticks = tuple((float(place), _short(name)) for place, name in enumerate(names))
    size = len(names)
    x = Axis("predicted", ticks=ticks, low=-0.5, high=size - 0.5)
    y = Axis("true", ticks=ticks, low=size - 0.5, high=-0.5)
    cells = Heatmap("rows", tuple(tuple(row) for row in shares.tolist()), texts, labels)
    right = int(np.trace(counts))
    description = (
        f"Confusion matrix; {right:,} of {int(counts.sum()):,} rows are on the diagonal, predicted right."
    )
    note = "Rows of the matrix are true classes; the tint is the share of the row."
    height = 140 + max(36, min(70, 420 // size)) * size
    least, most = _matrix_widths(names, texts)
    return Picture(
        "confusion",
        "Confusion matrix",
        description,
        note,
        (Chart("", x, y, (cells,), height, least, most),),
    )


def _matrix_widths(names: Sequence[str], texts: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return the widths, in pixels, below which the texts of cells would be too small, and that need not be passed."""
    size = len(names)
    longest = max(len(text) for row in texts for text in row)
    margin = 60 + _LETTER * max(len(_short(name)) for name in names)
    most = 220 + max(60, min(170, 900 // size)) * size
    return min(most, margin + max(24, 4 + _LETTER * longest) * size), most


def curves_picture(classes: Sequence[tuple[str, np.ndarray, np.ndarray]], left_out: int) -> Picture | None:
    """Return ROC and precision-recall curves side by side.

    Args:
        classes: name, (n,) 0/1 whether a row has it, and (n,) the chances given to it; each with rows of both kinds.
        left_out: how many classes are not drawn.
    """
    if not classes:
        return None
    roc = [(name, roc_points(positive, chances)) for name, positive, chances in classes]
    pr = [(name, pr_points(positive, chances)) for name, positive, chances in classes]
    diagonal = Line(
        "chance", (0.0, 1.0), (0.0, 1.0), ("chance", "chance"), Tone.QUIET, dashed=True, width=1.2
    )
    roc_marks: list[Mark] = [diagonal, *_curves(roc, "AUC")]
    pr_marks: list[Mark] = [*_curves(pr, "AP")]
    if len(classes) == 1:
        base = float(np.mean(classes[0][1]))
        pr_marks.insert(0, Rule(f"chance {number(base)}", base, "y"))
    charts = (
        Chart(
            "ROC",
            _shares("false positive rate"),
            _shares("true positive rate"),
            tuple(roc_marks),
            360,
        ),
        Chart("Precision and recall", _shares("recall"), _shares("precision"), tuple(pr_marks), 360),
    )
    told = ", ".join(f"{name}: AUC {number(curve.area)}" for name, curve in roc)
    note = "AUC is the area under the ROC curve, AP the average precision."
    if len(classes) > 1:
        note += " Each class against the rest."
    if left_out:
        others = "1 other is" if left_out == 1 else f"{left_out:,} others are"
        note += f" The {len(classes)} with the lowest AUC; {others} not drawn."
    return Picture("roc", "ROC and precision-recall curves", f"Line charts; {told}.", note, charts)


def calibration_picture(found: Calibration, what: str) -> Picture:
    """Return how often predictions of a certain chance came true, beside the chances.

    Args:
        found: the bins.
        what: whose chances they are, such as ``the chance of 'yes'``.
    """
    predicted, observed = _floats(found.predicted), _floats(found.observed)
    labels = tuple(
        f"{count:,} rows: predicted {percent(chance)}, came true {percent(share)}"
        for chance, share, count in zip(predicted, observed, found.counts, strict=True)
    )
    marks: list[Mark] = [
        Line("perfect", (0.0, 1.0), (0.0, 1.0), tone=Tone.QUIET, dashed=True, width=1.2),
        Line("", predicted, observed, labels, Tone.MAIN),
        Points("predictions", predicted, observed, labels, Tone.MAIN),
    ]
    chart = Chart(
        "",
        _shares(f"predicted: {_short(what, 44)}"),
        _shares("share that came true"),
        tuple(marks),
        360,
        most_width=560,
    )
    note = (
        f"Bins of equally many rows. Expected calibration error {number(found.expected_error)}, Brier score "
        f"{number(found.brier)}; 0 is perfect for both."
    )
    description = f"Calibration chart; the expected calibration error is {number(found.expected_error)}."
    return Picture("calibration", "Calibration", description, note, (chart,))


def residuals_picture(target: np.ndarray, outputs: np.ndarray, names: Sequence[str]) -> Picture:
    """Return predictions against truth, and residuals, for each of the first targets.

    Args:
        target: (n, n_targets).
        outputs: (n, n_targets) in the same unit.
        names: (n_targets,).
    """
    chosen = np.unique(np.linspace(0, len(target) - 1, min(len(target), MOST_DOTS)).round().astype(int))
    charts: list[Chart] = []
    for place, name in list(enumerate(names))[:MOST_TARGETS]:
        charts += _residual_charts(target[chosen, place], outputs[chosen, place], name, len(names) > 1)
    errors = np.abs(outputs - target).mean(axis=0)
    told = ", ".join(
        f"{name}: {number(float(error))}" for name, error in zip(names[:6], errors, strict=False)
    )
    note = "A residual is the prediction minus the truth. A perfect prediction lies on the dashed line."
    if len(chosen) < len(target):
        note += f" {len(chosen):,} of {len(target):,} rows, evenly spread."
    if len(names) > MOST_TARGETS:
        note += f" The first {MOST_TARGETS} of {len(names)} targets."
    description = f"Scatter charts of predictions and residuals; mean absolute error {told}."
    return Picture("residuals", "Predictions and residuals", description, note, tuple(charts))


def _residual_charts(target: np.ndarray, output: np.ndarray, name: str, several: bool) -> list[Chart]:
    truth, guess = _floats(target), _floats(output)
    residual = _floats(output - target)
    low, high = min(*truth, *guess), max(*truth, *guess)
    pad = 0.04 * (high - low) or 1.0
    low, high = low - pad, high + pad
    labels = tuple(f"true {number(t)}, predicted {number(g)}" for t, g in zip(truth, guess, strict=True))
    diagonal = Line("", (low, high), (low, high), ("perfect", "perfect"), Tone.QUIET, dashed=True, width=1.2)
    dots = Points("", truth, guess, labels, Tone.MAIN, "dot" if len(truth) > 300 else "open")
    rest = Points("", guess, residual, labels, Tone.MAIN, dots.symbol)
    start = f"{_short(name)}: " if several else ""
    return [
        Chart(
            f"{start}predicted against true",
            Axis("true", low=low, high=high),
            Axis("predicted", low=low, high=high),
            (diagonal, dots),
            340,
        ),
        Chart(
            f"{start}residuals",
            Axis("predicted"),
            Axis("residual"),
            (Rule("", 0.0, "y"), rest),
            340,
        ),
    ]


def top_label_calibration(target: np.ndarray, outputs: np.ndarray) -> Calibration:
    """Return how often the most probable class was right, by its chance (Guo et al. 2017, section 2).

    Args:
        target: (n,) codes.
        outputs: (n, n_classes) chances.
    """
    return calibration((outputs.argmax(axis=1) == target).astype(int), outputs.max(axis=1))


def _curves(curves: Sequence[tuple[str, Curve]], area: str) -> list[Line]:
    return [
        Line(f"{_short(name)}: {area} {number(curve.area)}", _floats(curve.x), _floats(curve.y), tone=tone)
        for (name, curve), tone in zip(curves, _TONES, strict=False)
    ]


def _shares(title: str) -> Axis:
    """Return an axis for numbers from 0 to 1."""
    return Axis(title, low=-0.02, high=1.02)


def _cell(count: int, share: float, *, roomy: bool) -> str:
    if count == 0:
        return "0" if roomy else ""
    return f"{count:,} ({percent(share)})" if roomy else f"{count:,}"


def _floats(values: np.ndarray | Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) if math.isfinite(value) else math.nan for value in values)


def _short(text: str, most: int = 22) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
