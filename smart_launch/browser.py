"""What one browser holds: pending launches, and contexts of one user or another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smart_launch.context import LaunchContext
from smart_launch.cookies import (
    context_secrets,
    expired_cookie,
    pending_ids,
    sealed_pending,
)
from smart_launch.errors import RelaunchNeeded, StateRejected
from smart_launch.launch import PendingLaunch
from smart_launch.sealing import Seal
from smart_launch.tokens import GrantStore

# A page that starts launches in a loop must not fill the browser's cookie jar.
_MOST_PENDING = 8
# A proxy takes 8 kB of headers; these cookies take 90 bytes each.
_MOST_CONTEXTS = 30


def surplus_pending(cookies: Mapping[str, str], seal: Seal) -> tuple[str, ...]:
    """Set-Cookie values that drop all but the newest pending launches."""

    def begun(pending_id: str) -> float:
        sealed = sealed_pending(cookies, pending_id) or ""
        try:
            return PendingLaunch.unsealed(pending_id, sealed, seal).begun.timestamp()
        except StateRejected:
            return 0.0

    newest_first = sorted(pending_ids(cookies), key=begun, reverse=True)
    return tuple(map(expired_cookie, newest_first[_MOST_PENDING - 1 :]))


@dataclass(frozen=True, slots=True)
class Held:
    """The contexts that a browser has cookies of; None for those that are over."""

    contexts: Mapping[str, LaunchContext | None]

    @classmethod
    def by(cls, cookies: Mapping[str, str], grants: GrantStore) -> Held:
        held: dict[str, LaunchContext | None] = {}
        for context_id, secret in context_secrets(cookies):
            try:
                context, _ = grants.load(context_id)
            except RelaunchNeeded:
                held[context_id] = None
            else:
                held[context_id] = context if context.opens_with(secret) else None
        return cls(held)

    def end_others(
        self, context: LaunchContext, supersedes: str | None, grants: GrantStore
    ) -> tuple[str, ...]:
        """End the superseded context, and an earlier user's in the same browser.

        Their cookies stay, so that a page that is still open is told that its session
        has ended, and not that there never was one.
        """
        ended: list[str] = []
        if supersedes is not None:
            grants.end(supersedes, "superseded")
            ended.append(supersedes)
        for other in self.contexts.values():
            if (
                other is not None
                and other.id not in ended
                and other.tenant == context.tenant
                and other.subject != context.subject
            ):
                grants.end(other.id, "another user launched in this browser")
                ended.append(other.id)
        return tuple(ended)

    def surplus(self) -> tuple[str, ...]:
        """Set-Cookie values that keep a day's launches from outgrowing the headers.

        Those of contexts that are over go first, then the ones launched longest ago.
        """

        def age(context_id: str) -> float:
            context = self.contexts[context_id]
            return 0.0 if context is None else context.launched_at.timestamp()

        newest_first = sorted(self.contexts, key=age, reverse=True)
        return tuple(map(expired_cookie, newest_first[_MOST_CONTEXTS - 1 :]))
