"""What the data are: columns, kinds, missing values and target, of the rows that the search saw."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tuner.data.columns import Column, Kind
from tuner.model.cnn import Image, as_image, image_size
from tuner.report.document import Block, Note, Paragraph, Table
from tuner.report.wording import counted, listed, number, param, percent
from tuner.study import Study

MOST_COLUMNS = 200
MOST_CATEGORIES = 5
MOST_CLASSES = 200
_LONGEST_CATEGORY = 30


def data_card(study: Study) -> Iterator[Block]:
    """Yield what a report says of the data."""
    dataset, config = study.dataset, study.config
    yield Paragraph(
        f"{dataset.place}: {counted(len(dataset.target), 'row')}, of which the search saw "
        f"{len(study.search_rows):,} and {len(study.test_rows):,} are held out; "
        f"{counted(len(dataset.columns), 'column')} that a model may see."
    )
    roles = [
        f"{role} '{name}'"
        for role, name in (
            ("weight", config.data.weight),
            ("group", config.data.group),
            ("time", config.data.time),
        )
        if name is not None
    ]
    if roles:
        yield Paragraph(f"Columns with a part of their own: {', '.join(roles)}.")
    if config.data.drop:
        yield Paragraph(f"Never shown to a model: {listed(config.data.drop, 20)}.")
    yield from (Note(f"{text}.") for text in dataset.notes)
    yield _target(study)
    image = as_image(dataset.row_shape)
    if image is not None:
        yield _images(study, image)
    else:
        yield _columns(study)
        if len(dataset.columns) > MOST_COLUMNS:
            yield Note(f"The first {MOST_COLUMNS} of {len(dataset.columns):,} columns.")
    yield Note("Counts and values are those of the rows that the search saw.")


def _target(study: Study) -> Table:
    dataset = study.dataset
    target = dataset.target[study.search_rows]
    if dataset.classes:
        counts = np.bincount(target, minlength=len(dataset.classes))
        order = sorted(range(len(counts)), key=lambda code: (-counts[code], code))[:MOST_CLASSES]
        positive = dataset.classes[1] if dataset.task == "binary" else None
        rows = [
            (dataset.classes[code], f"{counts[code]:,}", percent(counts[code] / len(target)),
             "positive" if dataset.classes[code] == positive else "")
            for code in order
        ]  # fmt: skip
        name = f"Classes of {dataset.target_names[0]}"
        if len(counts) > len(order):
            name += f" (the {len(order)} largest of {len(counts):,})"
        return Table(name, ("class", "rows", "share", ""), tuple(rows), frozenset({1, 2}), len(rows) > 20)
    if dataset.task == "multilabel":
        shares = target.mean(axis=0)
        labels = [
            (name, f"{int(target[:, place].sum()):,}", percent(float(shares[place])))
            for place, name in enumerate(dataset.target_names)
        ]
        return Table("Labels", ("label", "rows", "share"), tuple(labels), frozenset({1, 2}), len(labels) > 20)
    values = target.reshape(len(target), -1)
    lines = [
        (
            name,
            *map(number, (column.mean(), column.std(), column.min(), float(np.median(column)), column.max())),
        )
        for name, column in zip(dataset.target_names, values.T, strict=True)
    ]
    heads = ("target", "mean", "standard deviation", "least", "median", "greatest")
    return Table("Target", heads, tuple(lines), frozenset(range(1, 6)), len(lines) > 20)


def _images(study: Study, image: Image) -> Paragraph:
    values = study.dataset.features.iloc[study.search_rows].to_numpy()
    low, high, mean = (float(found) for found in (np.nanmin(values), np.nanmax(values), np.nanmean(values)))
    return Paragraph(
        f"Each row is an image of {image_size(image)}, a column for each number; they go from {param(low)} to "
        f"{param(high)}, with a mean of {param(mean)}."
    )


def _columns(study: Study) -> Table:
    dataset = study.dataset
    shown = dataset.columns[:MOST_COLUMNS]
    frame = dataset.features.iloc[study.search_rows, : len(shown)]
    missing = frame.isna().sum().to_numpy()
    rows = []
    for place, column in enumerate(shown):
        lacking = f"{missing[place]:,} ({percent(missing[place] / len(frame))})" if missing[place] else ""
        rows.append((column.name, column.kind.value, lacking, _values(column, frame.iloc[:, place])))
    heads = ("column", "kind", "missing", "values")
    return Table(
        f"Columns ({len(dataset.columns):,})", heads, tuple(rows), frozenset({2}), folded=len(rows) > 12
    )


def _values(column: Column, values: pd.Series) -> str:
    known = values.dropna()
    if not len(known):
        return "none"
    if column.kind is Kind.CATEGORY:
        counts = known.value_counts(sort=True)
        ranked = sorted(
            ((-int(count), str(name)) for name, count in counts.items() if count), key=lambda each: each
        )
        names = [_cut(name) for _, name in ranked[:MOST_CATEGORIES]]
        more = f", and {len(ranked) - len(names):,} more" if len(ranked) > len(names) else ""
        return f"{len(ranked):,} {'category' if len(ranked) == 1 else 'categories'}: {', '.join(names)}{more}"
    if column.kind is Kind.BOOLEAN:
        return f"true in {percent(float(known.mean()))}"
    if column.kind is Kind.DATETIME:
        return f"{known.min():%Y-%m-%d} to {known.max():%Y-%m-%d}"
    return f"{param(float(known.min()))} to {param(float(known.max()))}, mean {param(float(known.mean()))}"


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_CATEGORY else f"{name[: _LONGEST_CATEGORY - 1]}…"
