"""The hospital's own sign-in for staff: a small OpenID Connect provider.

Those who review referral records come through here; clinicians come through their EHR.
Nobody types a password in a sandbox: the page asks who is to be signed in.

Source: OpenID Connect Core 1.0, 3.1; OpenID Connect Discovery 1.0; RFC 7636.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from html import escape
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.responses import RedirectResponse as Redirect
from starlette.routing import BaseRoute, Route

from deploy.sandbox.moments import Clock
from deploy.sandbox.refusals import NOT_STORED
from deploy.sandbox.signing import SigningKey
from deploy.sandbox.wire import Json, json_answer

_CODE_LIFETIME = timedelta(minutes=1)
_ID_TOKEN_LIFETIME = timedelta(minutes=5)

AUDITORS = "referral-auditors"
ADMINISTRATORS = "referral-administrators"


@dataclass(frozen=True, slots=True)
class Person:
    """One of the staff. `tenants` are those whose records they may review."""

    id: str
    name: str
    does: str
    groups: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ("*",)

    def claims(self) -> Json:
        return {
            "sub": f"staff-{self.id}",
            "name": self.name,
            "groups": list(self.groups),
            "tenants": list(self.tenants),
        }


PEOPLE = (
    Person("moreau", "J. Moreau", "reviews referral records", (AUDITORS,)),
    Person("abara", "P. Abara", "looks after the app", (ADMINISTRATORS,)),
    Person("ito", "K. Ito", "has no part in reviewing", ("ward-clerks",)),
)


@dataclass(frozen=True, slots=True)
class Reviewing:
    """The app as the provider knows it."""

    client_id: str
    secret: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class _Code:
    app: Reviewing
    person: Person
    nonce: str
    challenge: str
    until: datetime


@dataclass(slots=True)
class StaffLogin:
    """`changes` is laid over the claims of the next id_tokens, as a test likes."""

    origin: str
    key: SigningKey
    clock: Clock
    people: dict[str, Person] = field(default_factory=lambda: {p.id: p for p in PEOPLE})
    apps: dict[str, Reviewing] = field(default_factory=dict)
    changes: Json = field(default_factory=dict)
    redeemed: int = 0
    _codes: dict[str, _Code] = field(default_factory=dict, repr=False)

    @property
    def issuer(self) -> str:
        return f"{self.origin}/staff"

    def register(self, app_url: str, secret: str, client_id: str) -> None:
        address = f"{app_url.rstrip('/')}/audit/callback"
        self.apps[client_id] = Reviewing(client_id, secret, address)

    async def configuration(self, _: Request) -> Response:
        return json_answer(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
                "scopes_supported": ["openid", "profile"],
            }
        )

    async def jwks(self, _: Request) -> Response:
        return json_answer(self.key.public_jwks())

    async def authorize(self, request: Request) -> Response:
        """Ask who is to be signed in; or, where that is said, lead back."""
        asked = dict(request.query_params)
        app = self.apps.get(asked.get("client_id", ""))
        if app is None or asked.get("redirect_uri") != app.redirect_uri:
            return PlainTextResponse("This app is not registered here.", 400)
        wrong = _wrong(asked)
        answer = {"state": asked.get("state", ""), "iss": self.issuer}
        person = self.people.get(asked.get("person", ""))
        if wrong:
            answer["error"] = wrong
        elif person is not None:
            answer["code"] = self._issue(app, person, asked)
        else:
            return _choice(self.people.values(), request)
        return Redirect(f"{app.redirect_uri}?{urlencode(answer)}", 302, NOT_STORED)

    def _issue(self, app: Reviewing, person: Person, asked: Mapping[str, str]) -> str:
        text = secrets.token_urlsafe(24)
        until = self.clock() + _CODE_LIFETIME
        nonce, challenge = asked["nonce"], asked["code_challenge"]
        self._codes[text] = _Code(app, person, nonce, challenge, until)
        return text

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        app = self._caller(request.headers.get("authorization", ""))
        if app is None:
            return json_answer({"error": "invalid_client"}, 401, NOT_STORED)
        code = self._codes.pop(form.get("code", ""), None)
        if (
            code is None
            or code.app != app
            or code.until < self.clock()
            or form.get("redirect_uri") != app.redirect_uri
            or not _verifies(form.get("code_verifier", ""), code.challenge)
        ):
            return json_answer({"error": "invalid_grant"}, 400, NOT_STORED)
        self.redeemed += 1
        return json_answer(self._tokens(code), headers=NOT_STORED)

    def _caller(self, authorization: str) -> Reviewing | None:
        scheme, _, told = authorization.partition(" ")
        try:
            name, _, secret = base64.b64decode(told).decode().partition(":")
        except ValueError:
            return None
        app = self.apps.get(unquote_plus(name))
        if scheme.lower() != "basic" or app is None:
            return None
        known = compare_digest(unquote_plus(secret).encode(), app.secret.encode())
        return app if known else None

    def _tokens(self, code: _Code) -> dict[str, Any]:
        now = self.clock()
        claims: Json = {
            "iss": self.issuer,
            "aud": code.app.client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + _ID_TOKEN_LIFETIME).timestamp()),
            "nonce": code.nonce,
            **code.person.claims(),
            **self.changes,
        }
        return {
            "access_token": secrets.token_urlsafe(24),
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "openid profile",
            "id_token": self.key.sign(
                {k: v for k, v in claims.items() if v is not None}
            ),
        }


def staff_routes(login: StaffLogin) -> Sequence[BaseRoute]:
    return [
        Route("/staff/.well-known/openid-configuration", login.configuration),
        Route("/staff/jwks", login.jwks),
        Route("/staff/authorize", login.authorize),
        Route("/staff/token", login.token, methods=["POST"]),
    ]


def _wrong(asked: Mapping[str, str]) -> str:
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    needed = ("state", "nonce", "code_challenge")
    if any(not asked.get(name) for name in needed):
        return "invalid_request"
    if asked.get("code_challenge_method") != "S256":
        return "invalid_request"
    return "" if "openid" in asked.get("scope", "").split() else "invalid_scope"


def _verifies(verifier: str, challenge: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return compare_digest(made.encode(), challenge.encode())


def _choice(people: Iterable[Person], request: Request) -> Response:
    """A page without a form: the answer leads to another site, which a policy bars."""
    items = "".join(
        '<li><a href="{}">{}</a> <span class="sub">{}</span></li>'.format(
            escape(f"?{urlencode({**request.query_params, 'person': person.id})}"),
            escape(person.name),
            escape(person.does),
        )
        for person in people
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<title>Staff sign-in</title><link rel="stylesheet" href="/static/ehr.css">'
        '</head><body><header class="bar"><span class="brand">General Hospital: staff '
        'sign-in</span><span class="tag">Sandbox: invented people</span></header>'
        '<main class="page list"><section><h1>Who signs in?</h1>'
        f'<ul class="plain">{items}</ul></section></main></body></html>'
    )
    policy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
    return HTMLResponse(page, headers={"Content-Security-Policy": policy, **NOT_STORED})
