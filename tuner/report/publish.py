"""A report beside its study's run in MLflow."""

from tuner.config.study_file import StudyConfig
from tuner.places import experiment_name, is_tracked, tracking_place
from tuner.report.write import Written
from tuner.tracking.publish import publish_files

FOLDER = "report"
"""Where a report lies among the artifacts of a study's run."""


def publish_report(config: StudyConfig, written: Written) -> str | None:
    """Put a report among the artifacts of its study's run; returns why it is not there.

    None where it is, and for a study that is not tracked.
    """
    if not is_tracked(config):
        return None
    files = {f"{FOLDER}/{path.relative_to(written.page.parent)}": path for path in written.files}
    return publish_files(tracking_place(config)[0], experiment_name(config), written.study_id, files)
