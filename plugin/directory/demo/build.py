"""Make the demo directory from published feeds and a list of programmes.

    python -m plugin.directory.demo.build FEEDS PROGRAMS

FEEDS is a folder with the feeds named in `feeds.json`; PROGRAMS the programmes of the
knowledge base. Of a real meeting only facts are taken over: name, day, time, place,
type codes, and the page where it was published. No notes, no contacts, no addresses for
joining. What no feed covers is invented: see `invented`.
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plugin.directory.demo.invented import invented_rows
from plugin.directory.feeds.csv_table import COLUMNS
from plugin.directory.feeds.formats import FORMATS
from plugin.directory.listing import FeedOptions, Listing
from plugin.directory.schedule import DAYS
from plugin.directory.sources import file_source
from plugin.directory.storing import Placed, placed

HERE = Path(__file__).parent

# The Edmonton feed gives addresses without coordinates. The town is known, the door is
# not: such a meeting is found near Edmonton, and never measured.
_TOWNS = {"edmonton, alberta": (53.5461, -113.4938)}


# Names that state the clock they speak of: "Geckos, 5am Eastern, online".
_CLOCKS = {
    "eastern": "America/New_York",
    "central": "America/Chicago",
    "mountain": "America/Denver",
    "pacific": "America/Los_Angeles",
}


def build(feeds: Path, programs: Path) -> None:
    """Write one packed CSV file for each feed."""
    for feed in json.loads((HERE / "feeds.json").read_bytes()):
        if feed["id"] == "demo":
            known = json.loads(programs.read_bytes())["programs"]
            rows: Iterable[dict[str, Any]] = invented_rows(known)
        else:
            rows = _facts(feeds / feed["built_from"], feed)
        _write(HERE / feed["file"], rows)


def _facts(path: Path, feed: dict[str, str]) -> Iterable[dict[str, Any]]:
    options = FeedOptions(
        feed["id"], feed["program"], feed["built_from_format"], feed["timezone"]
    )
    for read in FORMATS[options.format](file_source(path), options):
        if read.listing is None or read.listing.attendance == "inactive":
            continue
        town = _with_town(_with_clock(read.listing))
        settled = placed(town, options)
        if settled.zone and town.timings[0].start is not None:
            yield _row(settled, feed)


def _with_clock(listing: Listing) -> Listing:
    said = listing.name.lower()
    if listing.attendance != "online" or listing.zone:
        return listing
    for word, zone in _CLOCKS.items():
        if f"m {word}" in said or f"({word})" in said:
            return listing._replace(zone=zone)
    return listing


def _with_town(listing: Listing) -> Listing:
    if listing.latitude is not None or listing.attendance == "online":
        return listing
    for town, (latitude, longitude) in _TOWNS.items():
        if town in listing.address.lower():
            return listing._replace(
                latitude=latitude,
                longitude=longitude,
                precision="approximate",
            )
    return listing


def _row(one: Placed, feed: dict[str, str]) -> dict[str, Any]:
    listing = one.listing
    timing = listing.timings[0]
    start = timing.start or 0
    physical = listing.attendance != "online"
    return {
        "key": listing.key,
        "name": listing.name,
        "day": " ".join(
            DAYS[each.weekday].lower()
            for each in listing.timings
            if each.weekday is not None
        ),
        "time": f"{start // 60:02}:{start % 60:02}",
        "minutes": listing.minutes,
        "timezone": one.zone,
        "attendance": listing.attendance,
        "venue": listing.venue if physical else "",
        "address": listing.address if physical else "",
        "latitude": _degrees(one.latitude) if physical else "",
        "longitude": _degrees(one.longitude) if physical else "",
        "precision": _precision(listing, physical=physical),
        "tags": " ".join(listing.words),
        "codes": " ".join(listing.codes),
        "languages": " ".join(listing.languages),
        "url": listing.url if feed.get("pages") else "",
        "organisation": feed["organisation"],
    }


def _precision(listing: Listing, *, physical: bool) -> str:
    town_only = physical and listing.precision == "approximate"
    return "approximate" if town_only else ""


def _degrees(value: float | None) -> str:
    return "" if value is None else f"{value:.5f}"


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    # Without a time in its header, the same rows make the same bytes.
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
