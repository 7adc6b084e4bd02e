import math
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.report.recorded import record, report_of
from tuner.records import State
from tuner.report import charts_space
from tuner.report.chart import (
    Axis,
    Band,
    Bars,
    Chart,
    Heatmap,
    Labels,
    Line,
    Picture,
    Points,
    data_rows,
    log_axis,
    whole_axis,
)
from tuner.report.charts_scores import confusion_picture, curves_picture
from tuner.report.charts_search import MOST_TRIALS, history, importance, score_range
from tuner.report.charts_space import MOST_LINES, parallel, slices
from tuner.report.charts_trials import folds, losses, scores_by_epoch
from tuner.report.collect import Report
from tuner.report.plotly_figures import as_text, figure_json, plotly_figure
from tuner.report.png import png
from tuner.report.wording import number


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Report:
    return report_of(record(tmp_path_factory.mktemp("charts"), target="yes", n_trials=24))


def marks(picture: Picture, kind: type, name: str = "") -> list:
    found = [mark for chart in picture.charts for mark in chart.marks if isinstance(mark, kind)]
    return [mark for mark in found if mark.name.startswith(name)]


def test_the_history_shows_every_trial_where_its_score_is(report) -> None:
    picture = history(report)
    for state, count in ((State.COMPLETE, 15), (State.PRUNED, 5), (State.FAILED, 4)):
        (points,) = marks(picture, Points, f"{state} (")
        expected = [trial for trial, each in sorted(report.summary.results.items()) if each.state is state]
        assert list(points.x) == expected
        assert len(points.x) == count
    (complete,) = marks(picture, Points, "complete")
    span = picture.charts[0].y
    for trial, height, label in zip(complete.x, complete.y, complete.labels, strict=True):
        score = report.summary.results[int(trial)].values[0]
        assert label.startswith(f"trial {trial:.0f}\nroc_auc {number(score)}")
        assert height == pytest.approx(score) or not span.low < score < span.high


def test_the_history_of_ten_thousand_trials_is_thinned_and_says_so(report) -> None:
    some = [each for each in report.summary.results.values() if each.values]
    many = {n: replace(some[n % len(some)], number=n) for n in range(10_000)}
    large = replace(report, summary=replace(report.summary, results=many))
    picture = history(large)
    points = [mark for mark in marks(picture, Points) if not mark.name.startswith("winner")]
    drawn = sorted(int(x) for mark in points for x in mark.x)
    assert len(drawn) == MOST_TRIALS
    assert (drawn[0], drawn[-1]) == (0, 9999)
    assert {after - before for before, after in pairwise(drawn)} <= {5, 6}
    n_complete = sum(each.state is State.COMPLETE for each in many.values())
    assert marks(picture, Points, "complete")[0].name == f"complete ({n_complete})"
    assert picture.note.startswith(f"{MOST_TRIALS:,} of 10,000 trials are drawn")
    assert len(figure_json(picture.charts[0])) < 2_000_000


def test_the_best_so_far_never_falls_and_ends_at_the_winner(report) -> None:
    (line,) = marks(history(report), Line, "best so far")
    assert list(line.y) == sorted(line.y)
    assert line.y[-1] == report.winner.values[0]


def test_for_an_error_the_best_so_far_never_rises(tmp_path: Path) -> None:
    (line,) = marks(history(report_of(record(tmp_path, target="amount"))), Line, "best so far")
    assert list(line.y) == sorted(line.y, reverse=True)


def test_a_few_useless_trials_do_not_flatten_the_others() -> None:
    scores = [0.80, 0.81, 0.82, 0.83, 0.84, 0.85, 0.1]
    span = score_range(scores, maximize=True)
    assert span.outside == 1
    assert span.low > 0.7
    assert span.low < span.inside(0.1) < 0.75
    assert span.inside(0.84) == 0.84
    errors = score_range([-score for score in scores], maximize=False)
    assert errors.high == pytest.approx(-span.low)


@pytest.mark.parametrize(
    "scores", [[0.5], [0.5, 0.5, 0.5], [0.0, 0.0], [1.0, 0.9, 0.9, 0.9, 0.9], [math.nan]]
)
def test_a_range_of_scores_holds_them_and_has_a_width(scores: list[float]) -> None:
    span = score_range(scores, maximize=True)
    assert span.low < span.high
    assert all(span.low <= score <= span.high for score in scores if math.isfinite(score))


def test_a_slice_shows_only_the_trials_that_have_the_parameter(report) -> None:
    having = [each for each in report.summary.ranked() if "momentum" in each.params]
    (chart,) = [chart for chart in slices(report).charts if chart.title == "momentum"]
    places = sorted(place for mark in chart.marks for place in mark.x)
    assert places == pytest.approx(sorted(each.params["momentum"] for each in having))


