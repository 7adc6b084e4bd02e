"""What a study's run says of its outcome: tags and a note that may change, as a study may go on."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING

from tuner.tracking.mlflow_records import LONGEST_TAG, cut, legal_name, run_name
from tuner.tracking.tracker import Outcome

if TYPE_CHECKING:
    from mlflow import MlflowClient

BEST_PARAM = "best."
"""What the tags with the best trial's parameters begin with: MLflow never changes a param, and the best may change."""


def write_outcome(
    client: "MlflowClient",
    experiment_id: str,
    run_id: str,
    about: str,
    outcome: Outcome,
    trials: Mapping[int, str],
) -> None:
    """Write which trials are the best, on the study's run and on theirs, and take it back where it was so before.

    The study's run gets the tags ``tuner.best`` (numbers, ``,`` between them) and ``best.<param>``, and a note; the
    best trials' runs get the tag ``tuner.best``.

    Args:
        client: a client of the store.
        experiment_id: the runs' experiment.
        run_id: the study's run.
        about: Markdown on the study, which the note begins with.
        outcome: what the study has come to.
        trials: number -> id of each trial's run that is known.
    """
    best = {number: trials[number] for number in outcome.best if number in trials}
    links = [
        f"[{run_name(number)}](#/experiments/{experiment_id}/runs/{run})" for number, run in best.items()
    ]
    note = "\n\n".join([about, *([f"**Best: {', '.join(links)}**"] if links else []), outcome.note])
    tags = {f"{BEST_PARAM}{legal_name(name)}": str(value) for name, value in outcome.params.items()}
    tags["tuner.best"] = ",".join(str(number) for number in sorted(outcome.best))
    tags["mlflow.note.content"] = note
    for name in client.get_run(run_id).data.tags:
        if name.startswith(BEST_PARAM) and name not in tags:
            client.delete_tag(run_id, name)
    _set_tags(client, run_id, tags)
    former = client.search_runs(
        [experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}' and tags.`tuner.best` = 'true'"
    )
    for run in former:
        if run.info.run_id not in best.values():
            client.delete_tag(run.info.run_id, "tuner.best")
    for trial_run in best.values():
        client.set_tag(trial_run, "tuner.best", "true")


def write_best(client: "MlflowClient", run_id: str, outcome: Outcome) -> None:
    """Write ``best.json`` to the study's run: the best trial's number and parameters, and the study's numbers."""
    numbers = {name: value for name, value in outcome.numbers.items() if isfinite(value)}
    best = {"trials": list(outcome.best), "params": dict(outcome.params), "numbers": numbers}
    client.log_text(run_id, json.dumps(best, indent=1, ensure_ascii=False), "best.json")


def _set_tags(client: "MlflowClient", run_id: str, tags: Mapping[str, str]) -> None:
    from mlflow.entities import RunTag

    entries = [RunTag(name, cut(text, LONGEST_TAG)) for name, text in tags.items()]
    client.log_batch(run_id, tags=entries, synchronous=True)
