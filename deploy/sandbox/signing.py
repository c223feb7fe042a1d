"""The key with which the sandbox signs id_tokens (RS256)."""

import threading
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from deploy.sandbox.wire import Json


def _new_key() -> RSAKey:
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"})
    # Named after itself: an app that keeps keys sees that those of a sandbox which was
    # started anew are others.
    return RSAKey.import_key(key.as_dict(private=True) | {"kid": key.thumbprint()})


@dataclass(slots=True)
class SigningKey:
    """One key at a time; `rotate` puts a new one under a new kid in its place."""

    key: RSAKey = field(default_factory=_new_key)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sign(self, claims: Json) -> str:
        with self.lock:
            header = {"alg": "RS256", "kid": self.key.kid, "typ": "JWT"}
            return jwt.encode(header, claims, self.key)

    def public_jwks(self) -> dict[str, Any]:
        with self.lock:
            return {"keys": [self.key.as_dict(private=False)]}

    def rotate(self) -> None:
        with self.lock:
            self.key = _new_key()
