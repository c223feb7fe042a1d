"""Contexts and grants to put into a store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from plugin.store.contexts import Contexts
from smart_launch.context import FhirContextItem, LaunchContext, hash_secret
from smart_launch.scopes import Scopes
from smart_launch.sealing import Seal
from smart_launch.secret import Secret
from smart_launch.tokens import Grant

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **units: float) -> None:
        self.now += timedelta(**units)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def seal() -> Seal:
    return Seal({"k1": b"\x01" * 32}, "k1")


@pytest.fixture
def contexts(engine: Engine, seal: Seal, clock: SetClock) -> Contexts:
    return Contexts(engine, seal, clock)


@pytest.fixture
def a_context() -> Callable[..., LaunchContext]:
    def make(**changes: object) -> LaunchContext:
        values: dict[str, object] = {
            "id": "ctx-1",
            "tenant": "general",
            "issuer": "https://fhir.general.example/r4",
            "patient": "pat-1",
            "encounter": "enc-1",
            "fhir_user": "Practitioner/7",
            "subject": "sub-7",
            "user_name": "Dr. Ada Canary",
            "scopes": Scopes.parse("openid patient/Condition.rs"),
            "need_patient_banner": True,
            "intent": None,
            "smart_style_url": "https://fhir.general.example/style.json",
            "fhir_context": (FhirContextItem("ImagingStudy/1", None, "launch"),),
            "app_context": None,
            "launched_at": NOON,
            "expires_at": NOON + timedelta(hours=12),
            "secret_hash": hash_secret("cookie-secret-canary"),
        }
        return LaunchContext(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def a_grant() -> Callable[..., Grant]:
    def make(**changes: object) -> Grant:
        values: dict[str, object] = {
            "access_token": Secret("access-token-canary"),
            "refresh_token": Secret("refresh-token-canary"),
            "scope": "openid patient/Condition.rs",
            "expires_at": NOON + timedelta(hours=1),
            "patient": "pat-1",
        }
        return Grant(**(values | changes))  # type: ignore[arg-type]

    return make
