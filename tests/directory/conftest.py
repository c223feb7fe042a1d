"""A directory on an empty database, and the means to fill it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from plugin.directory.directory import Directory
from plugin.directory.listing import FeedOptions
from plugin.directory.report import ImportReport
from plugin.directory.sources import file_source
from plugin.store.engine import open_engine
from plugin.store.schema import metadata

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday


@dataclass
class SetClock:
    """A clock that stands until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **units: float) -> None:
        self.now += timedelta(**units)


@dataclass
class Filled:
    """A directory, and what is put into it."""

    directory: Directory
    clock: SetClock
    folder: Path
    made: list[Path] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.directory.engine

    def give(
        self, rows: Any, format_: str = "meeting-guide", **options: Any
    ) -> ImportReport:
        """Import rows as a feed; text and bytes as they are."""
        path = self.folder / f"feed-{len(self.made)}.json"
        self.made.append(path)
        if isinstance(rows, bytes):
            path.write_bytes(rows)
        elif isinstance(rows, str):
            path.write_text(rows, encoding="utf-8")
        else:
            path.write_text(json.dumps(rows), encoding="utf-8")
        return self.take(path, format_, **options)

    def take(
        self,
        path: Path,
        format_: str = "meeting-guide",
        *,
        feed: str = "feed",
        program: str = "aa",
        timezone: str = "America/New_York",
        accept_shrunken: bool = False,
        language: str = "en",
    ) -> ImportReport:
        options = FeedOptions(feed, program, format_, timezone, language)
        return self.directory.import_feed(
            file_source(path), options, accept_shrunken=accept_shrunken
        )


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def filled(tmp_path: Path, clock: SetClock) -> Iterator[Filled]:
    """An empty directory on SQLite."""
    engine = open_engine(f"sqlite:///{tmp_path}/directory.db")
    metadata.create_all(engine)
    yield Filled(Directory(engine, clock), clock, tmp_path)
    engine.dispose()


@pytest.fixture
def filled_on_both(engine: Engine, tmp_path: Path, clock: SetClock) -> Filled:
    """An empty directory on each kind of database."""
    return Filled(Directory(engine, clock), clock, tmp_path)


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    """A Meeting Guide row of a meeting in Brooklyn, with changes."""

    def make(slug: object = "one", **changes: Any) -> dict[str, Any]:
        usual = {
            "slug": slug,
            "name": "Monday Night",
            "day": 1,
            "time": "19:00",
            "types": ["O"],
            "formatted_address": "1 Example St, Brooklyn, NY 11201, USA",
            "latitude": 40.69,
            "longitude": -73.99,
        }
        merged = {**usual, **changes}
        return {name: value for name, value in merged.items() if value is not ...}

    return make
