"""What the tests of the Python API share: the page of documentation, run once, and a small search space."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

SPACE = {
    "layers": 0,
    "learning_rate": {"type": "float", "low": 0.03, "high": 0.3, "log": True, "default": 0.1},
    "batch_size": 16,
}
"""Linear models, which train in a moment."""

QUICK: dict[str, Any] = {"trials": 2, "cv": 2, "training": {"epochs": 4, "early_stopping": None}}


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names that docs/python.md leaves behind, each of its blocks run in order in an empty folder."""
    text = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
    before, names = Path.cwd(), {"__name__": "page"}
    os.chdir(tmp_path_factory.mktemp("page"))
    try:
        for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL)):
            exec(compile(block, f"docs/python.md, block {number}", "exec"), names)
        return names | {"folder": Path.cwd()}
    finally:
        os.chdir(before)
