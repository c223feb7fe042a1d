"""The app's own access, without a user: for work that was signed for but not finished.

Used only where a site grants it. The caller must record that a write was made under
the app's own name. Source: SMART App Launch 2.2, "Backend services".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from smart_launch.capability import Capabilities
from smart_launch.client_auth import ClientAuthenticator
from smart_launch.client_keys import SigningKeys
from smart_launch.discovery import Discovery
from smart_launch.errors import RelaunchNeeded, TokenRejected
from smart_launch.fhir_client import FhirClient
from smart_launch.outbound import Outbound
from smart_launch.refreshing import MARGIN
from smart_launch.registration import Registration, Registrations
from smart_launch.scopes import Scopes, least_of_own
from smart_launch.secret import Secret
from smart_launch.token_endpoint import TokenEndpoint


@dataclass(frozen=True, slots=True)
class _Held:
    token: Secret
    expires_at: datetime
    scopes: Scopes


@dataclass(slots=True)
class _OwnAccess:
    """One EHR's token, kept in memory and asked for again when it is over."""

    registration: Registration
    scope: str
    discovery: Discovery
    endpoint: TokenEndpoint
    clock: Callable[[], datetime]
    _held: _Held | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def token(self, *, fresh: bool) -> Secret:
        del fresh  # there is no session that could have ended
        return self.held(None).token

    def renewed(self, refused: Secret) -> Secret:
        return self.held(refused).token

    def held(self, refused: Secret | None) -> _Held:
        with self._lock:
            held = self._held
            if (
                held is None
                or held.token == refused
                or held.expires_at - MARGIN <= self.clock()
            ):
                held = self._held = self._asked()
            return held

    def _asked(self) -> _Held:
        configuration = self.discovery.of(self.registration)
        scope = " ".join(
            least_of_own(
                self.scope.split(),
                configuration.scopes_supported,
                configuration.capabilities,
            )
        )
        if not scope:
            raise RelaunchNeeded("the EHR lists none of the scopes wanted for the app")
        try:
            reply = self.endpoint.client_credentials(
                self.registration, configuration, scope
            )
        except TokenRejected as error:
            # The same answer that a clinician's ended grant gives: the work waits.
            raise RelaunchNeeded(
                "the EHR gives the app no access of its own"
            ) from error
        asked = Scopes.parse(self.scope)
        granted = Scopes.parse(scope if reply.scope is None else reply.scope)
        return _Held(
            Secret(reply.access_token.get_secret_value()),
            reply.expires_at(self.clock()),
            granted.within(asked),
        )


@dataclass(slots=True)
class BackendServices:
    """FHIR clients of the app itself.

    Takes: `scopes`, the system scopes to ask for in the v2 spelling, by registration
           id. An EHR that is not in it grants none.
    """

    registrations: Registrations
    outbound: Outbound
    discovery: Discovery
    keys: SigningKeys
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    scopes: Mapping[str, str]
    _accesses: dict[str, _OwnAccess] = field(default_factory=dict, repr=False)
    _capabilities: Capabilities = field(default_factory=Capabilities, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def available(self, tenant: str) -> bool:
        return tenant in self.scopes

    def granted(self, tenant: str) -> Scopes:
        """What this EHR grants the app itself.

        Raises: RelaunchNeeded, where it grants nothing; EhrUnavailable.
        """
        return self._access(tenant).held(None).scopes

    def fhir(self, tenant: str, patient: str) -> FhirClient:
        """A client for work on one patient, whom the caller still has to check.

        Raises: RelaunchNeeded, where this EHR has no such setting.
        """
        access = self._access(tenant)
        return FhirClient(
            registration=access.registration,
            patient=patient,
            access=access,
            outbound=self.outbound,
            capability_cache=self._capabilities,
        )

    def _access(self, tenant: str) -> _OwnAccess:
        if tenant not in self.scopes:
            raise RelaunchNeeded("this EHR gives the app no access of its own")
        registration = self.registrations.by_id(tenant)
        if registration.client_auth != "private_key_jwt":
            raise RelaunchNeeded("the app has no key to prove itself with")
        with self._lock:
            if tenant not in self._accesses:
                self._accesses[tenant] = _OwnAccess(
                    registration,
                    self.scopes[tenant],
                    self.discovery,
                    TokenEndpoint(
                        self.outbound,
                        ClientAuthenticator(self.keys, self.clock, self.random),
                    ),
                    self.clock,
                )
            return self._accesses[tenant]
