"""Faults in the FHIR content of an answer: links, entries, subjects."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request

from deploy.sandbox.site import Site
from deploy.sandbox.wire import Json

Effect = Callable[[Json, Mapping[str, Any], Site, Request], Json]

# What real servers were seen to send among good entries.
MALFORMED: tuple[object, ...] = (
    {"resource": None},
    {"resource": {"resourceType": "Basic"}},
    {"resource": {"resourceType": "Condition", "subject": "Patient/1"}},
    {"resource": {"resourceType": "Condition", "id": "bad_id", "code": {"coding": {}}}},
    {"fullUrl": ""},
    "entry",
    None,
)


def _next_link(
    body: Json, detail: Mapping[str, Any], site: Site, request: Request
) -> Json:
    if body.get("resourceType") != "Bundle":
        return body
    here = f"{site.origin}{request.url.path}?{request.url.query}"
    first = here.partition("&_cursor=")[0]
    number = int(here.partition("&_cursor=x")[2] or 0)
    addresses = {
        "cycle": here,
        "alternate": first if "&_cursor=" in here else f"{first}&_cursor=x1",
        "endless": f"{first}&_cursor=x{number + 1}",
    }
    to = str(detail["to"])
    links = [link for link in body.get("link", []) if link["relation"] != "next"]
    next_link = {"relation": "next", "url": addresses.get(to, to)}
    return {**body, "link": [*links, next_link]}


def _malformed_entries(
    body: Json, detail: Mapping[str, Any], _site: Site, _request: Request
) -> Json:
    if body.get("resourceType") != "Bundle":
        return body
    bad = detail.get("entries", MALFORMED)
    return {**body, "entry": [*bad, *body.get("entry", [])]}


def _foreign_entries(
    body: Json, detail: Mapping[str, Any], site: Site, request: Request
) -> Json:
    if body.get("resourceType") != "Bundle":
        return body
    kind = request.url.path.rpartition("/")[2]
    patient = site.patient_id(str(detail["patient"]))
    entries = [
        {
            "fullUrl": f"{site.fhir}/{kind}/{resource['id']}",
            "resource": resource,
            "search": {"mode": "match"},
        }
        for resource in site.records.of_patient(kind, patient)
    ]
    return {**body, "entry": [*body.get("entry", []), *entries]}


def _other_subject(
    body: Json, detail: Mapping[str, Any], site: Site, _request: Request
) -> Json:
    if "subject" not in body:
        return body
    patient = site.patient_id(str(detail["patient"]))
    return {**body, "subject": {"reference": f"Patient/{patient}"}}


FHIR_EFFECTS: Mapping[str, Effect] = {
    "next_link": _next_link,
    "malformed_entries": _malformed_entries,
    "foreign_entries": _foreign_entries,
    "other_subject": _other_subject,
}
