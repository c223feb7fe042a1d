"""`selfhelp directory`: import, search, look after and export meetings."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from plugin.commands.directory_own import add, correct, mark, template
from plugin.commands.directory_parts import (
    opened_directory,
    options_of,
    outside,
    print_report,
    refresher,
    rules_of,
    write_out,
)
from plugin.commands.directory_progress import progress_on_terminal
from plugin.commands.endings import BadInput, Findings

if TYPE_CHECKING:
    from plugin.commands.directory_query import Known
    from plugin.directory.directory import Directory
    from plugin.directory.meeting import Occurrence

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="The TOML file; SELFHELP_CONFIG where it is not given."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON alone.")]
_FORMATS = "meeting-guide, bmlt, oiaa, hsds, csv or fhir"


@app.command("import")
def import_feed(
    source: Annotated[str, typer.Argument(help="A file, or an https address.")] = "",
    *,
    format: Annotated[str, typer.Option(help=f"{_FORMATS}.")] = "",  # noqa: A002
    feed: Annotated[str, typer.Option(help="The feed's id, of your choice.")] = "",
    program: Annotated[str, typer.Option(help="The programme's id.")] = "",
    timezone: Annotated[
        str, typer.Option(help="IANA zone of rows that name none.")
    ] = "",
    language: Annotated[
        str, typer.Option(help="Language of rows that name none.")
    ] = "en",
    licence: Annotated[str, typer.Option(help="Under which the feed is had.")] = "",
    accept_shrunken: Annotated[
        bool,
        typer.Option(help="Take it although it lost more than a fifth of its rows."),
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="The demo directory.")] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Import a feed: all of it, or nothing changes."""
    if demo:
        load_demo_feeds(json=json, config=config)
        return
    options = options_of(source, format, feed, program, timezone, language, licence)
    with opened_directory(config) as directory, outside(feed):
        with progress_on_terminal(shown=not json) as progress:
            work = refresher(directory, progress, accept_shrunken=accept_shrunken)
            report = work.bring(source, options)
        print_report(report, json=json)
        if report.quarantined or report.rejected:
            raise typer.Exit(1)


@app.command("demo")
def load_demo_feeds(json: Json = False, config: Config = None) -> None:
    """Import the demo directory: real meetings as facts, and invented ones."""
    from plugin.directory.demo.load import load_demo

    with opened_directory(config) as directory, outside("demo"):
        reports = load_demo(directory)
    if json:
        write_out([report.as_json() for report in reports])
        return
    for report in reports:
        print_report(report, json=False)