def test_parallel_lines_pass_below_the_axis_of_an_absent_parameter(report) -> None:
    picture = parallel(report)
    names = [text for _, text in picture.charts[0].x.ticks]
    axis = float(names.index("momentum"))
    lines = [mark for mark in picture.charts[0].marks if isinstance(mark, Line) and mark.labels]
    heights = [y for line in lines for x, y in zip(line.x, line.y, strict=True) if x == axis]
    absent = sum("momentum" not in each.params for each in report.summary.ranked())
    assert sum(height < 0 for height in heights) == absent > 0
    assert len(heights) == len(report.summary.ranked())


def test_a_thousand_trials_are_thinned_and_the_best_are_kept(report) -> None:
    some = report.summary.ranked()
    many = {
        n: replace(some[n % len(some)], number=n, values=(0.5 + n / 2500,), fold_values=((0.5 + n / 2500,) * 3,))
        for n in range(1000)
    }  # fmt: skip
    large = replace(report, summary=replace(report.summary, results=many))
    lines = [mark for mark in parallel(large).charts[0].marks if isinstance(mark, Line) and mark.labels]
    shown = {label.partition("\n")[0] for line in lines for label in line.labels if label}
    assert len(shown) == MOST_LINES
    assert {f"trial {n}" for n in range(960, 1000)} <= shown


def test_with_constants_only_there_is_nothing_to_draw_along(tmp_path: Path) -> None:
    report = report_of(record(tmp_path, target="yes", search_space={"layers": 1, "neurons": 4}, n_trials=3))
    assert slices(report) is None
    assert parallel(report) is None
    assert importance(report) is None


def test_learning_curves_show_each_fold_and_the_mean(report) -> None:
    picture = losses(report)
    assert len(picture.charts) == len(report.shown)
    winner = report.shown[0]
    lines = [mark for mark in picture.charts[0].marks if isinstance(mark, Line)]
    thick = next(line for line in lines if line.name == "validation")
    np.testing.assert_allclose(thick.y, winner.curves["val_loss"].mean(axis=1))
    thin = [line for line in lines if not line.name]
    assert len(thin) == 2 * len(report.study.problem.folds)
    assert f"best epoch {winner.best_epoch}" in picture.charts[0].title


def test_with_many_folds_the_area_between_them_is_drawn(report) -> None:
    winner = report.shown[0]
    random = np.random.default_rng(0)
    curves = {name: random.random((6, 20)) for name in ("train_loss", "val_loss")}
    (picture,) = [losses(replace(report, shown=(replace(winner, curves=curves),)))]
    training, _ = marks(picture, Band)
    np.testing.assert_allclose(training.low, curves["train_loss"].min(axis=1))
    np.testing.assert_allclose(training.high, curves["train_loss"].max(axis=1))
    assert len(marks(picture, Line)) == 2
    assert png(picture).startswith(b"\x89PNG")
    assert len(plotly_figure(picture.charts[0]).data) == 4


def test_a_pruned_trial_that_was_ahead_is_not_at_the_edge(report) -> None:
    results = dict(report.summary.results)
    results[3] = replace(results[3], values=(0.999,))
    (points,) = marks(
        history(replace(report, summary=replace(report.summary, results=results))), Points, "pruned"
    )
    assert points.y[0] == 0.999


def test_folds_are_paired(report) -> None:
    (points,) = marks(folds(report), Points, "winner")
    assert points.y == report.winner.fold_values[0]
    assert len(marks(folds(report), Points)) == 3


def test_a_confusion_matrix_says_counts_and_shares_of_the_row() -> None:
    picture = confusion_picture(np.array([[3, 1], [0, 0]]), ["no", "yes"])
    (cells,) = marks(picture, Heatmap)
    assert cells.texts == (("3 (75 %)", "1 (25 %)"), ("0", "0"))
    assert cells.values == ((0.75, 0.25), (0.0, 0.0))
    assert picture.charts[0].y.low > picture.charts[0].y.high  # the first class on top


def test_the_texts_of_many_classes_keep_their_size() -> None:
    wide, narrow = (
        confusion_picture(np.full((size, size), 1234), [f"class {k}" for k in range(size)]).charts[0]
        for size in (6, 2)
    )
    assert wide.least_width > 6 * len("1,234 (17 %)") * 7
    assert narrow.least_width < 390
    assert narrow.least_width < narrow.most_width


