"""Refresh the feeds of the configuration that are due."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugin.commands.directory_parts import refresher, with_some_key
from plugin.directory.scheduled import Schedule
from plugin.settings import load_settings

if TYPE_CHECKING:
    from plugin.directory.directory import Directory


def refreshed(
    directory: "Directory", config: Path | None, *, every: bool
) -> Iterator[dict[str, Any]]:
    """What became of each feed: one that fails does not keep the others."""
    settings = load_settings(config, with_some_key(os.environ))
    work = refresher(directory, lambda _done: None, accept_shrunken=False)
    schedule = Schedule(directory.engine, directory.clock, work.bring)
    for one in schedule.go_round(settings.feeds, every=every):
        yield {"feed": one.feed, "outcome": one.said, "failed": one.failed}
