"""A hostile EHR at the wire, and a browser's cookie jar.

The EHR is a real HTTP server on loopback that keeps what it received: those counts are
what the tests judge by. It is strict by default, and every answer can be replaced.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import settings
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from smart_launch.client_keys import SigningKeys
from smart_launch.discovery import Discovery
from smart_launch.fhir_client import FhirClient, SearchResult
from smart_launch.gate import Limits
from smart_launch.memory import MemoryGrants, MemoryKeys, MemoryStates
from smart_launch.outbound import Outbound
from smart_launch.registration import Registration, Registrations
from smart_launch.sealing import Seal
from smart_launch.secret import Secret
from smart_launch.smart_client import Finished, SmartClient

# How long one example takes says more about the machine than about the code.
settings.register_profile("unhurried", deadline=None, derandomize=True)
settings.load_profile("unhurried")

SCOPES = (
    "launch openid fhirUser online_access patient/Patient.r patient/Condition.rs "
    "patient/Observation.rs patient/ServiceRequest.crs patient/DocumentReference.crs"
)
# Made once: key generation is slow, and the tests are not about it.
EHR_KEY = RSAKey.generate_key(2048, parameters={"kid": "ehr-1"})
OTHER_KEY = RSAKey.generate_key(2048, parameters={"kid": "ehr-2"})
APP_KEYS = MemoryKeys()
SigningKeys(APP_KEYS, lambda: datetime(2020, 1, 1, tzinfo=UTC)).ensure()


@dataclass
class FakeClock:
    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **length: float) -> None:
        self.now += timedelta(**length)


@dataclass
class Received:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Answer:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(
            status,
            json.dumps(value).encode(),
            {"Content-Type": "application/json", **named},
        )

    def raw(self) -> bytes:
        every = {"Content-Length": str(len(self.body)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in every.items())
        return f"HTTP/1.1 {self.status} X\r\n{head}\r\n".encode() + self.body


# Answers a request; writes to the socket itself and gives None where HTTP is not kept.
Handler = Callable[[Received, socket.socket], Answer | None]


class HostileEhr:
    def __init__(self, clock: FakeClock, name: str = "general") -> None:
        self.clock, self.name = clock, name
        self.received: list[Received] = []
        self.handlers: dict[str, Handler] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens: set[str] = set()
        self.jtis: set[str] = set()
        self.rotates = True
        self.token_answer: dict[str, Any] = {}
        self.id_claims: dict[str, Any] = {}
        self.configuration: dict[str, Any] = {}
        self.keys: list[dict[str, Any]] = [EHR_KEY.as_dict(private=False)]
        self.resources: dict[str, dict[str, Any]] = {
            "Patient/p1": {"resourceType": "Patient", "id": "p1"}
        }
        self.good_tokens: set[str] = set()
        self.app_keys = lambda: SigningKeys(APP_KEYS, clock).public_jwks()
        self.lock = threading.Lock()
        self._serial = itertools.count(1)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.root = f"http://{self.host}"
        self.issuer = f"{self.root}/fhir"
        self.token_url = f"{self.root}/token"
        self._open = True
        self._sockets: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    # --- the wire -----------------------------------------------------------------

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        # Without it, the thread that waits in `accept` keeps the port listening.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while self._open:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.add(one)
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one: socket.socket) -> None:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = one.makefile("rb")
        try:
            while (request := self._read(reader)) is not None:
                with self.lock:
                    self.received.append(request)
                answer = self._handler(request.path)(request, one)
                if answer is None:
                    return
                one.sendall(answer.raw())
        except (OSError, ValueError):
            pass
        finally:
            reader.close()
            one.close()
            self._sockets.discard(one)

    @staticmethod
    def _read(reader: Any) -> Received | None:
        line = reader.readline().decode()
        if not line.strip():
            return None
        method, target, _ = line.split(" ")
        headers: dict[str, str] = {}
        while (one := reader.readline().decode().strip()) != "":
            name, _, value = one.partition(":")
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        parts = urlsplit(target)
        return Received(method, parts.path, parse_qs(parts.query), headers, body)

    def _handler(self, path: str) -> Handler:
        for prefix in sorted(self.handlers, key=len, reverse=True):
            if path.startswith(prefix):
                return self.handlers[prefix]
        return {
            "/fhir/.well-known/smart-configuration": self.discovery,
            "/jwks": self.jwks,
            "/token": self.token,
            "/revoke": lambda request, one: Answer(),
        }.get(path, self.fhir)

    # --- what tests say and ask ---------------------------------------------------

    def on(self, path: str, *answers: Answer | Handler) -> None:
        """Answer a path (and what begins with it) with these, the last one for ever."""
        queue = list(answers)

        def answer(request: Received, one: socket.socket) -> Answer | None:
            with self.lock:
                now = queue.pop(0) if len(queue) > 1 else queue[0]
            return now if isinstance(now, Answer) else now(request, one)

        self.handlers[path] = answer

    def off(self, path: str) -> None:
        self.handlers.pop(path, None)

    def calls(self, path: str, method: str | None = None) -> list[Received]:
        with self.lock:
            return [
                one
                for one in self.received
                if one.path.startswith(path) and method in (None, one.method)
            ]

    # --- the well-behaved EHR -----------------------------------------------------

    def discovery(self, request: Received, one: socket.socket) -> Answer:
        return Answer.of(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.root}/authorize",
                "token_endpoint": self.token_url,
                "jwks_uri": f"{self.root}/jwks",
                "revocation_endpoint": f"{self.root}/revoke",
                "code_challenge_methods_supported": ["S256"],
                "capabilities": ["launch-ehr", "permission-v2", "sso-openid-connect"],
                "scopes_supported": SCOPES.split(),
                **self.configuration,
            }
        )

    def jwks(self, request: Received, one: socket.socket) -> Answer:
        return Answer.of({"keys": self.keys})

    def authorize(self, url: str) -> list[tuple[str, str]]:
        """What the authorization server sends back through the browser."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{self.name}-{secrets.token_hex(8)}"
        self.codes[code] = asked
        return [("code", code), ("state", asked["state"])]

    def token(self, request: Received, one: socket.socket) -> Answer:
        form = request.form
        problem, asked = self.check_client(request, form), None
        if problem is None and form["grant_type"] == "authorization_code":
            with self.lock:
                asked = self.codes.pop(form["code"], None)
            problem = _check_code(form, asked)
        elif problem is None and form["grant_type"] == "refresh_token":
            with self.lock:
                if form["refresh_token"] not in self.refresh_tokens:
                    problem = "invalid_grant"
                elif self.rotates:
                    self.refresh_tokens.clear()
        if problem is not None:
            return Answer.of({"error": problem}, 400)
        return Answer.of(self.grant(asked or {}, form["grant_type"]))

    def check_client(self, request: Received, form: dict[str, str]) -> str | None:
        """As strict as SMART allows: expiry, single use, audience, algorithm, key."""
        if "client_assertion" not in form:
            return None
        header = jws.extract_compact(form["client_assertion"].encode()).headers()
        assert header["alg"] in ("RS384", "ES384")
        keys = KeySet.import_key_set(self.app_keys())
        token = jwt.decode(
            form["client_assertion"], keys, algorithms=["RS384", "ES384"]
        )
        claims, now = token.claims, self.clock().timestamp()
        with self.lock:
            fresh = claims["jti"] not in self.jtis
            self.jtis.add(claims["jti"])
        good = (
            fresh
            and claims["aud"] == self.token_url
            and claims["iss"] == claims["sub"] == "app"
            and now < claims["exp"] <= now + 300
        )
        return None if good else "invalid_client"

    def grant(self, asked: dict[str, str], grant_type: str) -> dict[str, Any]:
        serial = next(self._serial)
        access, refresh = f"access-{self.name}-{serial}", f"refresh-{serial}"
        with self.lock:
            self.good_tokens = (
                {access}
                if grant_type == "refresh_token"
                else (self.good_tokens | {access})
            )
            self.refresh_tokens.add(refresh)
        answer: dict[str, Any] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": asked.get("scope", SCOPES),
            "patient": "p1",
        }
        if self.rotates or grant_type == "authorization_code":
            answer["refresh_token"] = refresh
        if "nonce" in asked:
            answer["id_token"] = self.id_token(asked["nonce"])
        answer |= self.token_answer
        return {name: value for name, value in answer.items() if value is not None}

    def id_token(self, nonce: str, *, key: Any = EHR_KEY, **header: Any) -> str:
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": "app",
            "sub": "user-1",
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "fhirUser": f"{self.issuer}/Practitioner/dr1",
            "name": "Dr. Ada One",
        } | self.id_claims
        claims = {name: value for name, value in claims.items() if value is not None}
        top = {"alg": "RS256", "kid": key.kid} | header
        top = {name: value for name, value in top.items() if value is not None}
        return jwt.encode(top, claims, key, algorithms=[top["alg"]])

    def fhir(self, request: Received, one: socket.socket) -> Answer:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.good_tokens:
            return Answer(401)
        found = self.resources.get(request.path.removeprefix("/fhir/"))
        if request.method == "GET" and found is not None:
            return Answer.of(found)
        return Answer(404)


