"""The commands: parse, call one function, print."""

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from tuner.completion import study_files
from tuner.errors import TunerError
from tuner.executors.kinds import Kind
from tuner.interrupts import INTERRUPTED

# Looking for pydantic's plugins among all that is installed would take a tenth of a command's start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")

app = typer.Typer(
    help="Search for the best neural network for a table: cross-validated, repeatable, tracked in MLflow.",
    epilog="Start with: tune init table.csv --target COLUMN, or tune run studies/iris.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StudyFile = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY", help="The study file, such as studies/iris.yaml.", autocompletion=study_files
    ),
]

NO_TRIAL_COMPLETED = 1
BAD_INPUT = 2
DIFFERENT = 3


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tuner {version('tuner')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the program an error arose.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Show the version.")
    ] = False,
) -> None:
    """Take the options of all commands; ``main`` reads ``--debug`` itself."""


@app.command()
def init(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Your table: .csv[.gz], .tsv[.gz], .parquet, .feather, .npz; or a folder of PNG and JPEG files.",
        ),
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL",
            help="The column to predict; once for each of several, or a pattern of their names: 'label*'.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The study file; default: studies/NAME.yaml."),
    ] = None,
) -> None:
    """Look at a table, and write a study file for it that runs as it is, with a comment for each choice."""
    from tuner.init.start import init_study
    from tuner.view.init import show_looked, show_started

    show_started(init_study(data, target or (), output, seen=show_looked))


@app.command()
def run(
    study: StudyFile,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials the study is to have, instead of the file's number.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="T", help="No trial starts after this: 90s, 10m, 2h; or none.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that train, up to search.window of them; default: as many as cores (or, with Ray, the "
            "cluster) have room for. The result is the same.",
        ),
    ] = None,
    executor: Annotated[
        Kind,
        typer.Option(help="Where trials run: processes of this machine, or the Ray cluster at RAY_ADDRESS."),
    ] = Kind.LOCAL,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew; the old study is kept under a dated name.")
    ] = False,
    origin: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="STUDY", help="Try the best configurations of this other study first."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")] = False,
) -> None:
    """Search, or continue a search that is unfinished."""
    from tuner.config.study_file import load_config
    from tuner.options import idle_workers, parse_timeout

    seconds = parse_timeout(timeout)
    config = load_config(study)
    idle = idle_workers(workers, config.search.window)
    if idle is not None and not quiet:
        typer.echo(idle, err=True)

    from tuner.executors.choice import EXECUTORS

    # Before the other imports: the worker loads Keras while they and the data are loaded here.
    crew = EXECUTORS[executor](config, workers)

    from tuner.run import run_study
    from tuner.view.display import show_run

    events = run_study(config, trials=trials, timeout=seconds, fresh=fresh, origin=origin, executor=crew)
    closed = show_run(events, config, quiet=quiet)
    if closed.interrupted:
        raise typer.Exit(INTERRUPTED)
    if closed.summary.best is None:
        raise typer.Exit(NO_TRIAL_COMPLETED)


@app.command()
def check(study: StudyFile) -> None:
    """Check study, space and data; train one batch of the smallest and the largest network."""
    from tuner.config.study_file import load_config

    config = load_config(study)

    from tuner.check import check_study
    from tuner.view.display import show_check

    show_check(check_study(config))


@app.command()
def show(
    study: StudyFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for machines.")] = False,
) -> None:
    """Show the trials, the best so far, and how each one stands."""
    from tuner.config.study_file import load_config

    config = load_config(study)

    from tuner.summary import read_summary
    from tuner.view.display import show_summary

    show_summary(read_summary(config), as_json=as_json)


@app.command()
def report(
    study: StudyFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The HTML file; default: runs/NAME/report.html."),
    ] = None,
) -> None:
    """Write a report: one HTML file that holds all it shows, and the same in Markdown beside it."""
    from tuner.config.study_file import load_config

    config = load_config(study)

    from tuner.places import is_tracked
    from tuner.report.publish import publish_report
    from tuner.report.write import report_study
    from tuner.view.report import show_written

    written = report_study(config, output)
    show_written(written, tracked=is_tracked(config), unpublished=publish_report(config, written))


