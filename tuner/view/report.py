"""What is said of a report that was written."""

import os
from pathlib import Path

import typer

from tuner.report.write import Written


def show_written(written: Written, *, tracked: bool, unpublished: str | None) -> None:
    """Print where a report lies.

    Args:
        written: its files.
        tracked: whether the study is shown in MLflow.
        unpublished: why MLflow has not got it; None where it has.
    """
    typer.echo(f"{_from_here(written.page)}  (opens in any browser, without a network)")
    typer.echo(
        f"{_from_here(written.text)}  (the same in Markdown, its {len(written.pictures)} pictures beside it)"
    )
    if not tracked:
        return
    if unpublished is None:
        typer.echo("and in MLflow, among the artifacts of the study's run")
    else:
        typer.echo(f"MLflow has not got it: {unpublished}; the next 'tune report' sends it", err=True)


def _from_here(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("../..") else relative
