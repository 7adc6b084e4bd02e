"""``tune run``, ``tune export`` and ``tune predict`` one after the other."""

import json

import pandas as pd
import pytest

from tests.command import tune
from tests.small import write_study

pytestmark = pytest.mark.slow


def ran(*arguments: object) -> tuple[int, str]:
    """Run a command; returns its exit status and all that it wrote, messages first."""
    said = tune(*arguments)
    return said.code, said.err + said.out


def test_a_model_goes_from_a_study_to_predictions(begin):
    place = begin("export")
    path = write_study(place, target="amount", search={"trials": 2, "pruner": "none"})
    code, said = ran("run", path)
    assert code == 0
    assert "training the final model" in said
    assert "held-out rows (18): rmse " in said
    code, said = ran("export", path, "-o", place / "copy")
    assert (code, said.splitlines()[-1]) == (0, f"next: tune predict {place / 'copy'} DATA")
    code, said = ran("predict", place / "copy", place / "table.csv", "-o", place / "out.parquet")
    assert code == 0
    assert len(pd.read_parquet(place / "out.parquet")) == 90
    code, said = ran("export", path, "--trial", 9)
    assert code == 2
    assert f"{path}: there is no trial 9; the study has 2, counted from 0" in said
    assert "Traceback" not in said
    code, said = ran("export", path, "--trial", 1)
    assert code == 0
    assert "to choose among trials by them would spoil them" in said
    code, said = ran("show", path, "--json")
    assert json.loads(said)["final"]["looks"] == 1
