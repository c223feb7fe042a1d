"""From a launch request to an authorization request.

Nothing is stored. What the callback will need is sealed into a cookie of this browser,
so that any number of launches that never come back cost nothing.

Source: SMART App Launch 2.2, "Obtain authorization code"; RFC 7636; RFC 9700.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

import orjson
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from smart_launch.cookies import pending_cookie
from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import DiscoveryRefused, SealBroken, StateRejected
from smart_launch.registration import Registration
from smart_launch.scopes import least_asked
from smart_launch.sealing import Seal

# How long the user may take to sign in.
PENDING_SECONDS = 600
_PLACE = {"tenant": "-", "table": "pending_launch", "column": "cookie"}

# Worked out once for each EHR, and not for each launch.
_least_asked = lru_cache(maxsize=32)(least_asked)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to send the browser, and the cookies to set (whole Set-Cookie values)."""

    url: str = field(repr=False)
    set_cookies: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PendingLaunch:
    """A launch under way. `scope` is what was asked for, as a scope string."""

    id: str
    tenant: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    scope: str
    supersedes: str | None
    begun: datetime

    def sealed(self, seal: Seal) -> str:
        data = orjson.dumps({**asdict(self), "begun": self.begun.timestamp()})
        return _text(seal.seal(data, row=self.id, **_PLACE))

    @classmethod
    def unsealed(cls, pending_id: str, text: str, seal: Seal) -> PendingLaunch:
        """Raises: StateRejected, if it was not sealed here for this id."""
        try:
            data = seal.open(_bytes(text), row=pending_id, **_PLACE)
        except (SealBroken, Base64Error, ValueError):
            raise StateRejected("a pending launch's cookie does not open") from None
        kept = orjson.loads(data)
        return cls(**{**kept, "begun": datetime.fromtimestamp(kept["begun"], UTC)})


def new_id(random: Callable[[int], bytes], size: int) -> str:
    """Random text that may stand in a URL, a cookie's name and its value."""
    return _text(random(size))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def begin(
    registration: Registration,
    configuration: SmartConfiguration,
    *,
    iss: str,
    launch: str,
    supersedes: str | None,
    seal: Seal,
    now: datetime,
    random: Callable[[int], bytes],
) -> Redirect:
    """Make the authorization request for one launch.

    Raises: DiscoveryRefused, where the authorization endpoint cannot be used.
    """
    pending_id = new_id(random, 16)
    scope = " ".join(
        _least_asked(
            registration.scopes,
            configuration.scopes_supported,
            configuration.capabilities,
        )
    )
    pending = PendingLaunch(
        id=pending_id,
        tenant=registration.id,
        state=f"{pending_id}.{new_id(random, 32)}",
        nonce=new_id(random, 32),
        verifier=new_id(random, 32),
        scope=scope,
        supersedes=supersedes,
        begun=now,
    )
    url = _authorization_url(pending, registration, configuration, iss, launch)
    cookie = pending_cookie(pending_id, pending.sealed(seal), seconds=PENDING_SECONDS)
    return Redirect(url, (cookie,))


def _authorization_url(
    pending: PendingLaunch,
    registration: Registration,
    configuration: SmartConfiguration,
    iss: str,
    launch: str,
) -> str:
    url = str(
        prepare_grant_uri(
            configuration.authorization_endpoint,
            registration.client_id,
            "code",
            redirect_uri=registration.redirect_uri,
            scope=pending.scope,
            state=pending.state,
            launch=launch,
            aud=iss,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        )
    )
    # The endpoint may have a query of its own, but not one that speaks for us.
    names = [name for name, _ in parse_qsl(urlsplit(url).query)]
    if len(set(names)) != len(names):
        raise DiscoveryRefused("the authorization endpoint sets a parameter of ours")
    return url
