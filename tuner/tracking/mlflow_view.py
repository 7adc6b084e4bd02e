"""How the dashboard first shows a study: its trials by score, with the columns that matter.

MLflow keeps a view that someone shares as a tag of the experiment (``mlflow.sharedViewState.<key>``), and shows it
under an address that names the key. A study shares one such view with whoever opens its page.
"""

import json
from hashlib import sha256

from tuner.tracking.mlflow_records import OBJECTIVE, legal_name
from tuner.tracking.tracker import StudyCard

LONGEST_VIEW = 5000
"""Characters of an experiment's tag (the limit of MLflow's servers before 3)."""

_MOST_COLUMNS = 16


def view_key(study: str) -> str:
    """Return the key of a study's view, from the study's name, which an address could not hold as it is."""
    return f"tuner-{sha256(study.encode()).hexdigest()[:8]}"


def view_tag(study: str) -> str:
    """Return the name of the experiment's tag that holds a study's view."""
    return f"mlflow.sharedViewState.{view_key(study)}"


def view_state(card: StudyCard) -> str:
    """Return the view: this study's runs, the best score first; score, state, metrics and searched parameters."""
    columns = [
        _column("metrics", "score"),
        _column("tags", "tuner.state"),
        _column("tags", "tuner.best"),
        *(_column("metrics", f"{OBJECTIVE}{name}") for name in card.others),
        *(_column("metrics", f"cv/{metric}") for metric in card.metrics[1:]),
        _column("metrics", "best_epoch"),
        *(_column("params", name) for name in card.searched),
    ][:_MOST_COLUMNS]
    while True:
        state = {
            "searchFilter": f"tags.`tuner.study_id` = '{card.id}'",
            "orderByKey": _column("metrics", "score"),
            "orderByAsc": card.direction.startswith("minimize"),
            "selectedColumns": columns,
            "columnOrder": [_column("attributes", "Run Name"), *columns],
        }
        text = json.dumps(state, ensure_ascii=False)
        if len(text) <= LONGEST_VIEW:
            return text
        columns.pop()


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{legal_name(name)}`"
