"""The directory against the same work written bare on the database's own driver.

250,000 invented meetings in 60 towns; `load_directory` has the million. The bare query
knows nothing of zones, rules or feeds: one covering index over programme, cell and
minute, read with sqlite3 or psycopg, measured, sorted, the first twenty fetched. Each
question is put to both in turn, so that what else the machine does hits both.
"""

import json
import math
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import psycopg
from postgres import postgres
from sqlalchemy import Engine

from plugin.clock import system_clock
from plugin.directory.as_json import occurrence_json
from plugin.directory.directory import Directory
from plugin.directory.listing import FeedOptions
from plugin.directory.meeting import MeetingsWanted, Place, Search
from plugin.directory.places import cells_around
from plugin.directory.report import ImportReport
from plugin.directory.sources import file_source
from plugin.directory.storing import MEETING_COLUMNS, SLOT_COLUMNS
from plugin.store.engine import open_engine
from plugin.store.migrate import migrate

MEETINGS = 250_000
QUERIES = 300
PROGRAMS = ("aa", "na", "ca", "oa", "ga", "smart", "alanon", "ea", "aca", "lifering")
ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
WOMEN = 1 << 3  # the bit of the word in the search index


def towns() -> list[tuple[float, float]]:
    dice = random.Random(7)
    return [(dice.uniform(28, 47), dice.uniform(-122, -72)) for _ in range(60)]


def row(number: int, dice: random.Random, places: list[tuple[float, float]]) -> Any:
    town = places[dice.randrange(len(places))]
    return {
        "slug": f"m{number}",
        "name": f"Meeting {number}",
        "day": dice.randrange(7),
        "time": f"{dice.randrange(6, 23):02}:{dice.choice(('00', '15', '30'))}",
        "timezone": ZONES[min(3, int((-72 - town[1]) / 13))],
        "types": dice.sample(("O", "C", "W", "M", "BE", "X", "D", "ST", "LGBTQ"), 3),
        "location": f"Hall {number % 5000}",
        "formatted_address": f"{number % 900} Example St, Town, ST 12345, USA",
        "latitude": round(town[0] + dice.gauss(0, 0.2), 6),
        "longitude": round(town[1] + dice.gauss(0, 0.25), 6),
        "updated": "2026-01-01 10:00:00",
    }


def feeds(folder: Path, count: int) -> Iterator[tuple[Path, FeedOptions]]:
    dice, places = random.Random(11), towns()
    each = count // len(PROGRAMS)
    for at, program in enumerate(PROGRAMS):
        path = folder / f"{program}-{count}.json"
        if not path.exists():
            write_feed(path, range(at * each, (at + 1) * each), dice, places)
        yield path, FeedOptions(program, program, "meeting-guide")


def write_feed(
    path: Path, numbers: range, dice: random.Random, places: list[tuple[float, float]]
) -> None:
    with path.open("w") as file:
        file.write("[\n")
        for number in numbers:
            comma = ",\n" if number < numbers[-1] else "\n"
            file.write(json.dumps(row(number, dice, places)) + comma)
        file.write("]\n")


