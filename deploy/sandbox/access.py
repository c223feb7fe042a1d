"""What an access token may do with which resources."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from deploy.sandbox.counts import Counts
from deploy.sandbox.grants import Grant
from deploy.sandbox.refusals import FhirRefusal, refuse
from deploy.sandbox.scopes import Scope, parse_scopes
from deploy.sandbox.site import Site
from deploy.sandbox.wire import Json

# Resources of the house, not of a patient: a patient scope on the type opens them.
_SHARED = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Location", "Medication"}
)


@dataclass(frozen=True, slots=True)
class Access:
    """The rights of one request."""

    site: Site
    grant: Grant
    scopes: Sequence[Scope]
    counts: Counts

    @property
    def patient(self) -> str:
        return self.grant.launch.patient

    @property
    def user(self) -> str:
        return f"Practitioner/{self.grant.launch.practitioner}"

    def check(self, kind: str, letter: str) -> None:
        """Raises: FhirRefusal (403) where no scope allows this on the type."""
        if not self._allowing(kind, letter) and not self._self_read(kind, letter):
            raise refuse(403, "forbidden", f"no scope allows {letter} on {kind}")

    def may(self, resource: Json, letter: str) -> bool:
        """Does a scope allow this on this resource, of this patient?"""
        kind = resource["resourceType"]
        if self._self_read(kind, letter) and resource.get("id") == self._own_id():
            return True
        return any(
            scope.admits(resource)
            and (scope.level != "patient" or self._in_compartment(resource))
            for scope in self._allowing(kind, letter)
        )

    def check_resource(self, resource: Json, letter: str) -> None:
        """Raises: FhirRefusal (403), counted where it is another patient's."""
        if self.may(resource, letter):
            return
        if not self._in_compartment(resource):
            raise self.wrong_patient()
        raise refuse(403, "forbidden", "no scope allows this resource")

    def wrong_patient(self) -> FhirRefusal:
        self.counts.add_wrong_patient()
        return refuse(403, "forbidden", "this is not the patient of the launch")

    def bound_to_patient(self, kind: str, letter: str) -> bool:
        """Do the scopes reach no further than the patient of the launch?"""
        return all(scope.level == "patient" for scope in self._allowing(kind, letter))

    def _allowing(self, kind: str, letter: str) -> list[Scope]:
        return [scope for scope in self.scopes if scope.allows(kind, letter)]

    def _self_read(self, kind: str, letter: str) -> bool:
        fhir_user = "fhirUser" in self.grant.scope.split()
        return fhir_user and kind == "Practitioner" and letter == "r"

    def _own_id(self) -> str:
        return self.grant.launch.practitioner

    def _in_compartment(self, resource: Json) -> bool:
        if resource["resourceType"] in _SHARED:
            return True
        return self.site.records.patients_of(resource) == {self.patient}


def access_of(request: Request, site: Site, counts: Counts) -> Access:
    """Read the bearer token. Raises: FhirRefusal (401)."""
    if "access_token" in request.query_params:
        raise refuse(401, "login", "a token in the address is not taken")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    grant = site.grants.check_access(token) if scheme.lower() == "bearer" else None
    if grant is None:
        raise refuse(401, "login", "the access token is missing, unknown or expired")
    return Access(site, grant, parse_scopes(grant.scope), counts)
