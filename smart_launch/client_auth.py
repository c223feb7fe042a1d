"""How the app proves itself at the token endpoint.

Source: SMART App Launch 2.2, "Asymmetric authentication"; RFC 7523; RFC 6749 2.3.1.
"""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote_plus

from joserfc import jwt

from smart_launch.client_keys import SigningKeys, private_key
from smart_launch.registration import Registration

# SMART allows 300 s; a minute less leaves room for a server whose clock is behind.
ASSERTION_SECONDS = 240
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class ClientAuthentication:
    """What a token request carries besides its own parameters. Never logged."""

    headers: dict[str, str]
    form: dict[str, str]


@dataclass(frozen=True, slots=True)
class ClientAuthenticator:
    keys: SigningKeys
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]

    def for_request(
        self, registration: Registration, token_url: str
    ) -> ClientAuthentication:
        """Made anew for each request: an assertion is never used twice."""
        if registration.client_auth == "private_key_jwt":
            assertion = self.assertion(registration, token_url)
            form = {
                "client_assertion_type": _ASSERTION_TYPE,
                "client_assertion": assertion,
            }
            return ClientAuthentication({}, form)
        if registration.client_secret is not None:
            # RFC 6749 2.3.1: both parts are form-encoded before they are joined.
            pair = (
                f"{quote_plus(registration.client_id)}:"
                f"{quote_plus(registration.client_secret.reveal())}"
            )
            basic = b64encode(pair.encode()).decode()
            return ClientAuthentication({"Authorization": f"Basic {basic}"}, {})
        return ClientAuthentication({}, {"client_id": registration.client_id})

    def assertion(self, registration: Registration, token_url: str) -> str:
        key = self.keys.signing_key(registration.signing_alg)
        now = int(self.clock().timestamp())
        return jwt.encode(
            {"alg": key.algorithm, "kid": key.kid, "typ": "JWT"},
            {
                "iss": registration.client_id,
                "sub": registration.client_id,
                "aud": token_url,
                "iat": now,
                "exp": now + ASSERTION_SECONDS,
                "jti": str(uuid.UUID(bytes=self.random(16), version=4)),
            },
            private_key(key),
            algorithms=[key.algorithm],
        )
