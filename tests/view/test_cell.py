"""A search in a notebook. IPython is not among what tuner needs: a stand-in for its display keeps what it was given."""

import sys
from types import SimpleNamespace

import pytest

from tests.small import study_of
from tests.view.test_progress import ended
from tuner.records import Reason, State, TrialResult
from tuner.run import Opened
from tuner.summary import StudySummary
from tuner.view.cell import Cell

ABOUT = {"study": "small", "objective": [{"metric": "accuracy", "direction": "maximize"}]}


@pytest.fixture
def pictures(monkeypatch):
    """The HTML of one output, as it was shown and then replaced."""
    shown = []

    def display(html, *, display_id):
        assert display_id is True
        shown.append(html)
        return SimpleNamespace(update=shown.append)

    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display, HTML=str))
    return shown


def test_one_output_shows_how_far_the_search_is(pictures, tmp_path):
    now = [10.0]
    cell = Cell(Opened(study_of(tmp_path), 3, StudySummary(ABOUT, {}, {}), None, ()), lambda: now[0])
    assert '<progress value="0" max="3"' in pictures[0]
    cell.ended(ended(0, 2.0))
    assert len(pictures) == 1  # too soon after the one before
    now[0] += 1.0
    failed = TrialResult(1, State.FAILED, {}, reason=Reason.ERROR, message="<script>alert(1)</script>")
    cell.ended(failed)
    assert '<progress value="2" max="3"' in pictures[1]
    assert "trial 1 failed, error: &lt;script&gt;" in pictures[1]
    assert "best accuracy 0.5000" in pictures[1]
    cell.ended(ended(2, 2.0))
    cell.stop()
    assert '<progress value="3" max="3"' in pictures[2]
    assert "done" in pictures[2]
