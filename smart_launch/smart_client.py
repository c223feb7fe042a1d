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
from smart_launch.browser import Held, surplus_pending
from smart_launch.callback import Callbacks, checked_code
from smart_launch.capability import Capabilities
from smart_launch.client_auth import ClientAuthenticator
from smart_launch.client_keys import SigningKeys
from smart_launch.context import LaunchContext
from smart_launch.cookies import (
    context_cookie,
    context_secret,
    expired_cookie,
)
from smart_launch.discovery import Discovery, SmartConfiguration
from smart_launch.ehr_keys import EhrKeys
from smart_launch.errors import (
    ContextUnknown,
    EhrUnavailable,
    LaunchRefused,
    RelaunchNeeded,
    SmartError,
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
from smart_launch.style import Style, Styles
from smart_launch.token_endpoint import DEADLINE, TokenEndpoint
from smart_launch.token_reply import TokenReply
from smart_launch.tokens import GrantStore, StateLedger

_log = logging.getLogger("smart_launch")

SESSION = timedelta(hours=8)  # absolute; the app ends idle ones earlier


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished launch.

    `superseded` is the context that this launch was asked to replace; `ended` has
    every context that was ended: that one, and those of another user of this browser.
    """

    context: LaunchContext
    set_cookies: tuple[str, ...] = field(repr=False)
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
    _styles: Styles = field(init=False, repr=False)

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
            "_styles": Styles(self.outbound),
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
        with _launching(registration.id):
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
        dropped = surplus_pending(cookies, self.seal)
        return Redirect(redirect.url, redirect.set_cookies + dropped)

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
        with _launching(pending.tenant):
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

    def style(self, context: LaunchContext, *, patience: float = 0.0) -> Style | None:
        """How the EHR of this launch wants apps to look, where it says so in time.

        Takes: `patience`, seconds to wait for an answer that is under way.
        """
        if context.smart_style_url is None:
            return None
        registration = self.registrations.by_id(context.tenant)
        return self._styles.of(registration, context.smart_style_url, patience=patience)

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
        held = Held.by(cookies, self.grants)
        ended = held.end_others(context, pending.supersedes, self.grants)
        lasts = int(self.session.total_seconds())
        return Finished(
            context=context,
            set_cookies=(
                context_cookie(context.id, secret, seconds=lasts),
                expired_cookie(pending.id),
                *held.surplus(),
            ),
            superseded=pending.supersedes if pending.supersedes in ended else None,
            ended=ended,
        )


@contextmanager
def _launching(tenant: str) -> Iterator[None]:
    """Say on every error whose launch it was.

    A launch that the EHR does not back up is a bad launch: 400, like every other one.
    5xx is left for what this app itself cannot do, and for what comes after a launch.
    """
    try:
        yield
    except SmartError as error:
        error.tenant = tenant
        if error.status >= 500:
            error.status = LaunchRefused.status
        raise
