"""What ``tune verify`` prints."""

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tuner.report.wording import number
from tuner.verify import RELATIVE, Verified

_VERDICTS = {
    "same": "the same to the bit",
    "within tolerance": "the same within the tolerance, not to the bit",
    "different": "different",
}


def show_verified(verified: Verified) -> None:
    """Print the outcome of a verification on standard output: what was compared, and what differs."""
    out = Console(highlight=False, markup=False, soft_wrap=True)
    outcome = verified.verification.outcome
    out.print(Text(f"{verified.name}, trial {verified.recorded.number}: {_VERDICTS[outcome]}"))
    if verified.again is None:
        out.print(Text("the study has changed since the trial was recorded, so nothing was trained:"))
        out.print(Text("\n".join(f"  {line}" for line in verified.changes)))
        return
    total = sum(each.numbers for each in verified.compared)
    equal = total - sum(each.differing for each in verified.compared)
    out.print(Text(f"{equal:,} of {total:,} recorded numbers are the same to the bit:"))
    for each in verified.compared:
        out.print(Text(f"  {each.what}: {_count(each.numbers, each.differing, each.largest)}"))
    for line in verified.elsewhere:
        out.print(Text(line))
    if outcome != "same":
        _show_ending(verified, out)
        _show_folds(verified, out)


def _count(numbers: int, differing: int, largest: float) -> str:
    if not differing:
        return f"{numbers:,} equal"
    how_far = "" if math.isnan(largest) or not largest else f", by at most {largest:.3g}"
    return f"{differing:,} of {numbers:,} differ{how_far}"


def _show_ending(verified: Verified, out: Console) -> None:
    again = verified.again
    assert again is not None
    for when, result in (("recorded", verified.recorded), ("now", again)):
        why = f" ({result.reason}: {result.message})" if result.reason else ""
        at = f", best epoch {result.best_epoch} of {result.epochs}" if result.best_epoch else ""
        out.print(Text(f"{when}: {result.state}{why}{at}"))


def _show_folds(verified: Verified, out: Console) -> None:
    """Print the objective's score of each fold, recorded and now."""
    again = verified.again
    assert again is not None
    if not verified.recorded.fold_values or not again.fold_values:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    tolerated = bool(verified.tolerances)
    for column in ("fold", "recorded", "now", "difference", *(["tolerance"] if tolerated else [])):
        table.add_column(column, justify="right", no_wrap=True)
    pairs = zip(verified.recorded.fold_values[0], again.fold_values[0], strict=True)
    for fold, (recorded, now) in enumerate(pairs):
        cells = [str(fold), repr(recorded), repr(now), f"{now - recorded:.3g}" if now != recorded else "0"]
        table.add_row(*cells, *([number(verified.tolerances[fold])] if tolerated else []))
    out.print(Text(f"{verified.objective} by fold:"))
    out.print(table)
    if tolerated:
        out.print(
            Text(
                f"the tolerance, used since versions or the machine differ: {RELATIVE:g} of the recorded score, and at "
                "least one scored row where the metric counts decided labels"
            )
        )
