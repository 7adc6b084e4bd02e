"""A model folder's card: what the model predicts, from what, how well, and how to use it; in Markdown."""

import re
from collections.abc import Iterator
from html import escape

from tuner.data.columns import Kind
from tuner.export.manifest import IntervalPart, Manifest
from tuner.export.module_file import ENDING
from tuner.model.heads import DECIDED, EVEN
from tuner.tasks import Task

MOST_LISTED = 40
"""How many columns and classes a card lists."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|!~$@])")

_KINDS = {
    "refit": "one network, trained on all rows of the search",
    "folds": "the networks of the cross-validation's folds; their outputs are averaged",
    "ensemble": "several trials' networks, each trained on all rows of the search; their outputs are weighted",
}

_WORDS = {
    Task.BINARY: "which of two classes a row belongs to",
    Task.MULTICLASS: "which of several classes a row belongs to",
    Task.MULTILABEL: "which labels a row has",
    Task.REGRESSION: "a number for each row",
}


_BOUNDS = {
    "sigmoid": ", never beyond those of the rows it was trained on",
    "tanh": ", never beyond those of the rows it was trained on",
    "softplus": ", never a negative one",
    "relu": ", never a negative one",
}
"""Output activation -> what it keeps predictions from."""


def model_card(manifest: Manifest) -> str:
    """Return a model's card as Markdown; names from data and study file are shown as text, whatever they hold."""
    parts = [*_head(manifest), *_scores(manifest), *_use(manifest), *_columns(manifest), *_limits(manifest)]
    return "\n".join([*parts, *_origin(manifest)]) + "\n"


def plain(name: object, most: int = 80) -> str:
    """Return any text so that Markdown shows it as it is, on one line, shortened if it is long."""
    text = " ".join(str(name).split())
    shortened = text if len(text) <= most else f"{text[:most]}…"
    return _SPECIAL.sub(r"\\\1", escape(shortened, quote=False))


def _head(manifest: Manifest) -> Iterator[str]:
    study, targets = manifest.study, manifest.target_names
    yield f"# Model of the study {plain(study.name)}\n"
    listed = ", ".join(map(plain, targets[:MOST_LISTED]))
    bounds = _BOUNDS.get(manifest.output, "")
    yield f"A model for tables, made by tuner. It predicts **{listed}**: {_WORDS[manifest.task]}{bounds}."
    yield f"It is {_KINDS[manifest.kind]}.\n"
    if manifest.own:
        yield (
            f"A network is what the function {plain(manifest.model)} of the study builds. Keras computes it, so to "
            "predict loads TensorFlow; a file with layers of the user's own needs their module to be imported first.\n"
        )
    if manifest.classes:
        listed = ", ".join(map(plain, manifest.classes[:MOST_LISTED]))
        more = (
            f", and {len(manifest.classes) - MOST_LISTED} more" if len(manifest.classes) > MOST_LISTED else ""
        )
        positive = (
            "" if manifest.positive is None else f"; a probability is that of {plain(manifest.positive)}"
        )
        yield f"Classes: {listed}{more}{positive}.\n"
    yield from _thresholds(manifest)


def _thresholds(manifest: Manifest) -> Iterator[str]:
    """Yield the probabilities above which a label is given, where they are not one half."""
    if manifest.thresholds == EVEN or manifest.task not in DECIDED:
        return
    if len(manifest.thresholds) == 1:
        what = "a label" if manifest.positive is None else plain(manifest.positive)
        yield f"It predicts {what} where the probability is above {manifest.thresholds[0]:.4g}.\n"
        return
    each = zip(manifest.target_names[:MOST_LISTED], manifest.thresholds, strict=False)
    listed = ", ".join(f"{plain(name)} {value:.4g}" for name, value in each)
    yield f"It gives a label where its probability is above: {listed}.\n"


