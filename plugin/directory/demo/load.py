"""Load the demo directory into a database, in a few seconds."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from plugin.directory.directory import Directory
from plugin.directory.listing import FeedOptions
from plugin.directory.report import ImportReport
from plugin.directory.sources import FileSource, file_source

_HERE = Path(__file__).parent


def load_demo(directory: Directory) -> Sequence[ImportReport]:
    """Import the demo feeds. A second time changes nothing.

    Raises: FeedBusy where another process is loading them.
    """
    return [directory.import_feed(source, options) for source, options in _demo_feeds()]


def _demo_feeds() -> Iterator[tuple[FileSource, FeedOptions]]:
    for feed in json.loads((_HERE / "feeds.json").read_bytes()):
        source = replace(file_source(_HERE / feed["file"]), label=feed["source"])
        yield (
            source,
            FeedOptions(
                feed=feed["id"],
                program=feed["program"],
                format="csv",
                timezone=feed["timezone"],
                licence=feed["licence"],
                demo=feed["id"] == "demo",
            ),
        )
