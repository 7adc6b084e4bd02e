"""Put files beside a study's run, where the dashboard shows them: its report and the report's pictures."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tuner.errors import TunerError
from tuner.tracking.mlflow_store import answers, connect, find_experiment, shown, sqlite_path


def publish_files(uri: str, experiment: str, study_id: str, files: Mapping[str, Path]) -> str | None:
    """Put files among the artifacts of a study's run; one that was there under the same name is replaced.

    Args:
        uri: the tracking store.
        experiment: the experiment's name.
        study_id: the study's id, as its header has it.
        files: path in the run, such as ``report/report.html``, -> file on this machine.

    Returns:
        Why they are not there, in a sentence; None where they are. A store that is away is no error: the files stay
        where they are, and are sent by the next call.
    """
    database = sqlite_path(uri)
    if database is not None and not database.is_file():
        return f"{shown(uri)} has no runs yet"
    try:
        client = connect(uri)
        found = find_experiment(client, uri, experiment)
        with answers(uri), tempfile.TemporaryDirectory() as staged:
            of_study = f"tags.`tuner.kind` = 'study' and tags.`tuner.study_id` = '{study_id}'"
            runs = client.search_runs([found.id], of_study) if found is not None else []
            if not runs:
                return f"{shown(uri)} has no run of this study yet"
            for name, file in files.items():
                copy = Path(staged) / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
            client.log_artifacts(runs[0].info.run_id, staged)
    except TunerError as error:
        return str(error)
    return None
