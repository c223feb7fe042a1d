"""Invented meetings, each of whose names begins with Demo.

They stand where no published feed was at hand, so that every programme of the knowledge
base has meetings near each town of the sandbox's patients. Nothing of them is real but
the town; the same input gives the same meetings.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from plugin.directory.places import offset_place
from plugin.directory.schedule import DAYS


@dataclass(frozen=True, slots=True)
class Town:
    name: str
    region: str
    country: str  # ISO 3166-1
    zone: str
    latitude: float
    longitude: float


TOWNS = (
    Town("Brooklyn", "NY, USA", "US", "America/New_York", 40.6925, -73.9900),
    Town("San Francisco", "CA, USA", "US", "America/Los_Angeles", 37.7599, -122.4248),
    Town("Kansas City", "MO, USA", "US", "America/Chicago", 39.0620, -94.5830),
    Town("Edmonton", "Alberta, Canada", "CA", "America/Edmonton", 53.5410, -113.4970),
    Town("London", "United Kingdom", "GB", "Europe/London", 51.5230, -0.0930),
    Town(
        "Melbourne", "Victoria, Australia", "AU", "Australia/Melbourne", -37.80, 144.95
    ),
)

# Where real meetings stand, so that nothing needs to be invented.
_REAL = {
    "aa": ("San Francisco", "Kansas City", "Edmonton"),
    "na": ("Brooklyn",),
}

# Fellowships that meet every day in a large town.
_DAILY = frozenset({"aa", "na", "alanon"})

# A place where those meet who hide from someone is not to be written down.
_NO_PLACE = frozenset({"dv_groups"})

_VENUES = ("Library", "Community Hall", "Parish Room", "Health Centre", "Town House")
_STREETS = ("Example Street", "Sample Road", "Specimen Avenue", "Trial Lane")
_TIMES = ((12, 15), (18, 0), (19, 0), (19, 30), (10, 0), (17, 30), (20, 0))
_PARTS = {10: "morning", 12: "noon", 17: "early evening"}
_NAMED = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def invented_rows(programs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows in our own CSV columns."""
    for program in programs:
        identity = program["id"]
        if identity not in _NO_PLACE and "in-person" in program["format"]:
            for town in TOWNS:
                if _meets_in(program, town):
                    yield from _in_town(program, town)
        if "online" in program["format"]:
            yield from _online(program)


def _meets_in(program: dict[str, Any], town: Town) -> bool:
    if town.name in _REAL.get(program["id"], ()):
        return False
    where = " ".join(program["geography"]).lower()
    if "worldwide" in where or "local" in where:
        return True
    names = {"GB": "uk", "US": "us", "CA": "ca", "AU": "au"}
    words = where.replace("(", " ").replace(",", " ").split()
    return names[town.country] in words


def _in_town(program: dict[str, Any], town: Town) -> Iterator[dict[str, Any]]:
    identity = program["id"]
    count = 14 if identity in _DAILY else 3
    for number in range(count):
        dice = _Dice(identity, town.name, number)
        day = number % 7 if count > 7 else (dice.of(7) + number * 2) % 7
        hour, minute = _TIMES[dice.of(len(_TIMES))]
        place = offset_place(
            town.latitude, town.longitude, dice.of(61) / 10 - 3, dice.of(61) / 10 - 3
        )
        venue = f"Demo {_VENUES[dice.of(len(_VENUES))]}, Room {dice.of(9) + 1}"
        street = f"{dice.of(180) + 1} {_STREETS[dice.of(len(_STREETS))]}"
        yield {
            "key": f"{identity}-{_slug(town.name)}-{number + 1}",
            "name": _name(program, f"{town.name}, {_when(day, hour)}"),
            "program": identity,
            "day": DAYS[day].lower(),
            "time": f"{hour:02}:{minute:02}",
            "minutes": 60 if dice.of(3) else 90,
            "timezone": town.zone,
            "attendance": "hybrid" if dice.of(6) == 0 else "in-person",
            "venue": venue,
            "address": f"{street}, {town.name}, {town.region}",
            "latitude": f"{place[0]:.5f}",
            "longitude": f"{place[1]:.5f}",
            "tags": " ".join(_tags(program, number, dice)),
            "languages": "es" if _speaks_spanish(program, number, town) else "en",
            "organisation": "Demo, invented",
        }


def _online(program: dict[str, Any]) -> Iterator[dict[str, Any]]:
    identity = program["id"]
    for number, town in enumerate(TOWNS):
        dice = _Dice(identity, "online", number)
        day = (dice.of(7) + number) % 7
        hour, minute = _TIMES[dice.of(len(_TIMES))]
        yield {
            "key": f"{identity}-online-{number + 1}",
            "name": _name(program, f"online, {_when(day, hour)}"),
            "program": identity,
            "day": DAYS[day].lower(),
            "time": f"{hour:02}:{minute:02}",
            "minutes": 60,
            "timezone": town.zone,
            "attendance": "online",
            "tags": " ".join(_tags(program, number, dice)),
            "languages": "es" if number == 1 and "es" in program["languages"] else "en",
            "organisation": "Demo, invented",
        }


def _name(program: dict[str, Any], rest: str) -> str:
    return f"Demo: {program['name'].split(' (')[0].split(' / ')[0]}, {rest}"


def _when(day: int, hour: int) -> str:
    return f"{_NAMED[day]} {_PARTS.get(hour, 'evening')}"


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


def _tags(program: dict[str, Any], number: int, dice: "_Dice") -> list[str]:
    """Who a meeting is for, in turn, so that each wish finds one."""
    tags = ["closed" if number % 3 == 2 else "open"]
    if number % 3 == 0:
        tags.append("beginners")
    if dice.of(2):
        tags.append("wheelchair")
    stated = set(program["tags"])
    if program["gender"] == "women":
        tags.append("women")
    if program["id"] in _DAILY:
        tags += [(), ("women",), ("men",), ("lgbtq",), ("young-people",)][number % 5]
        tags += ["secular"] if number % 7 == 3 else []
        return tags
    if "secular-option" in stated:
        tags.append("secular")
    if "moud-friendly" in stated:
        tags.append("medication-friendly")
    if "lgbtq" in stated and number % 5 == 1:
        tags.append("lgbtq")
    if "young-people" in stated and number % 4 == 1:
        tags.append("young-people")
    if program["id"] in ("dra", "dtr"):
        tags.append("dual-diagnosis")
    if program["id"] == "ptsd_peer":
        tags.append("veterans")
    return tags


def _speaks_spanish(program: dict[str, Any], number: int, town: Town) -> bool:
    return town.country == "US" and number == 2 and "es" in program["languages"]


@dataclass(frozen=True, slots=True)
class _Dice:
    """Throws that are the same each time."""

    program: str
    town: str
    number: int

    def of(self, sides: int) -> int:
        told = f"{self.program} {self.town} {self.number} {sides}".encode()
        return int.from_bytes(hashlib.blake2b(told, digest_size=4).digest()) % sides