@app.command()
def verify(
    study: StudyFile,
    trial: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="The trial's number; default: the best one.")
    ] = None,
) -> None:
    """Train a recorded trial again and compare every number; exit status 3 on a difference."""
    from tuner.config.study_file import load_config

    config = load_config(study)

    from tuner.executors.choice import one_worker

    # Before the other imports: the worker loads Keras while they and the data are loaded here.
    worker = one_worker(config)

    from tuner.verify import verify_trial
    from tuner.view.verification import show_verified

    verified = verify_trial(
        config, trial, executor=worker, begins=lambda sentence: typer.echo(sentence, err=True)
    )
    show_verified(verified)
    if not verified.holds:
        raise typer.Exit(DIFFERENT)


@app.command()
def export(
    study: StudyFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="The model folder; default: one in runs/NAME."),
    ] = None,
    trial: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="The model of this trial; default: the study's final model."),
    ] = None,
) -> None:
    """Put a model into a folder that predicts without the study."""
    from tuner.config.study_file import load_config

    config = load_config(study)

    from tuner.executors.choice import one_worker

    # Before the other imports: the worker loads Keras while they and the data are loaded here.
    worker = one_worker(config)

    from tuner.conclude.exported import export_study
    from tuner.view.final import show_exported

    show_exported(export_study(config, trial=trial, folder=output, executor=worker))


@app.command()
def predict(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A model folder, such as runs/iris/model.", show_default=False),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Rows to predict: .csv[.gz], .tsv[.gz], .parquet, .feather, .npz, or a folder of PNG and JPEG files.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write there: .csv[.gz], .parquet, ..."),
    ] = None,
    imports: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="A module of yours that it needs.")
    ] = None,
) -> None:
    """Predict rows with a model folder: classes and probabilities, or values; as CSV on standard output."""
    from tuner.export.predict import predict_file
    from tuner.view.prediction import show_predicted

    show_predicted(predict_file(model, data, output, imports or ()))


@app.command()
def ui(
    study: StudyFile,
    port: Annotated[
        int | None, typer.Option(help="The port to serve at; default: a free one from 5000.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to serve at; others than this machine's let others in.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Open the MLflow dashboard at the study; Ctrl-C ends it."""
    import webbrowser

    from tuner.config.study_file import load_config

    config = load_config(study)

    from tuner.places import experiment_name, is_tracked, tracking_place
    from tuner.tracking.dashboard import serve_dashboard

    if not is_tracked(config):
        raise config.problem(
            "tracking.uri", "none: this study is not shown in MLflow; see it with: tune report"
        )

    serve_dashboard(
        tracking_place(config)[0],
        experiment_name(config),
        config.name,
        ready=lambda page: typer.echo(f"{page}  (Ctrl-C ends the dashboard)"),
        host=host,
        port=port,
        browse=webbrowser.open if browser else lambda page: None,
    )


@app.command()
def schema() -> None:
    """Print the JSON Schema of study files, for editors."""
    import json

    from tuner.config.schema import schema as study_schema

    typer.echo(json.dumps(study_schema(), indent=2, ensure_ascii=False))


def command() -> None:
    """Run the command line and end the process.

    Everything is written and closed when ``main`` is done. Python would then take all imported libraries apart,
    object by object, which takes over a second after a run.
    """
    status: str | int | None = 0
    try:
        main()
    except SystemExit as end:
        status = end.code
    if isinstance(status, str):
        typer.echo(status, err=True)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)


def main() -> None:
    """Run the command line; a user's mistake is printed without a traceback."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    try:
        app([argument for argument in arguments if argument != "--debug"], prog_name="tune")
    except TunerError as error:
        if debug:
            traceback.print_exc()
        typer.echo(str(error), err=True)
        sys.exit(BAD_INPUT)
