"""What the stacked engine's memory grows to: ``python -m benchmarks.memory [--quick]``; Linux only.

Each measurement is a process of its own, as a worker is: 500 short trials on iris whose depth, widths, batch norm,
dropout, activation, optimizer and batch size change from trial to trial, and two trials on adult with one-hot columns.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.cases import CASES, splits
from benchmarks.machine import resident_mib

RESULTS = Path(__file__).parent / "results"

GROWTH_MIB = 300.0
"""The most that resident memory may grow from one tenth of the trials to the last."""

PEAK_MIB = 4096.0
"""The most resident memory of a worker on adult."""


def main() -> None:
    """Measure both, print them, and write ``results/memory.json``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="30 trials, and one epoch of adult")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder that results go to")
    parser.add_argument("--only", choices=list(MEASUREMENTS), help="measure one, in this process")
    chosen = parser.parse_args()
    if chosen.only:
        print(json.dumps(MEASUREMENTS[chosen.only](chosen.quick)))
        return
    results = {name: _in_fresh_process(name, quick=chosen.quick) for name in MEASUREMENTS}
    chosen.results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=2)
    (chosen.results / "memory.json").write_text(text + "\n")
    print(text)


def changing_structure(quick: bool) -> dict[str, Any]:
    """Return resident memory after each tenth of the trials, and the growth from the first tenth to the last."""
    from benchmarks import tables
    from benchmarks.ours import make_problem, run_trial

    n_trials = 30 if quick else 500
    problem = make_problem(CASES["iris"], splits(tables.iris()["target"], "multiclass"), "stacked", 2)
    random = np.random.default_rng(0)
    resident = []
    for number in range(n_trials):
        run_trial(problem, number, _any_params(random))
        if (number + 1) % (n_trials // 10) == 0:
            resident.append(round(resident_mib(), 1))
    growth = resident[-1] - resident[0]
    return {
        "trials": n_trials,
        "resident_mib_by_tenths": resident,
        "growth_mib": round(growth, 1),
        "target_mib": GROWTH_MIB,
        "met": growth <= GROWTH_MIB,
    }


def adult_one_hot(quick: bool) -> dict[str, Any]:
    """Return the highest resident memory of a worker that has run two trials on adult."""
    from benchmarks import tables
    from benchmarks.ours import make_problem, run_trial

    case = CASES["adult"]
    problem = make_problem(case, splits(tables.adult()["target"], case.task), "stacked", 1 if quick else 3)
    before = resident_mib("VmHWM")
    for number in range(1 if quick else 2):
        run_trial(problem, number, case.params)
    peak = resident_mib("VmHWM")
    return {
        "data": case.shape + (" (generated)" if tables.is_generated(case.table) else ""),
        "network": f"{'-'.join(map(str, case.neurons))}, batch {case.batch_size}",
        "peak_before_training_mib": round(before, 1),
        "peak_mib": round(peak, 1),
        "target_mib": PEAK_MIB,
        "met": peak < PEAK_MIB,
    }


MEASUREMENTS: Mapping[str, Callable[[bool], dict[str, Any]]] = MappingProxyType(
    {"changing_structure": changing_structure, "adult_one_hot": adult_one_hot}
)
"""From a name and whether it is to be quick to what was measured."""


def _any_params(random: np.random.Generator) -> dict[str, Any]:
    """Return parameters of any depth, width, batch size, optimizer and activation."""
    layers = int(random.integers(1, 5))
    return {
        "layers": layers,
        **{f"neurons.{layer}": int(random.integers(8, 257)) for layer in range(layers)},
        **{f"dropout.{layer}": float(random.choice([0.0, 0.3])) for layer in range(layers)},
        "activation": str(random.choice(["relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "mish"])),
        "batch_norm": bool(random.integers(2)),
        "l2": float(random.choice([0.0, 1e-4])),
        "optimizer": str(
            random.choice(["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "nadam"])
        ),
        "learning_rate": 1e-3,
        "batch_size": int(random.choice([16, 32, 64, 128, 256])),
    }


def _in_fresh_process(name: str, *, quick: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.memory", "--only", name, *(["--quick"] if quick else [])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


if __name__ == "__main__":
    main()
