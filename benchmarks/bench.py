"""Runs the benchmarks and writes ``results/bench.md`` and ``results/bench.json``."""

import argparse
import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.arithmetic import matmul_rates
from benchmarks.cases import CASES
from benchmarks.machine import machine, versions
from benchmarks.page import as_markdown
from benchmarks.sides import pace_of, run_case
from benchmarks.whole_study import run_whole_study

RESULTS = Path(__file__).parent / "results"

WHOLE_STUDY = "study"

COMMANDS = {
    "stacked": "python -m benchmarks.worker stacked CASE EPOCHS",
    "keras": "python -m benchmarks.worker keras CASE EPOCHS",
    "usual": "python -m benchmarks.worker usual CASE EPOCHS",
    "study, ours": "tune run studies/whole.yaml",
    "study, usual": "python -m benchmarks.usual_study TRIALS.json FOLDER",
}
"""What runs in a process of its own."""


def main() -> None:
    """Run the chosen benchmarks one after the other; prints the page as well."""
    names = [*CASES, WHOLE_STUDY]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; default: all")
    parser.add_argument("--quick", action="store_true", help="tiny versions, which only show that all runs")
    parser.add_argument(
        "--sample", type=int, default=25, help="trials of the whole study that the usual loop runs (of 50)"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder that results go to")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    results = run(chosen.names or names, quick=chosen.quick, sample=chosen.sample)
    chosen.results.mkdir(parents=True, exist_ok=True)
    (chosen.results / "bench.json").write_text(json.dumps(results, indent=2) + "\n")
    page = as_markdown(results)
    (chosen.results / "bench.md").write_text(page)
    print(page)


def run(names: list[str], *, quick: bool, sample: int) -> dict[str, Any]:
    """Return everything that was measured, as JSON values."""
    began = time.perf_counter()
    results: dict[str, Any] = {
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "commands": COMMANDS,
        "quick": quick,
        "versions": versions(),
        "machine": machine(),
        "matmul_operations_a_second": (rates := matmul_rates()),
        "cases": [],
        "study": None,
    }
    for name in names:
        print(f"{time.perf_counter() - began:6.0f} s  {name} ...", file=sys.stderr, flush=True)
        if name != WHOLE_STUDY:
            results["cases"].append(run_case(name, pace_of(name, quick=quick), rates))
        elif quick:
            results["study"] = run_whole_study(trials=4, epochs=5, sample=2, repeats=1)
        else:
            results["study"] = run_whole_study(trials=50, epochs=100, sample=sample, repeats=3)
    results["seconds"] = time.perf_counter() - began
    return results
