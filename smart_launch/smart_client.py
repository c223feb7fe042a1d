"""The whole launch behind one door.

An app builds one `SmartClient`, hands `/launch` to `begin` and `/callback` to
`finish`, and works with `fhir(context_id)` from then on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from smart_launch import launch
from smart_launch.callback import Callbacks, checked_code
from smart_launch.capability import Capabilities
from smart_launch.client_auth import ClientAuthenticator
from smart_launch.client_keys import SigningKeys
from smart_launch.context import LaunchContext
from smart_launch.cookies import (
    context_cookie,
    context_secret,
    context_secrets,
    expired_cookie,
    pending_ids,
    sealed_pending,
)
from smart_launch.discovery import Discovery, SmartConfiguration
from smart_launch.ehr_keys import EhrKeys
from smart_launch.errors import (
    ContextUnknown,
    EhrUnavailable,
    RelaunchNeeded,
    SmartError,
    StateRejected,
)
from smart_launch.fhir_client import FhirClient
from smart_launch.grant_access import GrantAccess
from smart_launch.id_token import Identities, Identity
from smart_launch.launch import PendingLaunch, Redirect, new_id
from smart_launch.opening import check_answer, opened_context, opened_grant
from smart_launch.outbound import Outbound
from smart_launch.parameters import CallbackRequest, read_callback, read_launch
from smart_launch.refreshing import Refreshing
from smart_launch.registration import Registration, Registrations
from smart_launch.sealing import Seal
from smart_launch.token_endpoint import DEADLINE, TokenEndpoint
from smart_launch.token_reply import TokenReply
from smart_launch.tokens import GrantStore, StateLedger

_log = logging.getLogger("smart_launch")

SESSION = timedelta(hours=8)  # absolute; the app ends idle ones earlier
# A page that starts launches in a loop must not fill the browser's cookie jar.
_MOST_PENDING = 8
# A proxy takes 8 kB of headers; these cookies take 90 bytes each.
_MOST_CONTEXTS = 30


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished launch.

    `superseded` is the context that this launch was asked to replace; `ended` has
    every context that was ended: that one, and those of another user of this browser.
    """

    context: LaunchContext
    set_cookies: tuple[str, ...]
    superseded: str | None
    ended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SmartClient:
    """Thread-safe; one for the whole process."""

    registrations: Registrations
    outbound: Outbound
    discovery: Discovery
    seal: Seal
    keys: SigningKeys
    grants: GrantStore
    states: StateLedger
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    session: timedelta = SESSION
    token_deadline: float = DEADLINE
    _endpoint: TokenEndpoint = field(init=False, repr=False)
    _identities: Identities = field(init=False, repr=False)
    _refreshing: Refreshing = field(init=False, repr=False)
    _capabilities: Capabilities = field(init=False, repr=False)

    def __post_init__(self) -> None:
        authenticator = ClientAuthenticator(self.keys, self.clock, self.random)
        endpoint = TokenEndpoint(self.outbound, authenticator, self.token_deadline)
        parts = {
            "_endpoint": endpoint,
            "_identities": Identities(EhrKeys(self.outbound)),
            "_refreshing": Refreshing(
                self.grants, self.registrations, self.discovery, endpoint, self.clock
            ),
            "_capabilities": Capabilities(),
        }
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    def begin(
        self, query: Sequence[tuple[str, str]], cookies: Mapping[str, str]
    ) -> Redirect:
        """Answer `/launch`: where to send the browser.

        Raises: BadLaunchRequest, UnknownIssuer (before any outbound call);
                EhrUnavailable and its kinds.
        """
        request = read_launch(query)
        registration = self.registrations.by_issuer(request.iss)
        with _naming(registration.id):
            configuration = self.discovery.of(registration)
            self._warm_keys(registration, configuration)
            redirect = launch.begin(
                registration,
                configuration,
                iss=request.iss,
                launch=request.launch,
                supersedes=self._owned(request.supersedes, cookies),
                seal=self.seal,
                now=self.clock(),
                random=self.random,
            )
        surplus = self._surplus_pending(cookies)
        return Redirect(redirect.url, redirect.set_cookies + surplus)

    def finish(
        self, query: Sequence[tuple[str, str]], cookies: Mapping[str, str]
    ) -> Finished:
        """Answer `/callback`: the new context, and its cookie.

        Raises: LaunchRefused and its kinds, TokenRejected, IdentityRejected,
                EhrUnavailable. Whatever is raised, there is no session.
        """
        request = read_callback(query)
        pending = Callbacks(self.seal, self.states).claim(
            request, cookies, self.clock()
        )
        with _naming(pending.tenant):
            return self._finished(request, pending, cookies)

    def _finished(
        self,
        request: CallbackRequest,
        pending: PendingLaunch,
        cookies: Mapping[str, str],
    ) -> Finished:
        registration = self.registrations.by_id(pending.tenant)
        configuration = self.discovery.of(registration)
        code = checked_code(request, configuration)
        reply = self._endpoint.redeem(
            registration, configuration, code=code, verifier=pending.verifier
        )
        check_answer(reply)
        identity = self._prove(registration, configuration, pending, reply)
        return self._open(registration, pending, reply, identity, cookies)

    def fhir(self, context_id: str) -> FhirClient:
        """The FHIR client of one context, which refreshes its grant by itself.

        Raises: ContextUnknown; ContextEnded.
        """
        context, _ = self.grants.load(context_id)
        return FhirClient(
            registration=self.registrations.by_id(context.tenant),
            patient=context.patient,
            access=GrantAccess(context_id, self._refreshing),
            outbound=self.outbound,
            capability_cache=self._capabilities,
        )

    def context(self, context_id: str, cookies: Mapping[str, str]) -> LaunchContext:
        """The context, for the browser that holds its cookie.

        Raises: ContextUnknown, also without the cookie; ContextEnded.
        """
        context, _ = self.grants.load(context_id)
        if not context.opens_with(context_secret(cookies, context_id)):
            raise ContextUnknown("the context's cookie is missing or not its own")
        if self.clock() >= context.expires_at:
            self.grants.end(context_id, "expired")
            raise RelaunchNeeded("the session's time is over")
        return context

    def revoke(self, context_id: str) -> None:
        """Log out: end the context, then tell the EHR if it wants to know."""
        context, grant = self.grants.load(context_id)
        self.grants.end(context_id, "logged out")
        token = grant.refresh_token or grant.access_token
        if not token:
            return
        try:
            registration = self.registrations.by_id(context.tenant)
            configuration = self.discovery.of(registration)
        except EhrUnavailable:
            return
        self._endpoint.revoke(registration, configuration, token)

    def _warm_keys(
        self, registration: Registration, configuration: SmartConfiguration
    ) -> None:
        try:
            self._identities.keys.warm(registration, configuration)
        except EhrUnavailable:
            # The callback asks again, and fails closed if it must.
            _log.warning("no key set yet", extra={"tenant": registration.id})

    def _owned(self, context_id: str | None, cookies: Mapping[str, str]) -> str | None:
        """The context to supersede, if this browser holds its cookie."""
        if context_id is None:
            return None
        try:
            return self.context(context_id, cookies).id
        except RelaunchNeeded:
            return None

    def _surplus_pending(self, cookies: Mapping[str, str]) -> tuple[str, ...]:
        """Expire all but this browser's newest pending launches."""
        begun: dict[str, float] = {}
        for pending_id in pending_ids(cookies):
            begun[pending_id] = self._begun(pending_id, cookies)
        newest_first = sorted(begun, key=lambda one: begun[one], reverse=True)
        return tuple(map(expired_cookie, newest_first[_MOST_PENDING - 1 :]))

    def _begun(self, pending_id: str, cookies: Mapping[str, str]) -> float:
        sealed = sealed_pending(cookies, pending_id) or ""
        try:
            found = PendingLaunch.unsealed(pending_id, sealed, self.seal)
        except StateRejected:
            return 0.0
        return found.begun.timestamp()

    def _prove(
        self,
        registration: Registration,
        configuration: SmartConfiguration,
        pending: PendingLaunch,
        reply: TokenReply,
    ) -> Identity:
        id_token = reply.id_token
        return self._identities.prove(
            None if id_token is None else id_token.get_secret_value(),
            registration,
            configuration,
            nonce=pending.nonce,
            access_token=reply.access_token.get_secret_value(),
            now=self.clock(),
        )

    def _open(
        self,
        registration: Registration,
        pending: PendingLaunch,
        reply: TokenReply,
        identity: Identity,
        cookies: Mapping[str, str],
    ) -> Finished:
        now = self.clock()
        secret = new_id(self.random, 32)
        context = opened_context(
            registration,
            pending,
            reply,
            identity,
            context_id=new_id(self.random, 18),
            secret=secret,
            now=now,
            session=self.session,
        )
        self.grants.create(context, opened_grant(context, reply, now))
        held = self._held(cookies)
        ended = self._end_others(context, pending.supersedes, held)
        lasts = int(self.session.total_seconds())
        return Finished(
            context=context,
            set_cookies=(
                context_cookie(context.id, secret, seconds=lasts),
                expired_cookie(pending.id),
                *map(expired_cookie, _surplus(held)),
            ),
            superseded=pending.supersedes if pending.supersedes in ended else None,
            ended=ended,
        )

    def _held(self, cookies: Mapping[str, str]) -> dict[str, LaunchContext | None]:
        """The contexts that this browser can open; None for those that are over."""
        held: dict[str, LaunchContext | None] = {}
        for context_id, secret in context_secrets(cookies):
            try:
                context, _ = self.grants.load(context_id)
            except RelaunchNeeded:
                held[context_id] = None
            else:
                held[context_id] = context if context.opens_with(secret) else None
        return held

    def _end_others(
        self,
        context: LaunchContext,
        supersedes: str | None,
        held: Mapping[str, LaunchContext | None],
    ) -> tuple[str, ...]:
        """End the superseded context, and an earlier user's in the same browser.

        Their cookies stay, so that a page that is still open is told that its session
        has ended, and not that there never was one.
        """
        ended: list[str] = []
        if supersedes is not None:
            self.grants.end(supersedes, "superseded")
            ended.append(supersedes)
        for other in held.values():
            if (
                other is not None
                and other.id not in ended
                and other.tenant == context.tenant
                and other.subject != context.subject
            ):
                self.grants.end(other.id, "another user launched in this browser")
                ended.append(other.id)
        return tuple(ended)


def _surplus(held: Mapping[str, LaunchContext | None]) -> list[str]:
    """The cookies to drop so that a day's launches do not outgrow the headers.

    Those of contexts that are over go first, then the ones launched longest ago.
    """

    def age(context_id: str) -> float:
        context = held[context_id]
        return 0.0 if context is None else context.launched_at.timestamp()

    newest_first = sorted(held, key=age, reverse=True)
    return newest_first[_MOST_CONTEXTS - 1 :]


@contextmanager
def _naming(tenant: str) -> Iterator[None]:
    """Say on every error whose launch it was."""
    try:
        yield
    except SmartError as error:
        error.tenant = tenant
        raise
