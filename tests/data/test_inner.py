"""Rows that early stopping watches; tests/test_scored_rows.py has that they are never scored rows."""

import numpy as np
import pandas as pd
import pytest

from tests.data.loading import load_frame
from tuner.data.inner import split_off
from tuner.errors import DataError

N_ROWS = 40
PLACES = np.arange(N_ROWS)


@pytest.mark.parametrize(
    ("weight", "rows"),
    [(PLACES < 30, "6 rows to watch"), (PLACES >= 35, "34 rows to learn from")],
    ids=["the latest rows", "the others"],
)
def test_rows_that_all_have_no_weight_can_be_neither_watched_nor_learned_from(tmp_path, weight, rows):
    frame = pd.DataFrame(
        {"x": PLACES % 7, "day": PLACES, "weight": weight.astype(int), "y": PLACES % 3 + 0.5}
    )
    dataset = load_frame(frame, tmp_path, "y", weight="weight", time="day")
    with pytest.raises(DataError, match=f"inner needs .* the {rows} have weight 0; use rows: fold"):
        split_off(dataset, PLACES, 0.15, 1)
