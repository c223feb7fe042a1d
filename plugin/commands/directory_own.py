"""`selfhelp directory add`, `correct`, `mark`, `template`: the hospital's own word."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin.commands.directory_parts import opened_directory, outside, rules_of
from plugin.commands.endings import BadInput

if TYPE_CHECKING:
    from plugin.directory.report import ImportReport

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="The TOML file; SELFHELP_CONFIG where it is not given."
    ),
]
_Values = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="COLUMN=VALUE ...",
        help="As `directory template` names them: name=... day=mon time=19:30 ...",
    ),
]
_NO_KEY = re.compile(r"[^a-z0-9]+")


def template() -> None:
    """Print an empty CSV file with our own columns, for groups that have no feed."""
    from plugin.directory.feeds.csv_table import COLUMNS

    print(",".join(COLUMNS))


def mark(
    meeting: Annotated[str, typer.Argument(help="The meeting's id.")],
    *,
    hide: Annotated[
        bool | None, typer.Option("--hide/--show", help="Never offer it.")
    ] = None,
    trust: Annotated[
        bool | None, typer.Option("--trust/--no-trust", help="We know this group.")
    ] = None,
    liaison: Annotated[
        str | None, typer.Option(help="A volunteer's first name.")
    ] = None,
    liaison_phone: Annotated[str | None, typer.Option(help="The telephone.")] = None,
    config: Config = None,
) -> None:
    """Say what this hospital knows of a meeting; kept whatever its feed says."""
    from plugin.directory.marks import Mark, set_mark

    wanted = Mark(hide, trust, liaison, liaison_phone)
    with opened_directory(config) as directory, outside(""):
        if not set_mark(directory.engine, directory.clock, meeting, wanted):
            raise BadInput(f"there is no meeting {meeting}.")
    print(f"{meeting}: noted.")


def add(values: _Values = None, config: Config = None) -> None:
    """Add a group to the hospital's own list."""
    from plugin.directory.own_list import OwnList

    row = _row(values or [])
    program = row.get("program", "")
    if program not in rules_of(config)().programs:
        raise BadInput(f"program={program} is no programme of the knowledge base.")
    if not row.get("key"):
        named = (row.get("name", ""), row.get("day", ""), row.get("time", ""))
        row["key"] = _NO_KEY.sub("-", " ".join(named).lower()).strip("-")
    with opened_directory(config) as directory, outside(""):
        _say(OwnList(directory).add(row), "added")


def correct(
    meeting: Annotated[str, typer.Argument(help="The meeting's id.")],
    values: _Values = None,
    *,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Let its feed's word count again.")
    ] = False,
    config: Config = None,
) -> None:
    """Correct a meeting of a feed, or a group of the own list; kept over imports."""
    from plugin.directory.own_list import OwnList

    row = _row(values or [])
    if withdraw == bool(row) or "key" in row:
        raise BadInput("say what is right, as time=19:30 venue=..., or --withdraw.")
    with opened_directory(config) as directory, outside(""):
        own = OwnList(directory)
        if withdraw:
            _say(own.withdraw(meeting), "withdrawn")
        else:
            _say(own.correct(meeting, row), "corrected")


def _row(values: Sequence[str]) -> dict[str, str]:
    row = {}
    for value in values:
        column, equals, said = value.partition("=")
        if not equals:
            raise BadInput(f"{value!r} is not COLUMN=VALUE, as in time=19:30.")
        row[column.strip()] = said.strip()
    return row


def _say(report: "ImportReport", done: str) -> None:
    print(f"{done}: the hospital's own list has {report.meetings} meetings.")
