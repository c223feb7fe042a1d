"""The callback: does it belong to a launch of this browser, and was it used before?

Source: RFC 6749 4.1.2; RFC 9207; RFC 9700 2.1 and 4.4.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from smart_launch.cookies import is_cookie_id, sealed_pending
from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import (
    AuthorizationDenied,
    LaunchExpired,
    StateRejected,
)
from smart_launch.launch import PENDING_SECONDS, PendingLaunch
from smart_launch.parameters import CallbackRequest
from smart_launch.registration import same_issuer
from smart_launch.sealing import Seal
from smart_launch.tokens import StateLedger

_log = logging.getLogger("smart_launch")

# The sealing replica's clock may be a little ahead of this one's.
_AHEAD = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Callbacks:
    seal: Seal
    states: StateLedger

    def claim(
        self, request: CallbackRequest, cookies: Mapping[str, str], now: datetime
    ) -> PendingLaunch:
        """Find the launch that the callback belongs to, and use its state up.

        Raises: StateRejected; LaunchExpired.
        """
        pending_id = request.state.partition(".")[0]
        if not is_cookie_id(pending_id):
            raise StateRejected("a state that was not made here")
        sealed = sealed_pending(cookies, pending_id)
        if sealed is None:
            raise StateRejected("a state that this browser holds no cookie for")
        pending = PendingLaunch.unsealed(pending_id, sealed, self.seal)
        if not hmac.compare_digest(pending.state.encode(), request.state.encode()):
            raise StateRejected("a state that differs from the browser's own")
        end = pending.begun + timedelta(seconds=PENDING_SECONDS)
        if now >= end or pending.begun > now + _AHEAD:
            raise LaunchExpired("a callback that came too late")
        # Kept well past its end, so that no clock can bring a used state back.
        kept_until = end + timedelta(seconds=PENDING_SECONDS)
        if not self.states.spend(pending.tenant, pending.state, kept_until):
            raise StateRejected("a state that was used before")
        return pending


def checked_code(request: CallbackRequest, configuration: SmartConfiguration) -> str:
    """The code, if it comes from the server that was asked.

    Raises: StateRejected, for another server's answer; AuthorizationDenied.
    """
    if request.iss is None:
        if configuration.iss_in_callback:
            raise StateRejected("the callback lacks the issuer it always has")
    elif not same_issuer(request.iss, configuration.issuer):
        raise StateRejected("the callback comes from another authorization server")
    if request.code is None:
        reason = request.error or "unknown"
        _log.info("the authorization server refused", extra={"reason": reason})
        raise AuthorizationDenied(
            f"the authorization server answered {reason}: "
            f"{request.error_description or 'no description'}",
            reason=reason,
        )
    return request.code
