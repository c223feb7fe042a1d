"""Calls to the token and revocation endpoints.

Source: RFC 6749 4.1.3, 4.4 and 6; RFC 7636; RFC 7009.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from smart_launch.client_auth import ClientAuthenticator
from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import (
    CodeRejected,
    EhrBusy,
    EhrUnavailable,
    RefreshRejected,
    SmartError,
    TokenRejected,
)
from smart_launch.outbound import Outbound, Reply
from smart_launch.registration import Registration
from smart_launch.secret import Secret
from smart_launch.token_reply import TokenReply, read_token_reply

DEADLINE = 10.0  # seconds for one call
_MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    outbound: Outbound
    authenticator: ClientAuthenticator
    deadline: float = DEADLINE

    def redeem(
        self,
        registration: Registration,
        configuration: SmartConfiguration,
        *,
        code: str,
        verifier: str,
    ) -> TokenReply:
        """Exchange the code, once.

        Raises: CodeRejected; TokenRejected; EhrUnavailable.
        """
        reply = self._post(
            registration,
            configuration.token_endpoint,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": registration.redirect_uri,
                "code_verifier": verifier,
            },
        )
        if reply.status in (400, 401, 403):
            raise CodeRejected(f"the token endpoint answered {reply.status}")
        return _usable(reply)

    def refresh(
        self,
        registration: Registration,
        configuration: SmartConfiguration,
        refresh_token: Secret,
    ) -> TokenReply:
        """Raises: RefreshRejected, which is final; TokenRejected, where it is unknown
        whether the token was spent; EhrUnavailable, which says whether it was sent."""
        reply = self._post(
            registration,
            configuration.token_endpoint,
            {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()},
        )
        if reply.status in (400, 401, 403):
            raise RefreshRejected(f"the token endpoint answered {reply.status}")
        return _usable(reply)

    def client_credentials(
        self, registration: Registration, configuration: SmartConfiguration, scope: str
    ) -> TokenReply:
        """Ask for a token of the app's own. Source: SMART 2.2, "Backend services"."""
        reply = self._post(
            registration,
            configuration.token_endpoint,
            {"grant_type": "client_credentials", "scope": scope},
        )
        if reply.status in (400, 401, 403):
            raise TokenRejected(f"the token endpoint answered {reply.status}")
        return _usable(reply)

    def revoke(
        self,
        registration: Registration,
        configuration: SmartConfiguration,
        token: Secret,
    ) -> bool:
        """Tell the EHR that the token is no longer used; whether it took note."""
        if configuration.revocation_endpoint is None:
            return False
        try:
            reply = self._post(
                registration,
                configuration.revocation_endpoint,
                {"token": token.reveal()},
            )
        except SmartError:
            return False
        return reply.status == 200

    def _post(
        self, registration: Registration, url: str, form: Mapping[str, str]
    ) -> Reply:
        proof = self.authenticator.for_request(registration, url)
        return self.outbound.request(
            registration,
            "POST",
            url,
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                **proof.headers,
            },
            body=urlencode({**form, **proof.form}).encode(),
            deadline=self.deadline,
            max_bytes=_MAX_BYTES,
            compressed=False,
        )


def _usable(reply: Reply) -> TokenReply:
    if reply.status in (429, 503):
        raise EhrBusy(f"the token endpoint answered {reply.status}", sent=False)
    if reply.status != 200:
        raise EhrUnavailable(f"the token endpoint answered {reply.status}", sent=True)
    return read_token_reply(reply)
