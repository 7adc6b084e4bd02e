"""From a report to its files: one page of HTML, and the same in Markdown with its pictures beside it."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tuner.config.study_file import StudyConfig
from tuner.errors import TunerError
from tuner.header import check_unchanged
from tuner.report import sections_front, sections_scores, sections_search, sections_trials
from tuner.report.collect import Report, collect
from tuner.report.data_card import data_card
from tuner.report.document import Document, Section
from tuner.report.html import html_page
from tuner.report.kept_inputs import kept_inputs
from tuner.report.markdown import markdown_text
from tuner.report.png import png
from tuner.report.repeat import repeat
from tuner.report.wording import counted
from tuner.search.storage import StudyStore
from tuner.study import open_study
from tuner.summary import check_begun
from tuner.tasks import Task

HTML, MARKDOWN = ".html", ".md"

_GOALS = {
    Task.REGRESSION: "Regression",
    Task.BINARY: "Binary classification",
    Task.MULTICLASS: "Classification",
    Task.MULTILABEL: "Multi-label classification",
}


@dataclass(frozen=True, slots=True)
class Written:
    """Where a report lies.

    Attributes:
        page: the HTML file.
        text: the Markdown file.
        pictures: the PNG files that the Markdown shows, in one folder.
        study_id: of the study that was reported on, as its header has it.
    """

    page: Path
    text: Path
    pictures: tuple[Path, ...]
    study_id: str

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.page, self.text, *self.pictures)


def report_study(config: StudyConfig, page: Path | None = None) -> Written:
    """Write the report on a study as it stands; trains nothing.

    Args:
        config: the study file.
        page: the HTML file; None for ``report.html`` among the study's records.

    Raises:
        TunerError: the study was not run yet, or its file or data have changed since, or the files cannot be written.
    """
    if page is not None:
        check_page(page)
    with closing(StudyStore(config.runs_folder, config.name, config.database)) as store:
        check_begun(config, store)
        study = open_study(config)
        check_unchanged(study, store.header())
        return write_report(collect(study, store), page or config.runs_folder / "report.html")


def make_document(report: Report) -> Document:
    """Return what a report says, section by section."""
    dataset, summary = report.study.dataset, report.summary
    sought = [
        f"the {'largest' if each.direction == 'maximize' else 'smallest'} {each.name}"
        for each in summary.objectives
    ]
    subtitle = (
        f"{_GOALS[dataset.task]} of {_names(dataset.target_names)}: "
        f"{counted(len(summary.results), 'trial')} in search of {' and '.join(sought)}, on "
        f"{counted(len(dataset.target), 'row')} and {counted(len(dataset.columns), 'column')}."
    )
    sections: Iterable[Section | None] = (
        sections_search.headline(report),
        sections_front.front(report),
        sections_search.searched(report),
        sections_search.course(report),
        sections_search.mattered(report),
        kept_inputs(report),
        sections_trials.learning(report),
        sections_trials.compared(report),
        sections_scores.predictions(report),
        sections_scores.final_model(report),
        sections_trials.listed_trials(report),
        Section("data", "Data", tuple(data_card(report.study))),
        Section("repeat", "To repeat it", tuple(repeat(report))),
    )
    return Document(report.study.config.name, subtitle, tuple(filter(None, sections)))


def write_report(report: Report, page: Path) -> Written:
    """Write a report: a page, and beside it the same in Markdown, with its pictures in a folder.

    Args:
        report: what to write.
        page: the HTML file; the others are named after it (``report.md``, ``report_files/``) and replaced.

    Raises:
        TunerError: the files cannot be written there.
    """
    document = make_document(report)
    text, folder = page.with_suffix(MARKDOWN), page.with_name(f"{page.stem}_files")
    pictures = {folder / f"{picture.key}.png": png(picture) for picture in document.pictures}
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        _replace_folder(folder, pictures)
        _replace(text, markdown_text(document, folder.name))
        _replace(page, html_page(document))
    except OSError as error:
        raise TunerError(
            f"{page}: the report cannot be written: {error.strerror}; name another file with -o"
        ) from None
    return Written(page, text, tuple(pictures), report.header.id)


def check_page(page: Path) -> None:
    """Refuse a file that a report should not be written to.

    Raises:
        TunerError: it has another ending than .html, or is a folder.
    """
    if page.suffix.lower() not in (HTML, ".htm"):
        raise TunerError(f"-o {page}: a report is an HTML file; name it {page.with_suffix(HTML).name}")
    if page.is_dir():
        raise TunerError(f"-o {page}: a folder; name a file in it, such as {page / 'report.html'}")


def _names(names: tuple[str, ...]) -> str:
    return f"'{names[0]}'" if len(names) == 1 else f"{len(names)} targets"


def _replace(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    unfinished.replace(path)


def _replace_folder(folder: Path, files: dict[Path, bytes]) -> None:
    """Write the files; pictures of an earlier report that this one lacks go."""
    folder.mkdir(exist_ok=True)
    for path, content in files.items():
        path.write_bytes(content)
    for old in folder.glob("*.png"):
        if old not in files:
            old.unlink()
