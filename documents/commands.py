"""The page of the commands, made from the command line itself."""

from typing import Any

import typer.main

from documents.markdown import code, page, section, table, text
from tuner.cli import app

STATUS = (
    ("0", "all is well"),
    ("1", "no trial completed"),
    ("2", "something that you can mend; the message says what and where"),
    ("3", "`tune verify` found a difference"),
    ("130", "interrupted with Ctrl-C; `tune run` goes on from there"),
)
"""What a command ends with."""


def commands_page() -> str:
    """Return the page."""
    group: Any = typer.main.get_command(app)
    whole = group.context_class(group, info_name="tune")
    commands = []
    for name, command in group.commands.items():
        context = command.context_class(command, parent=whole, info_name=name)
        usage = command.get_usage(context).removeprefix("Usage: ")
        parts = text(command.help), code(usage), _parameters(command, context)
        commands.append(section(code(f"tune {name}"), *parts, anchor=name))
    return page(
        "Commands",
        "On this page you find each command with its arguments and options, as `tune COMMAND --help` tells them.",
        *commands,
        section("Of all commands", _parameters(group, whole)),
        section("Exit status", table(("status", "means"), STATUS)),
    )


def _parameters(command: Any, context: Any) -> str:
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    return table(
        ("argument or option", "is"), ([code(form), text(said)] for form, said in filter(None, records))
    )
