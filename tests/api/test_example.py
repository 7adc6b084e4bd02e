import json
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast_cancer.ipynb"


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads(EXAMPLE.read_text("utf-8"))
    assert notebook["nbformat"] == 4
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names = {"__name__": "notebook"}
    for number, cell in enumerate(cells):
        exec(compile(cell, f"cell {number}", "exec"), names)
    study = names["study"]
    assert len(study.trials) == 12
    assert study.held_out["roc_auc"].value > 0.95
    assert (tmp_path / "runs" / "tumours" / "report.html").is_file()
    assert "report.html" in study._repr_html_()


def test_the_notebook_is_kept_without_its_outputs():
    cells = json.loads(EXAMPLE.read_text("utf-8"))["cells"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if "outputs" in cell)
