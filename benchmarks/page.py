"""The page of results, in Markdown."""

from typing import Any

from benchmarks.page_parts import as_table, facts_table, when


def as_markdown(results: dict[str, Any]) -> str:
    """Return the page for what ``benchmarks.bench.run`` returns."""
    parts = ["# Benchmarks", when(results, "a few epochs and trials")]
    if results["cases"]:
        parts += ["## Seconds a trial", _RATIOS_ABOUT, _ratios(results["cases"])]
        parts += ["## The same thing was trained: scores", _SCORES_ABOUT, _scores(results["cases"])]
        parts += ["## How near the arithmetic floor", _floor_about(results), _floors(results["cases"])]
    if results["study"] is not None:
        parts += ["## A whole study", _study(results["study"])]
    parts += [
        "## Commands",
        facts_table({name: f"`{command}`" for name, command in results["commands"].items()}),
    ]
    parts += ["## Versions and machine", facts_table({**results["versions"], **results["machine"]})]
    return "\n\n".join(parts) + "\n"


_RATIOS_ABOUT = (
    "One trial: five folds, no early stopping, the same params, folds and epochs on every side. *Stacked* and *Keras* "
    "are this package's engines, one worker with one thread; *usual* is Optuna with SciKeras in a scikit-learn "
    "pipeline and `cross_val_score`, on TensorFlow's own number of threads. Times are min / **median** / max over the "
    "trials in brackets; the sides took turns. *First* is the stacked engine's first trial in its process, with its "
    "trace and preprocessing; the other columns are the trials after it. The ratio is usual to stacked, by medians."
)

_SCORES_ABOUT = (
    "Mean over folds of each trial, then mean (smallest to largest) over trials, which differ in their seeds. "
    "*Cores* is processor time over wall time."
)


def _ratios(cases: list[dict[str, Any]]) -> str:
    rows = [
        [
            f"{case['case']}: {case['data']}; {case['network']}",
            _seconds(case["sides"]["stacked"]),
            f"{case['first_trial_seconds']:.2f}",
            _seconds(case["sides"]["keras"]),
            _seconds(case["sides"]["usual"]),
            f"**{case['ratio']:.1f}**",
            *_verdict(case),
            f"{case['ratio_keras_engine']:.1f}",
        ]
        for case in cases
    ]
    head = [
        "case",
        "stacked, s",
        "first, s",
        "Keras, s",
        "usual, s",
        "ratio",
        "target",
        "met",
        "ratio, Keras",
    ]
    return as_table(head, rows)


def _scores(cases: list[dict[str, Any]]) -> str:
    rows = [
        [
            case["case"],
            case["metric"],
            *(_score(case["sides"][side]) for side in ("stacked", "keras", "usual")),
            *(f"{case['sides'][side]['busy_cores']:.2f}" for side in ("stacked", "keras", "usual")),
        ]
        for case in cases
    ]
    head = ["case", "metric", "stacked", "Keras", "usual", "cores: stacked", "Keras", "usual"]
    return as_table(head, rows)


def _floor_about(results: dict[str, Any]) -> str:
    rates = results["matmul_operations_a_second"]
    return (
        "Operations of a trial: 2 x weights of the kernels x epochs x (3 x training rows + scored rows), summed over "
        "folds: forward, backward (twice), and the scored rows after each epoch. The floor is that over this "
        f"machine's rate in `tf.matmul` of 2048-square float32 matrices, measured in the same run: "
        f"{rates['one_thread'] / 1e9:.0f} GFLOP/s on one thread, {rates['all_threads'] / 1e9:.0f} on all. The share is "
        "the one-thread floor over the stacked engine's median."
    )


def _floors(cases: list[dict[str, Any]]) -> str:
    rows = [
        [
            case["case"],
            str(case["inputs"]),
            f"{case['gigaflop']:.3g}",
            f"{case['floor_seconds_one_thread']:.3f}",
            f"{case['floor_seconds_all_threads']:.3f}",
            f"{case['sides']['stacked']['median']:.3f}",
            f"{case['share_of_floor_one_thread']:.1%}",
        ]
        for case in cases
    ]
    return as_table(["case", "inputs", "GFLOP", "floor, s", "on all threads, s", "stacked, s", "share"], rows)


def _study(study: dict[str, Any]) -> str:
    states = ", ".join(f"{count} {state}" for state, count in study["states"].items())
    ours, each = study["ours_seconds"], study["usual_seconds_a_trial"]
    text = (
        f"iris, `search_spaces/mlp.yaml`, {study['trials']} trials ({states}; {study['epochs']:,} epochs of at most "
        f"{study['most_epochs']} a trial), in a fresh process and an empty folder; start-up, MLflow, SQLite, early "
        "stopping and pruning included. The usual loop trains the trials that ours recorded, each for as many epochs "
        "as ours trained, and logs params, fold scores and score with MLflow's fluent API."
    )
    missing = study["usual_of"] - study["usual_trials"]
    if missing:
        text += (
            f" **It ran {study['usual_trials']} of the {study['usual_of']} trials, evenly spread over the study "
            f"({study['usual_epochs']:,} epochs), in {study['usual_seconds_measured']:.0f} s; the {missing} others are "
            "taken to last as long on average.**"
        )
    row = [
        f"{ours['min']:.1f} / **{ours['median']:.1f}** / {ours['max']:.1f} ({ours['runs']})",
        f"{study['ours_training_seconds']:.1f}",
        f"{study['usual_seconds']:.0f}",
        f"{each['min']:.1f} / {each['median']:.1f} / {each['max']:.1f}",
        f"**{study['ratio']:.1f}**",
        *_verdict(study),
        f"{study['score_ours']:.3f}",
        f"{study['score_usual']:.3f}",
    ]
    head = ["`tune run`, s", "of it trials, s", "usual, s", "a trial, s", "ratio", "target", "met"]
    text += " Scores are means over the trials that both ran, ours at each trial's best epoch, the usual at its last."
    return text + "\n\n" + as_table([*head, "score, ours", "score, usual"], [row])


def _verdict(measured: dict[str, Any]) -> tuple[str, str]:
    return f">= {measured['target']:.0f}", "yes" if measured["met"] else "**no**"


def _seconds(side: dict[str, float]) -> str:
    return f"{side['min']:.2f} / **{side['median']:.2f}** / {side['max']:.2f} ({side['trials']:.0f})"


def _score(side: dict[str, float]) -> str:
    return f"{side['score']:.4f} ({side['score_min']:.4f} to {side['score_max']:.4f})"
