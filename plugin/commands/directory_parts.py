"""What the commands of `selfhelp directory` have in common."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from plugin.commands.endings import BadInput, OutsideFailed

if TYPE_CHECKING:
    from plugin.commands.directory_query import Known
    from plugin.directory.directory import Directory
    from plugin.directory.listing import FeedOptions
    from plugin.directory.progress import Progress
    from plugin.directory.refreshing import Refresher
    from plugin.directory.report import ImportReport
    from plugin.knowledge.knowledge import Knowledge
    from plugin.settings import Settings

# Where meetings are kept if no configuration is named.
DEFAULT_DATABASE = "sqlite:///selfhelp.db"

_FEED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHOWN_REJECTIONS = 20
_KEYS = ("SELFHELP_MASTER_KEY", "SELFHELP_MASTER_KEY_FILE")


def database_url(config: Path | None) -> str:
    """The configuration's database, or one in this folder where none is named.

    Meetings are no secret: a key that is not set is not asked for.
    Raises: ConfigRefused.
    """
    settings = _settings(config)
    return settings.database_url if settings else DEFAULT_DATABASE


def _settings(config: Path | None) -> "Settings | None":
    if config is None and not os.environ.get("SELFHELP_CONFIG"):
        return None
    from plugin.settings import load_settings

    return load_settings(config, with_some_key(os.environ))


def rules_of(config: Path | None) -> "Known":
    """The knowledge base with the hospital's own changes, read when it is asked for.

    Raises: ConfigRefused, SiteFileRefused, when it is called.
    """
    from plugin.knowledge.load import load_knowledge

    @cache
    def known() -> "Knowledge":
        settings = _settings(config)
        return load_knowledge(settings.site_file if settings else None)

    return known


def with_some_key(environ: os._Environ[str]) -> dict[str, str]:
    import base64
    import secrets

    given = dict(environ)
    if not any(given.get(name) for name in _KEYS):
        given[_KEYS[0]] = base64.b64encode(secrets.token_bytes(32)).decode()
    return given


@contextmanager
def opened_directory(config: Path | None) -> Iterator["Directory"]:
    """The directory, its schema brought up to date.

    Raises: ConfigRefused, SchemaRefused, StoreUnavailable.
    """
    from plugin.clock import system_clock
    from plugin.directory.directory import Directory
    from plugin.store.engine import open_engine
    from plugin.store.migrate import migrate

    engine = open_engine(database_url(config))
    try:
        migrate(engine)
        yield Directory(engine, system_clock)
    finally:
        engine.dispose()


@contextmanager
def outside(feed: str) -> Iterator[None]:
    """Turn the directory's errors into endings of a command."""
    from plugin.directory.errors import (
        BadSearch,
        FeedBusy,
        FeedUnreachable,
        FeedUnreadable,
        OwnRowChanged,
        OwnRowRefused,
    )

    named = f"feed {feed}: " if feed else ""
    try:
        yield
    except FeedUnreadable as error:
        raise BadInput(f"{named}{error}. Nothing changed.") from None
    except FeedUnreachable as error:
        raise OutsideFailed(f"{named}{error}. What was there stays.") from None
    except FeedBusy as error:
        raise OutsideFailed(f"{error}. Wait, then try again.") from None
    except OwnRowChanged as error:
        raise BadInput(f"{error}. Look at it again, then say it anew.") from None
    except (BadSearch, OwnRowRefused) as error:
        raise BadInput(f"{error}.") from None


def options_of(  # noqa: PLR0917
    source: str,
    format: str,  # noqa: A002
    feed: str,
    program: str,
    timezone: str,
    language: str,
    licence: str,
) -> "FeedOptions":
    """Raises: BadInput."""
    from plugin.directory.feeds.formats import FORMATS
    from plugin.directory.languages import language_code
    from plugin.directory.listing import FeedOptions
    from plugin.directory.zones import zone

    if not source:
        raise BadInput("name a file or an https address to import.")
    if format not in FORMATS:
        raise BadInput(f"--format is one of {', '.join(FORMATS)}.")
    for name, value in (("feed", feed), ("program", program)):
        if not _FEED.fullmatch(value):
            raise BadInput(f"--{name} is a short id of letters, digits, . _ and -.")
    if timezone and zone(timezone) is None:
        raise BadInput(f"--timezone {timezone} is no IANA zone, as America/New_York.")
    code = language_code(language)
    if not code:
        raise BadInput("--language is a code such as en or es.")
    return FeedOptions(feed, program, format, timezone, code, licence)


def refresher(
    directory: "Directory", progress: "Progress", *, accept_shrunken: bool
) -> "Refresher":
    from plugin.directory.importing import Importer
    from plugin.directory.refreshing import over_the_web

    engine, clock = directory.engine, directory.clock
    importer = Importer(engine, clock, progress, accept_shrunken)
    return over_the_web(engine, clock, importer)


def print_report(report: "ImportReport", *, json: bool) -> None:
    if json:
        write_out(report.as_json())
        return
    print(
        f"{report.feed}: {report.read} rows read, {report.stored} stored "
        f"({report.meetings} meetings, one a day), {len(report.rejected)} rejected; "
        f"{report.changed} new or changed, {report.unchanged} unchanged, "
        f"{report.removed} removed."
    )
    for one in report.rejected[:_SHOWN_REJECTIONS]:
        print(f"  row {one.row} {one.key}: {one.reason}")
    if len(report.rejected) > _SHOWN_REJECTIONS:
        print(f"  and {len(report.rejected) - _SHOWN_REJECTIONS} more: see --json")
    if report.quarantined:
        print(f"  quarantined: {report.reason}")


def write_out(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()
