import math

import pytest

from tuner.records import Final, Interval, Member
from tuner.view.final import final_line


def final(**changed: object) -> Final:
    keys = {
        "kind": "refit",
        "members": (Member(7, {}, 1.0, (12,)),),
        "rows": 1154,
        "scores": {"roc_auc": Interval(0.83123, 0.764, 0.8911)},
        "looks": 1,
        "created": "2026-01-31T12:00:00+00:00",
        "train_scores": {"roc_auc": 0.9},
    }
    return Final(**{**keys, **changed})


ENSEMBLE = (Member(7, {}, 0.6, (12,)), Member(2, {}, 0.4, (9,)))


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (
            final(),
            "held-out rows (1,154): roc_auc 0.8312 [0.7640, 0.8911], of the refit model (trial 7) in runs/a/model",
        ),
        (
            final(kind="ensemble", members=ENSEMBLE, looks=2),
            "held-out rows (1,154): roc_auc 0.8312 [0.7640, 0.8911], of the ensemble model (trials 7, 2) in "
            "runs/a/model; they were looked at 2 times, for different models",
        ),
        (
            final(rows=0, scores={}, looks=0),
            "the refit model (trial 7) in runs/a/model; no rows were held out to score it on",
        ),
        (
            final(scores={"roc_auc": Interval(math.nan, math.nan, math.nan)}),
            "held-out rows (1,154): roc_auc undefined, of the refit model (trial 7) in runs/a/model",
        ),
    ],
)
def test_a_final_model_is_told_in_one_line(model, line):
    assert final_line(model, "roc_auc", "runs/a/model") == line
