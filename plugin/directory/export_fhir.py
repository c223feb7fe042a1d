"""Meetings as a FHIR R4 Bundle: HealthcareService, Location, Organization.

`availableTime` has no zone, no nth weekday and nothing past midnight: what it cannot
say stands in an extension of ours, which our own reader understands.
Source: FHIR R4 HealthcareService; IHE mCSD; Da Vinci PDEX Plan-Net, delivery method.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import orjson

from plugin.directory.rows import WholeRow
from plugin.store.schema import moment

SCHEDULE = "https://selfhelp.example.org/fhir/StructureDefinition/meeting-schedule"
DELIVERY = (
    "http://hl7.org/fhir/us/davinci-pdex-plan-net/StructureDefinition/delivery-method"
)
_DELIVERY_CODES = (
    "http://hl7.org/fhir/us/davinci-pdex-plan-net/CodeSystem/DeliveryMethodCS"
)
_IDENTIFIER = "urn:selfhelp:meeting"
PROGRAM = "urn:selfhelp:programme"
TAG = "urn:selfhelp:tag"
LANGUAGE = "urn:ietf:bcp:47"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60


def fhir_pieces(meetings: Iterable[WholeRow], now: datetime) -> Iterator[bytes]:
    """The Bundle piece by piece, however many meetings there are."""
    stamp = orjson.dumps(now.isoformat(timespec="seconds"))
    yield b'{"resourceType":"Bundle","type":"collection","timestamp":' + stamp
    yield b',"entry":['
    written: set[str] = set()
    for meeting in meetings:
        for resource in _resources(meeting):
            full_url = f"urn:uuid:{_uuid(resource['resourceType'] + resource['id'])}"
            if full_url in written:
                continue
            comma = b"," if written else b""
            # Places and bodies come again and again; a meeting does not.
            written.add(full_url)
            entry = {"fullUrl": full_url, "resource": resource}
            yield comma + orjson.dumps(entry)
    yield b"]}"


def _resources(row: Any) -> Iterator[dict[str, Any]]:
    body = _organization(row)
    yield body
    place = _location(row)
    if place is not None:
        yield place
    yield _service(row, body, place)


def _organization(row: Any) -> dict[str, Any]:
    name = row.organisation or row.feed
    resource: dict[str, Any] = {
        "resourceType": "Organization",
        "id": _id("o", row.feed, name),
        "active": True,
        "name": name,
    }
    if row.phone:
        resource["telecom"] = [{"system": "phone", "value": row.phone}]
    return resource


def _location(row: Any) -> dict[str, Any] | None:
    if row.attendance == "online" or not (row.address or row.venue):
        return None
    resource: dict[str, Any] = {
        "resourceType": "Location",
        "id": _id("l", row.venue, row.address, str(row.latitude), str(row.longitude)),
        "status": "active",
        "name": row.venue or row.address,
        "mode": "instance",
    }
    if row.address:
        resource["address"] = {"text": row.address}
    # An approximate place is no position.
    if row.latitude is not None and row.precision == "exact":
        resource["position"] = {"latitude": row.latitude, "longitude": row.longitude}
    return resource


def _origin(row: Any) -> str:
    """FHIR has no element for a licence: it is told with the source."""
    read = "" if row.fetched_at is None else f", {moment(row.fetched_at):%Y-%m-%d}"
    return f"Source: {row.source}{read}. Licence: {row.licence or 'not stated'}."


def _service(
    row: Any, body: dict[str, Any], place: dict[str, Any] | None
) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "HealthcareService",
        "id": _id("m", row.uid),
        "identifier": [{"system": _IDENTIFIER, "value": row.uid}],
        "active": row.attendance != "inactive",
        "providedBy": {"reference": _reference(body), "display": body["name"]},
        "type": [{"coding": [{"system": PROGRAM, "code": row.program}]}],
        "name": row.name,
        "extraDetails": _origin(row),
    }
    if place is not None:
        resource["location"] = [{"reference": _reference(place)}]
    extensions = [_schedule(row), *_delivery(row)]
    resource["extension"] = [one for one in extensions if one]
    telecom = [
        {"system": "url", "value": url} for url in (row.url, row.join_url) if url
    ]
    if telecom:
        resource["telecom"] = telecom
    tags = [{"coding": [{"system": TAG, "code": tag}]} for tag in row.tags.split()]
    if tags:
        resource["characteristic"] = tags
    spoken = row.languages.split()
    if spoken:
        resource["communication"] = [
            {"coding": [{"system": LANGUAGE, "code": code}]} for code in spoken
        ]
    if row.notes:
        resource["comment"] = row.notes
    resource["appointmentRequired"] = row.start_minute is None
    available = _available(row)
    if available:
        resource["availableTime"] = [available]
    if not resource["extension"]:
        del resource["extension"]
    return resource


def _addresses(row: Any) -> tuple[str, ...]:
    """The page first, then where it is joined; each is read by its place."""
    if row.join_url:
        return (row.url or row.join_url, row.join_url)
    return (row.url,) if row.url else ()


def _available(row: Any) -> dict[str, Any] | None:
    """What FHIR can say: a weekday, from and to, on a clock that is not named."""
    if row.start_minute is None or row.weekday is None:
        return None
    said: dict[str, Any] = {
        "daysOfWeek": [DAYS[row.weekday]],
        "availableStartTime": _clock(row.start_minute),
    }
    end = row.start_minute + row.minutes
    if end < _DAY:
        said["availableEndTime"] = _clock(end)
    return said


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}:00"


def _schedule(row: Any) -> dict[str, Any] | None:
    """The zone, the rule and the length, where the meeting has them."""
    if row.start_minute is None:
        return None
    parts = [
        ("start", "valueTime", _clock(row.start_minute)),
        ("minutes", "valuePositiveInt", row.minutes),
        ("rrule", "valueString", row.rrule),
        ("timezone", "valueCode", row.timezone),
        ("first", "valueDate", row.first_date),
    ]
    inner = [{"url": url, kind: value} for url, kind, value in parts if value]
    inner += [{"url": "except", "valueDate": day} for day in row.except_dates.split()]
    return {"url": SCHEDULE, "extension": inner}


def _delivery(row: Any) -> Iterator[dict[str, Any]]:
    ways = {
        "in-person": ("physical",),
        "online": ("virtual",),
        "hybrid": ("physical", "virtual"),
    }
    for way in ways.get(row.attendance, ()):
        coding = {"system": _DELIVERY_CODES, "code": way}
        inner = {"url": "type", "valueCodeableConcept": {"coding": [coding]}}
        yield {"url": DELIVERY, "extension": [inner]}


def _reference(resource: dict[str, Any]) -> str:
    return f"urn:uuid:{_uuid(resource['resourceType'] + resource['id'])}"


def _id(kind: str, *parts: str) -> str:
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=12)
    return f"{kind}-{digest.hexdigest()}"


def _uuid(text: str) -> str:
    """A name-based UUID, the same for the same resource."""
    found = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return "-".join((found[:8], found[8:12], found[12:16], found[16:20], found[20:]))