def _scores(manifest: Manifest) -> Iterator[str]:
    held_out, study = manifest.held_out, manifest.study
    yield "## How good it is\n"
    if held_out.rows:
        looked = (
            ""
            if held_out.looks == 1
            else f" They were looked at {held_out.looks} times, for different models."
        )
        yield (
            f"On {held_out.rows:,} held-out rows, which neither the search nor the training saw; the interval is of a "
            f"bootstrap over these rows.{looked}\n"
        )
        yield "| metric | held-out score | interval | on training rows | cross-validated |\n|---|---|---|---|---|"
        for name, interval in held_out.scores.items():
            trained, validated = manifest.train_scores.get(name), study.cross_validated.get(name)
            yield (
                f"| {plain(name)} | {_number(interval.value)} | {_bounds(interval)} | {_number(trained)} "
                f"| {_number(validated)} |"
            )
    else:
        yield f"{held_out.note or 'No rows were held out, so there is no score on unseen rows.'}\n"
        yield "| metric | on training rows | cross-validated |\n|---|---|---|"
        for name, value in manifest.train_scores.items():
            yield f"| {plain(name)} | {_number(value)} | {_number(study.cross_validated.get(name))} |"
    first = manifest.trials[0].number
    yield (
        f"\nThe cross-validated score is that of trial {first}, one of {study.trials} trials; of the best of them "
        "it is optimistic, since that one was chosen for it.\n"
    )


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def _bounds(interval: IntervalPart) -> str:
    if interval.low is None or interval.high is None:
        return "none"
    return f"{interval.low:.4g} to {interval.high:.4g} ({interval.level:.0%})"


def _use(manifest: Manifest) -> Iterator[str]:
    yield "## Use\n"
    yield "```\ntune predict THIS_FOLDER rows.csv -o predictions.csv\n```\n"
    yield "```python\nimport pandas as pd\nfrom tuner.export.folder import load_model\n"
    yield 'model = load_model("THIS_FOLDER")\nmodel.predict(pd.read_csv("rows.csv"))\n```\n'
    kind = " Classes are texts, as in `manifest.json`." if manifest.classes else ""
    yield (
        f"A prediction is a table with a row for each row: {_outputs(manifest)}.{kind} {_files(manifest)}; they read "
        "the inputs that `preprocess*.json` describes.\n"
    )


def _files(manifest: Manifest) -> str:
    if not any(part.keras.endswith(ENDING) for part in manifest.networks):
        return "The files `model*.keras` are ordinary Keras files, `keras.saving.load_model` opens them"
    return (
        f"The files `model*{ENDING}` hold the arrays of a torch module that {plain(manifest.model)} builds: import its "
        "file first, or name it to `tune predict` with `--import`"
    )


def _outputs(manifest: Manifest) -> str:
    if manifest.task is Task.REGRESSION:
        single = len(manifest.target_names) == 1
        return "column `prediction`" if single else "a column `prediction_<target>` for each target"
    if manifest.task is Task.MULTILABEL:
        return "columns `prediction_<label>` (0 or 1) and `probability_<label>` for each label"
    return "column `prediction`, and a column `probability_<class>` for each class"


def _columns(manifest: Manifest) -> Iterator[str]:
    yield "## What it reads\n"
    yield "| column | kind | values | may be missing in training rows |\n|---|---|---|---|"
    for column in manifest.columns[:MOST_LISTED]:
        values = ""
        if column.kind is Kind.CATEGORY:
            shown = ", ".join(plain(name, 20) for name in column.categories[:5])
            values = f"{len(column.categories):,}: {shown}{', …' if len(column.categories) > 5 else ''}"
        elif column.kind is Kind.DATETIME:
            values = plain(column.form or "dates")
        yield f"| {plain(column.name)} | {column.kind} | {values} | {'yes' if column.has_missing else 'no'} |"
    if len(manifest.columns) > MOST_LISTED:
        yield f"\nand {len(manifest.columns) - MOST_LISTED:,} more, in `manifest.json`."
    yield (
        "\nColumns may come in any order; others are not read. A missing value is filled in as in training; a category "
        "that was not there in training counts as none of the known ones.\n"
    )


def _limits(manifest: Manifest) -> Iterator[str]:
    yield "## Limits\n"
    yield (
        "It has learned from the rows named below alone. Rows from elsewhere, from another time, or gathered in "
        "another way may differ from them, and the scores above then say nothing. Whether an error does harm, and "
        "to whom, is for those to judge who use it.\n"
    )


def _origin(manifest: Manifest) -> Iterator[str]:
    study = manifest.study
    yield "## Where it comes from\n"
    yield f"- data: {plain(study.data)}, {study.rows:,} rows to learn from; SHA-256 {study.data_sha256}"
    yield f"- search: {study.trials} trials for {plain(study.objective)} ({study.direction}), seed {study.seed}"
    for trial in manifest.trials:
        params = ", ".join(f"{plain(name)} {plain(value)}" for name, value in trial.params.items())
        epochs = ", ".join(map(str, trial.epochs))
        yield f"- trial {trial.number}, weight {trial.weight:.3g}, epochs {epochs}: {params}"
    libraries = ", ".join(f"{plain(name)} {plain(found)}" for name, found in manifest.versions.items())
    yield f"- made {plain(manifest.created)} by tuner {plain(manifest.tuner)} with {libraries}"
