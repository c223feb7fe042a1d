"""One refresh, however many threads and replicas ask.

A refresh token must never be used twice (SMART App Launch 2.2, best practices): a
server that rotates them takes the second use for theft and ends the grant. So whoever
refreshes first notes that under the store's lock, *before* the call; all others wait
for its outcome. Where the outcome is lost, by a crash or a broken connection, the
token counts as spent, the grant is dead, and the user launches again.

The lock itself is never held over the call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from smart_launch.context import LaunchContext
from smart_launch.discovery import Discovery, SmartConfiguration
from smart_launch.errors import (
    ContextEnded,
    EhrBusy,
    EhrUnavailable,
    GrantRevoked,
    RefreshRejected,
    RelaunchNeeded,
    TokenRejected,
)
from smart_launch.registration import Registration, Registrations
from smart_launch.scopes import Scopes
from smart_launch.secret import Secret
from smart_launch.token_endpoint import DEADLINE, TokenEndpoint
from smart_launch.token_reply import TokenReply
from smart_launch.tokens import CHANGED_BY_EHR, Grant, GrantStore

_log = logging.getLogger("smart_launch")

# A token this close to its end is renewed first: a write needs it to last.
MARGIN = timedelta(seconds=30)
# Longer than a refresh can take; after that its outcome is lost.
LOST_AFTER = timedelta(seconds=DEADLINE + 20)
_WAIT = 0.05  # seconds between looks at another's refresh
_PATIENCE = DEADLINE + 5.0


@dataclass(frozen=True, slots=True)
class Refreshing:
    grants: GrantStore
    registrations: Registrations
    discovery: Discovery
    endpoint: TokenEndpoint
    clock: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def usable(self, context_id: str, *, refused: Secret | None = None) -> Grant:
        """A grant whose access token lasts, refreshed if need be.

        Takes:  `refused`, an access token that the EHR has answered with 401.
        Raises: RelaunchNeeded and its kinds; EhrUnavailable, where nothing is lost.
        """
        context, grant = self.grants.load(context_id)
        if self._good(grant, refused):
            return grant
        self._stop_if_over(grant)
        # Asked before anything is claimed: a failure here spends nothing.
        registration = self.registrations.by_id(context.tenant)
        configuration = self.discovery.of(registration)
        claimed = self._claim(context_id, refused)
        if self._good(claimed, refused):
            return claimed
        reply = self._asked(context, registration, configuration, claimed)
        return self._kept(context, claimed, reply)

    def _good(self, grant: Grant, refused: Secret | None) -> bool:
        return (
            grant.dead is None
            and grant.access_token != refused
            and grant.expires_at - MARGIN > self.clock()
        )

    def _claim(self, context_id: str, refused: Secret | None) -> Grant:
        """Give the grant to refresh, noted as ours, or one that another refreshed."""
        give_up = self.monotonic() + _PATIENCE
        while True:
            with self.grants.locked(context_id) as held:
                grant = held.grant
                if grant.dead is None and self._good(grant, refused):
                    return grant
                self._stop_if_over(grant)
                since, now = grant.refreshing_since, self.clock()
                if since is None:
                    held.replace(replace(grant, refreshing_since=now))
                    return grant
                lost = now - since > LOST_AFTER
                if lost:
                    held.mark_dead("the outcome of a refresh was lost")
            if lost:
                raise RelaunchNeeded("the outcome of a refresh was lost")
            if self.monotonic() > give_up:
                raise EhrBusy("another refresh of this grant takes too long")
            self.sleep(_WAIT)

    def _stop_if_over(self, grant: Grant) -> None:
        if grant.dead is not None:
            raise RelaunchNeeded(f"the grant is dead: {grant.dead}")
        if grant.refresh_token is None:
            raise RelaunchNeeded("the access token is over and there is no other")

    def _asked(
        self,
        context: LaunchContext,
        registration: Registration,
        configuration: SmartConfiguration,
        spent: Grant,
    ) -> TokenReply:
        assert spent.refresh_token is not None
        try:
            return self.endpoint.refresh(
                registration, configuration, spent.refresh_token
            )
        except EhrUnavailable as error:
            if error.sent:
                raise self._dead(context, "the answer to a refresh was lost") from error
            with self.grants.locked(context.id) as held:
                held.replace(replace(held.grant, refreshing_since=None))
            raise
        except RefreshRejected as error:
            raise self._dead(context, "the EHR refused the refresh") from error
        except TokenRejected as error:
            raise self._dead(context, "the answer to a refresh was no use") from error

    def _kept(self, context: LaunchContext, spent: Grant, reply: TokenReply) -> Grant:
        self._check_unchanged(context, spent, reply)
        renewed = _renewed(spent, reply, self.clock())
        with self.grants.locked(context.id) as held:
            held.replace(renewed)
        return renewed

    def _dead(self, context: LaunchContext, reason: str) -> RelaunchNeeded:
        _log.warning(
            "a grant is dead", extra={"tenant": context.tenant, "reason": reason}
        )
        try:
            with self.grants.locked(context.id) as held:
                held.mark_dead(reason)
        except ContextEnded as ended:
            return ended
        return RelaunchNeeded(reason)

    def _check_unchanged(
        self, context: LaunchContext, before: Grant, reply: TokenReply
    ) -> None:
        patient_same = reply.patient in (None, before.patient)
        scope_same = reply.scope is None or (
            Scopes.parse(reply.scope).resources == Scopes.parse(before.scope).resources
        )
        if patient_same and scope_same:
            return
        what = "scope" if patient_same else "patient"
        _log.error(
            "a refresh changed the grant",
            extra={"tenant": context.tenant, "what": what},
        )
        self.grants.end(context.id, f"{CHANGED_BY_EHR} the {what}")
        raise GrantRevoked(f"a refresh came back with another {what}")


def _renewed(before: Grant, reply: TokenReply, now: datetime) -> Grant:
    """The next grant; the old refresh token stays where no new one came."""
    refresh = before.refresh_token
    if reply.refresh_token is not None:
        refresh = Secret(reply.refresh_token.get_secret_value())
    return replace(
        before,
        access_token=Secret(reply.access_token.get_secret_value()),
        refresh_token=refresh,
        expires_at=reply.expires_at(now),
        refreshing_since=None,
    )