@pytest.mark.parametrize(("left_out", "told"), [(1, "1 other is not drawn"), (2, "2 others are not drawn")])
def test_classes_that_have_no_curve_are_counted(left_out: int, told: str) -> None:
    one = ("a", np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.3]))
    assert f"The 2 with the lowest AUC; {told}." in curves_picture([one, one], left_out).note


def test_an_early_spike_does_not_flatten_the_curves(tmp_path: Path) -> None:
    report = report_of(record(tmp_path, target="amount", n_trials=1))
    winner = report.winner
    error = replace(winner, curve=(900.0, *(1.0 - 0.02 * epoch for epoch in range(20))), best_epoch=21)
    picture = scores_by_epoch(replace(report, shown=(error,)))
    assert picture.charts[0].y.high < 2
    assert "1 much worse value beyond the edge." in picture.note
    assert marks(picture, Line)[0].y == error.curve
    calm = replace(error, curve=error.curve[1:], best_epoch=20)
    assert "beyond" not in scores_by_epoch(replace(report, shown=(calm,))).note


@pytest.mark.parametrize(
    ("known", "which"),
    [(True, "of less importance left out"), (False, "at the end of the search space left out")],
)
def test_parameters_without_a_chart_are_told_truly(report, monkeypatch, known: bool, which: str) -> None:
    monkeypatch.setattr(charts_space, "MOST_SLICES", 3)
    monkeypatch.setattr(charts_space, "MOST_AXES", 3)
    shown = report if known else replace(report, importance=None)
    for picture in (slices(shown), parallel(shown)):
        assert re.search(rf" \d parameters {which}\.", picture.note)
    monkeypatch.undo()
    assert "left out" not in parallel(report).note


def test_plotly_shows_the_numbers_of_the_chart(report) -> None:
    chart = history(report).charts[0]
    figure = plotly_figure(chart)
    (points,) = [
        mark for mark in chart.marks if isinstance(mark, Points) and mark.name.startswith("complete")
    ]
    (trace,) = [trace for trace in figure.data if str(trace.name).startswith("complete")]
    assert list(trace.x) == list(points.x)
    np.testing.assert_allclose(np.array(trace.y, float), points.y, rtol=1e-5)


def test_names_are_text_to_plotly_and_inside_a_script_element() -> None:
    evil = '</script><b onclick="x">&amp;'
    chart = Chart(evil, Axis(evil), Axis("", ticks=((0.0, evil),)), (Points(evil, (0.0,), (0.0,), (evil,)),))
    text = figure_json(chart)
    assert "<" not in text
    assert as_text(evil) == '&lt;/script&gt;&lt;b onclick="x"&gt;&amp;amp;'
    assert plotly_figure(chart).data[0].name == as_text(evil)


def test_a_picture_gives_the_same_png_twice_and_hostile_letters_do_no_harm() -> None:
    evil = "$x_{1$ 列の名前 \\frac \x07 😀" + "a" * 300
    marks = (
        Points(evil, (0.0, 1.0), (1.0, 2.0), (), symbol="star"),
        Line("_hidden?", (0.0, 1.0), (1.0, math.nan), steps=True),
        Bars("bars", (0.0,), (1.0,), (evil,)),
        Labels((0.0,), (0.0,), (evil,)),
    )
    picture = Picture("evil", evil, evil, "", (Chart(evil, Axis(evil), Axis(evil), marks),) * 2)
    first = png(picture)
    assert first == png(picture)
    assert first.startswith(b"\x89PNG")
    assert b"Software" not in first
    assert b"Date" not in first


def test_a_charts_table_has_its_numbers_and_is_not_endless() -> None:
    line = Line("a", tuple(map(float, range(500))), tuple(map(float, range(500))))
    rows = data_rows(Chart("", Axis("x"), Axis("y"), (line,)))
    assert len(rows) == 100
    assert rows[0] == ("a", "", "0", "0")
    assert rows[-1] == ("a", "", "499", "499")


@pytest.mark.parametrize(("low", "high"), [(0, 4), (0, 29), (1, 1), (1, 40), (0, 999), (0, 123456)])
def test_an_axis_of_whole_numbers_has_few_labels_all_whole(low: int, high: int) -> None:
    ticks = whole_axis("", low, high).ticks
    assert 1 <= len(ticks) <= 11
    assert all(low <= place <= high and place == int(place) for place, _ in ticks)


@pytest.mark.parametrize(("low", "high"), [(1e-7, 1e-2), (8.0, 256.0), (3.0, 3.0), (0.001, 0.03)])
def test_a_logarithmic_axis_has_a_few_round_labels(low: float, high: float) -> None:
    ticks = log_axis("", low, high).ticks
    assert 1 <= len(ticks) <= 6
    assert all(0.5 * low <= place <= 2 * high for place, _ in ticks)
