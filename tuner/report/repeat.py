"""Everything that is needed to repeat a study, and when that was last tried."""

import json
import shlex
from collections.abc import Iterator

from tuner.records import Verification
from tuner.report.collect import Report
from tuner.report.document import Block, Callout, Code, Note, Paragraph, Table, Tone
from tuner.report.wording import counted, sentence
from tuner.search.url import without_passwords

_TONES: dict[str, Tone] = {"same": "good", "within tolerance": "good", "different": "caution"}

_SAME = (
    "The same study file, data and versions give the same trials to the bit, whether the search ran at once or was "
    "interrupted and continued."
)
_MEASURED = (
    "How long a network takes for a row was measured, and no two measurements are alike: the same study file may "
    "choose other trials. Each trial that is recorded trains to the same bits again."
)


def repeat(report: Report) -> Iterator[Block]:
    """Yield what a report says of how to repeat its study."""
    study, header = report.study, report.header
    config = study.config
    path = shlex.quote(str(config.path))
    yield Paragraph(_MEASURED if study.problem.goals.needs_latency else _SAME)
    yield _verified(report.verification, path)
    n_trials = len(report.summary.results)
    commands = f"tune run {path} --trials {n_trials}\ntune verify {path}\ntune report {path}\n"
    yield Code("Commands", commands, "shell")
    problem = study.problem
    facts = [
        ("started", header.created),
        ("trials", counted(n_trials, "trial")),
        ("seed", f"{problem.seed}; every random choice has a seed of its own, derived from it"),
        ("SHA-256 of the data", str(header.data["sha256"])),
        ("SHA-256 of held-out rows and folds", header.splits),
        ("engine", problem.engine),
        *((f"version of {name}", version) for name, version in header.versions.items()),
        *((f"machine: {name}", str(value)) for name, value in header.machine.items() if value),
    ]
    yield Table("What the result depends on", ("what", "value"), tuple(facts))
    yield Code(f"Study file: {config.path.name}", _file(report), "yaml", folded=True)
    settings = json.dumps(header.config, indent=2, ensure_ascii=False, sort_keys=False)
    yield Code("All settings as recorded, defaults and search space included", settings, "json", folded=True)
    yield Note(
        "Trials are in study.db (Optuna's format), their curves and out-of-fold predictions in oof/, both in "
        f"runs/{config.name}/."
        if config.database is None
        else f"Trials, their curves and out-of-fold predictions are in {without_passwords(config.storage)}."
    )


def _verified(verification: Verification | None, path: str) -> Callout:
    if verification is None:
        return Callout(
            f"Not verified yet. To train the best trial again and compare every number: tune verify {path}"
        )
    outcome = f"Trial {verification.trial} was trained again on {verification.when}: {verification.outcome}."
    return Callout(f"{outcome} {sentence(verification.detail)}", _TONES.get(verification.outcome, "caution"))


def _file(report: Report) -> str:
    return without_passwords(report.study.config.path.read_text(encoding="utf-8"))
