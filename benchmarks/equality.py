"""Do both engines give the same scores? ``python -m benchmarks.equality DATA_FOLDER``.

The same trials (the default configuration and random ones of ``search_spaces/mlp.yaml``, no pruning) under the stacked
and the plain Keras engine. Training can amplify rounding: a unit whose input is zero but for the last bit is on or off,
and at a high learning rate two runs part from there. What rounding alone does is measured too: the plain engine
trains each trial again on inputs moved by one unit in the last place of float32.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import numpy as np

from benchmarks import honesty
from tuner.config.study_file import load_config
from tuner.prepared import prepare
from tuner.problem import Problem
from tuner.records import Params
from tuner.search.pruning import Bar
from tuner.search.sampling import Sampling
from tuner.study import open_study
from tuner.trial import TrialTask, evaluate

RESULTS = Path(__file__).parent / "results"

TABLES: Mapping[str, str] = MappingProxyType(
    {
        "iris": "{sklearn: iris}",
        "digits": "{sklearn: digits}",
        **{name: honesty.TABLES[name] for name in ("pima", "concrete", "yeast")},
    }
)
"""The section ``data`` of each study."""

STUDY = "data: {data}\ntraining: {{epochs: 30}}\nsearch: {{sampler: random, pruner: none, seed: 7}}\n"

MOVED = (1, 2, 3)
"""Seeds of the moves of the inputs."""


@dataclass(frozen=True, slots=True)
class Row:
    """One trial's scores.

    Attributes:
        table: a key of ``TABLES``.
        number: the trial's.
        optimizer: its name.
        rate: its learning rate.
        keras: the score under the plain engine.
        stacked: under the stacked engine.
        moved: under the plain engine, on inputs moved in their last bit.
    """

    table: str
    number: int
    optimizer: str
    rate: float
    keras: float
    stacked: float
    moved: tuple[float, ...]

    @property
    def between_engines(self) -> float:
        """The relative difference between the engines."""
        return abs(self.stacked - self.keras) / abs(self.keras)

    @property
    def by_rounding(self) -> float:
        """The largest relative difference that moved inputs make under one engine."""
        scores = (self.keras, *self.moved)
        return (max(scores) - min(scores)) / abs(self.keras)


def rows(table: str, data: Path, n_trials: int) -> Iterator[Row]:
    """Yield the trials of a table."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{table}.yaml"
        file.write_text(STUDY.format(data=TABLES[table].replace("DATA", str(data.resolve()))))
        config = load_config(file)
        problem = open_study(config).problem
    search = config.search
    sampling = Sampling(
        config.space, search.sampler, seed=search.seed, window=n_trials, maximize=True, first=()
    )
    for _ in range(n_trials):
        asked = sampling.ask({})
        task = (asked.number, asked.params)
        yield Row(
            table=table,
            number=asked.number,
            optimizer=str(asked.params["optimizer"]),
            rate=float(asked.params["learning_rate"]),
            keras=score(replace(problem, engine="keras"), *task),
            stacked=score(replace(problem, engine="stacked"), *task),
            moved=tuple(score(moved(problem, asked.params, seed), *task) for seed in MOVED),
        )


def moved(problem: Problem, params: Params, seed: int) -> Problem:
    """Return the problem for the plain engine, with every training input moved by one unit in its last place.

    The folds that were prepared for it are kept with it alone, so that no other problem reads what was moved.
    """
    other = replace(problem, engine="keras")
    random = np.random.default_rng(seed)
    for fold in prepare(other, params):
        inputs = fold.data.train.inputs
        towards = np.where(random.integers(0, 2, inputs.shape) > 0, np.inf, -np.inf).astype(np.float32)
        inputs[...] = np.nextafter(inputs, towards)
    return other


def score(problem: Problem, number: int, params: Params) -> float:
    """Return a trial's score.

    Raises:
        RuntimeError: it failed.
    """
    result = evaluate(TrialTask(problem, number, params, Bar({}, maximize=True)))
    if not result.values:
        raise RuntimeError(f"trial {number} failed: {result.message}")
    return result.values[0]


def page(found: Sequence[Row]) -> str:
    """Return the table of all trials and what it comes to."""
    lines = [
        "# Both engines, the same trials",
        "",
        "Relative differences of a trial's score: between the engines, and within the plain Keras engine when its "
        f"inputs are moved by one unit in the last place of float32 (the widest of {len(MOVED)} moves and none).",
        "",
        "| table | trial | optimizer | rate | Keras | stacked | between engines | by rounding alone |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.table} | {row.number} | {row.optimizer} | {row.rate:.4f} | {row.keras:.6f} | {row.stacked:.6f} "
        f"| {row.between_engines:.1e} | {row.by_rounding:.1e} |"
        for row in found
    ]
    calm = [row for row in found if row.by_rounding < 1e-3]
    wild = [row for row in found if row.by_rounding >= 1e-3]
    lines += [
        "",
        f"{len(calm)} of {len(found)} trials are calm: rounding moves their score by less than 0.1 %. Between the "
        f"engines these differ by at most {max((row.between_engines for row in calm), default=0.0):.1e} "
        f"({sum(row.between_engines == 0.0 for row in calm)} not at all). "
        f"In the {len(wild)} others the engines differ by {_mean(row.between_engines for row in wild):.1e} on average, "
        f"and rounding alone makes {_mean(row.by_rounding for row in wild):.1e}.",
    ]
    return "\n".join(lines) + "\n"


def _mean(values: Iterator[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def main() -> None:
    """Train everything and write ``results/equality.md``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.equality", description=__doc__)
    parser.add_argument("data", type=Path, help="the folder that holds pima, concrete and yeast")
    parser.add_argument("--trials", type=int, default=8)
    chosen = parser.parse_args()
    found = []
    for table in TABLES:
        for row in rows(table, chosen.data, chosen.trials):
            found.append(row)
            print(row, flush=True)
    (RESULTS / "equality.md").write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()
