"""`selfhelp`: the command line, thin over the functions that the app uses too.

A command's module is imported when that command is run, so that asking for help does
not wait for the web server's imports.
"""

import importlib
import os
from dataclasses import dataclass
from typing import Any

# Plain text: what is printed may be read by a screen reader or end up in a log.
os.environ.setdefault("TYPER_USE_RICH", "0")

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from plugin.commands.endings import Endings
from plugin.commands.starting import no_collecting


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command of the top level: its name, its one line of help, whether a group.

    Its module in `plugin.commands` has its name, and holds the function of that name
    or, for a group, a typer `app`.
    """

    name: str
    help: str
    group: bool = False


COMMANDS = (
    Lazy("serve", "Run the app, with the write-back worker inside."),
    Lazy("worker", "Run the write-back worker alone."),
    Lazy("recommend", "Recommend for a FHIR Bundle, without an EHR."),
    Lazy("directory", "Import, search and export meetings.", group=True),
    Lazy("doctor", "Try each registration against its live EHR."),
    Lazy("keys", "Generate, rotate and print the signing keys.", group=True),
    Lazy("outbox", "See and settle what is to be written to the EHR.", group=True),
    Lazy("audit", "Verify, export and checkpoint the audit trail.", group=True),
    Lazy("knowledge", "Check the rule base.", group=True),
    Lazy("profiles", "Export the FHIR conformance artefacts.", group=True),
    Lazy("openapi", "Print the HTTP interface as an OpenAPI document."),
)


class LazyGroup(TyperGroup):
    """Lists its commands from the table; imports the one that is run."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [command.name for command in COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        for command in COMMANDS:
            if command.name == cmd_name:
                return _load(command)
        return None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(one.name, one.help) for one in COMMANDS])


def _load(command: Lazy) -> Any:
    with no_collecting():
        module = importlib.import_module(f"plugin.commands.{command.name}")
    if command.group:
        group = get_group(module.app)
        group.help = group.help or command.help
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(command.name)(getattr(module, command.name))
    return get_command(alone)


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def selfhelp() -> None:
    """Self-help groups from the chart, referred to and written back exactly once.

    Exit codes: 0 done; 1 done, with findings; 2 bad usage or input; 3 the outside
    failed (EHR, feed, database).
    """


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its code; an error is one line."""
    with Endings():
        raise SystemExit(
            get_command(app).main(
                arguments, prog_name="selfhelp", standalone_mode=False
            )
            or 0
        )
