"""Refresh the feeds of the configuration that are due."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugin.commands.directory_parts import refresher, with_some_key
from plugin.directory.errors import DirectoryError
from plugin.directory.listing import FeedOptions
from plugin.settings import Feed, load_settings

if TYPE_CHECKING:
    from plugin.directory.directory import Directory


def refreshed(
    directory: "Directory", config: Path | None, *, every: bool
) -> Iterator[dict[str, Any]]:
    """What became of each feed: one that fails does not keep the others."""
    settings = load_settings(config, with_some_key(os.environ))
    work = refresher(directory, lambda _read: None, accept_shrunken=False)
    for feed in settings.feeds:
        due = every or work.is_due(feed.id, timedelta(hours=feed.every_hours))
        if not due:
            yield {"feed": feed.id, "outcome": "not due yet", "failed": False}
            continue
        try:
            report = work.bring(feed.source, _options(feed))
        except DirectoryError as error:
            yield {"feed": feed.id, "outcome": str(error), "failed": True}
            continue
        said = report.reason or f"{report.stored} stored, {report.changed} changed"
        yield {"feed": feed.id, "outcome": said, "failed": report.quarantined}


def _options(feed: Feed) -> FeedOptions:
    return FeedOptions(feed.id, feed.program, feed.format, feed.timezone)
