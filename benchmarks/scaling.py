"""What further workers bring, and what the driver costs: ``python -m benchmarks.scaling [--quick]``.

Pace: ``tune run`` on digits with MLflow, in a fresh process and folder, with 1 worker and with 2; the pace is that of
the second half of the trials, when all workers have loaded. Driver: trials that an executor answers at once, so that
what is left is to ask, and to record to SQLite and MLflow. Those costs are processor time, which a neighbour on the
machine lengthens little. Many: a study that grows to 10,000 trials, shown and reported on as it grows.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.driver_cost import driver_cost, sampler_cost
from benchmarks.machine import machine, versions
from benchmarks.many_trials import many_trials
from benchmarks.pace import pace
from benchmarks.scaling_page import as_markdown

RESULTS = Path(__file__).parent / "results"

SAMPLERS = ("random", "tpe")


def main() -> None:
    """Measure, print, and write ``results/scaling.md`` and ``results/scaling.json``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few trials: shows that it runs, and nothing more"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder that results go to")
    chosen = parser.parse_args()
    results = run(quick=chosen.quick)
    chosen.results.mkdir(parents=True, exist_ok=True)
    (chosen.results / "scaling.json").write_text(json.dumps(results, indent=2) + "\n")
    page = as_markdown(results)
    (chosen.results / "scaling.md").write_text(page)
    print(page)


def run(*, quick: bool) -> dict[str, Any]:
    """Return everything that was measured, as JSON values."""
    n_paced, n_driven, sizes = (4, 40, (50, 100)) if quick else (60, 1000, (2500, 5000, 10_000))
    began = time.perf_counter()
    results: dict[str, Any] = {
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": " ".join(["python -m benchmarks.scaling", *sys.argv[1:]]),
        "quick": quick,
        "versions": versions(),
        "machine": machine(),
    }
    parts: Mapping[str, Callable[[], Any]] = {
        "drivers": lambda: [driver_cost(sampler, n_driven) for sampler in SAMPLERS],
        "samplers": lambda: [
            sampler_cost(sampler, n_trials) for sampler in SAMPLERS for n_trials in (n_driven // 2, n_driven)
        ],
        "many": lambda: many_trials(sizes),
        "paces": lambda: [pace(workers, n_paced) for workers in (1, 2)],
        "ray": lambda: _ray(10 if quick else 50),
    }
    for name, measure in parts.items():
        print(f"{time.perf_counter() - began:6.0f} s  {name} ...", file=sys.stderr, flush=True)
        results[name] = measure()
    results["load at the end"] = f"{os.getloadavg()[0]:.2f}"
    results["seconds"] = time.perf_counter() - began
    return results


def _ray(n_trials: int) -> dict[str, Any] | None:
    """Return what a trial costs on Ray and beside this process; None where Ray or its benchmark is not there."""
    if find_spec("ray") is None or find_spec("benchmarks.ray_cost") is None:
        return None
    costs = import_module("benchmarks.ray_cost").costs(n_trials)
    return {str(kind): asdict(cost) for kind, cost in costs.items()}


if __name__ == "__main__":
    main()
