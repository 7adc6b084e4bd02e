"""Do reported scores hold on rows that no search saw? ``python -m benchmarks.honesty DATA_FOLDER``.

Whole studies (``tune run`` in a process and folder of their own) on public tables, each with several seeds. A study
reports the winner's bias-corrected score from its own rows; its final model is then scored on the held-out rows. The
table shows both, and what the winner's plain cross-validated score would have promised. Studies that are recorded in
the results folder already are not run again.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from types import MappingProxyType

RESULTS = Path(__file__).parent / "results"

TABLES: Mapping[str, str] = MappingProxyType(
    {
        "abalone19": "{path: DATA/abalone19.csv, target: target}",
        "adult": "{path: DATA/adult.csv.gz, target: income}",
        "california": "{path: DATA/california.csv.gz, target: MedHouseVal}",
        "churn": "{path: DATA/churn.csv, target: churn}",
        "concrete": "{path: DATA/concrete.csv, target: strength_mpa}",
        "credit": "{path: DATA/credit_data.csv, target: Status}",
        "german": "{path: DATA/german.csv, target: target}",
        "horse_colic": "{path: DATA/horse_colic.csv, target: x23}",
        "pima": "{path: DATA/pima.csv, target: diabetes}",
        "sonar": "{path: DATA/sonar.csv, target: object}",
        "wine_quality": "{path: DATA/wine_quality.csv, target: quality}\ntask: regression",
        "yeast": f"{{path: DATA/yeast.csv.gz, target: [{', '.join(f'Class{n}' for n in range(1, 15))}]}}",
    }
)
"""The section ``data`` of each table's study file, and the task where it is not what the target looks like."""

STUDY = """
data: {data}
test: 0.3
cv: {{folds: 5}}
search_space: mlp
training: {{epochs: 60}}
search: {{trials: {trials}, seed: {seed}}}
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One study's scores.

    Attributes:
        table: a key of ``TABLES``.
        seed: of the study.
        metric: the objective.
        maximize: whether larger is better.
        trials: how many there were.
        naive: the winner's cross-validated score.
        reported: the same, corrected for having been chosen.
        low: the lower bound of its interval.
        high: the upper bound.
        held_out: the final model's score on the held-out rows.
        rows: how many these are.
    """

    table: str
    seed: int
    metric: str
    maximize: bool
    trials: int
    naive: float
    reported: float
    low: float
    high: float
    held_out: float
    rows: int

    def beyond(self, promised: float) -> float:
        """Return by what share of ``promised`` the held-out score is better; negative where it is worse."""
        sign = 1.0 if self.maximize else -1.0
        return sign * (self.held_out - promised) / promised


def run_study_file(table: str, seed: int, data: Path, trials: int) -> Outcome:
    """Run one study in an empty folder and read what it came to."""
    from tuner.config.study_file import load_config
    from tuner.report.collect import collect
    from tuner.search.storage import StudyStore
    from tuner.study import open_study

    with TemporaryDirectory() as folder:
        file = Path(folder) / "studies" / f"{table}.yaml"
        file.parent.mkdir()
        section = TABLES[table].replace("DATA", str(data.resolve()))
        file.write_text(STUDY.format(data=section, trials=trials, seed=seed))
        command = [sys.executable, "-c", "from tuner.cli import command; command()", "run", str(file), "-q"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        config = load_config(file)
        study = open_study(config)
        with closing(StudyStore(config.runs_folder, config.name)) as store:
            report = collect(study, store)
    corrected, final = report.corrected, report.final
    assert corrected is not None
    assert final is not None
    return Outcome(
        table=table,
        seed=seed,
        metric=study.objective,
        maximize=study.direction == "maximize",
        trials=len(report.summary.results),
        naive=corrected.naive,
        reported=corrected.corrected,
        low=corrected.low,
        high=corrected.high,
        held_out=final.scores[study.objective].value,
        rows=final.rows,
    )


def page(outcomes: Sequence[Outcome]) -> str:
    """Return the table of all studies and what it comes to."""
    lines = [
        "| table | seed | metric | best of CV | reported (corrected) | its interval | held out (rows) | to reported "
        "| to best of CV |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {each.table} | {each.seed} | {each.metric} | {each.naive:.4f} | {each.reported:.4f} "
        f"| {each.low:.4f} to {each.high:.4f} | {each.held_out:.4f} ({each.rows:,}) "
        f"| {each.beyond(each.reported):+.2%} | {each.beyond(each.naive):+.2%} |"
        for each in outcomes
    ]
    reported = [each.beyond(each.reported) for each in outcomes]
    naive = [each.beyond(each.naive) for each in outcomes]
    inside = sum(each.low <= each.held_out <= each.high for each in outcomes)
    lines += [
        "",
        f"{len(outcomes)} studies. Held-out score to reported score: median **{median(reported):+.2%}**, mean "
        f"{mean(reported):+.2%}. To the winner's plain cross-validated score: median {median(naive):+.2%}, mean "
        f"{mean(naive):+.2%}. The held-out score lies in the reported interval in {inside} of {len(outcomes)} studies. "
        "Plus is better than promised, minus is worse.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is missing and write ``results/honesty.md`` and ``honesty.json``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.honesty", description=__doc__)
    parser.add_argument("data", type=Path, help="the folder that holds the tables")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--jobs", type=int, default=1, help="studies at the same time")
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    record = chosen.results / "honesty.json"
    known = [Outcome(**each) for each in json.loads(record.read_text())] if record.exists() else []
    done = {(each.table, each.seed) for each in known}
    missing = [(t, s) for s in chosen.seeds for t in chosen.tables if (t, s) not in done]

    def one(wanted: tuple[str, int]) -> Outcome:
        return run_study_file(*wanted, chosen.data, chosen.trials)

    with ThreadPoolExecutor(chosen.jobs) as pool:
        for outcome in pool.map(one, missing):
            known.append(outcome)
            known.sort(key=lambda each: (each.table, each.seed))
            record.write_text(json.dumps([asdict(each) for each in known], indent=1) + "\n")
            (chosen.results / "honesty.md").write_text(page(known))
            print(outcome, flush=True)
    print(page(known))


if __name__ == "__main__":
    main()
