"""Where the meetings are: rings of distance around home, drawn here, without a map.

Nobody outside learns where a patient lives: no tile is fetched. North is up; distances
are straight lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import cos, hypot, radians

from plugin.directory.meeting import Occurrence, Place
from plugin.screens.cards import Card
from plugin.screens.words import KM_PER_MILE, MILES, Words

KM_PER_DEGREE = 111.195  # of latitude, on a sphere of 6371 km
RADIUS = 136.0  # of the outermost ring, in units of the drawing
CENTRE = 160.0
PIN = 11.0  # its radius
STEPS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 250, 500)
MOST_RINGS = 4
# Where a pin goes when its place is taken: around it, then further out.
AROUND = ((0, -1), (1, 0), (0, 1), (-1, 0), (1, -1), (1, 1), (-1, 1), (-1, -1))


@dataclass(frozen=True, slots=True)
class Ring:
    radius: str
    label: str
    label_y: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A place: where it is, and where its number stands."""

    x: str
    y: str
    at_x: str
    at_y: str
    moved: bool
    label: str


@dataclass(frozen=True, slots=True)
class PlaceLine:
    label: str
    where: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MapView:
    rings: tuple[Ring, ...]
    pins: tuple[Pin, ...]
    lines: tuple[PlaceLine, ...]


@dataclass(frozen=True, slots=True)
class _Spot:
    """One place, and what is there."""

    place: Place
    km: float
    where: str
    groups: tuple[str, ...]


def map_of(
    cards: Sequence[Card],
    meetings: Mapping[str, Sequence[Occurrence]],
    near: Place | None,
    words: Words,
) -> MapView | None:
    """The map of the groups on the list; None without a place or a place to go.

    Takes: `meetings`, those of each programme.
    """
    spots = _spots(cards, meetings) if near is not None else []
    if near is None or not spots:
        return None
    unit = KM_PER_MILE if words.country in MILES else 1.0
    step, count = _rings(max(spot.km for spot in spots) / unit)
    scale = RADIUS / (step * count * unit)
    rings = tuple(_ring(step * n, n / count, words) for n in range(1, count + 1))
    pins: list[tuple[float, float]] = []
    drawn: list[Pin] = []
    for number, spot in enumerate(spots, 1):
        x, y = _at(near, spot.place, scale)
        free_x, free_y = _free(x, y, pins)
        pins.append((free_x, free_y))
        moved = (free_x, free_y) != (x, y)
        places = (_n(x), _n(y), _n(free_x), _n(free_y))
        drawn.append(Pin(*places, moved, str(number)))
    lines = (
        PlaceLine(str(n), f"{words.distance(spot.km)}, {spot.where}", spot.groups)
        for n, spot in enumerate(spots, 1)
    )
    return MapView(rings, tuple(drawn), tuple(lines))


def _spots(
    cards: Sequence[Card], meetings: Mapping[str, Sequence[Occurrence]]
) -> list[_Spot]:
    """Every place of the listed groups, the nearest first, each once."""
    found: dict[tuple[float, float], tuple[Place, Occurrence, dict[str, None]]] = {}
    for card in cards:
        for place, met in _to_go_to(meetings.get(card.id, ())):
            door = (round(place.latitude, 4), round(place.longitude, 4))
            found.setdefault(door, (place, met, {}))[2][card.name] = None
    spots = [
        _Spot(place, met.km or 0.0, met.venue or met.address, tuple(names))
        for place, met, names in found.values()
    ]
    return sorted(spots, key=lambda spot: spot.km)


def _to_go_to(
    meetings: Iterable[Occurrence],
) -> Iterator[tuple[Place, Occurrence]]:
    for met in meetings:
        if met.latitude is None or met.longitude is None:
            continue
        if met.km is not None and met.precision == "exact":
            yield Place(met.latitude, met.longitude), met


def _rings(furthest: float) -> tuple[float, int]:
    """The distance between two rings, and how many there are."""
    for step in STEPS:
        if furthest <= step * MOST_RINGS:
            return step, max(1, -(-int(furthest * 1000) // int(step * 1000)))
    return furthest / MOST_RINGS, MOST_RINGS


def _ring(distance: float, share: float, words: Words) -> Ring:
    radius = RADIUS * share
    unit = words.say("mi") if words.country in MILES else words.say("km")
    label = f"{words.number(round(distance, 2))} {unit}"
    return Ring(_n(radius), label, _n(CENTRE - radius))


def _at(near: Place, place: Place, scale: float) -> tuple[float, float]:
    east = (place.longitude - near.longitude) * cos(radians(near.latitude))
    north = place.latitude - near.latitude
    x = CENTRE + east * KM_PER_DEGREE * scale
    y = CENTRE - north * KM_PER_DEGREE * scale
    return _within(x), _within(y)


def _within(value: float) -> float:
    return min(max(value, PIN), 2 * CENTRE - PIN)


def _free(
    x: float, y: float, taken: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """The place itself, or the next one where no other pin stands, nor home."""
    stand = [(CENTRE, CENTRE), *taken]
    tries = [(x, y)] + [
        (_within(x + dx * PIN * far), _within(y + dy * PIN * far))
        for far in (2.2, 4.4, 6.6)
        for dx, dy in AROUND
    ]
    for at in tries:
        if all(hypot(at[0] - px, at[1] - py) >= 2 * PIN for px, py in stand):
            return at
    return x, y


def _n(value: float) -> str:
    """A number as SVG has it, whatever the reader's language."""
    return f"{value:.1f}"
