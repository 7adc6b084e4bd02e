"""What does pruning save, and what does it cost? ``python -m benchmarks.pruning DATA_FOLDER``.

The same searches with ``none``, with ``halving``, and with ``halving`` and twice the trials, which takes about as long
as the first; several seeds. The table shows the epochs that were trained, the CPU seconds of the search, and the best
cross-validated score.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from types import MappingProxyType

from tuner.config.study_file import load_config
from tuner.driver import Driver
from tuner.executors.in_process import InProcess
from tuner.header import make_header
from tuner.records import TrialResult
from tuner.search.storage import StudyStore
from tuner.study import open_study
from tuner.summary import summarise

RESULT = Path(__file__).parent / "results" / "pruning.md"


@dataclass(frozen=True, slots=True)
class Table:
    """What is searched on.

    Attributes:
        data: the section ``data`` of the study file.
        folds: of the cross-validation.
        trials: of each search.
        epochs: the most of a trial.
    """

    data: str
    folds: int
    trials: int
    epochs: int


TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "pima": Table("{path: DATA/pima.csv, target: diabetes}", 5, 20, 60),
        "concrete": Table("{path: DATA/concrete.csv, target: strength_mpa}", 5, 20, 60),
        "adult": Table("{path: DATA/adult.csv.gz, target: income}", 3, 10, 15),
    }
)
WAYS = (("none", 1), ("halving", 1), ("halving", 2))
"""The pruner of each search, and how many times the trials of the first it has."""
STUDY = """
data: {data}
cv: {{folds: {folds}}}
search_space: mlp
training: {{epochs: {epochs}}}
search: {{trials: {trials}, seed: {seed}, pruner: {pruner}}}
"""


@dataclass(frozen=True, slots=True)
class Search:
    """One search.

    Attributes:
        metric: the objective.
        epochs: trained in all trials.
        seconds: CPU seconds of the search.
        best: the best complete trial's score.
    """

    metric: str
    epochs: int
    seconds: float
    best: float


class _Silent:
    """A tracker that keeps nothing."""

    def finished(self, result: TrialResult) -> None:
        """Take no notice."""


def search(folder: Path, text: str) -> Search:
    """Run one search in this process."""
    path = folder / "studies" / "search.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    study = open_study(load_config(path))
    with closing(StudyStore(study.config.runs_folder, "search")) as store:
        store.create(make_header(study), maximize=study.direction == "maximize")
        driver = Driver(study, store, _Silent(), InProcess(study.problem.engine))  # type: ignore[arg-type]
        started = time.process_time()
        results = list(driver.run(study.config.search.trials, training=nullcontext))
        seconds = time.process_time() - started
        best = summarise(store).best
    assert best is not None, "the default configuration is never pruned"
    epochs = sum(result.epochs for result in results if result.same_as is None)
    return Search(study.objective, epochs, seconds, best.values[0])


def rows_of(name: str, table: Table, data: Path, seeds: Sequence[int]) -> list[str]:
    """Return the table's rows of the page: one a seed, and their means."""
    rows, found = [], []
    for seed in seeds:
        ways = []
        for pruner, times in WAYS:
            with TemporaryDirectory() as folder:
                text = STUDY.format(
                    data=table.data.replace("DATA", str(data)),
                    folds=table.folds,
                    epochs=table.epochs,
                    trials=table.trials * times,
                    seed=seed,
                    pruner=pruner,
                )
                ways.append(search(Path(folder), text))
        found.append(ways)
        rows.append(_row(name, str(seed), ways))
        print(rows[-1], flush=True)
    means = [
        Search(
            each[0].metric,
            round(mean(one.epochs for one in each)),
            mean(one.seconds for one in each),
            mean(one.best for one in each),
        )
        for each in zip(*found, strict=True)
    ]
    return [*rows, _row(name, "**mean**", means)]


def _row(table: str, seed: str, ways: Sequence[Search]) -> str:
    epochs = " | ".join(str(each.epochs) for each in ways)
    seconds = " | ".join(f"{each.seconds:.1f}" for each in ways)
    best = " | ".join(f"{each.best:.4f}" for each in ways)
    return f"| {table} | {seed} | {epochs} | {seconds} | {ways[0].metric} | {best} |"


def main() -> None:
    """Run all searches and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of the tables")
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    shapes = "; ".join(
        f"{name}: {table.trials} trials of at most {table.epochs} epochs, {table.folds} folds"
        for name, table in TABLES.items()
    )
    lines = [
        "# Pruning: `halving` against `none`",
        "",
        f"`python -m benchmarks.pruning DATA --seeds {asked.seeds}`: the same trials of the space `mlp`, tpe. "
        f"{shapes}. CPU seconds are of one process; `none` goes first and pays for programs that `halving` finds "
        "compiled.",
        "",
        "*2 x*: `halving` with twice the trials.",
        "",
        "| table | seed | epochs: none | halving | 2 x | CPU s: none | halving | 2 x | score | "
        "best: none | halving | 2 x |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, table in TABLES.items():
        lines += rows_of(name, table, asked.data.resolve(), range(1, asked.seeds + 1))
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
