"""Launches, authorization codes and tokens of one issuer, and their single use.

Source: RFC 6749, sections 4.1.2 and 10.5 (codes); RFC 9700, section 4.14 (a refresh
token used twice ends the whole grant); SMART App Launch 2.2.
"""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from deploy.sandbox.moments import Clock
from deploy.sandbox.refusals import OAuthRefusal
from deploy.sandbox.wire import Json

LAUNCH_SECONDS = 600
CODE_SECONDS = 60
ACCESS_SECONDS = 3600
_MOST_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Launch:
    """An app opened from a chart: what its launch token stands for."""

    patient: str
    encounter: str
    practitioner: str
    need_patient_banner: bool = True
    intent: str = ""
    tenant: str = ""
    fhir_context: Sequence[Json] = ()
    app_context: str = ""  # what a card's link hands to the app


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code: what it was issued for."""

    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str
    launch: Launch


@dataclass(slots=True)
class Grant:
    """One approval: every token that comes of it ends together."""

    client_id: str
    scope: str
    launch: Launch
    ended: bool = False
    access: set[str] = field(default_factory=set)
    refresh: str = ""
    used_refresh: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Issued:
    """The tokens of one answer of the token endpoint."""

    access_token: str
    refresh_token: str
    seconds: int
    grant: Grant


class Grants:
    """Every method may be called from any thread, and is done at once or not at all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._launches: dict[str, tuple[Launch, datetime]] = {}
        self._codes: dict[str, tuple[Code, datetime]] = {}
        self._spent_codes: dict[str, Grant | None] = {}
        self._access: dict[str, tuple[Grant, datetime]] = {}
        self._refresh: dict[str, Grant] = {}
        self.access_seconds = ACCESS_SECONDS

    def mint_launch(self, launch: Launch) -> str:
        with self._lock:
            self._forget()
            token = secrets.token_urlsafe(24)
            self._launches[token] = (launch, self._after(LAUNCH_SECONDS))
            return token

    def spend_launch(self, token: str) -> Launch | None:
        """Give what a launch token stands for, once and within its time."""
        with self._lock:
            launch, until = self._launches.pop(token, (None, self._clock()))
            return launch if self._clock() < until else None

    def issue_code(self, code: Code) -> str:
        with self._lock:
            text = secrets.token_urlsafe(32)
            self._codes[text] = (code, self._after(CODE_SECONDS))
            return text

    def spend_code(self, text: str) -> Code:
        """Give what a code was issued for. A second use ends what the first gave.

        Raises: OAuthRefusal.
        """
        with self._lock:
            if text in self._spent_codes:
                self._end(self._spent_codes[text])
                raise OAuthRefusal("invalid_grant", "the code was used before")
            code, until = self._codes.pop(text, (None, self._clock()))
            if code is None:
                raise OAuthRefusal("invalid_grant", "the code is not known")
            self._spent_codes[text] = None
            if self._clock() >= until:
                raise OAuthRefusal("invalid_grant", "the code has expired")
            return code

    def grant(self, code_text: str, code: Code, *, refreshable: bool) -> Issued:
        """Give the first tokens of an approval."""
        with self._lock:
            grant = Grant(code.client_id, code.scope, code.launch)
            self._spent_codes[code_text] = grant
            return self._issue(grant, refreshable=refreshable)

    def own_grant(self, client_id: str, scope: str) -> Issued:
        """Give an app a token of its own, of no user and no patient."""
        nobody = Launch(patient="", encounter="", practitioner="")
        with self._lock:
            self._forget()
            return self._issue(Grant(client_id, scope, nobody), refreshable=False)

    def refresh(self, token: str, client_id: str) -> Issued:
        """Give new tokens for a refresh token, which is used up by it.

        Raises: OAuthRefusal; and ends the grant where the token was used before.
        """
        with self._lock:
            grant = self._refresh.get(token)
            if grant is None or grant.client_id != client_id:
                raise OAuthRefusal("invalid_grant", "the refresh token is not known")
            if token in grant.used_refresh:
                self._end(grant)
                raise OAuthRefusal("invalid_grant", "the refresh token was used before")
            if grant.ended:
                raise OAuthRefusal("invalid_grant", "the grant has ended")
            grant.used_refresh.add(token)
            return self._issue(grant, refreshable=True)

    def check_access(self, token: str) -> Grant | None:
        """Give the grant of an access token that is valid now."""
        with self._lock:
            grant, until = self._access.get(token, (None, self._clock()))
            if grant is None or grant.ended or self._clock() >= until:
                return None
            return grant

    def revoke(self, token: str, client_id: str) -> None:
        """End a refresh token with its grant, or an access token alone. RFC 7009."""
        with self._lock:
            if (grant := self._refresh.get(token)) and grant.client_id == client_id:
                self._end(grant)
            found, _ = self._access.get(token, (None, None))
            if found and found.client_id == client_id:
                del self._access[token]

    def expire_access(self) -> None:
        """Let every access token run out now; refresh tokens stay good."""
        with self._lock:
            self._access.clear()

    def end_all(self) -> None:
        """End every grant, as when the clinician's session in the EHR ends."""
        with self._lock:
            for grant in {
                id(grant): grant for grant in self._refresh.values()
            }.values():
                self._end(grant)
            self._access.clear()

    def rebind(self, issued: Issued, patient: str) -> Issued:
        """Let the tokens stand for another patient: the fault of a confused server."""
        with self._lock:
            launch = replace(issued.grant.launch, patient=patient)
            issued.grant.launch = launch
            return issued

    def _issue(self, grant: Grant, *, refreshable: bool) -> Issued:
        access = secrets.token_urlsafe(32)
        self._access[access] = (grant, self._after(self.access_seconds))
        grant.access.add(access)
        refresh = ""
        if refreshable:
            refresh = secrets.token_urlsafe(32)
            grant.refresh = refresh
            self._refresh[refresh] = grant
        return Issued(access, refresh, self.access_seconds, grant)

    def _end(self, grant: Grant | None) -> None:
        if grant is not None:
            grant.ended = True

    def _forget(self) -> None:
        """Drop what has run out, so that a long load does not fill the memory."""
        now = self._clock()
        if len(self._launches) >= _MOST_KEPT:
            self._launches = {k: v for k, v in self._launches.items() if v[1] > now}
        if len(self._access) >= _MOST_KEPT:
            self._access = {k: v for k, v in self._access.items() if v[1] > now}
        for kept in (self._spent_codes, self._refresh):
            while len(kept) > _MOST_KEPT:
                del kept[next(iter(kept))]

    def _after(self, seconds: int) -> datetime:
        return self._clock() + timedelta(seconds=seconds)