def took(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def line(name: str, value: float, unit: str, ratio: float, against: str) -> None:
    print(f"{name:<34}{value:>10.2f}  {unit:<6}{ratio:>7.2f}  {against}", flush=True)


# -- importing -----------------------------------------------------------------------


def filled(engine: Engine, folder: Path, count: int) -> tuple[float, float]:
    """Import, and import again; seconds of each."""
    directory = Directory(engine, system_clock)
    named = list(feeds(folder, count))

    def bring() -> list[ImportReport]:
        return [directory.import_feed(file_source(p), o) for p, o in named]

    return took(bring), took(bring)


def bare_import(engine: Engine, bare: Any, mark: str) -> float:
    """executemany of the same rows into tables with the same indexes."""
    with engine.connect() as connection:
        rows = [
            (table, columns, [tuple(r) for r in _all(connection, table, columns, by)])
            for table, columns, by in (
                ("meetings", MEETING_COLUMNS, "id"),
                ("meeting_slots", SLOT_COLUMNS, "meeting"),
            )
        ]

    def work() -> None:
        cursor = bare.cursor()
        for table, columns, values in rows:
            marks = ", ".join([mark] * (columns.count(",") + 1))
            sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
            for first in range(0, len(values), 5000):
                cursor.executemany(sql, values[first : first + 5000])
                bare.commit()

    return took(work)


def _all(connection: Any, table: str, columns: str, by: str) -> Any:
    """In the order of the feed, as an import has them too."""
    sql = f"SELECT {columns} FROM {table} ORDER BY {by}"
    return connection.exec_driver_sql(sql).fetchall()


# -- searching -----------------------------------------------------------------------


class Bare:
    """The same question on the driver, with an index made for it."""

    def __init__(self, connection: Any, mark: str) -> None:
        self.connection, self.mark = connection, mark

    def prepare(self, rows: list[tuple[Any, ...]]) -> None:
        cursor = self.connection.cursor()
        cursor.execute(
            "CREATE TABLE bare (program TEXT, cell BIGINT, minute INTEGER, tags BIGINT,"
            " latitude DOUBLE PRECISION, longitude DOUBLE PRECISION, id BIGINT)"
        )
        cursor.execute(
            "CREATE TABLE named (id BIGINT PRIMARY KEY, uid TEXT, feed TEXT, key TEXT,"
            " name TEXT, zone TEXT, minutes INTEGER, attendance TEXT, tags TEXT)"
        )
        marks = ", ".join([self.mark] * 7)
        cursor.executemany(
            f"INSERT INTO bare VALUES ({marks})", [one[:7] for one in rows]
        )
        marks = ", ".join([self.mark] * 9)
        cursor.executemany(
            f"INSERT INTO named VALUES ({marks})", [one[6:] for one in rows]
        )
        cursor.execute(
            "CREATE INDEX covering ON bare"
            " (program, cell, minute, tags, latitude, longitude, id)"
        )
        cursor.execute("ANALYZE")
        self.connection.commit()

    def search(
        self, program: str, at: datetime, near: tuple[float, float], km: float
    ) -> list[dict[str, Any]]:
        """The first twenty within 48 hours, in the shape that `search` prints."""
        cells = cells_around(*near, km)
        begin = int(at.timestamp()) // 60
        low = (begin + 3 * 1440) % 10080
        high = low + 2880
        parts = [(low, min(high, 10080))] + (
            [(0, high - 10080)] if high > 10080 else []
        )
        cursor = self.connection.cursor()
        found = []
        m = self.mark
        for first, last in parts:
            cursor.execute(
                "SELECT id, minute, latitude, longitude FROM bare WHERE program ="
                f" {m} AND cell IN ({', '.join([m] * len(cells))}) AND minute >= {m}"
                f" AND minute < {m} AND tags & {m} = {m}",
                (program, *cells, first, last, WOMEN, WOMEN),
            )
            for number, minute, latitude, longitude in cursor.fetchall():
                away = haversine(*near, latitude, longitude)
                if away <= km:
                    ahead = (minute - low) % 10080
                    found.append((ahead, away, number))
        found.sort()
        best = found[:20]
        if not best:
            return []
        marks = ", ".join([m] * len(best))
        cursor.execute(
            "SELECT id, uid, feed, key, name, zone, minutes, attendance, tags"
            f" FROM named WHERE id IN ({marks})",
            tuple(one[2] for one in best),
        )
        named = {one[0]: one for one in cursor.fetchall()}
        answer = []
        for ahead, away, number in best:
            _, uid, feed, key, name, zone, minutes, attendance, tags = named[number]
            starts = datetime.fromtimestamp((begin + ahead) * 60, ZoneInfo(zone))
            answer.append(
                {
                    "id": uid,
                    "feed": feed,
                    "key": key,
                    "name": name,
                    "starts": starts.isoformat(),
                    "minutes": minutes,
                    "attendance": attendance,
                    "km": round(away, 2),
                    "tags": tags.split(),
                }
            )
        return answer


def haversine(a: float, b: float, c: float, d: float) -> float:
    up, other = math.radians(a), math.radians(c)
    half = math.sin((other - up) / 2)
    along = math.sin(math.radians(d - b) / 2)
    chord = half * half + math.cos(up) * math.cos(other) * along * along
    return 12742.0176 * math.asin(min(1.0, math.sqrt(chord)))


def bare_rows(engine: Engine) -> list[tuple[Any, ...]]:
    """One row a meeting, at the minute at which it starts in this season."""
    now = int(system_clock().timestamp()) // 60
    with engine.connect() as connection:
        return [
            tuple(one)
            for one in connection.exec_driver_sql(
                "SELECT s.program, s.cell, s.minute, s.tags, s.latitude, s.longitude,"
                " s.meeting, m.uid, m.program, m.key, m.name, m.timezone, m.minutes,"
                " m.attendance, m.tags FROM meeting_slots s JOIN meetings m"
                f" ON m.id = s.meeting WHERE s.opens <= {now} AND s.closes > {now}"
            ).fetchall()
        ]


def questions() -> list[tuple[str, datetime, tuple[float, float]]]:
    dice, places = random.Random(3), towns()
    begin = system_clock().replace(second=0, microsecond=0)
    return [
        (
            dice.choice(PROGRAMS),
            begin + timedelta(minutes=dice.randrange(7 * 1440)),
            places[dice.randrange(len(places))],
        )
        for _ in range(QUERIES)
    ]


Taken = tuple[float, float]  # median and 95th percentile, in milliseconds


def times(asked: list[Any], *asks: Callable[..., object]) -> list[Taken]:
    """Of each way to ask; the first round only warms up."""
    for one in asked:
        for ask in asks:
            ask(*one)
    measured: list[list[float]] = [[] for _ in asks]
    for one in asked:
        for ask, into in zip(asks, measured, strict=True):
            into.append(took(lambda ask=ask, one=one: ask(*one)) * 1000)
    for into in measured:
        into.sort()
    return [(statistics.median(one), one[int(len(one) * 0.95)]) for one in measured]


def our_search(engine: Engine) -> Callable[..., list[dict[str, Any]]]:
    """What the bench asks: programme, 48 hours, a tag, 50 km, the first twenty."""
    directory = Directory(engine, system_clock)

    def ours(
        program: str, at: datetime, near: tuple[float, float]
    ) -> list[dict[str, Any]]:
        query = Search((program,), at, 48, Place(*near), 50, "in-person", ("women",))
        return [occurrence_json(one) for one in directory.search(query)]

    return ours


def searching(engine: Engine, bare: Bare, name: str) -> None:
    ours = our_search(engine)

    def theirs(program: str, at: datetime, near: tuple[float, float]) -> list[Any]:
        return bare.search(program, at, near, 50)

    asked = questions()
    for one in asked[:20]:
        assert _ids(ours(*one)) == _ids(theirs(*one)), "not the same answers"
    (median, late), (bare_median, bare_late) = times(asked, ours, theirs)
    said = f"bare {bare.connection.__class__.__module__.partition('.')[0]}"
    line(
        f"search {name}, median", median, "ms", median / bare_median, f"{said}, <= 1.5"
    )
    line(f"search {name}, p95", late, "ms", late / bare_late, f"{said}, <= 2")


def _ids(answer: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((one["starts"], one["id"]) for one in answer)


def next_meetings(engine: Engine, name: str) -> None:
    directory = Directory(engine, system_clock)

    def ask(_: str, at: datetime, near: tuple[float, float]) -> object:
        wanted = MeetingsWanted(PROGRAMS[:5], at, Place(*near))
        return directory.next_meetings(wanted)

    ((median, late),) = times(questions(), ask)
    line(f"next meetings of 5 {name}", median, "ms", median / 5, "5 ms, <= 1")
    line(f"next meetings of 5 {name}, p95", late, "ms", late / 5, "5 ms")


# -- the databases -------------------------------------------------------------------


def imports(engine: Engine, blank: Any, mark: str, folder: Path, name: str) -> None:
    """Import, import again, and executemany of the same rows into a blank database."""
    first, again = filled(engine, folder, MEETINGS)
    seconds = bare_import(engine, blank, mark)
    line(f"import {name}", first, "s", first / seconds, "executemany, <= 4")
    line(f"import again {name}", again, "s", again / first, "the first, <= 0.3")


def on_sqlite(folder: Path) -> None:
    engine, blank = (open_engine(f"sqlite:///{folder}/{n}.db") for n in ("ours", "b"))
    for one in (engine, blank):
        migrate(one)
    blank.dispose()
    name = f"sqlite {MEETINGS // 1000}k"
    with closing(sqlite3.connect(folder / "b.db")) as into:
        into.execute("PRAGMA synchronous = FULL")  # as ours
        imports(engine, into, "?", folder, name)
    with closing(sqlite3.connect(folder / "bare.db")) as connection:
        bare = Bare(connection, "?")
        bare.prepare(bare_rows(engine))
        searching(engine, bare, name)
    next_meetings(engine, name)
    engine.dispose()


def on_postgres(folder: Path) -> None:
    name = f"postgres {MEETINGS // 1000}k"
    with postgres() as url:
        engine = open_engine(url)
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("CREATE DATABASE blank")
        blank = open_engine(url.replace("/postgres?", "/blank?"))
        for one in (engine, blank):
            migrate(one)
        plain = url.replace("+psycopg", "")
        with psycopg.connect(plain.replace("/postgres?", "/blank?")) as into:
            imports(engine, into, "%s", folder, name)
        with psycopg.connect(plain) as connection:
            Bare(connection, "%s").prepare(bare_rows(engine))
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            searching(engine, Bare(connection, "%s"), name)
        next_meetings(engine, name)
        for one in (engine, blank):
            one.dispose()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        on_sqlite(Path(name))
        on_postgres(Path(name))


if __name__ == "__main__":
    main()
