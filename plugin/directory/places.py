"""Places on the globe: the distance between two, and the index cells around one.

Source: H3, "Tables of cell statistics across resolutions"; Sinnott 1984, "Virtues of
the haversine", Sky & Telescope 68:159.
"""

from functools import lru_cache
from math import asin, cos, degrees, isfinite, radians, sin, sqrt

from h3.api.basic_int import cell_to_latlng, grid_disk, latlng_to_cell

RESOLUTION = 5
EARTH_RADIUS = 6371.0088  # km, mean

# Cells that stand for no place on the globe.
ANYWHERE = 0  # can be joined from anywhere
SOMEWHERE = 1  # in person, but the feed gives no coordinates

# Beyond this radius so many cells are asked for that reading them all is quicker.
MOST_KM_BY_CELLS = 200.0

# At this resolution, over the whole globe: no two neighbouring cells' centres are
# closer than the first, and no point of a cell is farther from its centre than the
# second. Both are measured, with something to spare.
_CLOSEST_CENTRES = 11.0  # km
_FARTHEST_CORNER = 11.5  # km


def is_place(latitude: float, longitude: float) -> bool:
    return (
        isfinite(latitude)
        and isfinite(longitude)
        and -90 <= latitude <= 90
        and -180 <= longitude <= 180
    )


def cell_of(latitude: float, longitude: float) -> int:
    """The index cell of a place, as the integer that is stored."""
    cell: int = latlng_to_cell(latitude, longitude, RESOLUTION)
    return cell


def kilometres(
    latitude: float, longitude: float, other_latitude: float, other_longitude: float
) -> float:
    """The great-circle distance."""
    north, other_north = radians(latitude), radians(other_latitude)
    half_up = sin((other_north - north) / 2)
    half_along = sin(radians(other_longitude - longitude) / 2)
    chord = half_up * half_up + cos(north) * cos(other_north) * half_along * half_along
    return 2 * EARTH_RADIUS * asin(min(1.0, sqrt(chord)))


@lru_cache(maxsize=512)
def cells_around(latitude: float, longitude: float, km: float) -> tuple[int, ...]:
    """Every cell in which a place within `km` can lie, poles and date line alike."""
    centre = latlng_to_cell(latitude, longitude, RESOLUTION)
    reach = km + 2 * _FARTHEST_CORNER
    # A disk of k rings holds a circle of k * spacing * cos 30 degrees.
    rings = int(reach / (_CLOSEST_CENTRES * cos(radians(30)))) + 1
    near = km + _FARTHEST_CORNER
    return tuple(
        cell
        for cell in grid_disk(centre, rings)
        if kilometres(latitude, longitude, *cell_to_latlng(cell)) <= near
    )


def offset_place(
    latitude: float, longitude: float, north_km: float, east_km: float
) -> tuple[float, float]:
    """A place so far north and east of another, for places not near a pole."""
    north = degrees(north_km / EARTH_RADIUS)
    east = degrees(east_km / (EARTH_RADIUS * cos(radians(latitude))))
    return latitude + north, longitude + east
