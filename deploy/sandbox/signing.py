"""The key with which the sandbox signs id_tokens (RS256)."""

import threading
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from deploy.sandbox.wire import Json


def _new_key(number: int) -> RSAKey:
    return RSAKey.generate_key(
        2048, {"kid": f"sandbox-{number}", "use": "sig", "alg": "RS256"}
    )


@dataclass(slots=True)
class SigningKey:
    """One key at a time; `rotate` puts a new one under a new kid in its place."""

    key: RSAKey = field(default_factory=lambda: _new_key(1))
    number: int = 1
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sign(self, claims: Json) -> str:
        with self.lock:
            header = {"alg": "RS256", "kid": f"sandbox-{self.number}", "typ": "JWT"}
            return jwt.encode(header, claims, self.key)

    def public_jwks(self) -> dict[str, Any]:
        with self.lock:
            return {"keys": [self.key.as_dict(private=False)]}

    def rotate(self) -> None:
        with self.lock:
            self.number += 1
            self.key = _new_key(self.number)
