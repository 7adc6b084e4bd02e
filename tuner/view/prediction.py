"""What a person is told of predictions and of an exported model: results on standard output, notes beside them."""

import os
import sys

from tuner.export.predict import Predicted


def show_predicted(predicted: Predicted) -> None:
    """Print predictions as CSV, or where they were written; notes go to standard error."""
    for note in predicted.notes:
        print(note, file=sys.stderr)  # noqa: T201 (a message)
    if predicted.written is not None:
        print(f"{len(predicted.table):,} rows predicted: {predicted.written}")  # noqa: T201 (the result)
        return
    try:
        predicted.table.to_csv(sys.stdout, index=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has enough; nothing more can be said to it, not even at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