def _check_code(form: dict[str, str], asked: dict[str, str] | None) -> str | None:
    if asked is None or form["redirect_uri"] != asked["redirect_uri"]:
        return "invalid_grant"
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return None if challenge == asked["code_challenge"] else "invalid_grant"


class Browser:
    """A cookie jar, as strict about the cookies' form as a browser is."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def take(self, set_cookies: tuple[str, ...]) -> None:
        for cookie in set_cookies:
            pair, *attributes = cookie.split("; ")
            name, _, value = pair.partition("=")
            assert name.startswith("__Host-"), name
            assert {"Path=/", "Secure", "HttpOnly", "SameSite=None", "Partitioned"} <= (
                set(attributes)
            )
            assert not any(one.startswith("Domain") for one in attributes)
            assert len(cookie) < 4096
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


@dataclass
class App:
    """One `SmartClient` over stores in memory, and a browser beside it."""

    client: SmartClient
    clock: FakeClock
    grants: MemoryGrants
    states: MemoryStates
    browser: Browser = field(default_factory=Browser)

    def begin(
        self, ehr: HostileEhr, browser: Browser | None = None, **more: str
    ) -> str:
        browser = browser or self.browser
        query = [("iss", ehr.issuer), ("launch", "launch-1"), *more.items()]
        redirect = self.client.begin(query, browser.cookies)
        browser.take(redirect.set_cookies)
        return redirect.url

    def finish(
        self, query: list[tuple[str, str]], browser: Browser | None = None
    ) -> Finished:
        browser = browser or self.browser
        finished = self.client.finish(query, browser.cookies)
        browser.take(finished.set_cookies)
        return finished

    def launch(
        self, ehr: HostileEhr, browser: Browser | None = None, **more: str
    ) -> Finished:
        return self.finish(ehr.authorize(self.begin(ehr, browser, **more)), browser)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def new_ehr(clock: FakeClock) -> Iterator[Callable[..., HostileEhr]]:
    made: list[HostileEhr] = []

    def make(name: str = "general") -> HostileEhr:
        made.append(HostileEhr(clock, name))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def ehr(new_ehr: Callable[..., HostileEhr]) -> HostileEhr:
    return new_ehr()


@pytest.fixture
def registered() -> Callable[..., Registration]:
    def make(ehr: HostileEhr, **changes: Any) -> Registration:
        base = Registration(
            id=ehr.name,
            issuer=ehr.issuer,
            client_id="app",
            client_auth="private_key_jwt",
            redirect_uri="https://app.example/callback",
            scopes=tuple(SCOPES.split()),
            allow_loopback_http=True,
        )
        return replace(base, **changes)

    return make


@pytest.fixture
def outbound() -> Iterator[Outbound]:
    door = Outbound(limits=Limits(trip_after=1000))
    yield door
    door.close()


@pytest.fixture
def new_app(clock: FakeClock, outbound: Outbound) -> Callable[..., App]:
    def make(
        *registrations: Registration, door: Outbound = outbound, **more: Any
    ) -> App:
        grants, states = MemoryGrants(), MemoryStates(clock)
        client = SmartClient(
            registrations=Registrations(registrations),
            outbound=door,
            discovery=Discovery(door),
            seal=Seal({"k1": b"k" * 32}, "k1"),
            keys=SigningKeys(APP_KEYS, clock),
            grants=grants,
            states=states,
            clock=clock,
            random=secrets.token_bytes,
            **more,
        )
        return App(client, clock, grants, states)

    return make


@pytest.fixture
def app(
    ehr: HostileEhr,
    registered: Callable[..., Registration],
    new_app: Callable[..., App],
) -> App:
    return new_app(registered(ehr))


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def new_browser() -> type[Browser]:
    return Browser


@pytest.fixture
def ehr_keys() -> dict[str, Any]:
    return {
        "first": EHR_KEY,
        "second": OTHER_KEY,
        "ec": ECKey.generate_key("P-256", parameters={"kid": "ehr-1"}),
    }


@pytest.fixture
def client_secret() -> Secret:
    return Secret("s3cret:with/odd&signs")


class Pages:
    """Search results as a server sends them."""

    @staticmethod
    def bundle(*entries: Any, **more: Any) -> dict[str, Any]:
        return {"resourceType": "Bundle", "entry": list(entries), **more}

    @staticmethod
    def condition(name: str, patient: str = "p1") -> dict[str, Any]:
        resource = {
            "resourceType": "Condition",
            "id": name,
            "subject": {"reference": f"Patient/{patient}"},
        }
        return {"resource": resource, "search": {"mode": "match"}}

    @staticmethod
    def to(url: str) -> list[dict[str, str]]:
        return [{"relation": "next", "url": url}]

    @staticmethod
    def search(fhir: FhirClient) -> SearchResult:
        return fhir.search("Condition", {"patient": "p1"})


@pytest.fixture
def pages() -> type[Pages]:
    return Pages


@pytest.fixture
def slept() -> list[float]:
    """How long the FHIR client of the test waited, each time."""
    return []


@pytest.fixture
def fhir(app: App, ehr: HostileEhr, slept: list[float]) -> FhirClient:
    client = app.client.fhir(app.launch(ehr).context.id)
    return replace(client, sleep=slept.append)
