"""What does pruning save, and what does it cost? ``python -m benchmarks.pruning DATA_FOLDER``.

The same searches with ``halving`` and with ``none``: equal trials, several seeds. The table shows the epochs that were
trained, the seconds that trials took, and the best cross-validated score.
"""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from types import MappingProxyType

from tuner.config.study_file import load_config
from tuner.driver import Driver
from tuner.executors import InProcess
from tuner.header import make_header
from tuner.records import Glimpse, Params, TrialResult
from tuner.search.storage import StudyStore
from tuner.study import open_study
from tuner.summary import summarise

RESULT = Path(__file__).parent / "results" / "pruning.md"
TABLES: Mapping[str, str] = MappingProxyType(
    {
        "pima": "{path: DATA/pima.csv, target: diabetes}",
        "concrete": "{path: DATA/concrete.csv, target: strength_mpa}",
    }
)
"""The section ``data`` of each table's study file."""
PRUNERS = ("none", "halving")
STUDY = """
data: {data}
cv: {{folds: 5}}
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
        seconds: of all trials.
        best: the best complete trial's score.
    """

    metric: str
    epochs: int
    seconds: float
    best: float


class _Silent:
    """A tracker that keeps nothing."""

    def glimpsed(self, glimpse: Glimpse, params: Params) -> None:
        """Take no notice."""

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
        events = driver.run(study.config.search.trials, training=nullcontext)
        results = [event for event in events if isinstance(event, TrialResult)]
        best = summarise(store).best
    assert best is not None, "the default configuration is never pruned"
    epochs = sum(result.epochs for result in results if result.same_as is None)
    return Search(study.objective, epochs, sum(result.seconds for result in results), best.values[0])


def rows_of(table: str, data: str, seeds: Sequence[int], trials: int, epochs: int) -> list[str]:
    """Return the table's rows of the page: one a seed, and their means."""
    rows, found = [], []
    for seed in seeds:
        pair = []
        for pruner in PRUNERS:
            with TemporaryDirectory() as folder:
                text = STUDY.format(data=data, epochs=epochs, trials=trials, seed=seed, pruner=pruner)
                pair.append(search(Path(folder), text))
        found.append(pair)
        rows.append(_row(table, str(seed), pair))
    means = [
        Search(
            each[0].metric,
            round(mean(one.epochs for one in each)),
            mean(one.seconds for one in each),
            mean(one.best for one in each),
        )
        for each in zip(*found, strict=True)
    ]
    return [*rows, _row(table, "**mean**", means)]


def _row(table: str, seed: str, pair: Sequence[Search]) -> str:
    none, halving = pair
    return (
        f"| {table} | {seed} | {none.epochs} | {halving.epochs} | {none.seconds:.1f} | {halving.seconds:.1f} "
        f"| {none.metric} | {none.best:.4f} | {halving.best:.4f} |"
    )


def main() -> None:
    """Run all searches and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of the tables")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=60)
    asked = parser.parse_args()
    lines = [
        "# Pruning: `halving` against `none`",
        "",
        f"`python -m benchmarks.pruning DATA --seeds {asked.seeds} --trials {asked.trials} --epochs {asked.epochs}`: "
        "the same trials of the space `mlp`, 5 folds, tpe. Believe the epochs: seconds are of one process on a shared "
        "machine, and `none` goes first and pays for programs that `halving` finds compiled.",
        "",
        "| table | seed | epochs, none | epochs, halving | s, none | s, halving | score | best, none | best, halving |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for table, data in TABLES.items():
        place = data.replace("DATA", str(asked.data.resolve()))
        lines += rows_of(table, place, range(1, asked.seeds + 1), asked.trials, asked.epochs)
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
