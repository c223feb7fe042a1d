"""The app's own access to a record, for signed work whose signer's sign-in is over.

Only where the site has set it, and recorded as such with each write. It widens nothing:
what is sent is what was signed, to the patient for whom it was signed.
"""

from typing import Protocol

from plugin.referral.lookup import Fhir
from smart_launch.errors import RelaunchNeeded
from smart_launch.scopes import Scopes

WRITTEN_BY_BACKEND = "Written with the hospital's backend grant."


class OwnAccess(Protocol):
    """What smart_launch's BackendServices gives."""

    def granted(self, tenant: str) -> Scopes: ...

    def fhir(self, tenant: str, patient: str) -> Fhir: ...


class NoOwnAccess:
    """Where no site has set it."""

    def granted(self, tenant: str) -> Scopes:
        raise RelaunchNeeded(f"{tenant} gives the app no access of its own")

    def fhir(self, tenant: str, patient: str) -> Fhir:
        del patient
        raise RelaunchNeeded(f"{tenant} gives the app no access of its own")