@app.command()
def refresh(
    every: Annotated[
        bool, typer.Option("--all", help="Also those that are not due yet.")
    ] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Import the configuration's [[feed]]s that are due. Any replica may run this."""
    from plugin.commands.directory_refresh import refreshed

    with opened_directory(config) as directory:
        outcomes = list(refreshed(directory, config, every=every))
        directory.renew_index()
    if json:
        write_out(outcomes)
    else:
        for outcome in outcomes:
            print(f"{outcome['feed']}: {outcome['outcome']}")
    if any(outcome["failed"] for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def search(
    *,
    program: Annotated[
        list[str] | None, typer.Option(help="A programme's id; may be repeated.")
    ] = None,
    need: Annotated[
        str, typer.Option(help="A need's id: all programmes that serve it.")
    ] = "",
    near: Annotated[str, typer.Option(help="LAT,LON.")] = "",
    within: Annotated[float | None, typer.Option(help="Kilometres; 50.")] = None,
    within_miles: Annotated[float | None, typer.Option(help="Miles instead.")] = None,
    begin: Annotated[
        str, typer.Option("--from", help="RFC 3339 with an offset; else now.")
    ] = "",
    hours: Annotated[float, typer.Option(help="How far ahead.")] = 48,
    attendance: Annotated[str, typer.Option(help="in-person, online or hybrid.")] = "",
    tag: Annotated[
        list[str] | None, typer.Option(help="beginners, women ...; may be repeated.")
    ] = None,
    language: Annotated[str, typer.Option(help="ISO 639-1.")] = "",
    day: Annotated[
        list[str] | None, typer.Option(help="mon ... sun, there; may be repeated.")
    ] = None,
    after: Annotated[str, typer.Option(help="HH:MM, on the clock there.")] = "",
    before: Annotated[str, typer.Option(help="HH:MM, on the clock there.")] = "",
    begun: Annotated[
        int, typer.Option(help="Also what began so many minutes ago.")
    ] = 0,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 20,
    batch: Annotated[
        bool,
        typer.Option("--batch", help="One JSON query a line on standard input."),
    ] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Find the soonest and nearest meetings."""
    asked = {
        "program": program,
        "need": need,
        "near": near,
        "within": within,
        "within-miles": within_miles,
        "from": begin,
        "hours": hours,
        "attendance": attendance,
        "tag": tag,
        "language": language,
        "day": day,
        "after": after,
        "before": before,
        "begun": begun,
        "limit": limit,
    }
    with opened_directory(config) as directory:
        if batch:
            _answer_lines(directory, rules_of(config))
            return
        _answer(directory, rules_of(config), asked, json=json)


def _answer(
    directory: "Directory", known: "Known", asked: Mapping[str, object], *, json: bool
) -> None:
    from plugin.commands.directory_query import check_programs, query_of, unlisted
    from plugin.directory.as_json import found_json
    from plugin.directory.table import table

    query = query_of(asked, directory.clock(), known)
    check_programs(directory, known, query.programs)
    with outside(""):
        found = directory.search(query)
    if json:
        write_out(found_json(found))
        return
    elsewhere = list(unlisted(directory, known, query.programs))
    if found:
        print(table(found, directory.clock()))
        print(_footnotes(found))
    elif len(elsewhere) < len(query.programs):
        print(f"No meeting found. {_wider(query.near is not None)}")
    print("\n".join(elsewhere), end="\n" if elsewhere else "")


def _wider(placed: bool) -> str:
    radius = "a wider --within, " if placed else ""
    return f"Try {radius}more --hours, or --attendance online."


def _footnotes(meetings: "Sequence[Occurrence]") -> str:
    notes = ["", "Times are those of the place. A meeting may change: phone first."]
    if any(one.demo for one in meetings):
        notes.append("Demo meetings are invented.")
    if any(one.precision == "approximate" for one in meetings):
        notes.append("Without km: only the town is known, or it is joined from home.")
    return "\n".join(notes)


def _answer_lines(directory: "Directory", known: "Known") -> None:
    """One answer a line, each flushed; a query that cannot be read is answered too."""
    from plugin.commands.directory_query import answered

    failed = 0
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        with outside(""):
            answer = answered(directory, known, line)
        failed += "error" in answer
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()
    if failed:
        raise BadInput(f"{failed} queries could not be read: see their answers.")


@app.command()
def status(json: Json = False, config: Config = None) -> None:
    """The feeds and their health. Exit code 1 where one needs looking at."""
    from plugin.commands.directory_status import status_lines
    from plugin.directory.as_json import status_json

    with opened_directory(config) as directory, outside(""):
        statuses = directory.status()
    if json:
        write_out({"feeds": [status_json(one) for one in statuses]})
    else:
        print("\n".join(status_lines(statuses)))
    poor = [one.feed for one in statuses if one.state != "good" or one.stale]
    if poor:
        raise Findings(f"look at {', '.join(poor)}.")


@app.command()
def export(
    *,
    format: Annotated[  # noqa: A002
        str, typer.Option(help="fhir, ical or csv.")
    ] = "fhir",
    feed: Annotated[str, typer.Option(help="Only of this feed.")] = "",
    program: Annotated[str, typer.Option(help="Only of this programme.")] = "",
    meeting: Annotated[
        list[str] | None, typer.Option(help="Only this id; may be repeated.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="A file; else standard output.")
    ] = None,
    config: Config = None,
) -> None:
    """Write meetings as FHIR, iCalendar or CSV."""
    from plugin.directory.export import EXPORTS, Wanted

    if format not in EXPORTS:
        raise BadInput(f"--format is {', '.join(EXPORTS)}.")
    wanted = Wanted(feed=feed, program=program, ids=tuple(meeting or ()))
    with opened_directory(config) as directory, outside(""):
        pieces = EXPORTS[format](directory, wanted)
        _write(pieces, output)


def _write(pieces: Iterator[bytes], output: Path | None) -> None:
    if output is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    try:
        with output.open("wb") as target:
            target.writelines(pieces)
    except OSError as error:
        raise BadInput(f"{output} cannot be written: {error.strerror}.") from None


app.command()(template)
app.command()(mark)
app.command()(add)
app.command()(correct)
