"""The page of ``benchmarks.scaling``, in Markdown."""

from typing import Any

from benchmarks.page_parts import as_table, facts_table, when

SPEEDUP = 1.7
"""What the pace of two workers should at least be, over that of one, on two cores."""

OVERHEAD_MS = 150.0
"""What the driver should at most take a trial, at the median of 1,000."""

PAGE_MB, REPORT_SECONDS = 15.0, 60.0
"""What a report on 10,000 trials should at most be, and take."""


def as_markdown(results: dict[str, Any]) -> str:
    """Return the page for what ``benchmarks.scaling.run`` returns."""
    parts = ["# Workers and driver", when(results, "a few trials")]
    parts += ["## Workers", _paces(results["paces"])]
    parts += ["## What the driver takes a trial", _drivers(results["drivers"], results["samplers"])]
    parts += ["## Thousands of trials", _many(results["many"])]
    if results["ray"] is not None:
        parts += ["## Ray", _executors(results["ray"])]
    parts += ["## Versions and machine", facts_table({**results["versions"], **results["machine"]})]
    return "\n\n".join(parts) + "\n"


def _paces(paces: list[dict[str, Any]]) -> str:
    rows = [
        [str(each["workers"]), f"{each['a_minute']:.1f}", f"{each['wall_seconds']:.0f}"] for each in paces
    ]
    speedup = paces[-1]["a_minute"] / paces[0]["a_minute"]
    text = (
        f"digits, {paces[0]['trials']} trials of `search_spaces/mlp.yaml`, 5 folds, 60 epochs, with MLflow. All "
        "workers start at once; the pace is that of the second half, when they have loaded."
    )
    table = as_table(["workers", "trials a minute, second half", "wall seconds, all"], rows)
    target = f"Two workers over one: **{speedup:.2f}** (at least {SPEEDUP}: {_verdict(speedup >= SPEEDUP)})."
    return f"{text}\n\n{table}\n\n{target}"


def _drivers(drivers: list[dict[str, Any]], samplers: list[dict[str, Any]]) -> str:
    n_trials = drivers[0]["trials"]
    text = (
        f"Milliseconds of processor time a trial, medians over {n_trials:,} trials of `search_spaces/mlp.yaml` "
        "on iris that an executor answers at once, with curves of 60 epochs and 5 folds; *last* is the last tenth of "
        "them. MLflow is written by a thread, its column is a mean. All of it overlaps with training: workers hold the "
        "next trials. The sampler alone is Optuna's own, made anew for each trial, on a study in memory with as many "
        "trials; ours draws the same from it in less time."
    )
    rows = [
        [
            each["sampler"],
            f"{each['ask_ms']:.1f}",
            f"{each['ask_last_ms']:.1f}",
            f"{each['store_ms']:.1f}",
            f"{each['store_last_ms']:.1f}",
            f"{each['mlflow_ms']:.1f}",
            f"**{each['all_ms']:.0f}**",
            _verdict(each["all_ms"] < OVERHEAD_MS),
        ]
        for each in drivers
    ]
    head = [
        "sampler",
        "ask",
        "ask, last",
        "SQLite",
        "SQLite, last",
        "MLflow",
        "all",
        f"under {OVERHEAD_MS:.0f}",
    ]
    alone = [[each["sampler"], f"{each['trials']:,}", f"{each['ask_ms']:.1f}"] for each in samplers]
    return "\n\n".join(
        [text, as_table(head, rows), as_table(["sampler alone", "after trials", "ask"], alone)]
    )


def _many(rows: list[dict[str, Any]]) -> str:
    text = (
        "Random trials of a trivial space on iris, 2 folds and 1 epoch, that an executor answers at once; no MLflow. "
        "The study goes on from one row to the next in the same folder. Times are processor time, memory is its peak."
    )
    table = as_table(
        [
            "trials",
            "driver, ms a trial",
            "driver, MiB",
            "show, s",
            "show, MiB",
            "show --json, s",
            "report, s",
            "report, MiB",
            "page, MB",
            "records, MB",
        ],
        [
            [
                f"{row['trials']:,}",
                f"{row['trial_ms']:.1f}",
                f"{row['driver_mib']:.0f}",
                *(f"{row['show'][key]:{style}}" for key, style in (("seconds", ".1f"), ("mib", ".0f"))),
                f"{row['show_json']['seconds']:.1f}",
                *(f"{row['report'][key]:{style}}" for key, style in (("seconds", ".1f"), ("mib", ".0f"))),
                f"{row['page_mb']:.1f}",
                f"{row['records_mb']:.0f}",
            ]
            for row in rows
        ],
    )
    last = rows[-1]
    met = last["page_mb"] < PAGE_MB and last["report"]["seconds"] < REPORT_SECONDS
    size = f"under {PAGE_MB:.0f} MB and {REPORT_SECONDS:.0f} s"
    target = f"The report on {last['trials']:,} trials {size}: {_verdict(met)}."
    return f"{text}\n\n{table}\n\n{target}"


def _executors(costs: dict[str, dict[str, float]]) -> str:
    text = (
        "A trial of one epoch on iris, handed to one worker again and again: seconds until the first result, and "
        "milliseconds from handing a trial over to having its result beyond those that the worker spent on it."
    )
    rows = [
        [name, f"{cost['start']:.1f}", f"{1000 * cost['a_trial']:.1f}", f"{1000 * cost['worst']:.0f}"]
        for name, cost in costs.items()
    ]
    return f"{text}\n\n{as_table(['executor', 'start, s', 'a trial, ms', 'the slowest, ms'], rows)}"


def _verdict(met: bool) -> str:
    return "met" if met else "**missed**"
