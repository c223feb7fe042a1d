"""FHIR R4: read, search, create, update. Source: HL7 FHIR R4, 3.1 RESTful API."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.responses import Response

from deploy.sandbox.accepting import check_resource, parse_body
from deploy.sandbox.access import Access, access_of
from deploy.sandbox.counts import Counts, Write
from deploy.sandbox.effects import Arrival
from deploy.sandbox.flavours import READABLE
from deploy.sandbox.refusals import Issue, outcome, refuse
from deploy.sandbox.searching import found_by, read_query, search
from deploy.sandbox.wire import Json, fhir_answer


@dataclass(frozen=True, slots=True)
class Fhir:
    """The FHIR server of every site."""

    counts: Counts

    async def read(self, arrival: Arrival) -> Response:
        access = self._access(arrival, "r")
        resource = arrival.site.records.read(arrival.type, arrival.id)
        if resource is None:
            raise refuse(404, "not-found", f"no {arrival.type}/{arrival.id}")
        access.check_resource(resource, "r")
        return fhir_answer(resource, 200, _versioned(resource))

    async def search(self, arrival: Arrival) -> Response:
        access = self._access(arrival, "s")
        ignoring = arrival.fault("ignore_parameters")
        ignored = ignoring.detail.get("names", ()) if ignoring else ()
        pairs = parse_qsl(arrival.request.url.query, keep_blank_values=True)
        if arrival.request.method == "POST":
            body = (await arrival.request.body()).decode()
            pairs += parse_qsl(body, keep_blank_values=True)
        site = arrival.site
        most = site.most_per_page or site.flavour.most_per_page
        query = read_query(arrival.type, pairs, most, ignored)
        return fhir_answer(search(query, access, site.fhir))

    async def create(self, arrival: Arrival) -> Response:
        access = self._access(arrival, "c")
        request = arrival.request
        content_type = request.headers.get("content-type", "")
        resource = parse_body(await request.body(), content_type, arrival.type)
        resource = {name: value for name, value in resource.items() if name != "id"}
        check_resource(resource, access, "c")
        condition = request.headers.get("if-none-exist")
        if condition is not None and arrival.site.flavour.conditional_create:
            known = self._known(arrival, access, condition)
            if known is not None:
                return self._created(arrival, known, 200)
        kept = arrival.site.records.keep(resource)
        self._count(arrival, kept, access, "create")
        return self._created(arrival, kept, 201)

    async def update(self, arrival: Arrival) -> Response:
        access = self._access(arrival, "u")
        records = arrival.site.records
        before = records.read(arrival.type, arrival.id)
        if before is None:
            raise refuse(404, "not-found", "there is nothing to update")
        access.check_resource(before, "u")
        request = arrival.request
        content_type = request.headers.get("content-type", "")
        resource = parse_body(await request.body(), content_type, arrival.type)
        if resource.get("id") != arrival.id:
            raise refuse(400, "invariant", "the id is not that of the address")
        wanted = request.headers.get("if-match")
        if wanted is not None and wanted != _etag(before):
            raise refuse(412, "conflict", "the resource was changed since it was read")
        check_resource(resource, access, "u")
        kept = records.keep(resource)
        self._count(arrival, kept, access, "update")
        return self._created(arrival, kept, 200)

    def _access(self, arrival: Arrival, letter: str) -> Access:
        access = access_of(arrival.request, arrival.site, self.counts)
        if arrival.type not in READABLE:
            raise refuse(404, "not-supported", f"{arrival.type} is not kept here")
        if letter in "cu" and arrival.type not in _changeable(arrival, letter):
            raise refuse(405, "not-supported", f"{arrival.type} cannot be changed here")
        access.check(arrival.type, letter)
        return access

    def _known(self, arrival: Arrival, access: Access, condition: str) -> Json | None:
        pairs = parse_qsl(condition.removeprefix("?"), keep_blank_values=True)
        if not pairs:
            raise refuse(400, "value", "If-None-Exist has no criteria")
        found = found_by(read_query(arrival.type, pairs, 2, ()), access)
        if len(found) > 1:
            raise refuse(412, "multiple-matches", "If-None-Exist matches several")
        return found[0] if found else None

    def _count(
        self, arrival: Arrival, kept: Json, access: Access, interaction: str
    ) -> None:
        identifiers = kept.get("identifier", [])
        several = identifiers if isinstance(identifiers, list) else [identifiers]
        self.counts.add_write(
            Write(
                site=arrival.site.name,
                interaction=interaction,
                type=arrival.type,
                id=kept["id"],
                patient=access.patient,
                identifiers=tuple(str(one.get("value", "")) for one in several),
            )
        )

    def _created(self, arrival: Arrival, kept: Json, status: int) -> Response:
        flavour = arrival.site.flavour
        place = f"{arrival.type}/{kept['id']}"
        version = f"{place}/_history/{kept['meta']['versionId']}"
        headers = _versioned(kept)
        if flavour.relative_location:
            headers["Location"] = place
        else:
            headers["Location"] = f"{arrival.site.fhir}/{version}"
        prefer = arrival.request.headers.get("prefer", "")
        if "return=OperationOutcome" in prefer:
            said = outcome(Issue("informational", "done"), severity="information")
            return fhir_answer(said, status, headers)
        wanted = flavour.returns_created and "return=minimal" not in prefer
        if wanted or "return=representation" in prefer:
            return fhir_answer(kept, status, headers)
        return fhir_answer(None, status, headers)


def _changeable(arrival: Arrival, letter: str) -> frozenset[str]:
    flavour = arrival.site.flavour
    return flavour.creates if letter == "c" else flavour.updates


def _etag(resource: Json) -> str:
    return f'W/"{resource["meta"]["versionId"]}"'


def _versioned(resource: Json) -> dict[str, str]:
    return {"ETag": _etag(resource)}
